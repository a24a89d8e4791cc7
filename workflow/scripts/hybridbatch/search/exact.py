"""Exact search in bounded memory: passages are read once, block by block, and only the best of each query are kept.

Most products decide by themselves, in float32, on which side of a bound a score lies. Only those that are closer to it than
float32 can err (:func:`hybridbatch.search.products.error_bound`) are computed again in float64. So the result is that of float64
scores for everything, whatever computes the products.
"""

from mmap import MADV_DONTNEED, mmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridbatch.encode.vectors import Vectors
from hybridbatch.search.products import Products, above, below, error_bound
from hybridbatch.search.ranking import Matrix, Order, Top, blocks, row_scores, stands_before

QUERY_BLOCK = 1024
PASSAGE_BLOCK = 16_384
# Pairs whose close scores are computed again at once: where all passages are equal, every score of theirs is close.
CLOSE_BLOCK = 128


class Pairs(NamedTuple):
    """Queries with one passage each, whose rank is wanted; the passage need not be among those searched.

    Attributes:
        query: rows of the queries, shape (pairs,), int64.
        score: scores of the passages, shape (pairs,), float64.
        order: places of the passages in the order of ids, shape (pairs,).
    """

    query: NDArray[np.int64]
    score: NDArray[np.float64]
    order: Order


NO_PAIRS = Pairs(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.int64))


def exact_search(
    queries: Matrix, passages: Vectors, tie_order: Order, k: int, pairs: Pairs, products: Products
) -> tuple[Top, NDArray[np.int64]]:
    """Find the best passages of each query, and count those that stand before given ones.

    Args:
        queries: L2-normalised, shape (queries, dimension).
        passages: L2-normalised, shape (passages, dimension); read once in blocks.
        tie_order: place of each passage in the order of ids, shape (passages,).
        k: passages to find for a query; may be 0.
        pairs: what to count for; may be :data:`NO_PAIRS`.
        products: computes the inner products.

    Returns:
        The best ``k`` passages of each query, or all if there are fewer, and for each pair the number of passages that stand
        before it, shape (pairs,), int64.
    """
    k = min(k, len(passages))
    searchers, places = [], []
    for part in blocks(len(queries), QUERY_BLOCK):
        own = np.flatnonzero((pairs.query >= part.start) & (pairs.query < part.stop))
        some = Pairs(pairs.query[own] - part.start, pairs.score[own], pairs.order[own])
        searchers.append(_Searcher(queries[part], tie_order, k, some, products))
        places.append(own)
    for start, block in passages.blocks(PASSAGE_BLOCK):
        loaded = products.load(block)
        for searcher in searchers:
            searcher.add(start, block, loaded)
        _release(block)
    counts = np.zeros(len(pairs.query), dtype=np.int64)
    for searcher, own in zip(searchers, places, strict=True):
        counts[own] = searcher.counts
    tops = [searcher.top() for searcher in searchers]
    return Top(np.concatenate([top.rows for top in tops]), np.concatenate([top.scores for top in tops])), counts


def pair_scores(
    queries: Matrix, passages: Vectors, query_rows: NDArray[np.int64], passage_rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return what :func:`hybridbatch.search.ranking.row_scores` returns, for passages that lie on disk, block by block."""
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
    """Let go of the pages of a memory-mapped file: the kernel counts them as the memory of this process."""
    owner: Any = block
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, mmap):
        owner.madvise(MADV_DONTNEED)


class _Searcher:
    """Sees every block of passages for a few queries."""

    def __init__(self, queries: Matrix, tie_order: Order, k: int, pairs: Pairs, products: Products) -> None:
        self._queries = queries
        self._loaded = products.load(queries)
        self._tie_order = tie_order
        self._pairs = pairs
        self._products = products
        self._error = error_bound(queries.shape[1])
        self._upper = above(pairs.score + self._error)
        self._lower = below(pairs.score - self._error)
        self._best = _Best(len(queries), k, tie_order)
        # A passage whose product is not greater cannot be among the best.
        self._bounds = np.full(len(queries), -np.inf, dtype=np.float32)
        self.counts = np.zeros(len(pairs.query), dtype=np.int64)

    def add(self, start: int, passages: Matrix, loaded: Any) -> None:
        """See the passages that begin at row ``start``; ``loaded`` are the same on the device."""
        self._products.multiply(self._loaded, loaded)
        if self._best.k:
            self._collect(start, passages)
        if len(self.counts):
            self._count(start, passages)

    def top(self) -> Top:
        """Return the best of what was seen."""
        self._best.settle()
        return self._best.top()

    def _collect(self, start: int, passages: Matrix) -> None:
        k = self._best.k
        rows = np.arange(len(self._queries))
        candidates = self._products.count_above(rows, self._bounds)
        crowded = np.flatnonzero(candidates > 2 * k)
        if len(crowded):
            # k scores of this block are at most one error below the k-th largest product, so none from two errors below it counts.
            largest = self._products.kth_largest(crowded, k).astype(np.float64)
            self._raise_bounds(crowded, below(largest - 2 * self._error))
        rows = np.flatnonzero(candidates)
        bounds = self._bounds[rows]
        place, column = self._products.find_between(rows, bounds, np.full(len(rows), np.inf, dtype=np.float32))
        query = rows[place]
        self._best.add(query, start + column, row_scores(self._queries, passages, query, column))
        if self._best.waiting >= len(self._queries) * k:
            self._best.settle()
            self._raise_bounds(np.arange(len(self._bounds)), below(self._best.last() - self._error))

    def _raise_bounds(self, rows: NDArray[np.int64], bounds: NDArray[np.float32]) -> None:
        self._bounds[rows] = np.maximum(self._bounds[rows], bounds)

    def _count(self, start: int, passages: Matrix) -> None:
        pairs = self._pairs
        surely = self._products.count_above(pairs.query, self._upper)
        undecided = np.flatnonzero(self._products.count_above(pairs.query, self._lower) > surely)
        self.counts += surely
        for block in blocks(len(undecided), CLOSE_BLOCK):
            some = undecided[block]
            place, column = self._products.find_between(pairs.query[some], self._lower[some], self._upper[some])
            pair = some[place]
            scores = row_scores(self._queries, passages, pairs.query[pair], column)
            before = stands_before(scores, self._tie_order[start + column], pairs.score[pair], pairs.order[pair])
            self.counts += np.bincount(pair[before], minlength=len(self.counts))


class _Best:
    """The best ``k`` passages of each query, among settled ones and ones that wait to be compared with them."""

    def __init__(self, queries: int, k: int, tie_order: Order) -> None:
        self.k = k
        self.waiting = 0
        self._queries = queries
        self._tie_order = tie_order
        self._parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))]

    def add(self, query: NDArray[np.int64], row: NDArray[np.int64], score: NDArray[np.float64]) -> None:
        """Let passages wait: their queries, rows and scores, each of shape (passages,)."""
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
        place = np.arange(len(query)) - np.searchsorted(query, query)
        top = Top(np.full((self._queries, self.k), -1), np.full((self._queries, self.k), -np.inf))
        top.rows[query, place], top.scores[query, place] = row, score
        return top

    def last(self) -> NDArray[np.float64]:
        """Return the ``k``-th best settled score of each query, -inf where there are fewer; shape (queries,)."""
        return self.top().scores[:, -1]
