"""Exact scores, and the ranks of relevant passages among all passages, which FAISS cannot count."""

from typing import NamedTuple

import numpy as np

from hybridbatch.encode.vectors import Vectors
from hybridbatch.search.ranking import DECIMALS, Matrix, Order, Rows, Scores, Top, blocks, ranks_before

QUERY_BLOCK = 256
PASSAGE_BLOCK = 16_384
PAIR_BLOCK = 2048
# More than the product of the norms of two L2-normalised rows, even if these are rounded to float16.
NORMS = 1.01
# More than the error from the rounding of scores and from float64 itself.
ROUNDING = 1e-9


def pair_scores(queries: Matrix, passages: Vectors, query_rows: Rows, passage_rows: Rows) -> Scores:
    """Return the inner products of pairs of rows in float64, rounded to :data:`DECIMALS`; shape (pairs,).

    Passages are read in the order of their rows, because they may lie on disk.
    """
    result = np.empty(len(query_rows), dtype=np.float64)
    order = np.argsort(passage_rows, kind="stable")
    for block in blocks(len(order), PAIR_BLOCK):
        pairs = order[block]
        left = queries[query_rows[pairs]].astype(np.float64)
        result[pairs] = np.einsum("ij,ij->i", left, passages.take(passage_rows[pairs]).astype(np.float64))
    return np.round(result, DECIMALS)


def error_bound(dimension: int) -> float:
    """Return the largest error of a float32 product of two unit vectors, in any order of summation.

    ``|fl(q.p) - q.p| <= d u / (1 - d u) * |q||p|`` with ``u = 2**-24`` (Higham, Accuracy and Stability of Numerical
    Algorithms, 2002, section 3.1, and the Cauchy-Schwarz inequality).
    """
    units = dimension * 2.0**-24
    return NORMS * units / (1 - units) + ROUNDING


class Targets(NamedTuple):
    """Passages whose rank is wanted, each for one query; they need not be among those that are counted.

    Attributes:
        query: rows of the queries, shape (targets,), int64.
        score: scores of the passages, shape (targets,), float64.
        order: positions of the passages when sorted by id, shape (targets,).
    """

    query: Rows
    score: Scores
    order: Order

    def take(self, rows: Rows) -> "Targets":
        """Return some of the targets."""
        return Targets(self.query[rows], self.score[rows], self.order[rows])


def count_listed(top: Top, tie_order: Order, targets: Targets) -> Rows:
    """Count the passages of top lists that rank before each target; shape (targets,)."""
    counts = np.zeros(len(targets.query), dtype=np.int64)
    for block in blocks(len(counts), QUERY_BLOCK):
        query, score, order = targets.take(np.arange(block.start, block.stop))
        rows = top.rows[query]
        before = ranks_before(top.scores[query], tie_order[np.maximum(rows, 0)], score[:, None], order[:, None])
        counts[block] = (before & (rows >= 0)).sum(axis=1)
    return counts


def count_before(queries: Matrix, passages: Vectors, tie_order: Order, targets: Targets) -> Rows:
    """Count the passages that rank before each target, in bounded memory.

    A float32 product decides whether a passage scores above a target unless it is closer than its possible error
    (:func:`error_bound`); only then are scores computed in float64. So counts are those of float64 scores.

    Args:
        queries: L2-normalised, shape (queries, dimension).
        passages: L2-normalised, shape (passages, dimension); read once, in blocks.
        tie_order: position of each passage when sorted by id, shape (passages,).
        targets: passages to count for.

    Returns:
        Shape (targets,), int64.
    """
    counts = np.zeros(len(targets.query), dtype=np.int64)
    error = error_bound(passages.shape[1])
    upper = np.nextafter((targets.score + error).astype(np.float32), np.float32(np.inf))
    lower = np.nextafter((targets.score - error).astype(np.float32), np.float32(-np.inf))
    # Only the queries that have a target, each with its targets.
    order = np.argsort(targets.query, kind="stable")
    used, starts = np.unique(targets.query[order], return_index=True)
    members = np.split(order, starts[1:])
    for start, block in passages.blocks(PASSAGE_BLOCK):
        vectors, columns = Vectors([block]), block.astype(np.float32, copy=False).T
        for part in blocks(len(used), QUERY_BLOCK):
            for query, products, own in zip(used[part], queries[used[part]] @ columns, members[part], strict=True):
                for target in own:
                    certain = np.count_nonzero(products > upper[target])
                    counts[target] += certain
                    if np.count_nonzero(products > lower[target]) > certain:
                        close = np.flatnonzero((products > lower[target]) & (products <= upper[target]))
                        scores = pair_scores(queries, vectors, np.full(len(close), query), close)
                        tied = ranks_before(
                            scores, tie_order[start + close], targets.score[target], targets.order[target]
                        )
                        counts[target] += np.count_nonzero(tied)
    return counts
