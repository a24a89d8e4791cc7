"""Aligned pairs: the pairs of one source in several languages, read at random from memory-mapped files."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hybridbatch.common.errors import UserError

COLUMNS = ["query", "passage"]
NEGATIVE = re.compile(r"negative(_\d+)?")
# Rows of a record batch of the memory-mapped copies. Every batch costs memory in each of its tables, so the library's 1,000 are too few.
BATCH_ROWS = 20_000
# Rows of a block, of which only the number of common rows is held for every two languages.
BLOCK = 128


class AlignedPairs:
    """The pairs of one source: a row for each ``pair_id``, in every language that has it.

    Args:
        pairs: for each language a data set with the columns ``pair_id``, ``query``, ``passage`` and, if the source has negatives,
            ``negative`` or ``negative_1``, ``negative_2``, ..., or a parquet file of one.
        name: name of the source, for messages.
        cache: folder for memory-mapped copies of the files. Processes may share it, also at the same time: the first one copies a
            file, the others wait for it. None: the cache of the ``datasets`` library.
        negatives: whether to read the columns of negatives if there are any.

    Attributes:
        negative_columns: the columns of negatives; every row has a text in each.

    Raises:
        UserError: if a language has no pairs or lacks a column, or not all languages have the same columns of negatives.
    """

    def __init__(
        self,
        pairs: Mapping[str, Path | str | datasets.Dataset],
        name: str = "pairs",
        cache: Path | None = None,
        negatives: bool = True,
    ) -> None:
        self.name = name
        self.languages = tuple(sorted(pairs))
        tables = {language: self._open(language, pairs[language], cache) for language in self.languages}
        found = {column for table in tables.values() for column in table.column_names if NEGATIVE.fullmatch(column)}
        self.negative_columns = sorted(found, key=lambda column: (len(column), column)) if negatives else []
        for language, table in tables.items():
            for column in self.negative_columns:
                if column not in table.column_names:
                    raise UserError(
                        f"source {name} in {language}: has no column {column!r}, unlike other languages; add it"
                    )
                if table.data.column(column).null_count:
                    raise UserError(
                        f"source {name} in {language}: a pair has no {column}; give it one, or remove the pair"
                    )
        columns = [*COLUMNS, *self.negative_columns]
        self._texts = {language: table.select_columns(columns) for language, table in tables.items()}
        # Selected once: the time it takes grows with the rows.
        self._columns = {
            (language, column): table.select_columns(column) for language, table in tables.items() for column in columns
        }
        self._positions = _align({language: _ids(table) for language, table in tables.items()})
        # Arrow would keep the memory of the table of ids.
        pa.default_memory_pool().release_unused()
        self._size = len(next(iter(self._positions.values())))
        self._counts: dict[frozenset[str], NDArray[np.int32]] = {}

    def _open(self, language: str, pairs: Path | str | datasets.Dataset, cache: Path | None) -> datasets.Dataset:
        # The library cannot read a file without rows, so they are counted first.
        rows = pq.read_metadata(pairs).num_rows if isinstance(pairs, Path | str) else len(pairs)
        if not rows:
            raise UserError(f"source {self.name} has no pairs in {language}; leave the language out")
        table = (
            datasets.Dataset.from_parquet(
                str(pairs), cache_dir=cache and str(cache), keep_in_memory=False, writer_batch_size=BATCH_ROWS
            )
            if isinstance(pairs, Path | str)
            else pairs.with_format(None)
        )
        missing = [column for column in ("pair_id", *COLUMNS) if column not in table.column_names]
        if missing:
            raise UserError(
                f"source {self.name} in {language}: has no column {missing[0]!r}; give pair_id, query and passage"
            )
        return table

    def __len__(self) -> int:
        """Return the number of distinct ``pair_id``."""
        return self._size

    def texts(self, language: str) -> datasets.Dataset:
        """Return the pairs of a language with the columns ``query``, ``passage`` and those of negatives."""
        return self._texts[language]

    def size(self, query_language: str, passage_language: str) -> int:
        """Return the number of rows that have both languages; 0 for a language that the source lacks."""
        if not {query_language, passage_language} <= set(self.languages):
            return 0
        return int(self._common_before(query_language, passage_language)[-1])

    def draw(
        self, rng: np.random.Generator, count: int, query_language: str, passage_language: str
    ) -> NDArray[np.int64]:
        """Draw distinct rows that have both languages, at most ``count``, in random order; shape (n,)."""
        before = self._common_before(query_language, passage_language)
        drawn: NDArray[np.int64] = rng.choice(before[-1], size=min(count, before[-1]), replace=False)
        if before[-1] == self._size:
            return drawn
        # In parts, because each row is searched in a block of rows.
        parts = np.array_split(drawn, len(drawn) // 10_000 + 1)
        return np.concatenate([self._common(query_language, passage_language, part) for part in parts])

    def queries(self, rows: Sequence[int], languages: str | Sequence[str]) -> list[str]:
        """Return the queries of rows, all in one language or each in its own; the rows must have these languages."""
        return self._read(rows, languages, "query")

    def passages(self, rows: Sequence[int], languages: str | Sequence[str]) -> list[str]:
        """Return the passages of rows, like :meth:`queries`."""
        return self._read(rows, languages, "passage")

    def negatives(self, rows: Sequence[int], languages: str | Sequence[str]) -> list[dict[str, str]]:
        """Return the negatives of each row by column, like :meth:`queries`."""
        texts = [self._read(rows, languages, column) for column in self.negative_columns]
        return [dict(zip(self.negative_columns, row, strict=True)) for row in zip(*texts, strict=True)] or [
            {} for _ in rows
        ]

    def present(self, rows: Sequence[int], language: str) -> list[int]:
        """Return those of the rows that have a language, in the given order."""
        return [rows[place] for place in self._places(rows, language)]

    def translations(self, rows: Sequence[int]) -> list[set[str]]:
        """Return the passage and the negatives of each row in all languages that have the row."""
        found: list[set[str]] = [set() for _ in rows]
        for language in self.languages:
            places = self._places(rows, language)
            present = [rows[place] for place in places]
            passages, negatives = self.passages(present, language), self.negatives(present, language)
            for place, passage, others in zip(places, passages, negatives, strict=True):
                found[place].update([passage, *others.values()])
        return found

    def _places(self, rows: Sequence[int], language: str) -> list[int]:
        return np.flatnonzero(self._positions[language][np.asarray(rows, dtype=np.int64)] >= 0).tolist()

    def _read(self, rows: Sequence[int], languages: str | Sequence[str], column: str) -> list[str]:
        if isinstance(languages, str):
            positions = self._positions[languages][np.asarray(rows, dtype=np.int64)]
            return list(self._columns[languages, column][positions.tolist()][column])
        texts = [""] * len(rows)
        for language in set(languages):
            places = [place for place, code in enumerate(languages) if code == language]
            for place, text in zip(places, self._read([rows[n] for n in places], language, column), strict=True):
                texts[place] = text
        return texts

    def _has_both(self, first: str, second: str, rows: NDArray[np.int64] | slice) -> NDArray[np.bool_]:
        return (self._positions[first][rows] >= 0) & (self._positions[second][rows] >= 0)

    def _common_before(self, first: str, second: str) -> NDArray[np.int32]:
        """Return how many rows before each block of :data:`BLOCK` rows have both languages, and how many have them in all."""
        key = frozenset((first, second))
        if key not in self._counts:
            both = self._has_both(first, second, slice(None))
            counts = np.add.reduceat(both, np.arange(0, self._size, BLOCK), dtype=np.int32)
            self._counts[key] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return self._counts[key]

    def _common(self, first: str, second: str, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows with these numbers, from 0, among the rows that have both languages; shape (n,)."""
        before = self._common_before(first, second)
        block = np.searchsorted(before, numbers, side="right") - 1
        rows = np.minimum(block[:, None] * BLOCK + np.arange(BLOCK), self._size - 1)
        beyond = self._has_both(first, second, rows).cumsum(axis=1) > (numbers - before[block])[:, None]
        found: NDArray[np.int64] = rows[np.arange(len(rows)), beyond.argmax(axis=1)]
        return found


def _ids(table: datasets.Dataset) -> pa.ChunkedArray:
    return table.select_columns("pair_id").with_format("arrow")[:]["pair_id"].cast(pa.string())


def _align(ids: Mapping[str, pa.ChunkedArray]) -> dict[str, NDArray[np.int32]]:
    """Return the position of each aligned row in the table of each language, -1 where the language lacks it; shape (rows,)."""
    first = next(iter(ids.values()))
    if all(other.equals(first) for other in ids.values()):
        return dict.fromkeys(ids, np.arange(len(first), dtype=np.int32))
    # One table of all ids, in the order of their first occurrence.
    numbers = pa.chunked_array([chunk for other in ids.values() for chunk in other.chunks]).dictionary_encode("encode")
    positions = {}
    start = 0
    for language, other in ids.items():
        rows = np.concatenate([c.indices.to_numpy() for c in numbers.slice(start, len(other)).chunks])
        positions[language] = np.full(len(numbers.chunk(0).dictionary), -1, dtype=np.int32)
        positions[language][rows] = np.arange(len(rows), dtype=np.int32)
        start += len(other)
    return positions
