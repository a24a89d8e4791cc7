"""A prepared benchmark as search sees it: ids, order of ties, and which passages are relevant to which query."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hybridbatch.files import read_table


@dataclass(frozen=True)
class Language:
    """One language of a benchmark.

    Attributes:
        queries: query ids, shape (queries,).
        passages: passage ids, shape (passages,).
        tie_order: place of each passage among all passages of the pool, sorted by id, shape (passages,), int64.
    """

    queries: pa.Array
    passages: pa.Array
    tie_order: NDArray[np.int64]


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
    """The ids and judgements of a benchmark folder, without its texts.

    Args:
        folder: holds ``<language>/{queries,passages,qrels}.parquet``.
        languages: the languages of the pool.
    """

    def __init__(self, folder: Path, languages: Sequence[str]) -> None:
        self.folder = folder
        self.languages = list(languages)
        queries = {code: _column(folder / code / "queries.parquet", "query_id") for code in languages}
        passages = {code: _column(folder / code / "passages.parquet", "passage_id") for code in languages}
        pool = pa.concat_arrays([passages[code] for code in languages])
        order = np.empty(len(pool), dtype=np.int64)
        order[pc.sort_indices(pool).to_numpy()] = np.arange(len(pool))
        starts = np.cumsum([0, *(len(passages[code]) for code in languages)])
        self.by_language = {
            code: Language(queries[code], passages[code], order[starts[i] : starts[i + 1]])
            for i, code in enumerate(languages)
        }
        self._qrels = {code: read_table(folder / code / "qrels.parquet") for code in languages}

    def relevant(self, query_language: str, passage_language: str) -> Relevant:
        """Return the relevant passages of one language for the queries of another, in the order of the queries."""
        qrels = self._qrels[passage_language]
        query = pc.index_in(qrels["query_id"].combine_chunks(), value_set=self.by_language[query_language].queries)
        passage = pc.index_in(
            qrels["passage_id"].combine_chunks(), value_set=self.by_language[passage_language].passages
        )
        asked = np.flatnonzero(query.is_valid().to_numpy(zero_copy_only=False))
        rows = query.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)[asked]
        columns = passage.to_numpy(zero_copy_only=False).astype(np.int64)[asked]
        relevance = qrels["relevance"].to_numpy().astype(np.int32)[asked]
        order = np.lexsort((columns, rows))
        return Relevant(rows[order], columns[order], relevance[order])


def _column(path: Path, name: str) -> pa.Array:
    return read_table(path, [name])[name].combine_chunks().cast(pa.string())
