"""Exact search in bounded memory: passages are read once, block by block, and only the best of each query are kept.

A float32 product decides whether a score is above a bound unless it is closer to the bound than its possible error
(:func:`hybridbatch.search.products.error_bound`); only then is the score computed in float64. So the result is that of float64
scores throughout, whatever computes the products.
"""

from mmap import MADV_DONTNEED, mmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridbatch.encode.vectors import Vectors
from hybridbatch.search.products import Products, above, below, error_bound
from hybridbatch.search.ranking import Matrix, Order, Top, blocks, ranks_before, row_scores

QUERY_BLOCK = 1024
PASSAGE_BLOCK = 16_384
# Targets whose close scores are computed in float64 at once: if all passages are equal, every score is close.
CLOSE_BLOCK = 128


class Targets(NamedTuple):
    """Passages whose rank is wanted, each for one query; they need not be among those searched.

    Attributes:
        query: rows of the queries, shape (targets,), int64.
        score: scores of the passages, shape (targets,), float64.
        order: positions of the passages when sorted by id, shape (targets,).
    """

    query: NDArray[np.int64]
    score: NDArray[np.float64]
    order: Order


NO_TARGETS = Targets(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))


def exact_search(
    queries: Matrix, passages: Vectors, tie_order: Order, k: int, targets: Targets, products: Products
) -> tuple[Top, NDArray[np.int64]]:
    """Find the best passages of each query, and count those that rank before each target.

    Args:
        queries: L2-normalised, shape (queries, dimension).
        passages: L2-normalised, shape (passages, dimension); read once in blocks.
        tie_order: position of each passage when sorted by id, shape (passages,).
        k: passages to find for each query; may be 0.
        targets: passages to count for; may be :data:`NO_TARGETS`.
        products: computes the inner products.

    Returns:
        The best ``k`` passages of each query, or all if there are fewer, and the number of passages that rank before each target,
        shape (targets,), int64.
    """
    k = min(k, len(passages))
    searchers, members = [], []
    for part in blocks(len(queries), QUERY_BLOCK):
        rows = np.flatnonzero((targets.query >= part.start) & (targets.query < part.stop))
        own_targets = Targets(targets.query[rows] - part.start, targets.score[rows], targets.order[rows])
        searchers.append(_Searcher(queries[part], tie_order, k, own_targets, products))
        members.append(rows)
    for start, block in passages.blocks(PASSAGE_BLOCK):
        loaded = products.load(block)
        for searcher in searchers:
            searcher.add(start, block, loaded)
        _release(block)
    counts = np.zeros(len(targets.query), dtype=np.int64)
    for searcher, rows in zip(searchers, members, strict=True):
        counts[rows] = searcher.counts
    tops = [searcher.top() for searcher in searchers]
    return Top(np.concatenate([top.rows for top in tops]), np.concatenate([top.scores for top in tops])), counts


