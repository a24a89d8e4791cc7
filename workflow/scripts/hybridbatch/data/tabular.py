"""Rows of large data files, one at a time and each with its place: JSON lines, parquet and tables with a header."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError

Row = dict[str, Any]
ROWS_AT_ONCE = 10_000


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a file with their places, such as ``corpus.jsonl: line 3``; its suffix says its form.

    ``.jsonl``: an object a line; ``.tsv``: a header and cells between tabs, without quoting; ``.parquet``. The first two
    may be compressed (``.gz``). No more than some thousand rows are in memory at once.

    Raises:
        UserError: if the file is missing, cut short, of another form, or a line is no object; file and line are named.
    """
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix == ".parquet":
        return _parquet(path)
    if suffix in (".jsonl", ".json"):
        return _json_lines(path)
    if suffix == ".tsv":
        return _table(path)
    raise UserError(f"{path}: suffix {path.suffix!r} is not known; allowed: .jsonl, .tsv (both also .gz), .parquet")


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a UTF-8 text file with their places; blank lines are left out. Reads ``.gz`` as well.

    Raises:
        UserError: if the file is missing, cut short or no UTF-8 text.
    """
    number = 0
    try:
        with _open(path) as stream:
            for number, line in enumerate(stream, 1):
                text = line.rstrip("\r\n")
                if text and not text.isspace():
                    yield f"{path}: line {number}", text
    except EOFError as error:
        raise UserError(f"{path}: is cut short after line {number}; delete it and fetch it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: is damaged after line {number} ({error}); delete it and fetch it again") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is no UTF-8 text after line {number} ({error.reason}); save it as UTF-8") from error
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error}); fetch it first, or correct the path"
        ) from error


def text_of(row: Row, place: str, *names: str) -> str:
    """Return the text or whole number that a row has under the first of ``names`` that it has.

    Raises:
        UserError: if it has none of them, or something else stands there.
    """
    for name in names:
        value = row.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None:
            raise UserError(f"{place}: {name!r} holds {type(value).__name__}; it must hold text")
    raise UserError(f"{place}: has no {' or '.join(map(repr, names))}; it has {', '.join(row) or 'nothing'}")


def whole_number(value: Any, place: str) -> int:
    """Return a relevance, given as a number or as text.

    Raises:
        UserError: if it is no whole number.
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"{place}: relevance {value!r} is no number; correct the line") from error
    if not number.is_integer():
        raise UserError(f"{place}: relevance {value!r} is no whole number; correct the line")
    return int(number)


def _json_lines(path: Path) -> Iterator[tuple[str, Row]]:
    for place, line in read_lines(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{place}: is no JSON ({error}); correct the line or fetch the file again") from error
        if not isinstance(row, dict):
            raise UserError(f"{place}: is a JSON {type(row).__name__}; each line must hold an object")
        yield place, row


def _table(path: Path) -> Iterator[tuple[str, Row]]:
    names: list[str] = []
    for place, line in read_lines(path):
        cells = line.split("\t")
        if not names:
            names = cells
        elif len(cells) != len(names):
            raise UserError(f"{place}: has {len(cells)} cells, but the header has {len(names)} ({', '.join(names)})")
        else:
            yield place, dict(zip(names, cells, strict=True))


def _parquet(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}: row {number}", row
    except (OSError, pa.ArrowInvalid) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read as parquet ({reason}); delete it and fetch it again") from error


@contextmanager
def _open(path: Path) -> Iterator[IO[str]]:
    # Only \n ends a line: other marks that Unicode has for it stand inside texts.
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as stream:
            yield stream
    else:
        with path.open(encoding="utf-8", newline="\n") as stream:
            yield stream
