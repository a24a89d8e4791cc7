"""BM25 within each language, over the sub-words of an encoder's tokenizer: one rule for every script."""

from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from hybridbatch.collection import Collection
from hybridbatch.files import read_table
from hybridbatch.ranking import DECIMALS, count_greater, sort_top
from hybridbatch.searching import RunWriter


def search_bm25(collection: Collection, tokenizer: Tokenizer, k1: float, b: float, depth: int, output: Path) -> None:
    """Rank the passages of each language for its own queries and write ``topk.parquet`` and ``ranks.parquet``.

    Scores are Lucene's BM25 (Kamphuis et al. 2020, https://doi.org/10.1007/978-3-030-45442-5_4). There are no blocks of two
    languages, so the ranks in the pool are missing.

    Args:
        collection: ids and judgements; its folder holds the texts.
        tokenizer: splits texts into sub-words; special tokens are left out.
        k1: saturation of term frequency.
        b: strength of length normalisation.
        depth: passages kept for a query.
        output: folder to write.
    """
    with RunWriter(output) as writer:
        for code in collection.languages:
            language = collection.by_language[code]
            passages = _tokens(tokenizer, collection.folder / code / "passages.parquet")
            queries = _tokens(tokenizer, collection.folder / code / "queries.parquet")
            values = bm25_scores(passages, queries, k1, b)
            everything = np.broadcast_to(np.arange(values.shape[1]), values.shape)
            writer.write_top(collection, code, code, sort_top(everything, values, language.tie_order, depth))
            relevant = collection.relevant(code, code)
            ranks = 1 + count_greater(
                values[relevant.query],
                language.tie_order,
                values[relevant.query, relevant.passage],
                language.tie_order[relevant.passage],
            )
            missing = np.zeros_like(ranks)
            writer.write_ranks(collection, code, code, relevant, ranks, missing, missing)


def bm25_scores(passages: list[list[str]], queries: list[list[str]], k1: float, b: float) -> NDArray[np.float64]:
    """Return the BM25 scores, rounded as all scores are; shape (queries, passages).

    A token counts as often as it stands in the query; tokens that no passage has count nothing.
    """
    scores = np.zeros((len(queries), len(passages)))
    known = {token for tokens in passages for token in tokens}
    if not known:
        return scores
    index = bm25s.BM25(k1=k1, b=b, method="lucene")
    index.index(passages, show_progress=False)
    for row, tokens in enumerate(queries):
        shared = [token for token in tokens if token in known]
        if shared:
            scores[row] = index.get_scores(shared)
    return np.round(scores, DECIMALS)


def _tokens(tokenizer: Tokenizer, file: Path) -> list[list[str]]:
    texts = read_table(file, ["text"])["text"].to_pylist()
    return [encoding.tokens for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
