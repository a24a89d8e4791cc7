"""LAReQA (XQuAD-R, MLQA-R): SQuAD's JSON with paragraphs split into sentences.

A candidate is a sentence of a paragraph; a question's relevant sentence is the one in which an answer starts (Roy et al., 2020,
LAReQA: Language-agnostic answer retrieval from a multilingual pool).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.sources import Source
from hybridbatch.data.benchmark import BenchmarkData, Files, Judgement, Passage, Query
from hybridbatch.data.pairs import Pair

Value = TypeVar("Value")


@dataclass(frozen=True)
class Question:
    """A question and the positions, within its paragraph, of the sentences that answer it: one or more."""

    question_id: str
    text: str
    relevant: list[int]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph: ``spans[i]`` is the half-open range of characters of ``sentences[i]`` in ``context``."""

    title: str | None
    context: str
    sentences: list[str]
    spans: list[tuple[int, int]]
    questions: list[Question]


def read(path: Path) -> list[Paragraph]:
    """Read a LAReQA file.

    Raises:
        UserError: if the file is missing, truncated or not JSON; a key is missing or of another type; sentences and spans
            differ in number; or an answer starts in no sentence (the question's id is named).
    """
    try:
        root = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); download it first") from error
    except ValueError as error:
        raise UserError(f"{path}: is truncated or not JSON ({error}); delete it and download it again") from error
    return list(_paragraphs(root, str(path)))


def file_names(_section: Source | Benchmark, language: str) -> dict[str, str]:
    """Return the file of one language, by name, below the folder of the data."""
    return {"questions": f"{language}.json"}


def pairs(files: Files, _source: Source, _language: str) -> Iterator[Pair]:
    """Yield the pairs of one language: question id, question, and the sentence that holds its first answer."""
    for paragraph in read(files["questions"][0]):
        for question in paragraph.questions:
            yield Pair(question.question_id, question.text, paragraph.sentences[question.relevant[0]])


def benchmark(files: Files, section: Benchmark, _language: str) -> BenchmarkData:
    """Read one language; a passage id is ``<paragraph>/<sentence>``, in file order."""
    queries: list[Query] = []
    passages: list[Passage] = []
    judgements: list[Judgement] = []
    [path] = files["questions"]
    for number, paragraph in enumerate(read(path)):
        ids = [f"{number:06d}/{position:04d}" for position in range(len(paragraph.sentences))]
        for passage_id, sentence in zip(ids, paragraph.sentences, strict=True):
            text = sentence if section.candidates == "sentence" else f"{sentence} {paragraph.context}"
            passages.append(Passage(f"{path}: {passage_id}", passage_id, text, paragraph.title, paragraph.context))
        for question in paragraph.questions:
            place = f"{path}: question {question.question_id!r}"
            queries.append(Query(place, question.question_id, question.text))
            judgements += [Judgement(place, question.question_id, ids[position]) for position in question.relevant]
    return BenchmarkData(queries, passages, judgements)


def _paragraphs(root: object, place: str) -> Iterator[Paragraph]:
    for number, article in enumerate(_get(root, "data", list, place)):
        where = f"{place}: article {number}"
        title = _get(article, "title", str, where) if isinstance(article, dict) and "title" in article else None
        for position, paragraph in enumerate(_get(article, "paragraphs", list, where)):
            yield _paragraph(paragraph, title, f"{where}, paragraph {position}")


def _paragraph(paragraph: object, title: str | None, place: str) -> Paragraph:
    context = _get(paragraph, "context", str, place)
    sentences = _get(paragraph, "sentences", list, place)
    breaks = _get(paragraph, "sentence_breaks", list, place)
    if not all(isinstance(sentence, str) for sentence in sentences):
        raise UserError(f"{place}: key 'sentences' must be a list of strings; download the file again")
    if not all(_is_span(span, len(context)) for span in breaks):
        raise UserError(
            f"{place}: key 'sentence_breaks' must be spans [start, end] within 'context'; download it again"
        )
    if len(sentences) != len(breaks):
        raise UserError(
            f"{place}: {len(sentences)} 'sentences' and {len(breaks)} 'sentence_breaks'; there must be a span for each "
            "sentence, download the file again"
        )
    spans = [(start, end) for start, end in breaks]
    questions = [_question(question, spans, place) for question in _get(paragraph, "qas", list, place)]
    return Paragraph(title, context, sentences, spans, questions)


def _is_span(span: object, length: int) -> bool:
    match span:
        case [int(start), int(end)]:
            return 0 <= start < end <= length
    return False


def _question(question: object, spans: list[tuple[int, int]], place: str) -> Question:
    question_id = _get(question, "id", str, place)
    place = f"{place}, question {question_id!r}"
    relevant: list[int] = []
    for answer in _get(question, "answers", list, place):
        start = _get(answer, "answer_start", int, place)
        position = next((i for i, (first, end) in enumerate(spans) if first <= start < end), None)
        if position is None:
            raise UserError(f"{place}: its answer at character {start} is in no sentence; remove the question")
        if position not in relevant:
            relevant.append(position)
    if not relevant:
        raise UserError(f"{place}: has no answer; give it one or remove the question")
    return Question(question_id, _get(question, "question", str, place), relevant)


def _get(mapping: object, key: str, kind: type[Value], place: str) -> Value:
    if not isinstance(mapping, dict) or key not in mapping:
        raise UserError(f"{place}: key {key!r} is missing; name a file in LAReQA's form")
    value = mapping[key]
    if not isinstance(value, kind):
        raise UserError(f"{place}: key {key!r} must be of type {kind.__name__}; name a file in LAReQA's form")
    return value
