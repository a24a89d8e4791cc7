"""A benchmark measured only within languages, from its files to its measures, against brute force."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from miracl_files import write_miracl
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers
from vector_files import write_indexes, write_vectors

from build_index import main as index
from evaluate import main as evaluate
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table, write_table
from hybridbatch.config.search import Search
from hybridbatch.encode.vectors import open_vectors
from hybridbatch.search import bm25 as lexical_search
from hybridbatch.search.faiss_index import Index
from hybridbatch.search.search_benchmark import search_benchmark
from prepare_benchmark import main as prepare
from search import main as search
from search_bm25 import main as bm25

LANGUAGES = ["sw", "te", "yo"]
PASSAGES, QUERIES, DIMENSION = 300, 25, 8


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three languages of random passages and vectors with ties, prepared from MIRACL's form."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    for code in LANGUAGES:
        docs = {f"{n}#0": ("", " ".join(f"w{w}" for w in rng.integers(0, 40, 12))) for n in rng.permutation(PASSAGES)}
        topics = {str(n): " ".join(f"w{w}" for w in rng.integers(0, 45, 4)) for n in range(QUERIES)}
        qrels = [
            (query, str(name), int(n > 2))
            for query in topics
            for n, name in enumerate(rng.choice(list(docs), 3 + int(rng.integers(0, 6)), replace=False))
        ]
        arguments = write_miracl(folder, code, topics, qrels, docs, per_file=90)
        prepare([*arguments, "--output", str(folder / "benchmark" / code)])
        for kind in ("queries", "passages"):
            rows = read_table(folder / "benchmark" / code / f"{kind}.parquet").num_rows
            vectors = rng.standard_normal((rows, DIMENSION)).astype(np.float32)
            vectors[: rows // 4] = vectors[rows // 4 : 2 * (rows // 4)]
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            write_vectors(folder / "vectors", code, kind, vectors, 2)
    write_indexes(folder / "vectors", folder / "indexes", LANGUAGES, index_rows=120)
    search_into(folder, "search")
    return folder


def search_into(folder: Path, output: str, *options: str) -> None:
    words = ["--languages", *LANGUAGES, "--embeddings", str(folder / "vectors"), "--indexes", str(folder / "indexes")]
    words += ["--benchmark", str(folder / "benchmark"), "--output", str(folder / output), "--monolingual"]
    search([*words, "--settings", '{"depth": 100}', *options])


def brute_force(folder: Path, code: str) -> NDArray[np.float64]:
    queries = open_vectors(folder / "vectors", code, "queries")[:]
    passages = Index(folder / "indexes", folder / "vectors", code, Search()).vectors[:]
    return np.round(queries.astype(np.float64) @ passages.astype(np.float64).T, 10)


def trec_measures(folder: Path, code: str, scores: NDArray[np.float64]) -> pd.DataFrame:
    """Measures of trec_eval for complete rankings, ties by id."""
    benchmark = folder / "benchmark" / code
    names = np.array(read_table(benchmark / "passages.parquet")["passage_id"].to_pylist())
    queries = read_table(benchmark / "queries.parquet")["query_id"].to_pylist()
    qrels: dict[str, dict[str, int]] = {query: {} for query in queries}
    # All judgements as published, with those of relevance 0.
    for line in (folder / f"miracl-v1.0-{code}/qrels/qrels.miracl-v1.0-{code}-dev.tsv").read_text().splitlines():
        query, _, name, relevance = line.split("\t")
        if query in qrels:
            qrels[query][f"{code}/{name}"] = int(relevance)
    run = {}
    for row, query in enumerate(queries):
        order = np.lexsort((names, -scores[row]))
        run[query] = {str(names[passage]): float(len(names) - rank) for rank, passage in enumerate(order)}
    pytrec_eval = pytest.importorskip("pytrec_eval")
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.100", "map"})
    found = pd.DataFrame(evaluator.evaluate(run)).T
    return found.rename(columns={"ndcg_cut_10": "ndcg@10", "recall_100": "recall@100"})


def measured(folder: Path, run: str, *measures: str) -> pd.DataFrame:
    output = folder / f"{run}.measures.parquet"
    words = ["--ranks", f"miracl={folder / run / 'ranks.parquet'}", "--measured", '{"miracl": ["mono"]}']
    settings = json.dumps({"measures": measures or ["ndcg@10", "recall@100", "map"], "tables": {}})
    evaluate([*words, "--settings", settings, "--output", str(output)])
    return read_table(output).to_pandas()


def test_measures_equal_trec_eval_on_brute_force(world: Path) -> None:
    table = measured(world, "search")
    assert set(table["setting"]) == {"mono"}
    assert table["rank_distance"].isna().all()
    for code in LANGUAGES:
        wanted = trec_measures(world, code, brute_force(world, code))
        own = table[table["query_language"] == code].set_index("query_id")
        assert len(own) == len(wanted) <= QUERIES
        for name in ("ndcg@10", "recall@100", "map"):
            np.testing.assert_allclose(own[name].loc[wanted.index], wanted[name], atol=1e-9)


def test_only_blocks_of_one_language_are_searched(world: Path) -> None:
    for name in ("topk", "ranks"):
        table = read_table(world / "search" / f"{name}.parquet").to_pandas()
        assert (table["query_language"].astype(str) == table["passage_language"].astype(str)).all()
    assert table["rank_in_pool"].isna().all()
    assert table["exact_rank_in_pool"].isna().all()


def test_ranks_are_those_of_the_search_of_all_blocks(world: Path) -> None:
    code = "te"
    queries = {code: open_vectors(world / "vectors", code, "queries")}
    passages = {code: Index(world / "indexes", world / "vectors", code, Search())}
    search_benchmark(world / "benchmark", [code], queries, passages, Search(depth=100), world / "all")
    columns = ["query_id", "passage_id", "relevance", "rank_in_language"]
    everything = read_table(world / "search" / "ranks.parquet").to_pandas()
    own = everything[everything["passage_language"] == code][columns].astype(str).reset_index(drop=True)
    assert own.equals(read_table(world / "all" / "ranks.parquet").to_pandas()[columns].astype(str))


def test_measures_down_to_the_depth_need_no_ranks_below_it(world: Path) -> None:
    search_into(world, "found", "--only-found")
    exact, found = (read_table(world / run / "ranks.parquet").to_pandas() for run in ("search", "found"))
    known = exact["rank_in_language"] <= 100
    assert 0.2 < known.mean() < 0.8
    assert found.equals(exact.assign(rank_in_language=exact["rank_in_language"].where(known)))
    pd.testing.assert_frame_equal(
        measured(world, "found", "ndcg@10", "recall@100"), measured(world, "search", "ndcg@10", "recall@100")
    )


def test_an_approximate_index_gives_its_own_ranks(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridbatch.search.search_benchmark.RECALL_SAMPLE", 9)
    passages = Index(world / "indexes", world / "vectors", "sw", Search()).vectors[:]
    write_vectors(world / "kept", "sw", "queries", open_vectors(world / "vectors", "sw", "queries")[:])
    write_vectors(world / "kept", "sw", "passages", passages)
    common = ["--languages", "sw", "--embeddings", str(world / "kept")]
    settings = json.dumps({"index": "IVF8,Flat", "index_rows": 200, "parameters": "nprobe=2", "depth": 50})
    common += ["--settings", settings]
    index([*common, "--output", str(world / "approximate")])
    folders = ["--benchmark", str(world / "benchmark"), "--indexes", str(world / "approximate")]
    search([*common, *folders, "--monolingual", "--output", str(world / "ivf")])
    ranks = read_table(world / "ivf" / "ranks.parquet").to_pandas()
    top = read_table(world / "ivf" / "topk.parquet").to_pandas()
    assert ranks["rank_in_language"].isna().any()
    joined = ranks.astype({"query_id": str, "passage_id": str}).merge(
        top.astype({"query_id": str, "passage_id": str}), on=["query_id", "passage_id"], how="left"
    )
    np.testing.assert_array_equal(joined["rank_in_language"], joined["rank"])
    recall = pd.read_csv(world / "ivf" / "recall.csv")
    assert recall["k"].tolist() == [10, 50]
    assert recall["queries"].tolist() == [9, 9]
    assert recall["recall"].between(0.1, 0.99).all()


def test_bm25_equals_trec_eval_on_its_scores(world: Path) -> None:
    words = {f"w{number}": number for number in range(40)}
    tokenizer = Tokenizer(models.WordLevel({**words, "[UNK]": 40}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(world / "tokenizer.json"))
    arguments = ["--benchmark", str(world / "benchmark"), "--tokenizer", str(world / "tokenizer.json")]
    arguments += ["--languages", *LANGUAGES, "--settings", "{}", "--depth", "100"]
    bm25([*arguments, "--output", str(world / "bm25")])
    table = measured(world, "bm25")
    for code in LANGUAGES:
        texts = {
            kind: [
                encoding.tokens
                for encoding in tokenizer.encode_batch(
                    read_table(world / "benchmark" / code / f"{kind}.parquet")["text"].to_pylist()
                )
            ]
            for kind in ("queries", "passages")
        }
        lexical = lexical_search.Index(iter(texts["passages"]), 0.9, 0.4)
        wanted = trec_measures(world, code, np.array([lexical.scores(query) for query in texts["queries"]]))
        own = table[table["query_language"] == code].set_index("query_id")
        np.testing.assert_allclose(own["ndcg@10"].loc[wanted.index], wanted["ndcg@10"], atol=1e-9)
        np.testing.assert_allclose(own["map"].loc[wanted.index], wanted["map"], atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_best_rows_are_the_first_of_the_full_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, order = rng.integers(0, 4, 30).astype(np.float64), rng.permutation(30)
    for k in (1, 7, 30):
        assert set(lexical_search.best_rows(scores, order, k)) == set(np.lexsort((order, -scores))[:k])


def test_ids_that_differ_between_languages_are_no_cross_lingual_benchmark(tmp_path: Path) -> None:
    for code in ("de", "en"):
        rows = {
            "queries": {"query_id": [f"{code}1"], "text": ["q"]},
            "passages": {"passage_id": [f"{code}/1"], "text": ["p"]},
        }
        rows["qrels"] = {"query_id": [f"{code}1"], "passage_id": [f"{code}/1"], "relevance": pa.array([1], pa.int32())}
        for kind, columns in rows.items():
            write_table(tmp_path / code / f"{kind}.parquet", pa.table(columns))
    with pytest.raises(
        UserError, match=r"query ids differ between languages; set the benchmark's settings to \[mono\]"
    ):
        search_benchmark(tmp_path, ["de", "en"], {}, {}, Search(), tmp_path / "run")
