"""Inner products of a block of queries and a block of passages in float32, and the questions that search has about them.

numpy computes them on the CPU, torch on a GPU (``torch_products``). The errors of both are below :func:`error_bound`, which is
all that exact search relies on.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# More than the product of the norms of two L2-normalised rows, even if these are rounded to float16.
NORMS = 1.01
# More than the error from the rounding of scores and from float64 itself.
ROUNDING = 1e-9

Rows = NDArray[np.int64]
Bounds = NDArray[np.float32]


def error_bound(dimension: int) -> float:
    """Return the largest error of a float32 product of two unit vectors, in any order of summation.

    ``|fl(q.p) - q.p| <= d u / (1 - d u) * |q||p|`` with ``u = 2**-24`` (Higham, Accuracy and Stability of Numerical
    Algorithms, 2002, section 3.1, and the Cauchy-Schwarz inequality).
    """
    units = dimension * 2.0**-24
    return NORMS * units / (1 - units) + ROUNDING


def below(values: NDArray[np.float64]) -> Bounds:
    """Return float32 numbers that are smaller than the values."""
    return np.nextafter(values.astype(np.float32), np.float32(-np.inf))


def above(values: NDArray[np.float64]) -> Bounds:
    """Return float32 numbers that are greater than the values."""
    return np.nextafter(values.astype(np.float32), np.float32(np.inf))


class Products(Protocol):
    """The products of one block of queries and one block of passages at a time; a row is a query, a column a passage."""

    def load(self, vectors: NDArray[Any]) -> Any:
        """Return vectors in the form that :meth:`multiply` expects."""

    def multiply(self, queries: Any, passages: Any) -> None:
        """Compute the products that the other methods refer to."""

    def count_above(self, rows: Rows, bounds: Bounds) -> Rows:
        """Count the products in each of the given rows that are greater than the row's bound; shape (rows,)."""

    def find_between(self, rows: Rows, lower: Bounds, upper: Bounds) -> tuple[Rows, Rows]:
        """Find the products with ``lower < product <= upper``: their positions in ``rows`` and their columns."""

    def kth_largest(self, rows: Rows, k: int) -> Bounds:
        """Return the ``k``-th largest product of each given row, shape (rows,)."""


class NumpyProducts:
    """Products on the CPU."""

    def __init__(self) -> None:
        self._memory = np.empty(0, dtype=np.float32)
        self._matrix = self._memory.reshape(0, 0)

    def load(self, vectors: NDArray[Any]) -> NDArray[np.float32]:
        """Return vectors as C-ordered float32."""
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def multiply(self, queries: NDArray[np.float32], passages: NDArray[np.float32]) -> None:
        """Compute the products, in the memory of the previous ones."""
        size = len(queries) * len(passages)
        if len(self._memory) < size:
            self._memory = np.empty(size, dtype=np.float32)
        self._matrix = self._memory[:size].reshape(len(queries), len(passages))
        np.matmul(queries, passages.T, out=self._matrix)

    # Row by row, since numpy is many times faster on one row than along an axis of a matrix.

    def count_above(self, rows: Rows, bounds: Bounds) -> Rows:
        """Count the products in each of the given rows that are greater than the row's bound; shape (rows,)."""
        counts = (np.count_nonzero(self._matrix[row] > bound) for row, bound in zip(rows, bounds, strict=True))
        return np.fromiter(counts, dtype=np.int64, count=len(rows))

    def find_between(self, rows: Rows, lower: Bounds, upper: Bounds) -> tuple[Rows, Rows]:
        """Find the products with ``lower < product <= upper``: their positions in ``rows`` and their columns."""
        columns = [
            np.flatnonzero((self._matrix[row] > low) & (self._matrix[row] <= high))
            for row, low, high in zip(rows, lower, upper, strict=True)
        ]
        positions = np.repeat(np.arange(len(rows)), [len(found) for found in columns])
        return positions, np.concatenate([*columns, np.empty(0, dtype=np.int64)])

    def kth_largest(self, rows: Rows, k: int) -> Bounds:
        """Return the ``k``-th largest product of each given row, shape (rows,)."""
        rank = self._matrix.shape[1] - k
        return np.array([np.partition(self._matrix[row], rank)[rank] for row in rows], dtype=np.float32)
