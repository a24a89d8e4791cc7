"""Order of passages: by float64 score, ties by passage id; independent of blocks and threads."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Scores that round to the same number are tied. Cosines of float32 vectors summed in float64 differ by less than 1e-14 between
# libraries and block sizes, so rounding makes equal vectors tie everywhere.
DECIMALS = 10

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]
Matrix = NDArray[np.float32]
Order = NDArray[np.int32] | NDArray[np.int64]


class Top(NamedTuple):
    """The best passages of each query; -1 and -inf where fewer were found.

    Attributes:
        rows: rows of the passages, shape (queries, k), int64.
        scores: shape (queries, k), float64.
    """

    rows: Rows
    scores: Scores


def ranks_before(score: Scores, order: Order, other_score: Scores, other_order: Order) -> NDArray[np.bool_]:
    """Return where a passage ranks before another: its score is greater, or equal and its id smaller."""
    before: NDArray[np.bool_] = (score > other_score) | ((score == other_score) & (order < other_order))
    return before


def sort_top(candidates: Rows, values: Scores, tie_order: Order, k: int) -> Top:
    """Sort candidates by decreasing score, then by id, and keep the first ``k``.

    Args:
        candidates: rows of passages, shape (queries, candidates), -1 for none.
        values: their scores, shape (queries, candidates).
        tie_order: position of each passage when sorted by id, shape (passages,).
        k: candidates kept.
    """
    found = candidates >= 0
    values = np.where(found, values, -np.inf)
    order = np.where(found, tie_order[np.where(found, candidates, 0)], np.iinfo(np.int64).max)
    best = np.lexsort((order, -values), axis=1)[:, :k]
    return Top(np.take_along_axis(candidates, best, axis=1), np.take_along_axis(values, best, axis=1))


def blocks(total: int, size: int) -> Iterator[slice]:
    """Yield the slices of ``size`` that cover ``total`` rows."""
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))
