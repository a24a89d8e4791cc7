"""BM25 scores against the formula, and ranks within a language."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from hybridbatch.common.files import read_table, write_table
from hybridbatch.search.bm25 import Index, search_bm25

PASSAGES = [["a", "b", "a"], ["b"], ["c", "c", "c", "c", "a"], ["d"]]


def bm25_scores(passages: list[list[str]], queries: list[list[str]], k1: float, b: float) -> np.ndarray:
    index = Index(iter(passages), k1, b)
    return np.array([index.scores(query) for query in queries])


def by_formula(passages: list[list[str]], query: list[str], k1: float, b: float) -> list[float]:
    """Lucene's variant in Kamphuis et al. 2020, table 1, with exact lengths: sums over the query's tokens, repeats included."""
    mean_length = sum(map(len, passages)) / len(passages)
    scores = []
    for passage in passages:
        score = 0.0
        for token in query:
            containing = sum(token in other for other in passages)
            frequency = passage.count(token)
            idf = math.log(1 + (len(passages) - containing + 0.5) / (containing + 0.5))
            length = 1 - b + b * len(passage) / mean_length
            score += idf * frequency / (frequency + k1 * length) if frequency else 0.0
        scores.append(score)
    return scores


@pytest.mark.parametrize("query", [["a"], ["b", "c"], ["a", "a", "d"], ["a", "z"]])
@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.2, 0.75), (2.0, 0.0), (0.5, 1.0)])
def test_scores_follow_the_formula(query: list[str], k1: float, b: float) -> None:
    (scores,) = bm25_scores(PASSAGES, [query], k1, b)
    np.testing.assert_allclose(scores, by_formula(PASSAGES, query, k1, b), rtol=1e-6)


def test_a_score_worked_out_by_hand() -> None:
    ((score, other),) = bm25_scores([["a"], ["b"]], [["a"]], k1=1.0, b=0.0)
    # idf = ln(1 + 1.5/1.5) = ln 2; tf = 1 / (1 + 1)
    assert score == pytest.approx(math.log(2) / 2, abs=1e-7)
    assert other == 0


def test_queries_without_a_known_token_score_nothing() -> None:
    scores = bm25_scores(PASSAGES, [[], ["z"], ["", "z"], ["a"]], 0.9, 0.4)
    assert scores.shape == (4, 4)
    assert not scores[:3].any()
    assert scores[3].any()


def test_empty_passages_score_nothing() -> None:
    scores = bm25_scores([["a"], [], ["b"]], [["a", "b"]], 0.9, 0.4)
    np.testing.assert_allclose(scores[0], by_formula([["a"], [], ["b"]], ["a", "b"], 0.9, 0.4), rtol=1e-6)
    assert not bm25_scores([[], []], [["a"]], 0.9, 0.4).any()


TOKENS = st.lists(st.sampled_from("abcde"), max_size=6)


@given(st.lists(TOKENS, min_size=1, max_size=5), TOKENS, st.floats(0.1, 3), st.floats(0, 1))
def test_scores_follow_the_formula_for_any_texts(
    passages: list[list[str]], query: list[str], k1: float, b: float
) -> None:
    (scores,) = bm25_scores(passages, [query], k1, b)
    expected = by_formula(passages, query, k1, b) if any(passages) else [0.0] * len(passages)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-9)


def write_benchmark(folder: Path) -> list[str]:
    texts = {"en": ["a a", "b", "a c"], "de": ["b b", "b b", "a"]}
    for language, passages in texts.items():
        ids = [f"{language}/{number}" for number in range(len(passages))]
        write_table(folder / language / "queries.parquet", pa.table({"query_id": ["q1", "q2"], "text": ["a", "b"]}))
        nothing = pa.nulls(len(ids), pa.string())
        write_table(
            folder / language / "passages.parquet",
            pa.table({"passage_id": ids, "text": passages, "title": nothing, "context": nothing}),
        )
        judged = {"query_id": ["q1", "q2"], "passage_id": [ids[2], ids[1]]}
        write_table(
            folder / language / "qrels.parquet", pa.table({**judged, "relevance": pa.array([1, 1], pa.int32())})
        )
    return list(texts)


def test_each_language_is_searched_by_itself(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "c": 2}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    languages = write_benchmark(tmp_path / "benchmark")
    search_bm25(tmp_path / "benchmark", languages, tokenizer, 0.9, 0.4, 2, tmp_path / "search")
    ranks = read_table(tmp_path / "search/ranks.parquet").to_pylist()
    found = {(row["query_language"], row["query_id"]): row for row in ranks}
    assert {row["passage_language"] == row["query_language"] for row in ranks} == {True}
    # en q1: "a a" ranks before "a c". de q2: passages 0 and 1 tie, and the smaller id comes first.
    assert {key: row["rank_in_language"] for key, row in found.items()} == {
        ("en", "q1"): 2,
        ("en", "q2"): 1,
        ("de", "q1"): 1,
        ("de", "q2"): 2,
    }
    assert {row["rank_in_pool"] for row in ranks} == {None}
    top = read_table(tmp_path / "search/topk.parquet").to_pylist()
    assert [row["passage_id"] for row in top if (row["query_language"], row["query_id"]) == ("de", "q2")] == [
        "de/0",
        "de/1",
    ]
    assert len(top) == 2 * 2 * 2
