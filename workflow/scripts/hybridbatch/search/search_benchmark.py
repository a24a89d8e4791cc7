"""Search every query language against every passage language, and rank the relevant passages in block and pool.

The pool of all languages is the merge of the language blocks, so the multilingual setting needs no search of its own.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path

import numpy as np

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text
from hybridbatch.config.search import Search
from hybridbatch.encode.vectors import Vectors
from hybridbatch.search.exact_ranks import Targets, count_before, count_listed, pair_scores
from hybridbatch.search.faiss_index import Index
from hybridbatch.search.judged_pool import Collection, RelevantPassages
from hybridbatch.search.ranking import Matrix, Order, Rows, Top
from hybridbatch.search.result_writer import RunWriter

logger = logging.getLogger(__name__)

# Queries of each language whose exact neighbours an approximate index is compared with, drawn with this seed.
RECALL_SAMPLE = 200
SEED = 1
RECALL_COLUMNS = "query_language,passage_language,k,recall,queries"


def search_benchmark(
    benchmark: Path,
    languages: Sequence[str],
    queries: Mapping[str, Vectors],
    passages: Mapping[str, Index],
    settings: Search,
    output: Path,
    *,
    monolingual: bool = False,
    only_found: bool = False,
) -> None:
    """Search the blocks of a benchmark and write ``topk.parquet``, ``ranks.parquet`` and ``recall.csv`` (docs/reference/results.md).

    With an exact index all ranks are exact. With another, a rank is the position among the passages that it found, down to the depth in
    each language, and missing if it did not find the passage; the exact rank in the pool is written too.
    Passages are streamed: private memory holds 4 bytes per passage for the order of ids, and blocks of fixed size.

    Args:
        benchmark: folder with ``<language>/{queries,passages,qrels}.parquet``.
        languages: languages of the pool.
        queries: vectors of each language, shape (queries, dimension).
        passages: index of each language.
        settings: ``index`` and ``depth``.
        output: folder to write.
        monolingual: whether each language is searched with its own queries only. There are no ranks in a pool then, and one language
            is in memory at a time.
        only_found: whether a monolingual search leaves out the ranks below the depth.

    Raises:
        UserError: if all blocks are searched, but no query has a relevant passage in a language other than its own.
    """
    pool = None if monolingual else _parallel_pool(benchmark, languages)
    # Only a monolingual search can do without: the distance of ranks in the pool is measured to the last one.
    all_ranks = not monolingual or (settings.is_exact and not only_found)
    collections = repeat(pool) if pool else (Collection(benchmark, [code]) for code in languages)
    recalls = [RECALL_COLUMNS]
    with RunWriter(output) as writer:
        for query_language, collection in zip(languages, collections, strict=False):
            matrix = queries[query_language][:]
            relevant = {code: collection.relevant(query_language, code) for code in collection.languages}
            targets = _targets(collection, matrix, passages, relevant)
            tops, listed, exact = {}, {}, {}
            for code in collection.languages:
                tie_order = collection.by_language[code].tie_order
                tops[code] = passages[code].search(matrix, tie_order, settings.depth)
                writer.write_top(collection, query_language, code, tops[code])
                listed[code] = count_listed(tops[code], tie_order, targets)
                if all_ranks:
                    # If an exact list holds a passage that does not rank before a target, it holds all that do.
                    deep = np.flatnonzero(listed[code] >= (settings.depth if settings.is_exact else 0))
                    exact[code] = listed[code].copy()
                    exact[code][deep] = count_before(matrix, passages[code].vectors, tie_order, targets.take(deep))
                if not settings.is_exact:
                    recalls += _recall(matrix, passages[code], tie_order, tops[code], f"{query_language},{code}")
            counts = exact if all_ranks and settings.is_exact else listed
            start = 0
            for code, judged in relevant.items():
                part = slice(start, start + len(judged.query))
                start = part.stop
                found = (counts is exact) | (tops[code].rows[judged.query] == judged.passage[:, None]).any(axis=1)
                in_language = np.where(found, 1 + counts[code][part], 0)
                in_pool = exact_in_pool = np.zeros(len(found), np.int64)
                if pool:
                    in_pool = np.where(found, 1 + np.sum(list(counts.values()), axis=0)[part], 0)
                    exact_in_pool = 1 + np.sum(list(exact.values()), axis=0)[part]
                writer.write_ranks(collection, query_language, code, judged, in_language, in_pool, exact_in_pool)
            logger.info("searched the queries in %s", query_language)
    write_text(output / "recall.csv", "\n".join(recalls) + "\n")


def _parallel_pool(benchmark: Path, languages: Sequence[str]) -> Collection:
    pool = Collection(benchmark, languages)
    pairs = [(own, other) for own in languages for other in languages if own != other]
    if pairs and not any(len(pool.relevant(own, other).query) for own, other in pairs):
        raise UserError(
            f"{benchmark}: no query has a relevant passage in another language, because query ids differ between "
            "languages; set the benchmark's settings to [mono]"
        )
    return pool


def _targets(
    collection: Collection,
    queries: Matrix,
    passages: Mapping[str, Index],
    relevant: Mapping[str, RelevantPassages],
) -> Targets:
    """Return the relevant passages of all languages, one language after the other."""
    scores = [pair_scores(queries, passages[code].vectors, r.query, r.passage) for code, r in relevant.items()]
    orders = [collection.by_language[code].tie_order[r.passage].astype(np.int64) for code, r in relevant.items()]
    query = np.concatenate([r.query for r in relevant.values()])
    return Targets(query, np.concatenate(scores), np.concatenate(orders))


def _recall(queries: Matrix, index: Index, tie_order: Order, top: Top, languages: str) -> list[str]:
    """Return the lines of ``recall.csv`` for a block: the share of the exact best k among the best k found."""
    depth = top.rows.shape[1]
    rng = np.random.default_rng(SEED)
    sample = np.sort(rng.choice(len(queries), size=min(RECALL_SAMPLE, len(queries)), replace=False))
    exact = index.exact_search(queries[sample], tie_order, depth).rows
    return [
        f"{languages},{k},{_overlap(exact[:, :k], top.rows[sample, :k]):.6f},{len(sample)}"
        for k in sorted({min(10, depth), depth})
    ]


def _overlap(wanted: Rows, found: Rows) -> float:
    shares = [np.isin(row, found_row).mean() for row, found_row in zip(wanted, found, strict=True)]
    return float(np.mean(shares))
