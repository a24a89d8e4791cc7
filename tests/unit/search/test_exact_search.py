"""Exact search and exact ranks against brute force in float64, whatever the index, its files and the blocks."""

import tracemalloc
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from vector_files import unit_vectors, write_index

from hybridbatch.encode.vectors import Vectors
from hybridbatch.search import exact_ranks, faiss_index
from hybridbatch.search.exact_ranks import Targets, count_before, count_listed, error_bound, pair_scores


def all_scores(queries: NDArray[np.float32], passages: Vectors) -> NDArray[np.float64]:
    """The published definition: inner products in float64, and what differs in the last places is a tie."""
    scores: NDArray[np.float64] = np.round(queries.astype(np.float64) @ passages[:].astype(np.float64).T, 10)
    return scores


def near_copies(rng: np.random.Generator, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors with their last bits changed: float32 products cannot tell them apart."""
    return np.nextafter(vectors, rng.choice([-np.inf, np.inf], vectors.shape).astype(np.float32))


@pytest.mark.slow
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 150),
    copies=st.integers(0, 2),
    k=st.integers(1, 200),
    block=st.integers(1, 70),
    query_block=st.integers(1, 6),
    shards=st.integers(1, 3),
    index_rows=st.integers(20, 500),
    index=st.sampled_from(["Flat", "SQfp16"]),
)
@settings(max_examples=50, deadline=None)
def test_equals_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    rows: int,
    copies: int,
    k: int,
    block: int,
    query_block: int,
    shards: int,
    index_rows: int,
    index: str,
) -> None:
    rng = np.random.default_rng(seed)
    dimension = int(rng.choice([2, 8, 64]))
    base = unit_vectors(rng, rows, dimension)
    matrix = np.concatenate([base, base[: rows // 2], *(near_copies(rng, base) for _ in range(copies))])
    matrix = matrix[rng.permutation(len(matrix))]
    queries = np.concatenate([unit_vectors(rng, 4, dimension), base[:1]])
    passages = write_index(tmp_path_factory.mktemp("v"), matrix, shards, index=index, index_rows=index_rows)
    tie_order = rng.permutation(len(matrix)).astype(np.int32)
    scores = all_scores(queries, passages.vectors)
    query = np.repeat(np.arange(5), 3)
    passage = rng.integers(0, len(matrix), 15)
    targets = Targets(query, scores[query, passage], tie_order[passage])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_ranks, "PASSAGE_BLOCK", block)
        patch.setattr(exact_ranks, "QUERY_BLOCK", query_block)
        patch.setattr(faiss_index, "CELLS", 40 * query_block)
        top = passages.search(queries, tie_order, k)
        counts = count_before(queries, passages.vectors, tie_order, targets)
        listed = count_listed(top, tie_order, targets)
    order = np.lexsort((np.broadcast_to(tie_order, scores.shape), -scores), axis=1)
    assert np.array_equal(top.rows, order[:, :k])
    assert np.array_equal(top.scores, np.take_along_axis(scores, order[:, :k], axis=1))
    assert np.array_equal(counts, np.argsort(order, axis=1)[query, passage])
    assert np.array_equal(listed, np.minimum(counts, k))


@pytest.mark.parametrize("index", ["Flat", "SQfp16"])
@pytest.mark.parametrize("dimension", [8, 384, 1024])
@pytest.mark.parametrize("queries", [3, 400])
def test_scores_of_faiss_err_less_than_the_bound(tmp_path: Path, index: str, dimension: int, queries: int) -> None:
    rng = np.random.default_rng(dimension)
    asked = unit_vectors(rng, queries, dimension)
    # All terms of one sign, the worst for rounding.
    asked = np.concatenate([asked, np.abs(asked)])
    matrix = np.concatenate([unit_vectors(rng, 200, dimension), np.abs(asked), asked])
    passages = write_index(tmp_path, matrix, index=index)
    opened = faiss.read_index(str(tmp_path / "indexes/en.00000.faiss"))
    found, rows = opened.search(asked, len(matrix))
    exact = np.take_along_axis(all_scores(asked, passages.vectors), rows, axis=1)
    assert np.abs(found - exact).max() < error_bound(dimension)


@pytest.mark.parametrize("index", ["Flat", "SQfp16"])
def test_equal_passages_are_ordered_by_id(tmp_path: Path, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_ranks, "PASSAGE_BLOCK", 100)
    rng = np.random.default_rng(0)
    one = unit_vectors(rng, 1)
    passages = write_index(tmp_path, np.repeat(one, 1000, axis=0), index=index, index_rows=400)
    tie_order = rng.permutation(1000).astype(np.int32)
    score = pair_scores(one, passages.vectors, np.zeros(1, np.int64), np.zeros(1, np.int64))
    targets = Targets(np.zeros(1000, np.int64), np.repeat(score, 1000), tie_order)
    assert passages.search(one, tie_order, 20).rows[0].tolist() == np.argsort(tie_order)[:20].tolist()
    assert count_before(one, passages.vectors, tie_order, targets).tolist() == tie_order.tolist()


def test_only_queries_with_ties_at_the_cut_are_searched_deeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    tied, clear = unit_vectors(rng, 2, 64)
    matrix = np.concatenate([np.repeat([tied], 90, axis=0), [clear], unit_vectors(rng, 2000, 64)])
    passages = write_index(tmp_path, matrix.astype(np.float32))
    widths: list[tuple[int, int]] = []
    search = faiss.IndexFlatIP.search

    def counted(self: faiss.IndexFlatIP, x: NDArray[np.float32], k: int) -> object:
        widths.append((len(x), k))
        return search(self, x, k)

    monkeypatch.setattr(faiss.IndexFlatIP, "search", counted)
    tie_order = np.arange(len(matrix))[::-1].copy()
    top = passages.search(np.stack([clear, tied, clear]), tie_order, 10)
    assert top.rows[1].tolist() == list(range(89, 79, -1))
    assert top.rows[0, 0] == top.rows[2, 0] == 90
    assert widths == [(3, 42), (1, 84), (1, 168)]


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_ranks, "PASSAGE_BLOCK", 512)
    rng = np.random.default_rng(1)
    queries = unit_vectors(rng, 16, 64)
    peaks = []
    for rows in (4_000, 40_000):
        passages = write_index(tmp_path / str(rows), unit_vectors(rng, rows, 64))
        tie_order = np.arange(rows, dtype=np.int32)
        targets = Targets(np.arange(16), np.full(16, 0.3), np.zeros(16, np.int32))
        tracemalloc.start()
        passages.search(queries, tie_order, 10)
        count_before(queries, passages.vectors, tie_order, targets)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
