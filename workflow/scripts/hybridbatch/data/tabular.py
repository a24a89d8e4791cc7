"""Rows of parquet, JSON, CSV and TSV files, read one at a time, each with its place in the file for error messages."""

import csv
import gzip
import itertools
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError

Row = dict[str, Any]
SUFFIXES = (".parquet", ".jsonl", ".json", ".csv", ".tsv")
BATCH = 2_000


def read_rows(path: Path, *, quoted_tsv: bool = False) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a file with their places, such as ``corpus.jsonl: line 3``; the suffix determines the format.

    ``.parquet``; ``.jsonl``, one object per line; ``.json``, the same or a single list of objects; ``.csv``, a header and cells that
    may be quoted; ``.tsv``, a header and cells that are taken as they are. All but parquet may be gzipped (``.gz``). Cells
    of CSV and TSV are text. A file is read in parts, except for a single JSON list.

    Args:
        path: the file.
        quoted_tsv: whether cells of TSV may be quoted, too.

    Raises:
        UserError: if the file is missing, truncated or malformed; the message names the file and the line.
    """
    kind = suffix(path)
    if kind not in SUFFIXES:
        raise UserError(
            f"{path}: unknown suffix {kind!r}; allowed: {', '.join(SUFFIXES)}, all but .parquet also with .gz"
        )
    if kind == ".parquet":
        return _parquet_rows(path)
    if kind in (".jsonl", ".json"):
        return _json_rows(path)
    if kind == ".csv" or quoted_tsv:
        return _table_rows(_quoted_cells(path, "," if kind == ".csv" else "\t"))
    return _table_rows((place, line.split("\t")) for place, line in read_lines(path))


def suffix(path: Path) -> str:
    """Return the suffix of a file without ``.gz``."""
    return Path(path.name.removesuffix(".gz")).suffix


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a UTF-8 text file with their places, without blank lines and line ends. Reads ``.gz`` as well.

    Raises:
        UserError: if the file is missing, truncated or not UTF-8.
    """
    for number, line in enumerate(_lines(path), 1):
        text = line.rstrip("\r\n")
        if text and not text.isspace():
            yield f"{path}: line {number}", text


def read_texts(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield place, id and text of each line of a file without a header: an id, a tab and a text.

    Raises:
        UserError: if the file is unreadable or a line has no tab.
    """
    for place, line in read_lines(path):
        text_id, tab, text = line.partition("\t")
        if not tab:
            raise UserError(f"{place}: has no tab; it must be an id, a tab and a text")
        yield place, text_id, text


def text_of(row: Row, place: str, *names: str) -> str:
    """Return the text or whole number in the first of the columns ``names`` that is not null.

    Raises:
        UserError: if all are missing or null, or the value is of another type.
    """
    for name in names:
        value = row.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None:
            raise UserError(f"{place}: {name!r} holds {type(value).__name__}; it must hold text")
    raise UserError(
        f"{place}: {' or '.join(map(repr, names))} is missing or null; there are: {', '.join(row) or 'none'}"
    )


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    numbers = itertools.count(1)
    try:
        # Without reading ahead, which takes memory in proportion to the file when rows are used slowly.
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
                for row in batch.to_pylist():
                    yield f"{path}: row {next(numbers)}", row
    except (OSError, pa.ArrowInvalid) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read as parquet ({reason}); delete it and fetch it again") from error


def _json_rows(path: Path) -> Iterator[tuple[str, Row]]:
    values: Iterable[tuple[str, Any]] = ((place, _parsed(line, place)) for place, line in read_lines(path))
    if suffix(path) == ".json" and next(read_lines(path), ("", ""))[1].lstrip().startswith("["):
        elements = _parsed("".join(_lines(path)), str(path))
        values = ((f"{path}: element {number}", element) for number, element in enumerate(elements))
    for place, value in values:
        if not isinstance(value, dict):
            raise UserError(f"{place}: is a JSON {type(value).__name__}; it must be an object")
        yield place, value


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{place}: is not JSON ({error}); correct it or fetch the file again") from error


def _table_rows(rows: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, Row]]:
    header: list[str] = []
    for place, cells in rows:
        if not header:
            header = cells
        elif len(cells) != len(header):
            raise UserError(f"{place}: has {len(cells)} cells, but the header has {len(header)} ({', '.join(header)})")
        else:
            yield place, dict(zip(header, cells, strict=True))


def _quoted_cells(path: Path, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield f"{path}: line {reader.line_num}", cells
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: {error}; correct it or fetch the file again") from error


def _lines(path: Path) -> Iterator[str]:
    number = 0
    try:
        # Only \n ends a line: the other line ends of Unicode occur inside texts.
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="\n") as stream:
            for number, line in enumerate(stream, 1):  # noqa: B007
                yield line
    except EOFError as error:
        raise UserError(f"{path}: is truncated after line {number}; delete it and fetch it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: is damaged after line {number} ({error}); delete it and fetch it again") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 after line {number} ({error.reason}); save it as UTF-8") from error
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path}: cannot be read ({reason}); fetch it first, or correct the path") from error
