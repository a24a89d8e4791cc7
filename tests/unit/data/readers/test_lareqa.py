"""LAReQA: a small file made here, and the published counts where the data sets are available."""

import json
from pathlib import Path
from typing import Any

import pytest

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.sources import Source
from hybridbatch.data.benchmark import BenchmarkData
from hybridbatch.data.pairs import Pair
from hybridbatch.data.qrels import select_answerable
from hybridbatch.data.readers import lareqa

DATA = Path(__file__).parents[5] / "shared" / "data" / "lareqa"
# Questions and candidate sentences, as LAReQA's authors counted them (Roy et al., 2020).
PUBLISHED = {
    "xquad-r/ar": (1190, 1222),
    "xquad-r/de": (1190, 1276),
    "xquad-r/el": (1190, 1234),
    "xquad-r/en": (1190, 1180),
    "xquad-r/es": (1190, 1215),
    "xquad-r/hi": (1190, 1244),
    "xquad-r/ru": (1190, 1219),
    "xquad-r/th": (1190, 852),
    "xquad-r/tr": (1190, 1167),
    "xquad-r/vi": (1190, 1209),
    "xquad-r/zh": (1190, 1196),
    "mlqa-r/ar": (517, 2545),
    "mlqa-r/de": (512, 2362),
    "mlqa-r/en": (1148, 6264),
    "mlqa-r/es": (500, 1787),
    "mlqa-r/hi": (507, 2426),
    "mlqa-r/vi": (511, 2828),
    "mlqa-r/zh": (504, 2322),
}


def question(question_id: str, *starts: int) -> dict[str, Any]:
    answers = [{"answer_start": start, "text": "?"} for start in starts]
    return {"id": question_id, "question": f"What of {question_id}?", "answers": answers}


