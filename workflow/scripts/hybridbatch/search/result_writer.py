"""The files that a search writes: top lists and the ranks of relevant passages (columns: docs/reference/results.md)."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hybridbatch.common.files import atomic_path
from hybridbatch.search.judged_pool import Collection, RelevantPassages
from hybridbatch.search.ranking import Top

RANKS_SCHEMA = pa.schema(
    [
        ("query_language", pa.dictionary(pa.int32(), pa.string())),
        ("query_id", pa.dictionary(pa.int32(), pa.string())),
        ("passage_language", pa.dictionary(pa.int32(), pa.string())),
        ("passage_id", pa.dictionary(pa.int32(), pa.string())),
        ("relevance", pa.int32()),
        ("rank_in_language", pa.int64()),
        ("rank_in_pool", pa.int64()),
        ("exact_rank_in_pool", pa.int64()),
    ]
)
TOPK_SCHEMA = pa.schema(
    [
        ("query_language", pa.dictionary(pa.int32(), pa.string())),
        ("query_id", pa.dictionary(pa.int32(), pa.string())),
        ("passage_language", pa.dictionary(pa.int32(), pa.string())),
        ("rank", pa.int32()),
        ("passage_id", pa.dictionary(pa.int32(), pa.string())),
        ("score", pa.float32()),
    ]
)


class RunWriter:
    """Writes ``topk.parquet`` and ``ranks.parquet`` block by block; both appear complete at the end, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> "RunWriter":
        """Open both files under temporary names."""
        self._topk = self._open("topk.parquet", TOPK_SCHEMA)
        self._ranks = self._open("ranks.parquet", RANKS_SCHEMA)
        return self

    def __exit__(self, *error: Any) -> bool | None:
        """Close both files; give them their names unless there was an error."""
        return self._stack.__exit__(*error)

    def _open(self, name: str, schema: pa.Schema) -> pq.ParquetWriter:
        aside = self._stack.enter_context(atomic_path(self._folder / name))
        return self._stack.enter_context(pq.ParquetWriter(aside, schema, compression="zstd"))

    def write_top(self, collection: Collection, query_language: str, passage_language: str, top: Top) -> None:
        """Write the top list of a block."""
        found = top.rows >= 0
        query, column = np.nonzero(found)
        self._topk.write_table(
            pa.table(
                [
                    _constant(query_language, len(query)),
                    _ids(query, collection.by_language[query_language].queries.take),
                    _constant(passage_language, len(query)),
                    pa.array(column + 1, pa.int32()),
                    _ids(top.rows[found], collection.by_language[passage_language].passage_ids),
                    pa.array(top.scores[found], pa.float32()),
                ],
                schema=TOPK_SCHEMA,
            )
        )

    def write_ranks(
        self,
        collection: Collection,
        query_language: str,
        passage_language: str,
        relevant: RelevantPassages,
        in_language: NDArray[np.int64],
        in_pool: NDArray[np.int64],
        exact_in_pool: NDArray[np.int64],
    ) -> None:
        """Write the ranks of the relevant passages of a block; 0 means not retrieved and becomes null."""
        self._ranks.write_table(
            pa.table(
                [
                    _constant(query_language, len(relevant.query)),
                    _ids(relevant.query, collection.by_language[query_language].queries.take),
                    _constant(passage_language, len(relevant.query)),
                    _ids(relevant.passage, collection.by_language[passage_language].passage_ids),
                    pa.array(relevant.relevance, pa.int32()),
                    *(pa.array(ranks, pa.int64(), mask=ranks == 0) for ranks in (in_language, in_pool, exact_in_pool)),
                ],
                schema=RANKS_SCHEMA,
            )
        )


def _constant(value: str, length: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(length, dtype=np.int32)), pa.array([value]))


def _ids(rows: NDArray[np.int64], ids_of: Callable[[NDArray[np.int64]], pa.Array]) -> pa.DictionaryArray:
    # Only the ids that occur: a corpus may have millions.
    used, indices = np.unique(rows, return_inverse=True)
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), ids_of(used))
