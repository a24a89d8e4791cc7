"""What is wrong with a file of text: which line is no JSON, where a gzip stream ends too early."""

import gzip
import json
import zlib
from pathlib import Path
from typing import IO

GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


def check_lines(file: Path) -> str | None:
    """Return what is wrong with a file of JSON lines, naming the line, or with a gzipped file; None if nothing is."""
    number = 0
    with open_lines(file) as stream:
        try:
            for line in stream:
                number += 1
                if line.strip() and suffix(file) in (".json", ".jsonl"):
                    json.loads(line)
        except GZIP_ERRORS as error:
            return f"{file}: is a truncated or damaged gzip file (after line {number}: {error}); fetch it again"
        except ValueError as error:
            return f"{file}: line {number}: cannot be read as JSON ({error}); correct the line or fetch the file again"
    return None


def suffix(file: Path) -> str:
    """Return the suffix of a file, that of its content where it is gzipped."""
    return Path(file.stem).suffix if file.suffix == ".gz" else file.suffix


def first_byte(file: Path) -> bytes:
    """Return the first byte of a file; none where its gzip stream is damaged from the start."""
    try:
        with open_lines(file) as stream:
            return stream.read(1)
    except GZIP_ERRORS:
        return b""


def open_lines(file: Path) -> IO[bytes]:
    """Open a file of text to read its bytes, unzipped."""
    return gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]