def small() -> dict[str, Any]:
    context = "One. Two. One."
    first = {
        "context": context,
        "sentences": ["One.", "Two.", "One."],
        "sentence_breaks": [[0, 4], [5, 9], [10, 14]],
        "qas": [question("q1", 5), question("q2", 13), question("q3", 0, 1, 8)],
    }
    second = {"context": "One.", "sentences": ["One."], "sentence_breaks": [[0, 4]], "qas": [question("q4", 0)]}
    return {"data": [{"title": "Numbers", "paragraphs": [first]}, {"paragraphs": [second]}]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save(tmp_path / "en.json", small())
    return tmp_path / "en.json"


def save(path: Path, root: dict[str, Any]) -> None:
    path.write_text(json.dumps(root), encoding="utf-8")


def benchmark(path: Path, candidates: str = "sentence") -> BenchmarkData:
    values = {"reader": "lareqa", "path": "lareqa", "languages": ["en"], "candidates": candidates}
    return lareqa.benchmark({"questions": [path]}, Benchmark.model_validate(values), "en")


def pairs(path: Path) -> list[Pair]:
    source = Source.model_validate({"reader": "lareqa", "path": "lareqa", "languages": ["en"]})
    return list(lareqa.pairs({"questions": [path]}, source, "en"))


def test_every_sentence_of_every_paragraph_is_a_candidate(path: Path) -> None:
    passages = list(benchmark(path).passages)
    assert [passage.passage_id for passage in passages] == ["000000/0000", "000000/0001", "000000/0002", "000001/0000"]
    assert [passage.text for passage in passages] == ["One.", "Two.", "One.", "One."]
    assert [passage.title for passage in passages] == ["Numbers", "Numbers", "Numbers", None]
    assert [passage.context for passage in passages] == ["One. Two. One."] * 3 + ["One."]


def test_relevant_is_the_sentence_that_holds_the_start_of_an_answer(path: Path) -> None:
    made = benchmark(path)
    assert [(query.query_id, query.text) for query in made.queries] == [
        ("q1", "What of q1?"),
        ("q2", "What of q2?"),
        ("q3", "What of q3?"),
        ("q4", "What of q4?"),
    ]
    assert [tuple(judgement[1:]) for judgement in made.judgements] == [
        ("q1", "000000/0001", 1),
        ("q2", "000000/0002", 1),
        ("q3", "000000/0000", 1),
        ("q3", "000000/0001", 1),
        ("q4", "000001/0000", 1),
    ]


def test_sentence_and_context(path: Path) -> None:
    texts = [passage.text for passage in benchmark(path, "sentence_and_context").passages]
    assert texts == ["One. One. Two. One.", "Two. One. Two. One.", "One. One. Two. One.", "One. One."]


def test_pairs(path: Path) -> None:
    assert pairs(path) == [
        Pair("q1", "What of q1?", "Two."),
        Pair("q2", "What of q2?", "One."),
        Pair("q3", "What of q3?", "One."),
        Pair("q4", "What of q4?", "One."),
    ]


@pytest.mark.parametrize("size", [0, 1, 100])
def test_truncated_file_is_named(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match=r"en\.json: is truncated or not JSON"):
        lareqa.read(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json: cannot be read"):
        lareqa.read(tmp_path / "none.json")


@pytest.mark.parametrize("start", [4, 9, 14, -1])
def test_answer_outside_every_sentence_names_the_question(path: Path, start: int) -> None:
    root = small()
    root["data"][0]["paragraphs"][0]["qas"][1] = question("astray", start)
    save(path, root)
    with pytest.raises(UserError, match=r"en\.json: article 0, paragraph 0, question 'astray'"):
        lareqa.read(path)


@pytest.mark.parametrize("key", ["context", "sentences", "sentence_breaks", "qas"])
def test_missing_key_of_a_paragraph_is_named(path: Path, key: str) -> None:
    root = small()
    del root["data"][1]["paragraphs"][0][key]
    save(path, root)
    with pytest.raises(UserError, match=rf"en\.json: article 1, paragraph 0: key '{key}' is missing"):
        lareqa.read(path)


@pytest.mark.parametrize("key", ["id", "question", "answers"])
def test_missing_key_of_a_question_is_named(path: Path, key: str) -> None:
    root = small()
    del root["data"][0]["paragraphs"][0]["qas"][0][key]
    save(path, root)
    with pytest.raises(UserError, match=rf"en\.json: article 0, paragraph 0.*: key '{key}' is missing"):
        lareqa.read(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sentence_breaks", [[0, 4], [5, 9]]),
        ("sentence_breaks", [[0, 4], [5, 9], [10, 15]]),
        ("sentence_breaks", [[0, 4], [5, 9], [10]]),
        ("sentences", ["One.", "Two.", 3]),
        ("context", 3),
        ("qas", [question("q1")]),
    ],
)
def test_unsound_paragraph_is_refused(path: Path, key: str, value: object) -> None:
    root = small()
    root["data"][0]["paragraphs"][0][key] = value
    save(path, root)
    with pytest.raises(UserError, match=r"en\.json: article 0, paragraph 0"):
        lareqa.read(path)


@pytest.mark.parametrize("root", [[], {}, {"data": {}}, {"data": [1]}])
def test_other_json_is_refused(path: Path, root: dict[str, Any]) -> None:
    save(path, root)
    with pytest.raises(UserError, match=r"en\.json"):
        lareqa.read(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name: str) -> None:
    path = DATA / f"{name}.json"
    if not path.exists():
        pytest.skip("this file of LAReQA is not next to the repository")
    made = benchmark(path)
    found = select_answerable(made.queries, made.judgements, False)
    ids = [passage.passage_id for passage in made.passages]
    assert (len(found.queries), len(ids)) == PUBLISHED[name]
    assert len(found.relevant) == len(found.queries)
    assert ids == sorted(set(ids))
    assert [pair.pair_id for pair in pairs(path)] == [query.query_id for query in made.queries]


@pytest.mark.parametrize("name", PUBLISHED)
def test_spans_are_their_sentences(name: str) -> None:
    path = DATA / f"{name}.json"
    if not path.exists():
        pytest.skip("this file of LAReQA is not next to the repository")
    different = [
        sentence
        for paragraph in lareqa.read(path)
        for (start, end), sentence in zip(paragraph.spans, paragraph.sentences, strict=True)
        if paragraph.context[start:end] != sentence
    ]
    # One Turkish paragraph holds a wrongly decoded character, which shifts its last two spans by up to two places.
    assert len(different) == (2 if name == "xquad-r/tr" else 0)
