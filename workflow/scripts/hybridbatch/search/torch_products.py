"""Inner products of a block of queries and a block of passages with torch, for search on a GPU."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hybridbatch.search.products import Bounds, Rows

ROWS_AT_ONCE = 256


class TorchProducts:
    """Products on a torch device, in full float32."""

    def __init__(self, device: str) -> None:
        # TF32 has a 10-bit fraction; its errors exceed those that exact search allows for.
        torch.backends.cuda.matmul.allow_tf32 = False
        self._device = device
        self._matrix = torch.empty((0, 0), device=device)

    def load(self, vectors: NDArray[Any]) -> torch.Tensor:
        """Return vectors as float32 on the device."""
        return torch.from_numpy(np.array(vectors, dtype=np.float32, order="C")).to(self._device)

    def multiply(self, queries: torch.Tensor, passages: torch.Tensor) -> None:
        """Compute the products."""
        self._matrix = queries @ passages.T

    def count_above(self, rows: Rows, bounds: Bounds) -> Rows:
        """Count the products in each of the given rows that are greater than the row's bound; shape (rows,)."""
        counts = [
            (self._matrix[row] > bound[:, None]).sum(dim=1)
            for row, bound in zip(self._parts(rows), self._parts(bounds), strict=True)
        ]
        return _numbers(counts)

    def find_between(self, rows: Rows, lower: Bounds, upper: Bounds) -> tuple[Rows, Rows]:
        """Find the products with ``lower < product <= upper``: their positions in ``rows`` and their columns."""
        positions, columns = [], []
        parts = zip(self._parts(rows), self._parts(lower), self._parts(upper), strict=True)
        for number, (row, low, high) in enumerate(parts):
            products = self._matrix[row]
            position, column = ((products > low[:, None]) & (products <= high[:, None])).nonzero(as_tuple=True)
            positions.append(position + number * ROWS_AT_ONCE)
            columns.append(column)
        return _numbers(positions), _numbers(columns)

    def kth_largest(self, rows: Rows, k: int) -> Bounds:
        """Return the ``k``-th largest product of each given row, shape (rows,)."""
        largest = [torch.topk(self._matrix[row], k, dim=1).values[:, -1] for row in self._parts(rows)]
        found: Bounds = torch.cat(largest).cpu().numpy()
        return found

    def _parts(self, values: Rows | Bounds) -> tuple[torch.Tensor, ...]:
        return torch.split(torch.from_numpy(values).to(self._device), ROWS_AT_ONCE)


def _numbers(parts: list[torch.Tensor]) -> Rows:
    numbers: Rows = torch.cat(parts).cpu().numpy()
    return numbers
