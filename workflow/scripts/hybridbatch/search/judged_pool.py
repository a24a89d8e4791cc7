"""A prepared benchmark for search: judgements and tie order; passage ids are read when needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table
from hybridbatch.search.ranking import Order

IDS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Language:
    """One language of a benchmark.

    Attributes:
        queries: query ids, shape (queries,).
        passages: parquet file with the column ``passage_id``.
        tie_order: position of each passage when all passages of the pool are sorted by id, shape (passages,).
    """

    queries: pa.Array
    passages: Path
    tie_order: Order

    def passage_ids(self, rows: NDArray[np.int64]) -> pa.Array:
        """Return the ids of passages by ascending row; shape (rows,)."""
        parts, start = [pa.array([], pa.string())], 0
        for batch in pq.ParquetFile(self.passages).iter_batches(batch_size=IDS_AT_ONCE, columns=["passage_id"]):
            first, last = np.searchsorted(rows, (start, start + len(batch)))
            parts.append(batch.column(0).take(pa.array(rows[first:last] - start)).cast(pa.string()))
            start += len(batch)
        return pa.concat_arrays(parts)


@dataclass(frozen=True)
class RelevantPassages:
    """The (query, relevant passage) pairs of one query language and one passage language.

    Attributes:
        query: rows of the queries, shape (pairs,), int64.
        passage: rows of the passages, shape (pairs,), int64.
        relevance: shape (pairs,), int32.
    """

    query: NDArray[np.int64]
    passage: NDArray[np.int64]
    relevance: NDArray[np.int32]


class Collection:
    """The judgements of a benchmark folder and the order of its passage ids, which takes 4 bytes per passage.

    Args:
        folder: holds ``<language>/{queries,passages,qrels}.parquet``.
        languages: the languages of the pool.

    Raises:
        UserError: if a judgement refers to a passage that does not exist.
    """

    def __init__(self, folder: Path, languages: Sequence[str]) -> None:
        self.folder = folder
        self.languages = list(languages)
        passages = {code: _column(folder / code / "passages.parquet", "passage_id") for code in languages}
        orders = _orders([passages[code] for code in languages])
        self._qrels = {code: _Judgements(folder / code / "qrels.parquet", passages[code]) for code in languages}
        self.by_language = {
            code: Language(
                _column(folder / code / "queries.parquet", "query_id").combine_chunks(),
                folder / code / "passages.parquet",
                order,
            )
            for code, order in zip(languages, orders, strict=True)
        }
        # The only time that all ids are in memory: return it before vectors are read.
        del passages
        pa.default_memory_pool().release_unused()

    def relevant(self, query_language: str, passage_language: str) -> RelevantPassages:
        """Return the relevant passages of one language for the queries of another, sorted by query."""
        qrels = self._qrels[passage_language]
        matches = pc.index_in(qrels.query_ids, value_set=self.by_language[query_language].queries)
        judged = np.flatnonzero(matches.is_valid().to_numpy(zero_copy_only=False))
        queries = matches.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)[judged]
        passages = qrels.passages[judged]
        order = np.lexsort((passages, queries))
        return RelevantPassages(queries[order], passages[order], qrels.relevance[judged][order])


class _Judgements:
    """The judgements of one passage language, with passages by row."""

    def __init__(self, file: Path, passage_ids: pa.ChunkedArray) -> None:
        qrels = read_table(file)
        self.query_ids = qrels["query_id"].combine_chunks()
        self.relevance: NDArray[np.int32] = qrels["relevance"].to_numpy().astype(np.int32)
        # The judged passages are numbered, not the whole corpus: the table of ids is as small as the judgements.
        judged = qrels["passage_id"].combine_chunks().cast(pa.string()).dictionary_encode()
        numbers = pc.fill_null(pc.index_in(passage_ids, value_set=judged.dictionary), -1).to_numpy()
        rows = np.full(len(judged.dictionary), -1, dtype=np.int64)
        found = np.flatnonzero(numbers >= 0)
        rows[numbers[found]] = found
        if (rows < 0).any():
            missing = judged.dictionary[int(np.argmin(rows))]
            raise UserError(
                f"{file}: judges {missing.as_py()!r}, which is not in passages.parquet; prepare the benchmark again"
            )
        self.passages: NDArray[np.int64] = rows[judged.indices.to_numpy()]


def _orders(languages: list[pa.ChunkedArray]) -> list[Order]:
    """Return the position of each passage when those of all languages are sorted by id."""
    pool = pa.chunked_array([chunk for ids in languages for chunk in ids.chunks], pa.string())
    sorted_rows = pc.sort_indices(pool).to_numpy()
    order: Order = np.empty(len(pool), np.int32) if len(pool) < 2**31 else np.empty(len(pool), np.int64)
    order[sorted_rows] = np.arange(len(pool), dtype=order.dtype)
    stops = np.cumsum([len(ids) for ids in languages])
    return [order[stop - len(ids) : stop] for ids, stop in zip(languages, stops, strict=True)]


def _column(path: Path, name: str) -> pa.ChunkedArray:
    return read_table(path, [name])[name].cast(pa.string())
