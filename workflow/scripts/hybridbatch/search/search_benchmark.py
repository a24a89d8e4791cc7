"""Search every query language against every passage language, and rank the relevant passages in block and pool.

The pool of all languages is the merge of the language blocks, so the multilingual setting needs no search of its own.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text
from hybridbatch.encode.vectors import Vectors
from hybridbatch.search.exact import NO_TARGETS, Targets, exact_search, pair_scores
from hybridbatch.search.judged_pool import Collection, RelevantPassages
from hybridbatch.search.products import NumpyProducts, Products
from hybridbatch.search.ranking import Matrix, Order, Top, ranks_before, sort_top
from hybridbatch.search.result_writer import RunWriter

logger = logging.getLogger(__name__)

# Candidates beyond k that an index is asked for: sorted by exact score, some of them belong to the best k.
MARGIN = 32
# Queries of each language whose exact neighbours an approximate index is compared with, drawn with this seed.
RECALL_SAMPLE = 200
SEED = 1
RECALL_COLUMNS = "query_language,passage_language,k,recall,queries"


class Candidates(Protocol):
    """An approximate index of one language (:class:`hybridbatch.search.faiss_index.ApproximateIndex`)."""

    def candidates(self, queries: Matrix, k: int) -> Iterable[NDArray[np.int64]]:
        """Yield, in parts, the rows of passages found for each query, shape (queries, found); -1 for none."""


@dataclass(frozen=True)
class Method:
    """How passages are found.

    Attributes:
        depth: passages kept for each query in each language.
        products: computes the inner products of exact search.
        indexes: an approximate index of each language; None to compare with every vector.
    """

    depth: int
    products: Products
    indexes: Mapping[str, Candidates] | None = None


def open_products(device: str) -> Products:
    """Return products with torch if ``device`` (``auto``, ``cpu`` or ``cuda``) selects a GPU, else with numpy.

    Raises:
        UserError: if ``cuda`` is requested and there is no GPU.
    """
    if device == "cpu":
        return NumpyProducts()
    # Loading torch takes seconds and hundreds of megabytes; searches on the CPU are many and small.
    from hybridbatch.common.devices import choose_device  # noqa: PLC0415
    from hybridbatch.search.torch_products import TorchProducts  # noqa: PLC0415

    chosen = choose_device(device)
    return NumpyProducts() if chosen == "cpu" else TorchProducts(chosen)


def search_benchmark(
    collection: Collection,
    queries: Mapping[str, Vectors],
    passages: Mapping[str, Vectors],
    method: Method,
    output: Path,
) -> None:
    """Search all blocks of a benchmark and write ``topk.parquet``, ``ranks.parquet`` and ``recall.csv`` (docs/reference/results.md).

    Without indexes all ranks are exact. With indexes, a rank is the position among the passages that they found, down to the depth in each
    language, and missing if they did not find the passage; the exact rank in the pool is written too.
    Passages are streamed: memory holds 4 bytes per passage for the order of ids, and blocks of fixed size.

    Args:
        collection: ids and judgements.
        queries: vectors of each language, shape (queries, dimension).
        passages: vectors of each language, shape (passages, dimension).
        method: how passages are found.
        output: folder to write.

    Raises:
        UserError: if there are several languages, but no query has a relevant passage in a language other than its own.
    """
    _check_parallel(collection)
    recalls: list[str] = []
    with RunWriter(output) as writer:
        for query_language in collection.languages:
            matrix = queries[query_language][:]
            relevant = {code: collection.relevant(query_language, code) for code in collection.languages}
            targets = _targets(collection, matrix, passages, relevant)
            tops, counts = {}, {}
            for code in collection.languages:
                order = collection.by_language[code].tie_order
                tops[code], counts[code] = _search(matrix, passages[code], order, code, targets, method)
                writer.write_top(collection, query_language, code, tops[code])
                recalls += _recall(matrix, passages[code], order, tops[code], method, f"{query_language},{code}")
            exact_in_pool = 1 + np.sum(list(counts.values()), axis=0)
            start = 0
            for code, judged in relevant.items():
                part = slice(start, start + len(judged.query))
                start = part.stop
                if method.indexes is None:
                    in_language, in_pool = 1 + counts[code][part], exact_in_pool[part]
                else:
                    in_language, in_pool = _found_ranks(collection, tops, code, judged)
                writer.write_ranks(collection, query_language, code, judged, in_language, in_pool, exact_in_pool[part])
            logger.info("searched the queries in %s", query_language)
        _write_recalls(output, recalls)


def _check_parallel(collection: Collection) -> None:
    codes = collection.languages
    pairs = [(own, other) for own in codes for other in codes if own != other]
    if pairs and not any(len(collection.relevant(own, other).query) for own, other in pairs):
        raise UserError(
            f"{collection.folder}: no query has a relevant passage in another language, because query ids differ between "
            "languages; set the benchmark's settings to [mono]"
        )


def search_monolingual(
    benchmark: Path,
    languages: Sequence[str],
    queries: Mapping[str, Vectors],
    passages: Mapping[str, Vectors],
    method: Method,
    output: Path,
) -> None:
    """Search each language with its own queries, and write the files of :func:`search_benchmark` without ranks in a pool.

    Args:
        benchmark: folder with ``<language>/{queries,passages,qrels}.parquet``; one language is in memory at a time.
        languages: the languages to search.
        queries: vectors of each language, shape (queries, dimension).
        passages: vectors of each language, shape (passages, dimension).
        method: how passages are found.
        output: folder to write.
    """
    recalls: list[str] = []
    with RunWriter(output) as writer:
        for code in languages:
            collection = Collection(benchmark, [code])
            matrix, order = queries[code][:], collection.by_language[code].tie_order
            relevant = collection.relevant(code, code)
            exact = method.indexes is None
            targets = _targets(collection, matrix, passages, {code: relevant}) if exact else NO_TARGETS
            top, counts = _search(matrix, passages[code], order, code, targets, method)
            writer.write_top(collection, code, code, top)
            ranks = 1 + counts if exact else _found_ranks(collection, {code: top}, code, relevant)[0]
            missing = np.zeros_like(ranks)
            writer.write_ranks(collection, code, code, relevant, ranks, missing, missing)
            recalls += _recall(matrix, passages[code], order, top, method, f"{code},{code}")
            logger.info("searched %s", code)
        _write_recalls(output, recalls)


def _targets(
    collection: Collection, queries: Matrix, passages: Mapping[str, Vectors], relevant: Mapping[str, RelevantPassages]
) -> Targets:
    """Return the relevant passages of all languages, one language after the other."""
    return Targets(
        np.concatenate([judged.query for judged in relevant.values()]),
        np.concatenate(
            [pair_scores(queries, passages[code], judged.query, judged.passage) for code, judged in relevant.items()]
        ),
        np.concatenate([collection.by_language[code].tie_order[judged.passage] for code, judged in relevant.items()]),
    )


def _search(
    queries: Matrix, passages: Vectors, tie_order: Order, language: str, targets: Targets, method: Method
) -> tuple[Top, NDArray[np.int64]]:
    """Return the top list of a block, and the number of its passages that rank before each target, which is always exact."""
    if method.indexes is None:
        return exact_search(queries, passages, tie_order, method.depth, targets, method.products)
    top = search_index(queries, passages, method.indexes[language], tie_order, method.depth)
    if not len(targets.query):
        return top, np.empty(0, dtype=np.int64)
    return top, exact_search(queries, passages, tie_order, 0, targets, method.products)[1]


def search_index(queries: Matrix, passages: Vectors, index: Candidates, tie_order: Order, k: int) -> Top:
    """Return the best ``k`` of the passages that an index finds, by float64 score, ties by id."""
    top = Top(np.empty((len(queries), 0), dtype=np.int64), np.empty((len(queries), 0)))
    for candidates in index.candidates(queries, k + MARGIN):
        query, column = np.nonzero(candidates >= 0)
        values = np.full(candidates.shape, -np.inf)
        values[query, column] = pair_scores(queries, passages, query, candidates[query, column])
        rows, scores = np.hstack([top.rows, candidates]), np.hstack([top.scores, values])
        top = sort_top(rows, scores, tie_order, k)
    return top


def _recall(
    queries: Matrix, passages: Vectors, tie_order: Order, top: Top, method: Method, languages: str
) -> list[str]:
    """Return the lines of ``recall.csv`` for a block: the share of the exact best k among the best k found."""
    if method.indexes is None:
        return []
    rng = np.random.default_rng(SEED)
    sample = np.sort(rng.choice(len(queries), size=min(RECALL_SAMPLE, len(queries)), replace=False))
    exact, _ = exact_search(queries[sample], passages, tie_order, method.depth, NO_TARGETS, method.products)
    return [
        f"{languages},{k},{_overlap(exact.rows[:, :k], top.rows[sample, :k]):.6f},{len(sample)}"
        for k in sorted({min(10, method.depth), method.depth})
    ]


def _overlap(wanted: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    shares = [np.isin(row, found_row).mean() for row, found_row in zip(wanted, found, strict=True)]
    return float(np.mean(shares))


def _write_recalls(output: Path, lines: list[str]) -> None:
    write_text(output / "recall.csv", "\n".join([RECALL_COLUMNS, *lines]) + "\n")


def _found_ranks(
    collection: Collection, tops: Mapping[str, Top], passage_language: str, relevant: RelevantPassages
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ranks of relevant passages among those found, in their language and in the pool; 0 if not found."""
    own_top = tops[passage_language]
    matches = own_top.rows[relevant.query] == relevant.passage[:, None]
    found = matches.any(axis=1)
    column = matches.argmax(axis=1)
    in_language = np.where(found, column + 1, 0)
    value = own_top.scores[relevant.query, column]
    order = collection.by_language[passage_language].tie_order[relevant.passage]
    in_pool = np.ones(len(column), dtype=np.int64)
    for code, top in tops.items():
        others = top.rows[relevant.query]
        other_scores = top.scores[relevant.query]
        other_order = collection.by_language[code].tie_order[np.maximum(others, 0)]
        before = ranks_before(other_scores, other_order, value[:, None], order[:, None])
        in_pool += (before & (others >= 0)).sum(axis=1)
    return in_language, np.where(found, in_pool, 0)
