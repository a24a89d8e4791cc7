"""BEIR and MTEB: a corpus (id, title, text), queries (id, text) and judgements (query-id, corpus-id, score).

Ids are in the column ``_id`` (BEIR) or ``id`` (newer data sets of MTEB). BEIR's files are JSON lines, and TSV for judgements; MTEB's are
parquet.
"""

from collections.abc import Iterator
from pathlib import Path

from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.data.benchmark import BenchmarkData, Files, Judgement, Passage, Query, with_title
from hybridbatch.data.published import fill
from hybridbatch.data.qrels import whole_number
from hybridbatch.data.tabular import read_rows, text_of

# As MTEB names them.
FILES = {
    "corpus": "{language}-corpus/{split}-*.parquet",
    "queries": "{language}-queries/{split}-*.parquet",
    "qrels": "{language}-qrels/{split}-*.parquet",
}


def file_names(section: Benchmark, language: str) -> dict[str, str]:
    """Return the files of one language, by name; of the split ``test`` unless the benchmark names another one."""
    return fill(FILES, section, section.language_names.get(language, language), "test")


def benchmark(files: Files, section: Benchmark, _language: str) -> BenchmarkData:
    """Read one language. Queries without judgements may occur: a file of queries often serves several splits."""
    return BenchmarkData(
        _queries(files["queries"]), _passages(files["corpus"], section.title), _judgements(files["qrels"]), True
    )


def _queries(files: list[Path]) -> Iterator[Query]:
    for file in files:
        for place, row in read_rows(file):
            yield Query(place, text_of(row, place, "_id", "id"), text_of(row, place, "text"))


def _passages(files: list[Path], prepend_title: bool) -> Iterator[Passage]:
    for file in files:
        for place, row in read_rows(file):
            title = text_of(row, place, "title") if row.get("title") is not None else ""
            text = text_of(row, place, "text")
            passage_id = text_of(row, place, "_id", "id")
            yield Passage(place, passage_id, with_title(title, text) if prepend_title else text, title or None)


def _judgements(files: list[Path]) -> Iterator[Judgement]:
    for file in files:
        for place, row in read_rows(file):
            relevance = whole_number(row.get("score", 1), place)
            yield Judgement(place, text_of(row, place, "query-id"), text_of(row, place, "corpus-id"), relevance)
