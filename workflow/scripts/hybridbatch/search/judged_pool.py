"""A prepared benchmark as search sees it: judgements and the order of ties; ids of passages are read when they are needed."""

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
        tie_order: place of each passage among all passages of the pool, sorted by id, shape (passages,).
    """

    queries: pa.Array
    passages: Path
    tie_order: Order

    def passage_ids(self, rows: NDArray[np.int64]) -> pa.Array:
        """Return the ids of passages, given by ascending rows; shape (rows,)."""
        parts, start = [pa.array([], pa.string())], 0
        for batch in pq.ParquetFile(self.passages).iter_batches(batch_size=IDS_AT_ONCE, columns=["passage_id"]):
            first, last = np.searchsorted(rows, (start, start + len(batch)))
            parts.append(batch.column(0).take(pa.array(rows[first:last] - start)).cast(pa.string()))
            start += len(batch)
        return pa.concat_arrays(parts)


@dataclass(frozen=True)
class Relevant:
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
    """The judgements of a benchmark folder and the order of its passage ids: 4 bytes a passage stay in memory.

    Args:
        folder: holds ``<language>/{queries,passages,qrels}.parquet``.
        languages: the languages of the pool.

    Raises:
        UserError: if a judgement names a passage that is not there.
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
        # All ids were in memory for once; give it back before vectors are.
        del passages
        pa.default_memory_pool().release_unused()

    def relevant(self, query_language: str, passage_language: str) -> Relevant:
        """Return the relevant passages of one language for the queries of another, in the order of the queries."""
        qrels = self._qrels[passage_language]
        query = pc.index_in(qrels.query_ids, value_set=self.by_language[query_language].queries)
        asked = np.flatnonzero(query.is_valid().to_numpy(zero_copy_only=False))
        rows = query.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)[asked]
        columns = qrels.passages[asked]
        relevance = qrels.relevance[asked]
        order = np.lexsort((columns, rows))
        return Relevant(rows[order], columns[order], relevance[order])


class _Judgements:
    """The judgements of one passage language, its passages by row."""

    def __init__(self, file: Path, passage_ids: pa.ChunkedArray) -> None:
        qrels = read_table(file)
        self.query_ids = qrels["query_id"].combine_chunks()
        self.relevance: NDArray[np.int32] = qrels["relevance"].to_numpy().astype(np.int32)
        # Numbers the judged passages, not those of the corpus: the table of ids is as small as the judgements.
        judged = qrels["passage_id"].combine_chunks().cast(pa.string()).dictionary_encode()
        place = pc.fill_null(pc.index_in(passage_ids, value_set=judged.dictionary), -1).to_numpy()
        rows = np.full(len(judged.dictionary), -1, dtype=np.int64)
        found = np.flatnonzero(place >= 0)
        rows[place[found]] = found
        if (rows < 0).any():
            missing = judged.dictionary[int(np.argmin(rows))]
            raise UserError(
                f"{file}: judges {missing.as_py()!r}, which passages.parquet does not have; prepare the benchmark again"
            )
        self.passages: NDArray[np.int64] = rows[judged.indices.to_numpy()]


def _orders(languages: list[pa.ChunkedArray]) -> list[Order]:
    """Return the place of each passage in the order of the ids of all languages."""
    pool = pa.chunked_array([chunk for ids in languages for chunk in ids.chunks], pa.string())
    sorted_rows = pc.sort_indices(pool).to_numpy()
    order: Order = np.empty(len(pool), np.int32) if len(pool) < 2**31 else np.empty(len(pool), np.int64)
    order[sorted_rows] = np.arange(len(pool), dtype=order.dtype)
    stops = np.cumsum([len(ids) for ids in languages])
    return [order[stop - len(ids) : stop] for ids, stop in zip(languages, stops, strict=True)]


def _column(path: Path, name: str) -> pa.ChunkedArray:
    return read_table(path, [name])[name].cast(pa.string())
