"""Reader of the embedded parallel data: a folder with English pairs and a translation memory for each other language.

``pairs.en.tsv`` has the columns of :class:`Pair` and no quoting; ``en-<language>.tmx`` holds queries and passages.
"""

from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pyarrow as pa

from hybridbatch.common.errors import UserError
from hybridbatch.data.benchmark import PASSAGES, QRELS, QUERIES, Benchmark
from hybridbatch.data.pairs import PAIRS
from hybridbatch.data.tmx import read_tmx

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Pair:
    """A row of ``pairs.en.tsv``; ``split`` is ``train``, ``validation`` or ``test``."""

    pair_id: str
    domain: str
    topic: str
    split: str
    query: str
    passage: str


def read_english(folder: Path, domain: str | None = None, split: str | None = None) -> list[Pair]:
    """Read the English pairs of a domain and a split; None stands for all of them.

    Raises:
        UserError: if the file is missing, a column is, a row is not whole, a ``pair_id`` is repeated, the domain or
            split is unknown, or no pair is left.
    """
    path = folder / "pairs.en.tsv"
    rows = _rows(path)
    domains = sorted({pair.domain for pair in rows})
    if domain is not None and domain not in domains:
        raise UserError(f"{path}: has no domain {domain!r}; choose one of {', '.join(domains)}")
    if split is not None and split not in SPLITS:
        raise UserError(f"{path}: has no split {split!r}; choose one of {', '.join(SPLITS)}")
    chosen = [pair for pair in rows if domain in (None, pair.domain) and split in (None, pair.split)]
    if not chosen:
        raise UserError(f"{path}: has no pairs of domain {domain or 'any'} and split {split or 'any'}; choose others")
    return chosen


def read_pairs(folder: Path, language: str, domain: str | None = None, split: str | None = None) -> list[Pair]:
    """Read the pairs in a language: English ones as they are, others with query and passage translated.

    Raises:
        UserError: see :func:`read_english` and :func:`hybridbatch.data.tmx.read_tmx`; or if a translation is missing.
    """
    english = read_english(folder, domain, split)
    if language == "en":
        return english
    path = folder / f"en-{language}.tmx"
    memory = read_tmx(path, language)
    for pair in english:
        for column, text in (("query", pair.query), ("passage", pair.passage)):
            if text not in memory:
                raise UserError(f"{path}: has no translation for the {column} of {pair.pair_id!r}; add it")
    return [
        Pair(pair.pair_id, pair.domain, pair.topic, pair.split, memory[pair.query], memory[pair.passage])
        for pair in english
    ]


def pairs(folder: Path, language: str, domain: str | None = None, split: str | None = None) -> pa.Table:
    """Read the pairs in a language as training pairs.

    Raises:
        UserError: see :func:`read_pairs`.
    """
    chosen = read_pairs(folder, language, domain, split)
    rows = [{"pair_id": pair.pair_id, "query": pair.query, "passage": pair.passage} for pair in chosen]
    return pa.Table.from_pylist(rows, PAIRS)


def benchmark(folder: Path, language: str, domain: str | None = None, split: str | None = "test") -> Benchmark:
    """Read the pairs in a language as a benchmark: a query's only relevant passage is the one of its pair.

    Raises:
        UserError: see :func:`read_pairs`.
    """
    chosen = read_pairs(folder, language, domain, split)
    queries = [{"query_id": pair.pair_id, "text": pair.query} for pair in chosen]
    passages = [{"passage_id": f"{language}/{pair.pair_id}", "text": pair.passage} for pair in chosen]
    qrels = [{"query_id": pair.pair_id, "passage_id": f"{language}/{pair.pair_id}", "relevance": 1} for pair in chosen]
    return Benchmark(
        str(folder),
        language,
        pa.Table.from_pylist(queries, QUERIES),
        pa.Table.from_pylist(passages, PASSAGES),
        pa.Table.from_pylist(qrels, QRELS),
    )


def _rows(path: Path) -> list[Pair]:
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); name a folder that holds pairs.en.tsv") from error
    columns = [field.name for field in fields(Pair)]
    if lines[0].split("\t") != columns:
        raise UserError(
            f"{path}: columns are {lines[0].split(chr(9))}; they must be {', '.join(columns)}, tab-separated"
        )
    pairs: dict[str, Pair] = {}
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise UserError(
                f"{path}: line {number}: has {len(cells)} cells; it must have {len(columns)}, tab-separated"
            )
        pair = Pair(*cells)
        if not all(cell.strip() for cell in astuple(pair)):
            raise UserError(f"{path}: line {number}: has an empty cell; fill it")
        if pair.split not in SPLITS:
            raise UserError(f"{path}: line {number}: split is {pair.split!r}; it must be one of {', '.join(SPLITS)}")
        if pair.pair_id in pairs:
            raise UserError(
                f"{path}: line {number}: pair_id {pair.pair_id!r} occurs more than once; ids must be unique"
            )
        pairs[pair.pair_id] = pair
    return list(pairs.values())
