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


class AlignedPairs:
    """The pairs of one source, one row per ``pair_id``, in every language that has it.

    Args:
        name: name of the source, for messages.
        files: a pairs file (``pair_id, query, passage``) per language.
        cache: folder for the memory-mapped copies of the files.

    Raises:
        UserError: if a file has no pairs.
    """

    def __init__(self, name: str, files: Mapping[str, Path], cache: Path) -> None:
        self.name = name
        self.languages = tuple(sorted(files))
        for language, file in files.items():
            if pq.read_metadata(file).num_rows == 0:
                raise UserError(f"{file}: source {name} has no pairs in {language}; leave the language out")
        self._texts = {
            language: datasets.Dataset.from_parquet(str(files[language]), cache_dir=str(cache), keep_in_memory=False)
            for language in self.languages
        }
        # Selected once: it takes a time in proportion to the rows.
        self._columns = {
            (language, column): table.select_columns(column)
            for language, table in self._texts.items()
            for column in ("query", "passage")
        }
        self._positions = self._align()
        self._size = len(next(iter(self._positions.values())))
        self._common: dict[tuple[str, str], NDArray[np.int32] | None] = {}

    def _align(self) -> dict[str, NDArray[np.int32]]:
        ids = {language: _ids(table) for language, table in self._texts.items()}
        first = ids[self.languages[0]]
        if all(other.equals(first) for other in ids.values()):
            rows = np.arange(len(first), dtype=np.int32)
            return dict.fromkeys(self.languages, rows)
        union = pc.unique(pa.chunked_array([chunk for other in ids.values() for chunk in other.chunks]))
        return {
            language: pc.index_in(union, value_set=other.combine_chunks()).fill_null(-1).to_numpy(zero_copy_only=False)
            for language, other in ids.items()
        }

    def __len__(self) -> int:
        """Return the number of distinct ``pair_id``."""
        return self._size

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
    return table.data.column("pair_id")
