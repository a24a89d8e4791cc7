"""Exported rankings and judgements: other tools compute the same measures from them."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import ranx
from hypothesis import given
from hypothesis import strategies as st

import export_qrels
import export_run
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table, write_json, write_table
from hybridbatch.evaluate.measures import measure_benchmark
from hybridbatch.publish.trec import count_lines, fix_ranks, write_qrels, write_run

LANGUAGES = ["de", "en", "zh"]
SETTINGS = ["mono", "cross", "multi"]
QUERIES = 6
PASSAGES = 20
DECIMALS = 10
CODES = pa.dictionary(pa.int32(), pa.string())
MEASURES = {"map": "map", "mrr": "recip_rank", "recall@10": "recall_10", "ndcg@10": "ndcg_cut_10"}
DEEP = len(LANGUAGES) * PASSAGES


def vectors(rng: np.random.Generator, rows: int) -> np.ndarray:
    values = rng.standard_normal((rows, 8)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def write_benchmark(folder: Path, query_ids: list[str], rng: np.random.Generator) -> None:
    for code in LANGUAGES:
        names = [f"{code}/{number:03d}" for number in rng.permutation(PASSAGES)]
        write_table(folder / code / "queries.parquet", pa.table({"query_id": query_ids}))
        write_table(folder / code / "passages.parquet", pa.table({"passage_id": names}))
        relevant = [(query, names[row]) for query in query_ids for row in rng.choice(PASSAGES, 2, replace=False)]
        columns = {"query_id": [query for query, _ in relevant], "passage_id": [name for _, name in relevant]}
        relevance = pa.array(rng.integers(1, 4, len(relevant)), pa.int32())
        write_table(folder / code / "qrels.parquet", pa.table({**columns, "relevance": relevance}))


def search(folder: Path, depth: int, query_ids: list[str] | None = None) -> None:
    """Write the results of a search of random vectors; four passages are the same in every language, which causes ties."""
    rng = np.random.default_rng(7)
    write_benchmark(folder, query_ids or [f"q{number}" for number in range(QUERIES)], rng)
    shared = vectors(rng, 4)
    passages = {code: np.concatenate([shared, vectors(rng, PASSAGES - 4)]).astype(np.float64) for code in LANGUAGES}
    top: list[tuple[Any, ...]] = []
    ranks: list[tuple[Any, ...]] = []
    for query_language in LANGUAGES:
        questions = read_table(folder / query_language / "queries.parquet")["query_id"].to_pylist()
        asked = vectors(rng, QUERIES).astype(np.float64)
        lists = {code: rankings(folder, code, asked @ passages[code].T) for code in LANGUAGES}
        for code, blocks in lists.items():
            relevant = read_table(folder / code / "qrels.parquet").to_pylist()
            for number, question in enumerate(questions):
                pool = sorted(item for other in lists.values() for item in other[number])
                for rank, (negative, name) in enumerate(blocks[number][:depth], start=1):
                    top.append((query_language, question, code, rank, name, -negative))
                for row in relevant:
                    if row["query_id"] == question:
                        both = [
                            [name for _, name in some].index(row["passage_id"]) + 1 for some in (blocks[number], pool)
                        ]
                        ranks.append(
                            (query_language, question, code, row["passage_id"], row["relevance"], *both, both[1])
                        )
    names = [("query_language", CODES), ("query_id", CODES), ("passage_language", CODES)]
    rest = [("rank", pa.int32()), ("passage_id", CODES), ("score", pa.float32())]
    write_rows(folder / "search/topk.parquet", top, [*names, *rest])
    rest = [("passage_id", CODES), ("relevance", pa.int32())]
    rest += [(name, pa.int64()) for name in ("rank_in_language", "rank_in_pool", "exact_rank_in_pool")]
    write_rows(folder / "search/ranks.parquet", ranks, [*names, *rest])


def rankings(folder: Path, code: str, scores: np.ndarray) -> list[list[tuple[float, str]]]:
    """All passages of a language for each query: by decreasing score, then by id."""
    names = read_table(folder / code / "passages.parquet")["passage_id"].to_pylist()
    return [sorted(zip((-np.round(row, DECIMALS)).tolist(), names, strict=True)) for row in scores]


def write_rows(file: Path, rows: list[tuple[Any, ...]], columns: list[tuple[str, Any]]) -> None:
    schema = pa.schema(columns)
    write_table(file, pa.table([pa.array(column) for column in zip(*rows, strict=True)], schema.names).cast(schema))


def export(folder: Path, setting: str, depth: int) -> tuple[Path, Path]:
    qrels, run = folder / f"{setting}.qrels", folder / f"{setting}.run.gz"
    export_qrels.main(
        ["--benchmark", str(folder), "--languages", *LANGUAGES, "--setting", setting, "--output", str(qrels)]
    )
    options = {
        "--search": folder / "search",
        "--setting": setting,
        "--depth": depth,
        "--tag": "a/b/seed1",
        "--output": run,
    }
    export_run.main([str(word) for option in options.items() for word in option])
    return qrels, run


def measured(folder: Path, setting: str) -> dict[str, dict[str, float]]:
    """The measures of the pipeline, by the name of the query in the exported files."""
    table = measure_benchmark(folder / "search/ranks.parquet", "b", list(MEASURES), 1000, [setting])
    found = {}
    for row in table.to_dict("records"):
        languages = [row["query_language"], *([row["passage_language"]] if setting == "cross" else [])]
        found[".".join([*languages, row["query_id"]])] = {name: row[name] for name in MEASURES}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
def test_other_tools_measure_the_same(tmp_path: Path, setting: str) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    search(tmp_path, DEEP)
    qrels, run = export(tmp_path, setting, DEEP)
    expected = measured(tmp_path, setting)
    assert len(expected) == QUERIES * len(LANGUAGES) * (2 if setting == "cross" else 1)

    with qrels.open() as judgements, gzip.open(run, "rt") as rankings:
        evaluator = pytrec_eval.RelevanceEvaluator(pytrec_eval.parse_qrel(judgements), set(MEASURES.values()))
        by_trec_eval = evaluator.evaluate(pytrec_eval.parse_run(rankings))
    judged = ranx.Qrels.from_file(str(qrels), kind="trec")
    by_ranx = ranx.Run.from_file(str(run))
    ranx.evaluate(judged, by_ranx, list(MEASURES))
    assert set(by_trec_eval) == set(expected)
    for query, values in expected.items():
        for name, value in values.items():
            # ranx's gain is the relevance, trec_eval's too; both divide average precision by all relevant passages.
            assert by_trec_eval[query][MEASURES[name]] == pytest.approx(value, abs=1e-9)
            assert by_ranx.scores[name][query] == pytest.approx(value, abs=1e-9)


@pytest.mark.slow
def test_a_shallow_search_is_exact_down_to_its_depth(tmp_path: Path) -> None:
    search(tmp_path, 10)
    for setting in SETTINGS:
        qrels, run = export(tmp_path, setting, 10)
        judged = ranx.Qrels.from_file(str(qrels), kind="trec")
        rankings = ranx.Run.from_file(str(run))
        ranx.evaluate(judged, rankings, ["recall@10", "ndcg@10"])
        for query, values in measured(tmp_path, setting).items():
            for name in ("recall@10", "ndcg@10"):
                assert rankings.scores[name][query] == pytest.approx(values[name], abs=1e-9)


def test_files_have_the_columns_of_the_format(tmp_path: Path) -> None:
    search(tmp_path, 10)
    for setting in SETTINGS:
        qrels, run = export(tmp_path, setting, 10)
        judgements = pd.read_csv(qrels, sep=" ", header=None, names=["query", "zero", "passage", "relevance"])
        assert set(judgements["zero"]) == {0}
        assert not judgements.duplicated(["query", "passage"]).any()
        rows = pd.read_csv(run, sep=" ", header=None, names=["query", "q0", "passage", "rank", "score", "tag"])
        assert set(rows["q0"]) == {"Q0"}
        assert set(rows["tag"]) == {"a/b/seed1"}
        assert set(rows["query"]) == set(judgements["query"])
        assert not rows.duplicated(["query", "passage"]).any()
        for _, ranking in rows.groupby("query"):
            assert ranking["rank"].tolist() == list(range(1, 11))
            assert ranking["score"].tolist() == list(range(10, 0, -1))


@pytest.mark.parametrize("depth", [10, DEEP])
def test_the_number_of_lines_is_known_from_the_counts(tmp_path: Path, depth: int) -> None:
    search(tmp_path, depth)
    assert count_lines(tmp_path, LANGUAGES, "mono", depth) is None
    for code in LANGUAGES:
        write_json(tmp_path / code / "record.json", {"queries": QUERIES, "passages": PASSAGES})
    for setting in SETTINGS:
        _, run = export(tmp_path, setting, depth)
        assert count_lines(tmp_path, LANGUAGES, setting, depth) == len(gzip.decompress(run.read_bytes()).splitlines())  # type: ignore[arg-type]


def test_equal_rankings_are_equal_files(tmp_path: Path) -> None:
    search(tmp_path, 10)
    for name in ("a", "b"):
        write_run(tmp_path / "search/topk.parquet", tmp_path / "search/ranks.parquet", "mono", 10, "t", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes()[3:8] == bytes(5)  # no name, no time


def test_passages_that_tie_in_float32_have_their_known_ranks(tmp_path: Path) -> None:
    block: dict[str, Any] = {"query_language": ["en", "en"], "query_id": ["q", "q"], "passage_language": ["de", "en"]}
    pair: dict[str, Any] = {"passage_id": ["de/1", "en/1"]}
    score = pa.array([0.5, 0.5], pa.float32())
    write_table(
        tmp_path / "topk.parquet", pa.table({**block, **pair, "rank": pa.array([1, 1], pa.int32()), "score": score})
    )
    write_table(tmp_path / "ranks.parquet", pa.table({**block, **pair, "rank_in_pool": [2, 1]}))
    write_run(tmp_path / "topk.parquet", tmp_path / "ranks.parquet", "multi", 2, "t", tmp_path / "run")
    assert gzip.decompress((tmp_path / "run").read_bytes()) == b"en.q Q0 en/1 1 2 t\nen.q Q0 de/1 2 1 t\n"


@given(st.data())
def test_known_ranks_are_kept_and_other_passages_keep_their_order(data: st.DataObject) -> None:
    ranking = list(range(data.draw(st.integers(0, 12))))
    depth = data.draw(st.integers(1, 12))
    passages = data.draw(st.lists(st.sampled_from(ranking), unique=True)) if ranking else []
    ranks = data.draw(st.permutations(range(1, len(ranking) + 1)))
    known = dict(zip(passages, ranks, strict=False))
    merged = fix_ranks(ranking, known, depth)
    assert len(merged) == len(set(merged)) == min(depth, len(ranking))
    for passage, rank in known.items():
        assert (passage in merged) == (rank <= depth)
        assert rank > depth or merged[rank - 1] == passage
    others = [passage for passage in merged if passage not in known]
    assert others == sorted(others)


@pytest.mark.parametrize("identifier", ["a b", "a\tb", "a\u00a0b", "a\u3000b", "a\u0085b", "a\x1cb", ""])
def test_an_id_with_white_space_is_refused(tmp_path: Path, identifier: str) -> None:
    search(tmp_path, 10, [identifier, *(f"q{number}" for number in range(1, QUERIES))])
    for setting in SETTINGS:
        with pytest.raises(UserError, match=r"qrels\.parquet: the id .* white space"):
            write_qrels(tmp_path, LANGUAGES, setting, tmp_path / "qrels")  # type: ignore[arg-type]
        with pytest.raises(UserError, match=r"topk\.parquet: the id .* white space"):
            write_run(
                tmp_path / "search/topk.parquet", tmp_path / "search/ranks.parquet", setting, 10, "t", tmp_path / "run"
            )  # type: ignore[arg-type]
        assert not (tmp_path / "qrels").exists()
        assert not (tmp_path / "run").exists()


def test_a_ranking_without_rows_is_an_empty_file(tmp_path: Path) -> None:
    search(tmp_path, 10)
    table = read_table(tmp_path / "search/topk.parquet")
    mono = table.filter(pc.equal(table["query_language"], table["passage_language"]))
    write_table(tmp_path / "topk.parquet", mono)
    write_run(tmp_path / "topk.parquet", tmp_path / "search/ranks.parquet", "cross", 10, "t", tmp_path / "run")
    assert gzip.decompress((tmp_path / "run").read_bytes()) == b""
