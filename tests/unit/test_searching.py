"""Search against brute force: blocks, pool, ties, exact ranks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridbatch.collection import Collection
from hybridbatch.files import read_table, write_table
from hybridbatch.indexing import build_index, is_exact, open_index
from hybridbatch.ranking import DECIMALS, count_before, pair_scores, sort_top
from hybridbatch.searching import search_benchmark, search_block

LANGUAGES = ("de", "en", "zh")
DIMENSION = 8


def unit_vectors(rng: np.random.Generator, rows: int) -> np.ndarray:
    vectors = rng.standard_normal((rows, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_language(folder: Path, code: str, queries: int, passages: int, rng: np.random.Generator) -> None:
    # Ids in an order that is not the order of the rows: ties must go by id.
    names = [f"{code}/{number:03d}" for number in rng.permutation(passages)]
    ids = [f"q{number}" for number in range(queries)]
    relevant = rng.integers(0, passages, queries)
    texts = {"text": pa.array(["text"] * queries)}
    write_table(folder / code / "queries.parquet", pa.table({"query_id": ids, **texts}))
    write_table(folder / code / "passages.parquet", pa.table({"passage_id": names, "text": ["text"] * passages}))
    qrels = pa.table(
        {
            "query_id": ids,
            "passage_id": [names[row] for row in relevant],
            "relevance": pa.array(np.ones(queries), pa.int32()),
        }
    )
    write_table(folder / code / "qrels.parquet", qrels)


class World:
    """A benchmark of random vectors with many exact ties, searched by the code and by brute force."""

    def __init__(self, folder: Path, seed: int, index: str = "Flat", depth: int = 7) -> None:
        rng = np.random.default_rng(seed)
        shared = unit_vectors(rng, 4)
        self.queries, self.passages, self.indexes = {}, {}, {}
        for code in LANGUAGES:
            size = int(rng.integers(20, 60))
            write_language(folder, code, 12, size, rng)
            self.queries[code] = unit_vectors(rng, 12)
            self.passages[code] = unit_vectors(rng, size)
            self.passages[code][:4] = shared
            np.save(folder / f"{code}.npy", self.passages[code])
            build_index(folder / f"{code}.npy", index, 1000, folder / f"{code}.faiss")
            self.indexes[code] = open_index(folder / f"{code}.faiss")
        self.collection = Collection(folder, LANGUAGES)
        search_benchmark(self.collection, self.queries, self.passages, self.indexes, depth, folder / "run")
        self.topk = read_table(folder / "run" / "topk.parquet").to_pandas()
        self.ranks = read_table(folder / "run" / "ranks.parquet").to_pandas()

    def ranking(self, query_language: str, query: int, passage_languages: tuple[str, ...]) -> list[str]:
        """All passages by decreasing float64 score, then by id."""
        items = []
        for code in passage_languages:
            names = self.collection.by_language[code].passages.to_pylist()
            values = self.passages[code].astype(np.float64) @ self.queries[query_language][query].astype(np.float64)
            items += list(zip(-np.round(values, DECIMALS), names, strict=True))
        return [name for _, name in sorted(items)]


@pytest.mark.parametrize("seed", range(3))
def test_topk_and_ranks_equal_brute_force(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, seed)
    for (query_language, passage_language, query_id), block in world.topk.groupby(
        ["query_language", "passage_language", "query_id"], observed=True
    ):
        expected = world.ranking(query_language, int(query_id[1:]), (passage_language,))
        assert block["passage_id"].tolist() == expected[:7]
        assert block["rank"].tolist() == list(range(1, 8))
    assert len(world.ranks) == 3 * 3 * 12
    for row in world.ranks.itertuples():
        query = int(row.query_id[1:])
        own = world.ranking(row.query_language, query, (row.passage_language,))
        pool = world.ranking(row.query_language, query, LANGUAGES)
        assert row.rank_in_language == own.index(row.passage_id) + 1
        assert row.rank_in_pool == row.exact_rank_in_pool == pool.index(row.passage_id) + 1


def test_merged_blocks_equal_one_pooled_index(tmp_path: Path) -> None:
    world = World(tmp_path, 5, depth=200)
    pool = np.concatenate([world.passages[code] for code in LANGUAGES])
    order = np.concatenate([world.collection.by_language[code].tie_order for code in LANGUAGES])
    np.save(tmp_path / "pool.npy", pool)
    build_index(tmp_path / "pool.npy", "Flat", 1000, tmp_path / "pool.faiss")
    names = np.concatenate([world.collection.by_language[code].passages.to_pylist() for code in LANGUAGES])
    for code in LANGUAGES:
        top = search_block(world.queries[code], pool, open_index(tmp_path / "pool.faiss"), order, 25)
        merged = world.topk[world.topk["query_language"] == code].copy()
        merged["score"] = merged["score"].round(6)
        merged["tie"] = merged["passage_id"].astype(str)
        for query in range(12):
            rows = merged[merged["query_id"] == f"q{query}"].sort_values(["score", "tie"], ascending=[False, True])
            assert rows["passage_id"].tolist()[:25] == names[top.rows[query]].tolist()


def test_an_approximate_index_reports_what_it_finds(tmp_path: Path) -> None:
    world = World(tmp_path, 2, index="IVF4,Flat", depth=5)
    assert not is_exact(world.indexes["en"])
    assert world.ranks["rank_in_language"].isna().any()
    found = world.ranks.dropna(subset=["rank_in_language"])
    listed = world.topk.astype(str).set_index(["query_language", "query_id", "passage_id"])["rank"]
    for row in found.itertuples():
        assert int(listed[row.query_language, row.query_id, row.passage_id]) == row.rank_in_language
        everything = world.topk[
            (world.topk["query_language"] == row.query_language) & (world.topk["query_id"] == row.query_id)
        ]
        order = sorted(zip(-everything["score"].astype(float), everything["passage_id"].astype(str), strict=True))
        assert [name for _, name in order].index(row.passage_id) + 1 == row.rank_in_pool
    assert world.ranks["exact_rank_in_pool"].notna().all()


def test_an_impossible_index_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", unit_vectors(np.random.default_rng(0), 10))
    with pytest.raises(Exception, match=r"search\.index: FAISS cannot build 'Nonsense'"):
        build_index(tmp_path / "v.npy", "Nonsense", 10, tmp_path / "v.faiss")
    assert not (tmp_path / "v.faiss").exists()


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40), copies=st.integers(1, 5), block=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_count_before_is_the_place_in_a_stable_sort(seed: int, rows: int, copies: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    passages = np.repeat(unit_vectors(rng, rows), copies, axis=0)
    tie_order = rng.permutation(len(passages))
    queries = unit_vectors(rng, 3)
    query_rows = np.repeat(np.arange(3), len(passages))
    passage_rows = np.tile(np.arange(len(passages)), 3)
    values = pair_scores(queries, passages, query_rows, passage_rows)
    pytest.MonkeyPatch().setattr("hybridbatch.ranking.PASSAGE_BLOCK", block)
    counts = count_before(queries, passages, tie_order, query_rows, values, tie_order[passage_rows])
    for query in range(3):
        mine = query_rows == query
        expected = pd.DataFrame({"score": -values[mine], "order": tie_order}).sort_values(["score", "order"]).index
        assert np.array_equal(np.argsort(expected.to_numpy()), counts[mine])


def test_sort_top_puts_missing_candidates_last() -> None:
    top = sort_top(np.array([[2, -1, 0]]), np.array([[0.5, 9.0, 0.5]]), np.array([1, 2, 0]), 3)
    assert top.rows.tolist() == [[2, 0, -1]]
    assert top.scores.tolist() == [[0.5, 0.5, -np.inf]]
