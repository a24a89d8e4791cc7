"""Search against brute force: blocks, pool, ties, exact ranks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from vector_files import unit_vectors, write_index, write_indexes, write_vectors

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table, write_table
from hybridbatch.config.search import Search
from hybridbatch.search.judged_pool import Collection
from hybridbatch.search.ranking import DECIMALS, sort_top
from hybridbatch.search.search_benchmark import search_benchmark

LANGUAGES = ("de", "en", "zh")


def write_language(folder: Path, code: str, queries: int, passages: int, rng: np.random.Generator) -> None:
    # Ids in another order than the rows: ties must be broken by id.
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


def names(collection: Collection, code: str) -> list[str]:
    language = collection.by_language[code]
    found: list[str] = language.passage_ids(np.arange(len(language.tie_order))).to_pylist()
    return found


class World:
    """A benchmark of random vectors with many exact ties, searched by the code and by brute force."""

    def __init__(self, folder: Path, seed: int, index: str = "Flat", depth: int = 7, parameters: str = "") -> None:
        rng = np.random.default_rng(seed)
        shared = unit_vectors(rng, 4)
        self.queries: dict[str, NDArray[np.float32]] = {}
        self.passages: dict[str, NDArray[np.float32]] = {}
        queries = {}
        for code in LANGUAGES:
            size = int(rng.integers(20, 60))
            write_language(folder, code, 12, size, rng)
            self.queries[code] = unit_vectors(rng, 12)
            self.passages[code] = unit_vectors(rng, size)
            self.passages[code][:4] = shared
            queries[code] = write_vectors(folder / "vectors", code, "queries", self.queries[code], 2)
            write_vectors(folder / "vectors", code, "passages", self.passages[code], 2)
        settings = {"index": index, "index_rows": 15, "parameters": parameters}
        indexes = write_indexes(folder / "vectors", folder / "indexes", list(LANGUAGES), **settings)
        for code in LANGUAGES:
            self.passages[code] = indexes[code].vectors[:]
        self.collection = Collection(folder, LANGUAGES)
        search_benchmark(folder, LANGUAGES, queries, indexes, Search(depth=depth, **settings), folder / "run")
        self.topk = read_table(folder / "run" / "topk.parquet").to_pandas()
        self.ranks = read_table(folder / "run" / "ranks.parquet").to_pandas()
        self.recall = pd.read_csv(folder / "run" / "recall.csv")

    def ranking(self, query_language: str, query: int, passage_languages: tuple[str, ...]) -> list[str]:
        """All passages by decreasing float64 score, then by id."""
        items: list[tuple[float, str]] = []
        for code in passage_languages:
            values = self.passages[code].astype(np.float64) @ self.queries[query_language][query].astype(np.float64)
            items += list(zip(-np.round(values, DECIMALS), names(self.collection, code), strict=True))
        return [name for _, name in sorted(items)]


@pytest.mark.parametrize(("seed", "index"), [(0, "Flat"), (1, "Flat"), (2, "Flat"), (2, "SQfp16")])
def test_topk_and_ranks_equal_brute_force(tmp_path: Path, seed: int, index: str) -> None:
    world = World(tmp_path, seed, index)
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
    pooled = write_index(tmp_path / "pool", pool)
    ids = np.concatenate([names(world.collection, code) for code in LANGUAGES])
    for code in LANGUAGES:
        top = pooled.search(world.queries[code], order, 25)
        merged = world.topk[world.topk["query_language"] == code].copy()
        merged["score"] = merged["score"].round(6)
        merged["tie"] = merged["passage_id"].astype(str)
        for query in range(12):
            rows = merged[merged["query_id"] == f"q{query}"].sort_values(["score", "tie"], ascending=[False, True])
            assert rows["passage_id"].tolist()[:25] == ids[top.rows[query]].tolist()


def test_an_approximate_index_reports_what_it_finds(tmp_path: Path) -> None:
    world = World(tmp_path, 2, index="IVF4,Flat", depth=5)
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


def test_an_index_that_finds_everything_gives_the_exact_result(tmp_path: Path) -> None:
    exact = World(tmp_path / "exact", 4, depth=60)
    found = World(tmp_path / "found", 4, "IVF3,Flat", depth=60, parameters="nprobe=3")
    assert found.topk.equals(exact.topk)
    assert found.ranks.equals(exact.ranks)
    assert (found.recall["recall"] == 1).all()


def test_recall_is_measured_for_every_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridbatch.search.search_benchmark.RECALL_SAMPLE", 5)
    world = World(tmp_path, 3, index="IVF5,Flat", depth=20)
    assert list(world.recall.columns) == ["query_language", "passage_language", "k", "recall", "queries"]
    assert len(world.recall) == 3 * 3 * 2
    assert set(world.recall["k"]) == {10, 20}
    assert set(world.recall["queries"]) == {5}
    assert 0 < world.recall["recall"].min() < world.recall["recall"].max() <= 1


def test_exact_search_has_no_recall(tmp_path: Path) -> None:
    assert World(tmp_path, 3).recall.shape == (0, 5)


def test_ids_are_read_by_row_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridbatch.search.judged_pool.IDS_AT_ONCE", 3)
    write_language(tmp_path, "de", 4, 11, np.random.default_rng(0))
    language = Collection(tmp_path, ["de"]).by_language["de"]
    written = read_table(tmp_path / "de" / "passages.parquet")["passage_id"].to_pylist()
    rows = np.array([0, 2, 3, 8, 10])
    assert language.passage_ids(rows).to_pylist() == [written[row] for row in rows]
    assert language.passage_ids(rows[:0]).to_pylist() == []
    assert language.tie_order.tolist() == [sorted(written).index(name) for name in written]


def test_a_judged_passage_that_is_missing_is_named(tmp_path: Path) -> None:
    write_language(tmp_path, "de", 4, 11, np.random.default_rng(0))
    qrels = pa.table({"query_id": ["q0"], "passage_id": ["de/none"], "relevance": pa.array([1], pa.int32())})
    write_table(tmp_path / "de" / "qrels.parquet", qrels)
    with pytest.raises(UserError, match=r"judges 'de/none', which is not in passages\.parquet"):
        Collection(tmp_path, ["de"])


def test_sort_top_puts_missing_candidates_last() -> None:
    top = sort_top(np.array([[2, -1, 0]]), np.array([[0.5, 9.0, 0.5]]), np.array([1, 2, 0]), 3)
    assert top.rows.tolist() == [[2, 0, -1]]
    assert top.scores.tolist() == [[0.5, 0.5, -np.inf]]
