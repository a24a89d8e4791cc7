"""Exact ranks and top-k lists: float64 scores, ties broken by passage id, the same whatever the blocks or threads."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Scores closer than this count as tied. Cosines of float32 vectors summed in float64 differ by less than 1e-14 between
# libraries and block sizes, so rounding makes equal vectors tie everywhere.
DECIMALS = 10

PASSAGE_BLOCK = 8192
PAIR_BLOCK = 2048

Vectors = NDArray[np.float32] | NDArray[np.float16]


class Top(NamedTuple):
    """The best passages of each query; -1 and -inf where there are fewer.

    Attributes:
        rows: rows of the passages, shape (queries, k), int64.
        scores: shape (queries, k), float64.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]


def scores(queries: Vectors, passages: Vectors) -> NDArray[np.float64]:
    """Return the inner products in float64, rounded to :data:`DECIMALS`; shape (queries, passages)."""
    products: NDArray[np.float64] = np.round(queries.astype(np.float64) @ passages.astype(np.float64).T, DECIMALS)
    return products


def pair_scores(
    queries: Vectors, passages: Vectors, query_rows: NDArray[np.int64], passage_rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the rounded inner products of pairs of rows, shape (pairs,)."""
    result = np.empty(len(query_rows), dtype=np.float64)
    for block in _blocks(len(query_rows), PAIR_BLOCK):
        left = queries[query_rows[block]].astype(np.float64)
        right = passages[passage_rows[block]].astype(np.float64)
        result[block] = np.einsum("ij,ij->i", left, right)
    return np.round(result, DECIMALS)


def count_before(
    queries: Vectors,
    passages: Vectors,
    tie_order: NDArray[np.int64],
    query_rows: NDArray[np.int64],
    pair_score: NDArray[np.float64],
    pair_order: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Count the passages that stand before each given (query, passage) pair.

    A passage stands before another if its score is greater, or equal and its id smaller.

    Args:
        queries: shape (queries, dimension).
        passages: shape (passages, dimension); may be memory-mapped, read once in blocks.
        tie_order: place of each passage in the order of ids, shape (passages,).
        query_rows: the query of each pair, shape (pairs,).
        pair_score: the score of each pair's passage, shape (pairs,).
        pair_order: the place of each pair's passage in the order of ids, shape (pairs,).

    Returns:
        Counts, shape (pairs,), int64.
    """
    counts = np.zeros(len(query_rows), dtype=np.int64)
    for block in _blocks(len(passages), PASSAGE_BLOCK):
        block_scores = scores(queries, passages[block])
        for pairs in _blocks(len(query_rows), PAIR_BLOCK):
            counts[pairs] += count_greater(
                block_scores[query_rows[pairs]], tie_order[block], pair_score[pairs], pair_order[pairs]
            )
    return counts


def count_greater(
    rows: NDArray[np.float64],
    tie_order: NDArray[np.int64],
    pair_score: NDArray[np.float64],
    pair_order: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Count, in each row of scores, those that stand before the pair's own score; shape (pairs,), int64."""
    greater = (rows > pair_score[:, None]).sum(axis=1)
    ties = rows == pair_score[:, None]
    tied_before = (ties & (tie_order[None, :] < pair_order[:, None])).sum(axis=1)
    counts: NDArray[np.int64] = greater + tied_before
    return counts


def sort_top(candidates: NDArray[np.int64], values: NDArray[np.float64], tie_order: NDArray[np.int64], k: int) -> Top:
    """Sort candidates by decreasing score, then by id, and keep the first ``k``.

    Args:
        candidates: rows of passages, shape (queries, candidates), -1 for none.
        values: their scores, shape (queries, candidates).
        tie_order: place of each passage in the order of ids, shape (passages,).
        k: candidates kept.
    """
    found = candidates >= 0
    values = np.where(found, values, -np.inf)
    order = np.where(found, tie_order[np.where(found, candidates, 0)], np.iinfo(np.int64).max)
    best = np.lexsort((order, -values), axis=1)[:, :k]
    return Top(np.take_along_axis(candidates, best, axis=1), np.take_along_axis(values, best, axis=1))


def _blocks(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))
