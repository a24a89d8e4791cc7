"""Ids of pairs, queries and passages: whether they are unique, and which part of them an experiment keeps."""

import hashlib
import heapq
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow.parquet as pq

Row = TypeVar("Row")
Interval = tuple[float, float]
SAMPLED_SHARE = 0.01


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


def sample(
    rows: Iterable[Row],
    name: Callable[[Row], str],
    at_least: int | None,
    interval: Interval = (0, 1),
    always: Container[str] = (),
) -> Iterator[Row]:
    """Yield a hundredth of the rows: those whose ids have the lowest :func:`position`, so that languages keep the same ids.

    Args:
        rows: rows, all in the interval; read once.
        name: returns the id of a row.
        at_least: the number of rows to yield, if there are as many; None: all rows.
        interval: see :func:`in_interval`.
        always: ids of rows that are yielded in any case.
    """
    if at_least is None:
        yield from rows
        return
    low, high = interval
    end = low + SAMPLED_SHARE * (high - low)
    taken = 0
    # The lowest of the other rows; numbers keep rows from being compared.
    lowest: list[tuple[float, int, Row]] = []
    for number, row in enumerate(rows):
        place = position(name(row))
        if place < end or name(row) in always:
            taken += 1
            yield row
        elif taken < at_least:
            (heapq.heappush if len(lowest) < at_least else heapq.heappushpop)(lowest, (-place, number, row))
    yield from (row for _, _, row in sorted(lowest, reverse=True)[: max(at_least - taken, 0)])


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
