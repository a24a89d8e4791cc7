"""Search every query language against every passage language, and rank the relevant passages in block and pool.

The pool of all languages is the merge of the language blocks: nothing is searched twice for the multilingual setting.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hybridbatch.collection import Collection, Relevant
from hybridbatch.errors import UserError
from hybridbatch.files import atomic_path
from hybridbatch.indexing import is_exact, open_index
from hybridbatch.ranking import Top, Vectors, count_before, pair_scores, sort_top

logger = logging.getLogger(__name__)

# Candidates asked of FAISS beyond k, so that float32 rounding at the cut cannot lose one of the k best.
MARGIN = 32
# FAISS sums in float32: a candidate this much below the k-th best cannot belong among the k best.
FLOAT32_ERROR = 1e-5

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
    """Writes ``topk.parquet`` and ``ranks.parquet`` block by block; both appear whole at the end, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> "RunWriter":
        """Open both files beside their places."""
        self._topk = self._open("topk.parquet", TOPK_SCHEMA)
        self._ranks = self._open("ranks.parquet", RANKS_SCHEMA)
        return self

    def __exit__(self, *error: Any) -> bool | None:
        """Close both files; put them into place unless there was an error."""
        return self._stack.__exit__(*error)

    def _open(self, name: str, schema: pa.Schema) -> pq.ParquetWriter:
        aside = self._stack.enter_context(atomic_path(self._folder / name))
        return self._stack.enter_context(pq.ParquetWriter(aside, schema, compression="zstd"))

    def write_top(self, collection: Collection, query_language: str, passage_language: str, top: Top) -> None:
        """Write the top list of a block."""
        found = top.rows >= 0
        query, place = np.nonzero(found)
        self._topk.write_table(
            pa.table(
                [
                    _constant(query_language, len(query)),
                    _named(query, collection.by_language[query_language].queries),
                    _constant(passage_language, len(query)),
                    pa.array(place + 1, pa.int32()),
                    _named(top.rows[found], collection.by_language[passage_language].passages),
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
        relevant: Relevant,
        in_language: NDArray[np.int64],
        in_pool: NDArray[np.int64],
        exact_in_pool: NDArray[np.int64],
    ) -> None:
        """Write the ranks of the relevant passages of a block; 0 stands for not retrieved and becomes null."""
        self._ranks.write_table(
            pa.table(
                [
                    _constant(query_language, len(relevant.query)),
                    _named(relevant.query, collection.by_language[query_language].queries),
                    _constant(passage_language, len(relevant.query)),
                    _named(relevant.passage, collection.by_language[passage_language].passages),
                    pa.array(relevant.relevance, pa.int32()),
                    *(pa.array(ranks, pa.int64(), mask=ranks == 0) for ranks in (in_language, in_pool, exact_in_pool)),
                ],
                schema=RANKS_SCHEMA,
            )
        )


def search_benchmark(
    collection: Collection,
    queries: Mapping[str, Vectors],
    passages: Mapping[str, Vectors],
    indexes: Mapping[str, faiss.Index],
    depth: int,
    output: Path,
) -> None:
    """Search all blocks of a benchmark and write ``topk.parquet`` and ``ranks.parquet`` (columns: docs/design.md).

    With flat indexes all ranks are exact. With others, a rank is the place in what the indexes found, down to ``depth``
    in each language, and missing where they did not find the passage; the exact rank in the pool is kept beside it.

    Args:
        collection: ids and judgements.
        queries: vectors of each language, shape (queries, dimension).
        passages: vectors of each language, shape (passages, dimension); may be memory-mapped.
        indexes: the index of each language.
        depth: passages kept for a query in each language.
        output: folder to write.

    Raises:
        UserError: if there are several languages, but no query has a relevant passage in another one than its own.
    """
    _check_parallel(collection)
    exact = all(is_exact(index) for index in indexes.values())
    with RunWriter(output) as writer:
        for query_language in collection.languages:
            tops = {}
            for passage_language in collection.languages:
                top = search_block(
                    queries[query_language],
                    passages[passage_language],
                    indexes[passage_language],
                    collection.by_language[passage_language].tie_order,
                    depth,
                )
                writer.write_top(collection, query_language, passage_language, top)
                tops[passage_language] = top
            for passage_language, relevant, counts in _exact_counts(collection, queries, passages, query_language):
                exact_in_pool = 1 + np.sum(list(counts.values()), axis=0)
                if exact:
                    in_language, in_pool = 1 + counts[passage_language], exact_in_pool
                else:
                    in_language, in_pool = _found_ranks(collection, tops, passage_language, relevant)
                writer.write_ranks(
                    collection, query_language, passage_language, relevant, in_language, in_pool, exact_in_pool
                )
            logger.info("searched the queries in %s", query_language)


def _check_parallel(collection: Collection) -> None:
    codes = collection.languages
    pairs = [(own, other) for own in codes for other in codes if own != other]
    if pairs and not any(len(collection.relevant(own, other).query) for own, other in pairs):
        raise UserError(
            f"{collection.folder}: no query has a relevant passage in another language, its ids differ from language to "
            "language; set the benchmark's settings to [mono]"
        )


def search_monolingual(
    benchmark: Path,
    languages: Sequence[str],
    queries: Mapping[str, Path],
    passages: Mapping[str, Path],
    indexes: Mapping[str, Path],
    depth: int,
    output: Path,
) -> None:
    """Search each language with its own queries, and write what :func:`search_benchmark` writes, without ranks in a pool.

    One language is held at a time: the ids of its passages, not their texts; vectors are memory-mapped.

    Args:
        benchmark: folder with ``<language>/{queries,passages,qrels}.parquet``.
        languages: the languages to search.
        queries: vector file of each language, shape (queries, dimension).
        passages: vector file of each language, shape (passages, dimension).
        indexes: index file of each language.
        depth: passages kept for a query.
        output: folder to write.
    """
    with RunWriter(output) as writer:
        for code in languages:
            collection = Collection(benchmark, [code])
            own, index = np.load(queries[code], mmap_mode="r"), open_index(indexes[code])
            vectors = np.load(passages[code], mmap_mode="r")
            tie_order = collection.by_language[code].tie_order
            top = search_block(own, vectors, index, tie_order, depth)
            writer.write_top(collection, code, code, top)
            relevant = collection.relevant(code, code)
            if is_exact(index):
                values = pair_scores(own, vectors, relevant.query, relevant.passage)
                order = tie_order[relevant.passage]
                ranks = 1 + count_before(own, vectors, tie_order, relevant.query, values, order)
            else:
                ranks, _ = _found_ranks(collection, {code: top}, code, relevant)
            missing = np.zeros_like(ranks)
            writer.write_ranks(collection, code, code, relevant, ranks, missing, missing)
            logger.info("searched %s", code)


def search_block(queries: Vectors, passages: Vectors, index: faiss.Index, tie_order: NDArray[np.int64], k: int) -> Top:
    """Return the top ``k`` of a block, candidates from the index, scores in float64, ties broken by id."""
    total = index.ntotal
    k = min(k, total)
    asked = min(k + MARGIN, total)
    while True:
        approximate, candidates = index.search(np.ascontiguousarray(queries, dtype=np.float32), asked)
        rows = np.repeat(np.arange(len(queries)), asked)
        found = candidates.ravel() >= 0
        values = np.full(candidates.size, -np.inf)
        values[found] = pair_scores(queries, passages, rows[found], candidates.ravel()[found])
        top = sort_top(candidates, values.reshape(candidates.shape), tie_order, k)
        close = np.isfinite(top.scores[:, -1]) & (top.scores[:, -1] - approximate[:, -1] < FLOAT32_ERROR)
        if asked == total or not is_exact(index) or not close.any():
            return top
        asked = min(4 * asked, total)


def _exact_counts(
    collection: Collection, queries: Mapping[str, Vectors], passages: Mapping[str, Vectors], query_language: str
) -> Iterator[tuple[str, Relevant, dict[str, NDArray[np.int64]]]]:
    """Yield, for each passage language, its relevant passages and how many passages of each language stand before them."""
    languages = collection.languages
    relevant = {code: collection.relevant(query_language, code) for code in languages}
    own = queries[query_language]
    rows = np.concatenate([relevant[code].query for code in languages])
    values = np.concatenate(
        [pair_scores(own, passages[code], relevant[code].query, relevant[code].passage) for code in languages]
    )
    orders = np.concatenate([collection.by_language[code].tie_order[relevant[code].passage] for code in languages])
    counts = {
        code: count_before(own, passages[code], collection.by_language[code].tie_order, rows, values, orders)
        for code in languages
    }
    start = 0
    for code in languages:
        part = slice(start, start + len(relevant[code].query))
        yield code, relevant[code], {other: counts[other][part] for other in languages}
        start = part.stop


def _found_ranks(
    collection: Collection, tops: Mapping[str, Top], passage_language: str, relevant: Relevant
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ranks of relevant passages among what was found, in their language and in the pool; 0: not found."""
    own = tops[passage_language]
    matches = own.rows[relevant.query] == relevant.passage[:, None]
    found = matches.any(axis=1)
    place = matches.argmax(axis=1)
    in_language = np.where(found, place + 1, 0)
    value = own.scores[relevant.query, place]
    order = collection.by_language[passage_language].tie_order[relevant.passage]
    in_pool = np.ones(len(place), dtype=np.int64)
    for code, top in tops.items():
        others = top.rows[relevant.query]
        other_scores = top.scores[relevant.query]
        other_order = collection.by_language[code].tie_order[np.maximum(others, 0)]
        before = (other_scores > value[:, None]) | ((other_scores == value[:, None]) & (other_order < order[:, None]))
        in_pool += (before & (others >= 0)).sum(axis=1)
    return in_language, np.where(found, in_pool, 0)


def _constant(value: str, length: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(length, dtype=np.int32)), pa.array([value]))


def _named(rows: NDArray[np.int64], names: pa.Array) -> pa.DictionaryArray:
    # Only the names used: a corpus may have millions.
    used, places = np.unique(rows, return_inverse=True)
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), names.take(pa.array(used, pa.int64())))
