"""The tables of the training data: the effect of cleaning, and the quality of the translations."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.evaluate.names import MISSING
from hybridbatch.report.table import Page, Sample, Value, data_page, show

if TYPE_CHECKING:
    from hybridbatch.translate.reference_scores import Scores

CLEANING = "cleaning"
TRANSLATION = "translation"
EXPLANATIONS = {
    CLEANING: "Pairs read, pairs that each step removed, in the order of the steps, and pairs kept. A pair counts under the "
    "first step that removes it. Normalised pairs were changed, not removed.",
    TRANSLATION: "Pairs translated, pairs that cleaning and each check of the translations removed, and pairs kept. chrF and "
    "BLEU score a sample of the engine's output against human translations, where there are any.",
}
REASONS = {
    "empty": "empty",
    "length": "too long",
    "duplicate": "duplicate",
    "duplicate_query": "duplicate query",
    "contaminated": "in evaluation",
    "near_contaminated": "nearly in evaluation",
    "untranslated": "untranslated",
    "script": "wrong script",
    "language": "wrong language",
    "length_ratio": "length ratio",
    "repetition": "repetition",
    "similarity": "dissimilar",
}
CHECKS = ("untranslated", "script", "language", "length_ratio", "repetition", "similarity")


def read_record(file: Path) -> dict[str, Any]:
    """Read the record that cleaning wrote of a file of pairs.

    Raises:
        UserError: if it is missing, lacks a number, or its numbers do not add up.
    """
    record = read_json(file)
    try:
        removed = sum(row["pairs"] for row in record["removed"])
        whole = record["pairs_in"] == record["pairs_kept"] + removed
    except (KeyError, TypeError) as error:
        raise UserError(f"{file}: not a record of cleaning ({error!r}); delete it and run again") from error
    if not whole:
        raise UserError(f"{file}: the pairs removed and kept do not add up to those read; delete it and run again")
    return record


def cleaning_page(
    records: Sequence[Mapping[str, Any]], mined: Mapping[tuple[str, ...], Mapping[str, Any]] | None = None
) -> Page:
    """Return the pairs that each step removed, a row per source and language.

    Args:
        records: the result of :func:`read_record` returns.
        mined: the records of mining, by source and language; None if no negatives are mined.
    """
    reasons = _reasons(records)
    checks = [reason for reason in reasons if reason in CHECKS]
    steps = [reason for reason in reasons if reason not in CHECKS]
    heads = ["source", "language", "pairs in", "normalised", *(REASONS[reason] for reason in steps)]
    heads += (["quality"] if checks else []) + ["kept"] + (["with negatives"] if mined else [])
    rows: list[list[Value]] = []
    for record in records:
        counts = _counts(record)
        row: list[Value] = [record["source"], record["language"], record["pairs_in"], record["normalised"]]
        row += [counts.get(reason) for reason in steps]
        if checks:
            row.append(sum(counts[check] for check in checks if check in counts) if set(checks) & set(counts) else None)
        row.append(record["pairs_kept"])
        if mined:
            row.append(mined.get((record["source"], record["language"]), {}).get("pairs_kept"))
        rows.append(row)
    notes = ["quality: failed a check of its translation"] if checks else []
    notes += ["with negatives: hard negatives were mined; only these pairs are trained on"] if mined else []
    return _page(CLEANING, heads, rows, notes, "no such step" + (", or not mined" if mined else ""))


def translation_page(
    records: Sequence[Mapping[str, Any]],
    engines: Mapping[tuple[str, str], Mapping[str, Any]],
    scores: "Mapping[tuple[str, str], Scores]",
    samples: Sequence[Sample],
) -> Page:
    """Return the fate and quality of the translations, a row per source and language.

    Args:
        records: the result of :func:`read_record` returns; those that were not translated are left out.
        engines: the record of each translation, by source and language.
        scores: chrF and BLEU of those with references.
        samples: pairs to show below the table.
    """
    translated = [record for record in records if record["engine"]]
    checks = [reason for reason in _reasons(translated) if reason in CHECKS]
    heads = ["source", "language", "engine", "revision", "pairs in", "no translation", "cleaning"]
    heads += [*(REASONS[check] for check in checks), "kept", "drop rate %"] + (["chrF", "BLEU"] if scores else [])
    rows: list[list[Value]] = []
    for record in translated:
        name = (record["source"], record["language"])
        counts = _counts(record)
        lost = int(engines[name].get("pairs_without_translation", 0))
        total = record["pairs_in"] + lost
        cleaned = sum(count for reason, count in counts.items() if reason not in CHECKS)
        rate = 100 * (1 - record["pairs_kept"] / total) if total else None
        row: list[Value] = [
            *name,
            record["engine"],
            _revision(engines[name]),
            total,
            lost,
            cleaned,
            *(counts.get(check) for check in checks),
        ]
        score = scores.get(name)
        measured: list[Value] = [] if not scores else [score.chrf, score.bleu] if score else [None, None]
        rows.append([*row, record["pairs_kept"], rate, *measured])
    signatures = sorted({signature for score in scores.values() for signature in score.signatures})
    notes = [f"sacrebleu: {signature}" for signature in signatures]
    return _page(TRANSLATION, heads, rows, notes, "not checked or not measured", samples)


def _revision(engine: Mapping[str, Any]) -> str:
    revision = str(engine.get("revision", MISSING))
    return revision[:12] if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", revision) else revision


def _reasons(records: Sequence[Mapping[str, Any]]) -> list[str]:
    found = dict.fromkeys(row["reason"] for record in records for row in record["removed"])
    return sorted(found, key=lambda reason: (reason in CHECKS, list(found).index(reason)))


def _counts(record: Mapping[str, Any]) -> dict[str, int]:
    return {row["reason"]: row["pairs"] for row in record["removed"]}


def _page(
    name: str, heads: list[str], rows: list[list[Value]], notes: list[str], missing: str, samples: Sequence[Sample] = ()
) -> Page:
    if any(value is None for row in rows for value in row):
        notes = [*notes, f"{MISSING}: {missing}"]
    return data_page(name, EXPLANATIONS[name], heads, [[*map(show, row)] for row in rows], notes, samples=samples)
