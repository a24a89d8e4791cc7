"""The embedded parallel data: a folder with English pairs and a translation memory for each other language.

``pairs.en.tsv`` has the columns of :class:`ParallelRow`; ``en-<language>.tmx`` holds queries and passages.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.sources import Source
from hybridbatch.data.benchmark import BenchmarkData, Files, Judgement, Passage, Query
from hybridbatch.data.pairs import Pair
from hybridbatch.data.tabular import read_rows
from hybridbatch.data.tmx import read_tmx

SPLITS = ("train", "validation", "test")


class ParallelRow(NamedTuple):
    """A row of ``pairs.en.tsv``; ``split`` is ``train``, ``validation`` or ``test``."""

    pair_id: str
    domain: str
    topic: str
    split: str
    query: str
    passage: str


def file_names(_section: Source | Benchmark, language: str) -> dict[str, str]:
    """Return the files of one language, by name, below the folder of the data."""
    english = {"english": "pairs.en.tsv"}
    return english if language == "en" else english | {"translations": f"en-{language}.tmx"}


def pairs(files: Files, source: Source, language: str) -> Iterator[Pair]:
    """Yield the pairs of one language, of the split ``train`` unless the source names another one."""
    for row in _rows(files, source, language, "train"):
        yield Pair(row.pair_id, row.query, row.passage)


def benchmark(files: Files, section: Benchmark, language: str) -> BenchmarkData:
    """Read one language, of the split ``test`` unless the benchmark names another one; each query has one relevant passage."""
    rows = _rows(files, section, language, "test")
    place = str(files["english"][0])
    return BenchmarkData(
        [Query(place, row.pair_id, row.query) for row in rows],
        [Passage(place, row.pair_id, row.passage) for row in rows],
        [Judgement(place, row.pair_id, row.pair_id) for row in rows],
    )


def read_english(path: Path, domain: str | None = None, split: str | None = None) -> list[ParallelRow]:
    """Read the English pairs of a domain and a split; None selects all.

    Raises:
        UserError: if the file is unreadable, its columns are others, the domain or split is unknown, or no pair is left.
    """
    rows = []
    for place, cells in read_rows(path):
        if tuple(cells) != ParallelRow._fields:
            raise UserError(f"{path}: columns are {', '.join(cells)}; they must be {', '.join(ParallelRow._fields)}")
        rows.append(ParallelRow(*cells.values()))
        if rows[-1].split not in SPLITS:
            raise UserError(f"{place}: split is {rows[-1].split!r}; it must be one of {', '.join(SPLITS)}")
    domains = sorted({row.domain for row in rows})
    if domain is not None and domain not in domains:
        raise UserError(f"{path}: has no domain {domain!r}; choose one of {', '.join(domains)}")
    if split is not None and split not in SPLITS:
        raise UserError(f"{path}: has no split {split!r}; choose one of {', '.join(SPLITS)}")
    chosen = [row for row in rows if domain in (None, row.domain) and split in (None, row.split)]
    if not chosen:
        raise UserError(f"{path}: has no pairs of domain {domain or 'any'} and split {split or 'any'}; choose others")
    return chosen


def translate(rows: list[ParallelRow], path: Path, language: str) -> list[ParallelRow]:
    """Return the rows with query and passage in another language, from a translation memory.

    Raises:
        UserError: if the memory is unreadable (see :func:`~hybridbatch.data.tmx.read_tmx`) or lacks a text.
    """
    memory = read_tmx(path, language)
    for row in rows:
        for column in ("query", "passage"):
            if getattr(row, column) not in memory:
                raise UserError(f"{path}: has no translation for the {column} of {row.pair_id!r}; add it")
    return [row._replace(query=memory[row.query], passage=memory[row.passage]) for row in rows]


def _rows(files: Files, section: Source | Benchmark, language: str, default_split: str) -> list[ParallelRow]:
    english = read_english(files["english"][0], section.domain, section.split or default_split)
    return english if language == "en" else translate(english, files["translations"][0], language)
