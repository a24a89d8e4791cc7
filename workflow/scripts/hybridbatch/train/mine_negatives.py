"""Hard negatives: for each pair, passages of other pairs that an encoder ranks high for its query."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from datasets import Dataset
from sentence_transformers.util import mine_hard_negatives

from hybridbatch.backbone.encoder import load_encoder
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table, write_json, write_table
from hybridbatch.config.mining import Mining

logger = logging.getLogger(__name__)


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
    """Write the pairs of a language with columns ``negative_1``, ..., ``negative_<count>``; pairs that find fewer are left out and counted.

    The candidates of a query are the passages of all pairs in the language, except those whose text, in any language, is the passage of
    a pair with this query. Of these, candidates whose score is more than ``(1 - margin)`` times the lowest score of an excluded passage
    are left out, since they may answer the query, too (positive-aware mining, arXiv 2407.15831). The negatives are the best ``count`` of
    the rest within ``range``. A score is the inner product of normalised vectors. ``mine_hard_negatives`` of sentence-transformers
    does all this, with FAISS, on the CPU: exact, and without a matrix of all queries and passages.

    Args:
        pairs: for each language of the source the parquet file ``pair_id, query, passage``.
        language: the language to mine.
        settings: count, margin and range.
        encoder: a sentence-transformers folder.
        batch_size: texts encoded at once.
        device: where texts are encoded: ``cpu`` or ``cuda``.
        output: parquet file to write: ``pair_id, query, passage`` and the negatives, best first, in the order of the input.
        record: JSON file to write: ``pairs_in``, ``pairs_kept``.

    Raises:
        UserError: if no pair finds enough negatives.
    """
    table = read_table(pairs[language]).select(["pair_id", "query", "passage"])
    translations: dict[str, set[str]] = {}
    for file in pairs.values():
        other = read_table(file)
        for pair_id, passage in zip(other["pair_id"].to_pylist(), other["passage"].to_pylist(), strict=True):
            translations.setdefault(pair_id, set()).add(passage)
    queries, passages = table["query"].to_pylist(), set(table["passage"].to_pylist())
    # A translation that is a passage of this language, too, is one more answer. Others would become candidates.
    answers = {
        (query, text)
        for pair_id, query in zip(table["pair_id"].to_pylist(), queries, strict=True)
        for text in translations[pair_id] & passages
    }
    mined = mine_hard_negatives(
        Dataset.from_list([{"query": query, "passage": text} for query, text in sorted(answers)]),
        load_encoder(encoder, device),
        range_min=settings.range[0],
        range_max=settings.range[1],
        relative_margin=settings.margin,
        num_negatives=settings.count,
        output_format="n-tuple",
        batch_size=batch_size,
        use_faiss=True,
        verbose=False,
    )
    columns = [f"negative_{number}" for number in range(1, settings.count + 1)]
    negatives = {row["query"]: row for row in mined}
    found = [query in negatives for query in queries]
    write_json(record, {"language": language, "pairs_in": len(queries), "pairs_kept": sum(found)})
    if not any(found):
        raise UserError(
            f"{pairs[language]}: no pair finds enough negatives; lower count or margin, or widen range, of the source's key mine"
        )
    logger.info("%d of %d pairs have negatives", sum(found), len(queries))
    kept = table.filter(pa.array(found))
    for column in columns:
        texts = [negatives[query][column] for query in kept["query"].to_pylist()]
        kept = kept.append_column(column, pa.array(texts, pa.string()))
    write_table(output, kept)
