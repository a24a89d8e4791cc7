"""Search every query language against every passage language, and rank the relevant passages in block and pool.

The pool of all languages is the merge of the language blocks, so the multilingual setting needs no search of its own.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Encoded:
    """What is searched.

    Attributes:
        queries: vectors of each language, shape (queries, dimension).
        passages: index of each language.
        settings: depth, and whether the index is exact.
    """

    queries: Mapping[str, Vectors]
    passages: Mapping[str, Index]
    settings: Search


def search_benchmark(benchmark: Path, languages: Sequence[str], encoded: Encoded, output: Path) -> None:
    """Search all blocks of a benchmark and write ``topk.parquet``, ``ranks.parquet`` and ``recall.csv`` (docs/reference/results.md).

    With an exact index all ranks are exact. With another, a rank is the position among the passages that it found, down to the depth in
    each language, and missing if it did not find the passage; the exact rank in the pool is written too.
    Passages are streamed: private memory holds 4 bytes per passage for the order of ids, and blocks of fixed size.

    Args:
        benchmark: folder with ``<language>/{queries,passages,qrels}.parquet``.
        languages: languages of the pool.
        encoded: what is searched.
        output: folder to write.

    Raises:
        UserError: if there are several languages, but no query has a relevant passage in a language other than its own.
    """
    collection = Collection(benchmark, languages)
    pairs = [(own, other) for own in languages for other in languages if own != other]
    if pairs and not any(len(collection.relevant(own, other).query) for own, other in pairs):
        raise UserError(
            f"{benchmark}: no query has a relevant passage in another language, because query ids differ between "
            "languages; set the benchmark's settings to [mono]"
        )
    _search(((collection, code) for code in languages), encoded, output, exact_ranks=True, pooled=True)


def search_monolingual(
    benchmark: Path, languages: Sequence[str], encoded: Encoded, output: Path, *, exact_ranks: bool
) -> None:
    """Search each language with its own queries, and write the files of :func:`search_benchmark` without ranks in a pool.

    Args:
        benchmark: folder with ``<language>/{queries,passages,qrels}.parquet``; one language is in memory at a time.
        languages: languages to search.
        encoded: what is searched.
        output: folder to write.
        exact_ranks: whether ranks below the depth are wanted, too; an approximate index does not have them.
    """
    exact_ranks = exact_ranks and encoded.settings.is_exact
    searches = ((Collection(benchmark, [code]), code) for code in languages)
    _search(searches, encoded, output, exact_ranks=exact_ranks, pooled=False)


def _search(
    searches: Iterable[tuple[Collection, str]], encoded: Encoded, output: Path, *, exact_ranks: bool, pooled: bool
) -> None:
    """Search the languages of each collection with the queries of one language."""
    settings = encoded.settings
    recalls = [RECALL_COLUMNS]
    with RunWriter(output) as writer:
        for collection, query_language in searches:
            queries = encoded.queries[query_language][:]
            relevant = {code: collection.relevant(query_language, code) for code in collection.languages}
            targets = _targets(collection, queries, encoded.passages, relevant)
            tops, listed, exact = {}, {}, {}
            for code in collection.languages:
                index, tie_order = encoded.passages[code], collection.by_language[code].tie_order
                tops[code] = index.search(queries, tie_order, settings.depth)
                writer.write_top(collection, query_language, code, tops[code])
                listed[code] = count_listed(tops[code], tie_order, targets)
                if exact_ranks:
                    # If an exact list holds a passage that does not rank before a target, it holds all that do.
                    deep = np.flatnonzero(listed[code] >= (settings.depth if settings.is_exact else 0))
                    exact[code] = listed[code].copy()
                    exact[code][deep] = count_before(queries, index.vectors, tie_order, targets.take(deep))
                if not settings.is_exact:
                    recalls += _recall(queries, index, tie_order, tops[code], f"{query_language},{code}")
            all_ranked = exact_ranks and settings.is_exact
            before = exact if all_ranked else listed
            start = 0
            for code, judged in relevant.items():
                part = slice(start, start + len(judged.query))
                start = part.stop
                found = all_ranked | (tops[code].rows[judged.query] == judged.passage[:, None]).any(axis=1)
                missing = np.zeros(len(found), np.int64)
                in_language = np.where(found, 1 + before[code][part], 0)
                in_pool = np.where(found, 1 + np.sum(list(before.values()), axis=0)[part], 0) if pooled else missing
                exact_in_pool = 1 + np.sum(list(exact.values()), axis=0)[part] if pooled else missing
                writer.write_ranks(collection, query_language, code, judged, in_language, in_pool, exact_in_pool)
            logger.info("searched the queries in %s", query_language)
    write_text(output / "recall.csv", "\n".join(recalls) + "\n")


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