def pair_scores(
    queries: Matrix, passages: Vectors, query_rows: NDArray[np.int64], passage_rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return what :func:`hybridbatch.search.ranking.row_scores` returns, for passages on disk, read block by block."""
    result = np.empty(len(query_rows), dtype=np.float64)
    order = np.argsort(passage_rows)
    in_order = passage_rows[order]
    for start, block in passages.blocks(PASSAGE_BLOCK):
        first, last = np.searchsorted(in_order, (start, start + len(block)))
        if last > first:
            pairs = order[first:last]
            result[pairs] = row_scores(queries, block, query_rows[pairs], passage_rows[pairs] - start)
            _release(block)
    return result


def _release(block: Matrix) -> None:
    """Release the pages of a memory-mapped file, which the kernel counts as memory of this process."""
    owner: Any = block
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap):
        owner.madvise(MADV_DONTNEED)


class _Searcher:
    """Searches every block of passages for a block of queries."""

    def __init__(self, queries: Matrix, tie_order: Order, k: int, targets: Targets, products: Products) -> None:
        self._queries = queries
        self._loaded = products.load(queries)
        self._tie_order = tie_order
        self._targets = targets
        self._products = products
        self._error = error_bound(queries.shape[1])
        self._upper = above(targets.score + self._error)
        self._lower = below(targets.score - self._error)
        self._best = _Best(len(queries), k, tie_order)
        # A passage whose product is not greater cannot be among the best.
        self._bounds = np.full(len(queries), -np.inf, dtype=np.float32)
        self.counts = np.zeros(len(targets.query), dtype=np.int64)

    def add(self, start: int, passages: Matrix, loaded: Any) -> None:
        """Search the passages that begin at row ``start``; ``loaded`` holds the same ones on the device."""
        self._products.multiply(self._loaded, loaded)
        if self._best.k:
            self._collect(start, passages)
        if len(self.counts):
            self._count(start, passages)

    def top(self) -> Top:
        """Return the best passages so far."""
        self._best.settle()
        return self._best.top()

    def _collect(self, start: int, passages: Matrix) -> None:
        k = self._best.k
        rows = np.arange(len(self._queries))
        candidates = self._products.count_above(rows, self._bounds)
        crowded = np.flatnonzero(candidates > 2 * k)
        if len(crowded):
            # k scores of this block are at most one error below the k-th largest product, so scores two errors below it are too low.
            largest = self._products.kth_largest(crowded, k).astype(np.float64)
            self._raise_bounds(crowded, below(largest - 2 * self._error))
        rows = np.flatnonzero(candidates)
        bounds = self._bounds[rows]
        position, column = self._products.find_between(rows, bounds, np.full(len(rows), np.inf, dtype=np.float32))
        query = rows[position]
        self._best.add(query, start + column, row_scores(self._queries, passages, query, column))
        if self._best.waiting >= len(self._queries) * k:
            self._best.settle()
            self._raise_bounds(np.arange(len(self._bounds)), below(self._best.last() - self._error))

    def _raise_bounds(self, rows: NDArray[np.int64], bounds: NDArray[np.float32]) -> None:
        self._bounds[rows] = np.maximum(self._bounds[rows], bounds)

    def _count(self, start: int, passages: Matrix) -> None:
        targets = self._targets
        certain = self._products.count_above(targets.query, self._upper)
        undecided = np.flatnonzero(self._products.count_above(targets.query, self._lower) > certain)
        self.counts += certain
        for block in blocks(len(undecided), CLOSE_BLOCK):
            rows = undecided[block]
            position, column = self._products.find_between(targets.query[rows], self._lower[rows], self._upper[rows])
            target = rows[position]
            scores = row_scores(self._queries, passages, targets.query[target], column)
            before = ranks_before(scores, self._tie_order[start + column], targets.score[target], targets.order[target])
            self.counts += np.bincount(target[before], minlength=len(self.counts))


class _Best:
    """The best ``k`` passages of each query: settled ones, and new ones that wait to be compared with them."""

    def __init__(self, queries: int, k: int, tie_order: Order) -> None:
        self.k = k
        self.waiting = 0
        self._queries = queries
        self._tie_order = tie_order
        self._parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))]

    def add(self, query: NDArray[np.int64], row: NDArray[np.int64], score: NDArray[np.float64]) -> None:
        """Add passages that wait: their queries, rows and scores, each of shape (passages,)."""
        self._parts.append((query, row, score))
        self.waiting += len(query)

    def settle(self) -> None:
        """Keep the best ``k`` of each query."""
        query, row, score = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        order = np.lexsort((self._tie_order[row], -score, query))
        sorted_query = query[order]
        kept = order[np.arange(len(query)) - np.searchsorted(sorted_query, sorted_query) < self.k]
        self._parts = [(query[kept], row[kept], score[kept])]
        self.waiting = 0

    def top(self) -> Top:
        """Return the settled passages, best first."""
        query, row, score = self._parts[0]
        rank = np.arange(len(query)) - np.searchsorted(query, query)
        top = Top(np.full((self._queries, self.k), -1), np.full((self._queries, self.k), -np.inf))
        top.rows[query, rank], top.scores[query, rank] = row, score
        return top

    def last(self) -> NDArray[np.float64]:
        """Return the ``k``-th best settled score of each query, -inf if there are fewer; shape (queries,)."""
        return self.top().scores[:, -1]
