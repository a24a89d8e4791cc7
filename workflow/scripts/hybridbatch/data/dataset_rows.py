"""Rows of parquet, JSON, CSV and TSV files, also gzipped, most of them read through `datasets`; never a whole file at once."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.data.text_files import GZIP_ERRORS, check_lines, first_byte, suffix

KINDS = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".csv": "csv", ".tsv": "csv"}
BATCH = 2_000


def read_rows(files: list[Path], *, streaming: bool, scratch: Path | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of files, in their order.

    Args:
        files: parquet, JSON (lines or one list), CSV or TSV files with a header, also gzipped; all of one kind.
        streaming: read the files as they are; else convert them to Arrow in a folder of ``scratch`` and read that
            memory-mapped.
        scratch: an existing folder for what is only needed meanwhile; None takes the system's.

    Raises:
        UserError: if a file is of another kind or damaged; a bad line of JSON and a truncated gzip are named.
    """
    from datasets import load_dataset  # noqa: PLC0415
    from datasets.exceptions import DatasetGenerationError  # noqa: PLC0415

    kind, options = _kind(files)
    if kind == "parquet" and streaming:
        yield from _stream_parquet(files)
        return
    names = [str(file) for file in files]
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".rows.") as cache:
        try:
            data = load_dataset(
                kind, data_files={"train": names}, split="train", streaming=streaming, cache_dir=cache, **options
            )
            for table in data.with_format("arrow").iter(batch_size=BATCH):
                yield from table.to_pylist()
        except (pa.ArrowInvalid, DatasetGenerationError, ValueError, OSError, *GZIP_ERRORS) as error:
            raise UserError(_diagnosis(files, kind, error)) from error


def _stream_parquet(files: list[Path]) -> Iterator[dict[str, Any]]:
    # Not through `datasets`, whose scanner reads ahead of a slower consumer without bound: memory grew with the file.
    for file in files:
        try:
            with pq.ParquetFile(file, pre_buffer=False) as opened:
                for batch in opened.iter_batches(batch_size=BATCH, use_threads=False):
                    yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(_diagnosis([file], "parquet", error)) from error


def _kind(files: list[Path]) -> tuple[str, dict[str, str]]:
    suffixes = {suffix(file) for file in files}
    for file in files:
        if suffix(file) not in KINDS:
            raise UserError(
                f"{file}: suffix {suffix(file)!r} is not known; it must be one of {', '.join(KINDS)}, with or without .gz"
            )
    if len({KINDS[name] for name in suffixes}) > 1 or suffixes == {".csv", ".tsv"}:
        raise UserError(
            f"{files[0].parent}: files of different kinds, {', '.join(sorted(suffixes))}; name files of one kind"
        )
    return KINDS[min(suffixes)], {"sep": "\t"} if suffixes == {".tsv"} else {}


def _diagnosis(files: list[Path], kind: str, error: Exception) -> str:
    for file in files:
        if kind == "json" or file.suffix == ".gz":
            if first_byte(file) == b"[":
                continue
            if (problem := check_lines(file)) is not None:
                return problem
    cause = error.__cause__ or error
    reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    shown = files[0] if len(files) == 1 else f"{files[0].parent} ({len(files)} files)"
    return f"{shown}: cannot be read as {kind} ({reason}); correct the file or fetch it again"
