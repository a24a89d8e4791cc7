"""Cleaning of a file of pairs: all steps on one batch after another, with counts and examples of what is dropped."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hybridbatch.clean.decontamination import EvaluationTexts, evaluation_texts, open_parquet
from hybridbatch.clean.steps import (
    COLUMNS,
    COLUMNS_WITH_NEGATIVES,
    Batch,
    Duplicates,
    Step,
    find_contaminated,
    find_empty,
    find_long,
    find_mistranslated,
    normalise_batch,
    shorten,
)
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path, write_json
from hybridbatch.config.cleaning import Cleaning, Quality
from hybridbatch.data.pairs import PAIRS, PAIRS_WITH_NEGATIVES

if TYPE_CHECKING:
    from hybridbatch.clean.translation_quality import QualityControl

LOG = logging.getLogger(__name__)
ROWS_AT_ONCE = 10_000
EXAMPLES = 3
Removed = Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Origin:
    """What translated pairs were made from: the engine, the source pairs, and the encoder that compares the two."""

    engine: str
    source_pairs: Path
    source_language: str
    encoder: Path | None = None


def clean_pairs(
    pairs: Path,
    output: Path,
    record: Path,
    settings: Cleaning,
    *,
    source: str,
    language: str,
    evaluation: Sequence[Path] = (),
    origin: Origin | None = None,
    negatives: bool = False,
    device: str = "cpu",
) -> dict[str, Any]:
    """Clean a file of pairs, in batches. The pairs that are kept retain their ids and order.

    Args:
        pairs: parquet file with ``pair_id, query, passage`` and, with ``negatives``, ``negative``.
        output: the parquet file of the kept pairs, with the same columns.
        record: the JSON file of the counts.
        settings: the steps, in order.
        source: the name of the source, for the record.
        language: the language of the pairs.
        evaluation: folders of evaluation texts; see :func:`hybridbatch.clean.decontamination.evaluation_texts`.
        origin: for translations, their origin.
        negatives: keep the negatives, and drop pairs whose negative is missing or unfit for training.
        device: where an encoder runs: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        The record: ``pairs_in = pairs_kept + the sum of removed``.

    Raises:
        UserError: if a file is unreadable or lacks a column, a translation has no source, or no pair is left.
    """
    schema = PAIRS_WITH_NEGATIVES if negatives else PAIRS
    with open_parquet(pairs) as file:
        missing = [name for name in schema.names if name not in file.schema_arrow.names]
    if missing:
        raise UserError(f"{pairs}: has no column {missing[0]!r}; delete the file and run again")
    columns = COLUMNS_WITH_NEGATIVES if negatives else COLUMNS
    control = _quality_control(pairs, columns, language, settings.quality, origin, device)
    with (
        evaluation_texts(evaluation, settings.passages, settings.near_duplicates) as texts,
        atomic_path(output) as aside,
        pq.ParquetWriter(aside, schema, compression="zstd") as writer,
    ):
        steps = _steps(settings, texts, control)
        reasons = [reason for step in steps if step for reason in step.reasons]
        removed: Removed = {reason: {"reason": reason, "pairs": 0, "examples": []} for reason in reasons}
        total = kept = normalised = 0
        for batch in _batches(pairs, columns, origin):
            total += batch.table.num_rows
            rest, changed = _apply(steps, batch, removed)
            kept += rest.table.num_rows
            normalised += changed
            writer.write_table(pa.table({"pair_id": rest.table["pair_id"], **rest.texts}, schema=schema))
            LOG.info("%d pairs read, %d kept", total, kept)
        if not kept:
            counts = ", ".join(f"{reason}: {row['pairs']}" for reason, row in removed.items() if row["pairs"])
            raise UserError(
                f"{pairs}: cleaning keeps none of {total} pairs ({counts or 'there are none'}); relax the config key cleaning"
            )
    facts = {
        "source": source,
        "language": language,
        "engine": origin.engine if origin else None,
        "source_language": origin.source_language if origin else None,
        "pairs_in": total,
        "pairs_kept": kept,
        "normalised": normalised,
        "evaluation_texts": len(texts),
        "removed": list(removed.values()),
    }
    write_json(record, facts)
    return facts


def _steps(settings: Cleaning, texts: EvaluationTexts, control: "QualityControl | None") -> list[Step | None]:
    """Return the steps in order; None stands for normalisation."""
    limits = dict.fromkeys(COLUMNS_WITH_NEGATIVES, settings.max_passage_characters)
    limits["query"] = settings.max_query_characters
    steps = {
        "normalise": None,
        "empty": Step(["empty"], find_empty),
        "length": Step(["length"], partial(find_long, limits=limits)),
        "duplicates": Step(["duplicate"], Duplicates(COLUMNS, "duplicate").find),
        "duplicate_queries": Step(["duplicate_query"], Duplicates(["query"], "duplicate_query").find),
        "contamination": Step(["contaminated", "near_contaminated"], partial(find_contaminated, evaluation=texts)),
    }
    if control:
        steps["quality"] = Step(control.checks, partial(find_mistranslated, control=control))
    return [steps[name] for name in settings.steps if name in steps]


def _quality_control(
    pairs: Path, columns: Sequence[str], language: str, settings: Quality, origin: Origin | None, device: str
) -> "QualityControl | None":
    if origin is None or origin.engine in settings.trusted_engines:
        return None
    # Loading the language identifier takes a second, and most files do not need it.
    from hybridbatch.clean.translation_quality import QualityControl, encoder_similarity, length_ratio  # noqa: PLC0415

    ratios: dict[str, list[Any]] = {name: [] for name in columns}
    for batch in _batches(pairs, columns, origin):
        for name in columns:
            both = zip(batch.texts[name], batch.sources[name], strict=True)
            ratios[name].append(np.array([length_ratio(text, source) for text, source in both], np.float32))
    medians = {name: float(np.median(np.concatenate(parts))) if parts else 0.0 for name, parts in ratios.items()}
    similarity = encoder_similarity(origin.encoder, device) if origin.encoder else None
    control = QualityControl(settings, language, medians, similarity)
    for check in settings.checks:
        if check not in control.checks:
            LOG.warning("%s: skipping the check %s, which does not cover this language", language, check)
    return control


def _apply(steps: Sequence[Step | None], batch: Batch, removed: Removed) -> tuple[Batch, int]:
    """Return the pairs that are kept, and the number of pairs that were normalised."""
    normalised = 0
    for step in steps:
        if step is None:
            batch, normalised = normalise_batch(batch)
            continue
        drops = step.find(batch)
        for row, drop in enumerate(drops):
            if drop is not None:
                entry = removed[drop.reason]
                entry["pairs"] += 1
                if len(entry["examples"]) < EXAMPLES:
                    texts = {name: shorten(column[row]) for name, column in batch.texts.items()}
                    pair_id = str(batch.table["pair_id"][row].as_py())
                    entry["examples"].append({"pair_id": pair_id, **texts, "detail": drop.detail})
        batch = batch.select([row for row, drop in enumerate(drops) if drop is None])
    return batch, normalised


def _batches(pairs: Path, columns: Sequence[str], origin: Origin | None) -> Iterator[Batch]:
    source_rows = _rows(origin.source_pairs, columns) if origin else None
    for table in _tables(pairs, columns):
        texts = {name: [text or "" for text in table[name].to_pylist()] for name in columns}
        sources = {}
        if origin and source_rows:
            rows = [_find_row(pair_id, source_rows, pairs, origin) for pair_id in table["pair_id"].to_pylist()]
            sources = {name: [row[number] for row in rows] for number, name in enumerate(columns, 1)}
        yield Batch(table, texts, sources)


def _find_row(pair_id: str, rows: Iterator[tuple[str, ...]], pairs: Path, origin: Origin) -> tuple[str, ...]:
    for row in rows:
        if row[0] == pair_id:
            return row
    raise UserError(
        f"{pairs}: pair_id {pair_id!r} is not in {origin.source_pairs}, or not in this order; delete both and run again"
    )


def _rows(pairs: Path, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for table in _tables(pairs, columns):
        yield from zip(*(table[name].to_pylist() for name in ("pair_id", *columns)), strict=True)


def _tables(pairs: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    with open_parquet(pairs) as file:
        # One row group at a time: when reading several, the reader buffers the file.
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=["pair_id", *columns]):
                yield pa.Table.from_batches([batch])
