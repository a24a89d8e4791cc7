"""Measures against trec_eval's implementation and by pencil."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridbatch.common.files import write_table
from hybridbatch.evaluate import measures as evaluation
from hybridbatch.evaluate.measures import measure_benchmark, measure_ranks

MEASURES = ["map", "mrr", "recall@1", "recall@10", "ndcg@10", "precision@5"]
TREC = {
    "map": "map", "mrr": "recip_rank", "recall@1": "recall_1", "recall@10": "recall_10", "ndcg@10": "ndcg_cut_10",
    "precision@5": "P_5",
}  # fmt: skip


@st.composite
def queries_with_ranks(draw: st.DrawFn) -> list[list[tuple[int, int]]]:
    """For each query, (rank or 0, relevance) of its relevant passages; ranks differ."""
    result = []
    for _ in range(draw(st.integers(1, 6))):
        ranks = draw(st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True))
        found = [rank if draw(st.booleans()) or index == 0 else 0 for index, rank in enumerate(ranks)]
        result.append([(rank, draw(st.integers(1, 3))) for rank in found])
    return result


@pytest.mark.slow
@given(queries_with_ranks(), st.sampled_from([evaluation.CHUNK, 1]))
@settings(max_examples=80, deadline=None)
def test_measures_equal_trec_eval(queries: list[list[tuple[int, int]]], chunk: int) -> None:
    pytest.MonkeyPatch().setattr(evaluation, "CHUNK", chunk)
    number = np.array([q for q, relevant in enumerate(queries) for _ in relevant])
    rank = np.array([r for relevant in queries for r, _ in relevant])
    relevance = np.array([float(g) for relevant in queries for _, g in relevant])
    ours = measure_ranks(number, rank, relevance, MEASURES, depth=1000)

    qrels, run = {}, {}
    for q, relevant in enumerate(queries):
        qrels[str(q)] = {f"r{i}": grade for i, (_, grade) in enumerate(relevant)}
        places = {r: f"r{i}" for i, (r, _) in enumerate(relevant) if r}
        run[str(q)] = {places.get(r, f"filler{r}"): float(1000 - r) for r in range(1, max(places) + 1)}
    pytrec_eval = pytest.importorskip("pytrec_eval")
    theirs = pytrec_eval.RelevanceEvaluator(qrels, set(TREC.values())).evaluate(run)
    for name in MEASURES:
        expected = [theirs[str(q)][TREC[name]] for q in range(len(queries))]
        assert ours[name] == pytest.approx(expected, abs=1e-12), name


def test_passages_beyond_the_depth_count_as_not_found() -> None:
    values = measure_ranks(np.array([0, 0]), np.array([1, 50]), np.ones(2), ["map", "recall@10"], depth=49)
    assert values["map"][0] == pytest.approx(0.5)


def test_a_single_measure_works() -> None:
    assert measure_ranks(np.array([0]), np.array([2]), np.ones(1), ["recall@1"], depth=9)["recall@1"].tolist() == [0.0]


def ranks_table(rows: list[tuple[str, str, str, str, int | None, int | None, int | None]]) -> pa.Table:
    names = ["query_language", "query_id", "passage_language", "passage_id"]
    columns = list(zip(*rows, strict=True))
    table = {name: pa.array(columns[i]).dictionary_encode() for i, name in enumerate(names)}
    table["relevance"] = pa.array([1] * len(rows), pa.int32())
    for i, name in enumerate(["rank_in_language", "rank_in_pool", "exact_rank_in_pool"], start=4):
        table[name] = pa.array(columns[i], pa.int64())
    return pa.table(table)


def test_settings_and_rank_distance_by_pencil(tmp_path: Path) -> None:
    write_table(
        tmp_path / "ranks.parquet",
        ranks_table(
            [
                ("en", "q", "en", "en/1", 1, 1, 1),
                ("en", "q", "de", "de/1", 2, 4, 4),
                ("de", "q", "en", "en/1", 4, 9, 9),
                ("de", "q", "de", "de/1", 1, 2, 2),
            ]
        ),
    )
    table = measure_benchmark(tmp_path / "ranks.parquet", "b", ["map", "recall@1"], depth=100)
    by = table.set_index(["setting", "query_language"])
    assert by.loc[("mono", "en"), "map"] == 1.0
    assert by.loc[("cross", "en"), "map"] == 0.5
    assert by.loc[("cross", "de"), "map"] == 0.25
    assert by.loc[("multi", "en"), "map"] == pytest.approx((1 + 2 / 4) / 2)
    assert by.loc[("multi", "de"), "map"] == pytest.approx((1 / 2 + 2 / 9) / 2)
    assert by.loc[("multi", "en"), "recall@1"] == 0.5
    assert by.loc[("multi", "en"), "rank_distance"] == 3
    assert by.loc[("multi", "de"), "rank_distance"] == 7
    assert by.loc[("mono", "en"), "rank_distance"] != by.loc[("mono", "en"), "rank_distance"]
    assert table.columns.tolist() == [
        "benchmark", "setting", "query_language", "passage_language", "query_id", "map", "recall@1", "rank_distance",
    ]  # fmt: skip


def test_a_lexical_run_has_only_mono_rows(tmp_path: Path) -> None:
    write_table(tmp_path / "ranks.parquet", ranks_table([("en", "q", "en", "en/1", 3, None, None)]))
    table = measure_benchmark(tmp_path / "ranks.parquet", "b", ["mrr"], depth=100)
    assert table["setting"].tolist() == ["mono"]
    assert table["mrr"].tolist() == [pytest.approx(1 / 3)]
    assert isinstance(table, pd.DataFrame)
