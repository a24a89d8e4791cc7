"""Exact search against brute force in float64, whatever the blocks, the shards and what computes the products."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from vector_files import unit_vectors, write_vectors

from hybridbatch.common.errors import UserError
from hybridbatch.search import exact
from hybridbatch.search.exact import NO_TARGETS, Targets, exact_search
from hybridbatch.search.products import NumpyProducts, Products, above, below, error_bound
from hybridbatch.search.ranking import row_scores
from hybridbatch.search.search_benchmark import open_products
from hybridbatch.search.torch_products import TorchProducts

ENGINES = {"numpy": NumpyProducts(), "torch": TorchProducts("cpu")}


def all_scores(queries: NDArray[np.float32], passages: NDArray[np.float32]) -> NDArray[np.float64]:
    query, passage = np.divmod(np.arange(len(queries) * len(passages)), len(passages))
    return row_scores(queries, passages, query, passage).reshape(len(queries), len(passages))


def near_copies(rng: np.random.Generator, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors with their last bits changed: float32 products cannot tell them apart."""
    return np.nextafter(vectors, rng.choice([-np.inf, np.inf], vectors.shape).astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 60),
    copies=st.integers(0, 2),
    k=st.integers(0, 40),
    block=st.integers(1, 70),
    query_block=st.integers(1, 6),
    shards=st.integers(1, 3),
    half=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_equals_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    engine: str,
    seed: int,
    rows: int,
    copies: int,
    k: int,
    block: int,
    query_block: int,
    shards: int,
    half: bool,
) -> None:
    rng = np.random.default_rng(seed)
    dimension = int(rng.choice([2, 8, 64]))
    base = unit_vectors(rng, rows, dimension)
    matrix = np.concatenate([base, base[: rows // 2], *(near_copies(rng, base) for _ in range(copies))])
    matrix = matrix[rng.permutation(len(matrix))].astype(np.float16 if half else np.float32)
    queries = np.concatenate([unit_vectors(rng, 4, dimension), base[:1]])
    passages = write_vectors(tmp_path_factory.mktemp("v"), "en", "passages", matrix, shards)
    tie_order = rng.permutation(len(matrix)).astype(np.int32)
    scores = all_scores(queries, matrix)
    query = np.repeat(np.arange(5), 3)
    passage = rng.integers(0, len(matrix), 15)
    targets = Targets(query, scores[query, passage], tie_order[passage])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "PASSAGE_BLOCK", block)
        patch.setattr(exact, "QUERY_BLOCK", query_block)
        top, counts = exact_search(queries, passages, tie_order, k, targets, ENGINES[engine])
    order = np.lexsort((np.broadcast_to(tie_order, scores.shape), -scores), axis=1)
    assert np.array_equal(top.rows, order[:, :k])
    assert np.array_equal(top.scores, np.take_along_axis(scores, order[:, :k], axis=1))
    assert np.array_equal(counts, np.argsort(order, axis=1)[query, passage])


@pytest.mark.parametrize("dimension", [8, 384, 1024])
@pytest.mark.parametrize("engine", ENGINES)
def test_products_err_less_than_the_bound(engine: str, dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    queries = unit_vectors(rng, 50, dimension)
    # All terms of one sign, the worst for rounding.
    passages = np.concatenate([unit_vectors(rng, 200, dimension), np.abs(queries), queries])
    queries = np.concatenate([queries, np.abs(queries)])
    products: Products = ENGINES[engine]
    products.multiply(products.load(queries), products.load(passages))
    bound = error_bound(dimension)
    for row, scores in enumerate(all_scores(queries, passages)):
        rows = np.full(len(passages), row)
        place, column = products.find_between(rows, below(scores - bound), above(scores + bound))
        assert np.count_nonzero(place == column) == len(passages)


def test_a_gpu_is_used_only_where_there_is_one() -> None:
    assert isinstance(open_products("cpu"), NumpyProducts)
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert isinstance(open_products("auto"), NumpyProducts)
    with pytest.raises(UserError, match="finds no GPU"):
        open_products("cuda")


def test_passages_that_get_better_and_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "PASSAGE_BLOCK", 64)
    angle = np.linspace(1.5, 0, 3000)
    matrix = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    query = np.array([[1, 0]], dtype=np.float32)
    passages = write_vectors(tmp_path, "en", "passages", matrix)
    top, _ = exact_search(query, passages, np.arange(3000), 10, NO_TARGETS, NumpyProducts())
    assert top.rows.tolist() == [list(range(2999, 2989, -1))]


@pytest.mark.parametrize("engine", ENGINES)
def test_equal_passages_are_ordered_by_id(tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "PASSAGE_BLOCK", 100)
    rng = np.random.default_rng(0)
    one = unit_vectors(rng, 1)
    passages = write_vectors(tmp_path, "en", "passages", np.repeat(one, 1000, axis=0))
    tie_order = rng.permutation(1000).astype(np.int32)
    targets = Targets(np.zeros(1000, np.int64), row_scores(one, one, *np.zeros((2, 1000), np.int64)), tie_order)
    top, counts = exact_search(one, passages, tie_order, 20, targets, ENGINES[engine])
    assert top.rows[0].tolist() == np.argsort(tie_order)[:20].tolist()
    assert counts.tolist() == tie_order.tolist()


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "PASSAGE_BLOCK", 512)
    rng = np.random.default_rng(1)
    queries = unit_vectors(rng, 16, 64)
    peaks = []
    for rows in (4_000, 40_000):
        passages = write_vectors(tmp_path / str(rows), "en", "passages", unit_vectors(rng, rows, 64))
        tie_order = np.arange(rows, dtype=np.int32)
        targets = Targets(np.arange(16), np.full(16, 0.3), np.zeros(16, np.int32))
        tracemalloc.start()
        exact_search(queries, passages, tie_order, 10, targets, NumpyProducts())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
