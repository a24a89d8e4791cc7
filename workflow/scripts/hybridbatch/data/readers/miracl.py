"""MIRACL (Zhang et al., 2023, https://doi.org/10.1162/tacl_a_00595): topics, TREC judgements, and passages as JSON lines."""

import re
from collections.abc import Iterator
from pathlib import Path

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.data.benchmark import BenchmarkData, Files, Judgement, Passage, Query, with_title
from hybridbatch.data.published import fill
from hybridbatch.data.qrels import whole_number
from hybridbatch.data.tabular import read_lines, read_rows, read_texts, text_of

NUMBER = re.compile(r"-(\d+)\.")
FILES = {
    "corpus": "miracl-corpus-v1.0-{language}/docs-*.jsonl.gz",
    "queries": "miracl-v1.0-{language}/topics/topics.miracl-v1.0-{language}-{split}.tsv",
    "qrels": "miracl-v1.0-{language}/qrels/qrels.miracl-v1.0-{language}-{split}.tsv",
}


def file_names(section: Benchmark, language: str) -> dict[str, str]:
    """Return the files of one language, by name; of the split ``dev`` unless the benchmark names another one."""
    return fill(FILES, section, section.language_names.get(language, language), "dev")


def benchmark(files: Files, section: Benchmark, _language: str) -> BenchmarkData:
    """Read one language. A topic without judgements is an error."""
    passages = _passages(files["corpus"], section.title)
    return BenchmarkData(queries(files["queries"]), passages, judgements(files["qrels"]))


def queries(files: list[Path]) -> Iterator[Query]:
    """Yield the topics: lines of an id, a tab and a text."""
    for file in files:
        for place, query_id, text in read_texts(file):
            yield Query(place, query_id, text)


def judgements(files: list[Path]) -> Iterator[Judgement]:
    """Yield the judgements: lines of query, Q0, passage and relevance, between tabs or spaces.

    Raises:
        UserError: if a line has another form.
    """
    for file in files:
        for place, line in read_lines(file):
            cells = line.split()
            if len(cells) != 4:
                raise UserError(f"{place}: has {len(cells)} cells; it must have four: query, Q0, passage, relevance")
            yield Judgement(place, cells[0], cells[2], whole_number(cells[3], place))


def in_order(files: list[Path]) -> list[Path]:
    """Return the files of a series, such as ``docs-0``, ``docs-1``, ..., in the order of their numbers.

    Raises:
        UserError: if a number is missing between 0 and the highest.
    """
    numbered = {int(match[1]): file for file in files if (match := NUMBER.search(file.name))}
    if len(numbered) != len(files):
        return sorted(files)
    for number in range(len(numbered)):
        if number not in numbered:
            last = numbered[max(numbered)]
            raise UserError(f"{last.parent}: has {last.name}, but not number {number} of the series; fetch it too")
    return [numbered[number] for number in sorted(numbered)]


def _passages(files: list[Path], prepend_title: bool) -> Iterator[Passage]:
    for file in in_order(files):
        for place, row in read_rows(file):
            title = text_of(row, place, "title") if row.get("title") is not None else ""
            text = text_of(row, place, "text")
            docid = text_of(row, place, "docid")
            yield Passage(place, docid, with_title(title, text) if prepend_title else text, title or None)
