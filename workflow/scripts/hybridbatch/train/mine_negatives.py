"""Hard negatives: for each pair, the passage of another pair that an encoder ranks best for its query."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from hybridbatch.backbone.encoder import encode_texts, load_encoder
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table, write_json, write_table
from hybridbatch.config.mining import Mining

logger = logging.getLogger(__name__)
# Queries compared with all passages at once.
BLOCK = 256


def mine_negatives(
    pairs: Mapping[str, Path],
    language: str,
    settings: Mining,
    encoder: Path,
    batch_size: int,
    device: str,
    output: Path,
    record: Path,
) -> None:
    """Write the pairs of a language with a column ``negative``; pairs that find none are left out and counted.

    The candidates of a pair are the passages of all pairs in the language, except its own, those of pairs with the same query, and
    all whose text equals its passage in any language. Of these, candidates whose score is more than ``(1 - margin)`` times that of
    the own passage are left out, since they may answer the query, too (positive-aware mining, arXiv 2407.15831). The negative is
    the next one after the ``skip`` best. A score is the inner product of normalised vectors; ties are broken by the pair's id.

    Args:
        pairs: for each language of the source the parquet file ``pair_id, query, passage``.
        language: the language to mine.
        settings: margin and skip.
        encoder: a sentence-transformers folder.
        batch_size: texts encoded at once.
        device: ``cpu`` or ``cuda``.
        output: parquet file to write: ``pair_id, query, passage, negative``, in the order of the input.
        record: JSON file to write: ``pairs_in``, ``pairs_kept``.

    Raises:
        UserError: if no pair finds a negative.
    """
    table = read_table(pairs[language]).select(["pair_id", "query", "passage"])
    ids, queries, passages = (table[name].to_pylist() for name in table.column_names)
    translations: dict[str, set[str]] = {}
    for file in pairs.values():
        other = read_table(file)
        for pair_id, passage in zip(other["pair_id"].to_pylist(), other["passage"].to_pylist(), strict=True):
            translations.setdefault(pair_id, set()).add(passage)
    own = [translations[pair_id] for pair_id in ids]
    negatives = find_negatives(load_encoder(encoder, device), ids, queries, passages, own, settings, batch_size)
    found = [negative is not None for negative in negatives]
    write_json(record, {"language": language, "pairs_in": len(ids), "pairs_kept": sum(found)})
    if not any(found):
        raise UserError(f"{pairs[language]}: no pair finds a negative; lower skip or margin of the source's key mine")
    logger.info("%d of %d pairs have a negative", sum(found), len(ids))
    write_table(output, table.append_column("negative", pa.array(negatives, pa.string())).filter(pa.array(found)))


def find_negatives(
    model: SentenceTransformer,
    ids: Sequence[str],
    queries: list[str],
    passages: list[str],
    own: Sequence[set[str]],
    settings: Mining,
    batch_size: int,
) -> list[str | None]:
    """Return the negative of each pair, None where there is none; see :func:`mine_negatives`.

    Args:
        model: the encoder.
        ids: the pairs' ids.
        queries: the pairs' queries.
        passages: the pairs' passages.
        own: the texts of each pair's passage in all languages.
        settings: margin and skip.
        batch_size: texts encoded at once.
    """
    # A text that several pairs have stands at the lowest of their ids.
    corpus = list(dict.fromkeys(passage for _, passage in sorted(zip(ids, passages, strict=True))))
    column = {text: number for number, text in enumerate(corpus)}
    answers: dict[str, set[str]] = {}
    for query, texts in zip(queries, own, strict=True):
        answers.setdefault(query, set()).update(texts)
    vectors = torch.from_numpy(encode_texts(model, corpus, "document", batch_size)).to(model.device)
    asked = torch.from_numpy(encode_texts(model, queries, "query", batch_size)).to(model.device)
    found: list[str | None] = []
    for start in range(0, len(queries), BLOCK):
        scores = (asked[start : start + BLOCK] @ vectors.T).cpu().numpy()
        for row, query, passage in zip(scores, queries[start:], passages[start:], strict=False):
            positive = row[column[passage]]
            row[[column[text] for text in answers[query] if text in column]] = -np.inf
            row[row > positive - abs(positive) * settings.margin] = -np.inf
            place = _nth(row, settings.skip)
            found.append(None if place is None else corpus[place])
    return found


def _nth(scores: NDArray[Any], skip: int) -> int | None:
    """Return the place of the best finite score after the ``skip`` best; of equal scores, the first is the better one."""
    if np.isfinite(scores).sum() <= skip:
        return None
    value = np.partition(scores, len(scores) - 1 - skip)[len(scores) - 1 - skip]
    better = int((scores > value).sum())
    return int(np.flatnonzero(scores == value)[skip - better])
