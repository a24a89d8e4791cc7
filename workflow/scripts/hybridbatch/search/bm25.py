"""BM25 within each language, over the subwords of an encoder's tokenizer, which split every script alike."""

from array import array
from collections.abc import Iterator
from pathlib import Path

import bm25s
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tokenizers import Tokenizer

from hybridbatch.search.judged_pool import Collection, RelevantPassages
from hybridbatch.search.ranking import DECIMALS, Order, Top, ranks_before, sort_top
from hybridbatch.search.result_writer import RunWriter

TEXTS_AT_ONCE = 10_000


def search_bm25(
    benchmark: Path, languages: list[str], tokenizer: Tokenizer, k1: float, b: float, depth: int, output: Path
) -> None:
    """Rank the passages of each language for its own queries and write ``topk.parquet`` and ``ranks.parquet``.

    Scores are Lucene's BM25 (Kamphuis et al. 2020, https://doi.org/10.1007/978-3-030-45442-5_4). No language is searched with the
    queries of another, so there are no ranks in the pool. One language's index (about 10 bytes per distinct subword of each passage, four
    times that while it is built) and the scores of one query are in memory.

    Args:
        benchmark: folder with ``<language>/{queries,passages,qrels}.parquet``.
        languages: the languages to search.
        tokenizer: splits texts into subwords; special tokens are left out.
        k1: saturation of term frequency.
        b: strength of length normalisation.
        depth: passages kept for a query.
        output: folder to write.
    """
    with RunWriter(output) as writer:
        for code in languages:
            collection = Collection(benchmark, [code])
            index = Index(_tokens(tokenizer, benchmark / code / "passages.parquet"), k1, b)
            queries = list(_tokens(tokenizer, benchmark / code / "queries.parquet"))
            relevant = collection.relevant(code, code)
            top, ranks = rank(index, queries, relevant, collection.by_language[code].tie_order, depth)
            writer.write_top(collection, code, code, top)
            missing = np.zeros_like(ranks)
            writer.write_ranks(collection, code, code, relevant, ranks, missing, missing)


class Index:
    """BM25 index of passages, each a list of subwords."""

    def __init__(self, passages: Iterator[list[str]], k1: float, b: float) -> None:
        self._vocabulary: dict[str, int] = {}
        number = self._vocabulary.setdefault
        # Four bytes per token: the tokens of a large corpus do not fit into memory as strings.
        documents = [array("i", [number(token, len(self._vocabulary)) for token in tokens]) for tokens in passages]
        self.size = len(documents)
        self._index = bm25s.BM25(k1=k1, b=b, method="lucene")
        if self._vocabulary:
            self._index.index((documents, dict(self._vocabulary)), show_progress=False)

    def scores(self, query: list[str]) -> NDArray[np.float64]:
        """Return the scores of all passages for a query, rounded like all scores; shape (passages,).

        A token counts as often as it occurs in the query; tokens that no passage contains are ignored.
        """
        shared = [self._vocabulary[token] for token in query if token in self._vocabulary]
        if not shared:
            return np.zeros(self.size)
        scores: NDArray[np.float64] = np.asarray(self._index.get_scores(shared)).astype(np.float64)
        return np.round(scores, DECIMALS)


def rank(
    index: Index, queries: list[list[str]], relevant: RelevantPassages, tie_order: Order, depth: int
) -> tuple[Top, NDArray[np.int64]]:
    """Rank the passages of an index for each query.

    Args:
        index: index of the passages.
        queries: the subwords of each query.
        relevant: the relevant passages, sorted by query.
        tie_order: position of each passage when sorted by id, shape (passages,).
        depth: passages kept for a query.

    Returns:
        The best passages of each query, and the rank of each relevant passage, shape (pairs,).
    """
    depth = min(depth, index.size)
    rows = np.empty((len(queries), depth), dtype=np.int64)
    values = np.empty((len(queries), depth))
    ranks = np.empty(len(relevant.query), dtype=np.int64)
    starts = np.searchsorted(relevant.query, np.arange(len(queries) + 1))
    for query, tokens in enumerate(queries):
        scores = index.scores(tokens)
        rows[query] = best_rows(scores, tie_order, depth)
        values[query] = scores[rows[query]]
        for pair in range(starts[query], starts[query + 1]):
            passage = relevant.passage[pair]
            ranks[pair] = 1 + np.count_nonzero(ranks_before(scores, tie_order, scores[passage], tie_order[passage]))
    return sort_top(rows, values, tie_order, depth), ranks


def best_rows(scores: NDArray[np.float64], tie_order: Order, k: int) -> NDArray[np.int64]:
    """Return the rows of the ``k`` best scores, in any order; ties go to the smallest ``tie_order``."""
    last = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > last)
    tied = np.flatnonzero(scores == last)
    wanted = k - len(above)
    return np.concatenate([above, tied[np.argpartition(tie_order[tied], wanted - 1)[:wanted]]])


def _tokens(tokenizer: Tokenizer, file: Path) -> Iterator[list[str]]:
    for batch in pq.ParquetFile(file).iter_batches(batch_size=TEXTS_AT_ONCE, columns=["text"]):
        texts = batch.column(0).to_pylist()
        for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
            yield encoding.tokens
