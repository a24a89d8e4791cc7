"""Duplicates and near-duplicates of evaluation texts are found, and only those."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridbatch.clean.decontamination import (
    PERMUTATIONS,
    TEXTS,
    EvaluationTexts,
    bands,
    evaluation_texts,
    jaccard,
    key,
    ngrams,
    signatures,
)
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_table
from hybridbatch.config.cleaning import NearDuplicates
from hybridbatch.data import benchmark

NEAR = NearDuplicates()
LETTERS = {
    "latin": "abcdefghijklmnopqrstuvwxyz",
    "han": "".join(map(chr, range(0x4E00, 0x4E00 + 800))),
    "thai": "".join(map(chr, range(0x0E01, 0x0E2F))),
}


def index(texts: list[str], near: NearDuplicates = NEAR) -> EvaluationTexts:
    return EvaluationTexts(pa.table([[key(text) for text in texts], ["test/en"] * len(texts)], schema=TEXTS), near)


def random_text(generator: random.Random, script: str, length: int = 200) -> str:
    return "".join(generator.choices(LETTERS[script], k=length))


def planted(generator: random.Random, text: str, script: str) -> str:
    """Change random characters until the similarity is just above the threshold."""
    best = text
    for position in generator.sample(range(len(text)), len(text)):
        changed = best[:position] + generator.choice(LETTERS[script]) + best[position + 1 :]
        if jaccard(ngrams(key(changed), NEAR.ngram), ngrams(key(text), NEAR.ngram)) < NEAR.threshold:
            break
        best = changed
    return best


@pytest.mark.parametrize("script", LETTERS)
def test_planted_near_duplicates_are_found_and_clean_texts_kept(script: str) -> None:
    generator = random.Random(7)
    texts = [random_text(generator, script) for _ in range(300)]
    close = [planted(generator, text, script) for text in texts]
    clean = [random_text(generator, script) for _ in range(300)]
    evaluation = index(texts)
    found = evaluation.near([key(text) for text in close])
    assert sum(match is not None for match in found) / len(close) >= 0.98  # exactly at the threshold, the hardest case
    assert all(match.text == text for match, text in zip(found, map(key, texts), strict=True) if match)
    assert evaluation.near([key(text) for text in clean]) == [None] * len(clean)
    # With half of the text replaced, the similarity is below the threshold.
    assert not any(evaluation.near([key(text[:100] + random_text(generator, script, 100)) for text in texts]))


def test_similarity_of_a_match_is_the_exact_one() -> None:
    text = "the cathedral of seville is the largest gothic church in the world"
    other = "the cathedral of seville is the largest gothic church in all the world"
    (match,) = index([text], NearDuplicates(threshold=0.5)).near([other])
    assert match is not None
    assert match.similarity == jaccard(ngrams(text, 5), ngrams(other, 5))
    assert match.benchmark == "test/en"


def test_minhash_estimates_the_exact_jaccard_similarity() -> None:
    generator = random.Random(3)
    for share in (0.0, 0.3, 0.6, 0.9, 1.0):
        cut = round(share * 400)
        errors = []
        for _ in range(8):
            first = random_text(generator, "latin", 400)
            second = first[:cut] + random_text(generator, "latin", 400 - cut)
            one, two = signatures([first, second], NEAR.ngram)
            errors.append(np.mean(one == two) - jaccard(ngrams(first, NEAR.ngram), ngrams(second, NEAR.ngram)))
        # Three standard deviations.
        assert abs(np.mean(errors)) <= 3 * 0.5 / np.sqrt(8 * PERMUTATIONS)


@given(st.lists(st.text(min_size=5, max_size=40), min_size=1, max_size=8))
def test_signatures_do_not_depend_on_the_other_texts(texts: list[str]) -> None:
    together = signatures(texts, NEAR.ngram)
    assert together.shape == (len(texts), PERMUTATIONS)
    for row, text in enumerate(texts):
        assert (signatures([text], NEAR.ngram)[0] == together[row]).all()


@pytest.mark.parametrize(("threshold", "permutations"), [(0.8, 128), (0.5, 256), (0.95, 64), (0.3, 16), (1.0, 16)])
def test_bands_reach_the_recall_where_possible(threshold: float, permutations: int) -> None:
    count, rows = bands(threshold, permutations)
    assert count * rows <= permutations
    assert rows == 1 or 1 - (1 - threshold**rows) ** count >= 0.99


@settings(max_examples=50)
@given(st.text(max_size=60), st.text(max_size=60), st.integers(1, 8))
def test_jaccard_is_symmetric_and_one_for_itself(first: str, second: str, size: int) -> None:
    one, two = ngrams(first, size), ngrams(second, size)
    assert jaccard(one, two) == jaccard(two, one)
    assert jaccard(one, one) == 1
    assert 0 <= jaccard(one, two) <= 1


def test_exact_search_ignores_case_character_form_and_white_space() -> None:
    evaluation = index(["Wer  war Ärztin?", "東京はどこ？"])
    found = evaluation.exact([key(text) for text in ("wer war A\u0308RZTIN?", "東京はどこ?", "Wer war Arzt?")])
    assert [match is not None for match in found] == [True, True, False]


def test_short_texts_have_no_near_duplicates() -> None:
    assert index(["who is he now?"]).near(["who is she now?"]) == [None]


def test_empty_index() -> None:
    evaluation = index([])
    assert len(evaluation) == 0
    assert evaluation.exact(["a text"]) == [None]
    assert evaluation.near(["a text that is long enough"]) == [None]


def write_benchmark(folder: Path) -> None:
    queries = pa.table({"query_id": ["q"], "text": ["Who built it?"]}, schema=benchmark.QUERIES)
    passages = {
        "passage_id": ["en/1", "en/2"],
        "text": ["It was built by hand.", "Nobody lives there."],
        "title": [None, None],
        "context": ["It was built by hand. It took years.", None],
    }
    qrels = {"query_id": ["q"], "passage_id": ["en/1"], "relevance": [1]}
    write_table(folder / "queries.parquet", queries)
    write_table(folder / "passages.parquet", pa.table(passages, schema=benchmark.PASSAGES))
    write_table(folder / "qrels.parquet", pa.table(qrels, schema=benchmark.QRELS))


@pytest.mark.parametrize(("passages", "other"), [("all", True), ("relevant", False)])
def test_queries_passages_and_contexts_are_indexed(tmp_path: Path, passages: str, other: bool) -> None:
    write_benchmark(tmp_path / "facts" / "en")
    texts = ["who built it?", "it was built by hand.", "it was built by hand. it took years.", "nobody lives there."]
    with evaluation_texts([tmp_path / "facts" / "en"], passages, NEAR) as evaluation:
        found = evaluation.exact(texts)
        assert [match is not None for match in found] == [True, True, True, other]
        assert found[0] is not None
        assert found[0].benchmark == "facts/en"


def test_damaged_benchmark_is_an_error(tmp_path: Path) -> None:
    write_benchmark(tmp_path)
    (tmp_path / "passages.parquet").write_bytes(b"PAR1")
    with (
        pytest.raises(UserError, match=r"passages.parquet: cannot be read as parquet"),
        evaluation_texts([tmp_path], "all", NEAR),
    ):
        pass
