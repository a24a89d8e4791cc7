"""Aligned pairs: the pairs of one source in several languages, read at random from memory-mapped files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hybridbatch.common.errors import UserError

COLUMNS = ["query", "passage"]


class AlignedPairs:
    """The pairs of one source: a row for each ``pair_id``, in every language that has it.

    Args:
        pairs: for each language a data set with the columns ``pair_id``, ``query`` and ``passage``, or a parquet file of one.
        name: name of the source, for messages.
        cache: folder for memory-mapped copies of the files. Processes may share it, also at the same time: the first one copies a
            file, the others wait for it. None: the cache of the ``datasets`` library.

    Raises:
        UserError: if a language has no pairs or lacks a column.
    """

    def __init__(
        self, pairs: Mapping[str, Path | str | datasets.Dataset], name: str = "pairs", cache: Path | None = None
    ) -> None:
        self.name = name
        self.languages = tuple(sorted(pairs))
        tables = {language: self._open(language, pairs[language], cache) for language in self.languages}
        self._texts = {language: table.select_columns(COLUMNS) for language, table in tables.items()}
        # Selected once: the time it takes grows with the rows.
        self._columns = {
            (language, column): table.select_columns(column) for language, table in tables.items() for column in COLUMNS
        }
        self._positions = _align({language: _ids(table) for language, table in tables.items()})
        self._size = len(next(iter(self._positions.values())))
        self._common: dict[tuple[str, str], NDArray[np.int32] | None] = {}

    def _open(self, language: str, pairs: Path | str | datasets.Dataset, cache: Path | None) -> datasets.Dataset:
        # The library cannot read a file without rows, so they are counted first.
        rows = pq.read_metadata(pairs).num_rows if isinstance(pairs, Path | str) else len(pairs)
        if not rows:
            raise UserError(f"source {self.name} has no pairs in {language}; leave the language out")
        table = (
            datasets.Dataset.from_parquet(str(pairs), cache_dir=cache and str(cache), keep_in_memory=False)
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
        """Return the pairs of a language with the columns ``query`` and ``passage``."""
        return self._texts[language]

    def size(self, query_language: str, passage_language: str) -> int:
        """Return the number of rows that have both languages; 0 for a language that the source lacks."""
        if not {query_language, passage_language} <= set(self.languages):
            return 0
        rows = self._rows(query_language, passage_language)
        return self._size if rows is None else len(rows)

    def draw(
        self, rng: np.random.Generator, count: int, query_language: str, passage_language: str
    ) -> NDArray[np.int64]:
        """Draw distinct rows that have both languages, at most ``count``, in random order; shape (n,)."""
        rows = self._rows(query_language, passage_language)
        total = self._size if rows is None else len(rows)
        drawn = rng.choice(total, size=min(count, total), replace=False)
        return drawn if rows is None else rows[drawn].astype(np.int64)

    def queries(self, rows: Sequence[int], language: str) -> list[str]:
        """Return the queries of rows in a language that has them."""
        return self._read(rows, language, "query")

    def passages(self, rows: Sequence[int], language: str) -> list[str]:
        """Return the passages of rows in a language that has them."""
        return self._read(rows, language, "passage")

    def _read(self, rows: Sequence[int], language: str, column: str) -> list[str]:
        positions = self._positions[language][np.asarray(rows, dtype=np.int64)]
        return list(self._columns[language, column][positions.tolist()][column])

    def _rows(self, query_language: str, passage_language: str) -> NDArray[np.int32] | None:
        """Return the rows that have both languages, or None for all rows."""
        key = (query_language, passage_language)
        if key not in self._common:
            both = (self._positions[query_language] >= 0) & (self._positions[passage_language] >= 0)
            self._common[key] = None if both.all() else np.flatnonzero(both).astype(np.int32)
        return self._common[key]


def _ids(table: datasets.Dataset) -> pa.ChunkedArray:
    return table.select_columns("pair_id").with_format("arrow")[:]["pair_id"].cast(pa.string())


def _align(ids: Mapping[str, pa.ChunkedArray]) -> dict[str, NDArray[np.int32]]:
    """Return the position of each aligned row in the table of each language, -1 where the language lacks it; shape (rows,)."""
    first = next(iter(ids.values()))
    if all(other.equals(first) for other in ids.values()):
        return dict.fromkeys(ids, np.arange(len(first), dtype=np.int32))
    union = pc.unique(pa.chunked_array([chunk for other in ids.values() for chunk in other.chunks]))
    return {
        language: pc.index_in(union, value_set=other.combine_chunks()).fill_null(-1).to_numpy(zero_copy_only=False)
        for language, other in ids.items()
    }
