"""Ids of pairs, queries and passages: whether they are unique, and which part of them an experiment keeps."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

Interval = tuple[float, float]


def position(name: str) -> float:
    """Return a number in [0, 1) that depends on the id alone: the first 53 bits of its SHA-256."""
    return (int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 11) / 2**53


def in_interval(name: str, interval: Interval) -> bool:
    """Return whether the :func:`position` of an id is in [low, high).

    Disjoint intervals select disjoint parts, the same in every language; a source and a benchmark of the same questions with
    disjoint intervals share no question.
    """
    low, high = interval
    return interval == (0, 1) or low <= position(name) < high


def first_repeated(file: Path, column: str) -> str | None:
    """Return an id that occurs more than once in a column of a parquet file; None if all are unique.

    Takes 8 bytes of memory for each row.
    """
    rows = pq.read_metadata(file).num_rows
    hashes = np.fromiter((hash(name) for name in _column(file, column)), np.int64, rows)
    hashes.sort()
    repeated = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
    seen: set[str] = set()
    # Different ids may have the same hash, so the ids themselves are compared.
    for name in _column(file, column) if repeated else ():
        if hash(name) in repeated:
            if name in seen:
                return name
            seen.add(name)
    return None


def _column(file: Path, column: str) -> Iterator[str]:
    for batch in pq.ParquetFile(file).iter_batches(columns=[column]):
        yield from batch.column(0).to_pylist()
