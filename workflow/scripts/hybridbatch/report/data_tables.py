"""The tables of the training data: what cleaning removed, and how the translations came out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, write_text
from hybridbatch.report.score_tables import MISSING, TEX, render

if TYPE_CHECKING:
    from hybridbatch.translate.reference_scores import Scores

Value = str | int | float | None
CLEANING = "cleaning"
TRANSLATION = "translation"
TITLES = {CLEANING: "Cleaning of the training pairs", TRANSLATION: "Translation of the training pairs"}
EXPLANATIONS = {
    CLEANING: "Pairs read, pairs that each step removed, in the order of the steps, and pairs kept. A pair counts under the "
    "first step that removes it. Normalised pairs were changed, not removed.",
    TRANSLATION: "Pairs translated, pairs that cleaning and each check of the translations removed, and pairs kept. chrF and "
    "BLEU compare a sample of what the engine gave with translations by people, where there are any.",
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


@dataclass(frozen=True)
class Sample:
    """A pair and what it was translated from."""

    source: str
    language: str
    pair_id: str
    texts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class DataTable:
    """A table: heads, which of them stand over text, rows, and the lines below it."""

    name: str
    heads: list[str]
    rows: list[list[Value]]
    notes: list[str]
    samples: list[Sample]

    @property
    def title(self) -> str:
        """The title."""
        return TITLES[self.name]

    @property
    def explanation(self) -> str:
        """What the numbers are."""
        return EXPLANATIONS[self.name]

    def is_text(self, column: int) -> bool:
        """Return whether a column holds text."""
        return any(isinstance(row[column], str) for row in self.rows)


def read_record(file: Path) -> dict[str, Any]:
    """Read what cleaning wrote of a file of pairs.

    Raises:
        UserError: if it is missing, lacks a number, or its numbers do not add up.
    """
    record = read_json(file)
    try:
        removed = sum(row["pairs"] for row in record["removed"])
        whole = record["pairs_in"] == record["pairs_kept"] + removed
    except (KeyError, TypeError) as error:
        raise UserError(f"{file}: is no record of cleaning ({error!r}); delete it and run again") from error
    if not whole:
        raise UserError(f"{file}: the pairs removed and kept are not those read; delete it and run again")
    return record


def cleaning_table(records: Sequence[Mapping[str, Any]]) -> DataTable:
    """Return what each step removed, a row per source and language.

    Args:
        records: what :func:`read_record` returns.
    """
    reasons = _reasons(records)
    checks = [reason for reason in reasons if reason in CHECKS]
    steps = [reason for reason in reasons if reason not in CHECKS]
    heads = ["source", "language", "pairs in", "normalised", *(REASONS[reason] for reason in steps)]
    heads += (["quality"] if checks else []) + ["kept"]
    rows: list[list[Value]] = []
    for record in records:
        counts = _counts(record)
        row: list[Value] = [record["source"], record["language"], record["pairs_in"], record["normalised"]]
        row += [counts.get(reason) for reason in steps]
        if checks:
            row.append(sum(counts[check] for check in checks if check in counts) if set(checks) & set(counts) else None)
        rows.append([*row, record["pairs_kept"]])
    notes = ["quality: failed a check of its translation"] if checks else []
    return DataTable(CLEANING, heads, rows, _with_missing(notes, rows, "no such step"), [])


def translation_table(
    records: Sequence[Mapping[str, Any]],
    engines: Mapping[tuple[str, str], Mapping[str, Any]],
    scores: "Mapping[tuple[str, str], Scores]",
    samples: Sequence[Sample],
) -> DataTable:
    """Return how the translations came out, a row per source and language.

    Args:
        records: what :func:`read_record` returns; those that no engine made are left out.
        engines: the record of each translation, by source and language.
        scores: chrF and BLEU, where there are references.
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
    return DataTable(TRANSLATION, heads, rows, _with_missing(notes, rows, "not checked or not measured"), list(samples))


def _revision(engine: Mapping[str, Any]) -> str:
    revision = str(engine.get("revision", MISSING))
    return revision[:12] if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", revision) else revision


def _reasons(records: Sequence[Mapping[str, Any]]) -> list[str]:
    found = dict.fromkeys(row["reason"] for record in records for row in record["removed"])
    return sorted(found, key=lambda reason: (reason in CHECKS, list(found).index(reason)))


def _counts(record: Mapping[str, Any]) -> dict[str, int]:
    return {row["reason"]: row["pairs"] for row in record["removed"]}


def _with_missing(notes: list[str], rows: list[list[Value]], meaning: str) -> list[str]:
    return notes + ([f"{MISSING}: {meaning}"] if any(value is None for row in rows for value in row) else [])


def write_data_tables(folder: Path, tables: Sequence[DataTable], notice: str | None) -> None:
    """Write each table as ``<name>.{csv,md,tex,html}`` into ``folder``; ``notice`` stands on top of all but the CSV."""
    for table in tables:
        frame = pd.DataFrame(table.rows, columns=table.heads, dtype=object)
        write_text(folder / f"{table.name}.csv", frame.to_csv(index=False, lineterminator="\n"))
        write_text(folder / f"{table.name}.md", to_markdown(table, notice))
        write_text(folder / f"{table.name}.tex", to_tex(table, notice))
        write_text(folder / f"{table.name}.html", to_html(table, notice))


def to_markdown(table: DataTable, notice: str | None) -> str:
    """Return a table as a Markdown page (GitHub's tables)."""
    lines = [f"> **{_markdown(notice)}**", ""] if notice else []
    lines += [f"# {table.title}", "", table.explanation, ""]
    if table.rows:
        aligned = [":--" if table.is_text(column) else "--:" for column in range(len(table.heads))]
        cells = [[_markdown(show(value)) for value in row] for row in table.rows]
        lines += [f"| {' | '.join(row)} |" for row in [table.heads, aligned, *cells]]
    else:
        lines.append("No data.")
    lines += ["", *(f"{_markdown(note)}  " for note in table.notes)]
    for sample in table.samples:
        lines += ["", f"**{_markdown(f'{sample.source}, {sample.language}, {sample.pair_id}')}**", ""]
        lines += [f"- {_markdown(before)} → {_markdown(after)}" for before, after in sample.texts]
    return "\n".join(lines).rstrip() + "\n"


def to_tex(table: DataTable, notice: str | None) -> str:
    r"""Return a table as a LaTeX table to ``\input``; it needs the packages booktabs and adjustbox. Samples are left out."""
    lines = ["% needs \\usepackage{booktabs} and \\usepackage{adjustbox}"]
    if notice:
        lines.append(f"\\noindent\\textbf{{{notice.translate(TEX)}}}\\par")
    if not table.rows:
        return "\n".join([*lines, f"% {table.title}: no data"]) + "\n"
    columns = "".join("l" if table.is_text(column) else "r" for column in range(len(table.heads)))
    caption = " ".join([f"{table.title}.", table.explanation, *(f"{note}." for note in table.notes)])
    body = [" & ".join(show(value).replace(MISSING, "--").translate(TEX) for value in row) for row in table.rows]
    lines += [
        "\\begin{table}[htbp]",
        "\\centering",
        f"\\caption{{{caption.replace(MISSING, '--').translate(TEX)}}}",
        f"\\label{{tab:{table.name}}}",
        "\\begin{adjustbox}{max width=\\linewidth}",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        f"{' & '.join(head.translate(TEX) for head in table.heads)} \\\\",
        "\\midrule",
        *(f"{row} \\\\" for row in body),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{adjustbox}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def to_html(table: DataTable, notice: str | None) -> str:
    """Return a table as a page that needs no other file; its ``<main>`` element is what the report takes over."""
    return render("tables_data.html.jinja", title=table.title, table=table, notice=notice, show=show)


def show(value: Value) -> str:
    """Return a cell as it is printed: whole numbers in groups of three, others with one digit after the point."""
    if value is None:
        return MISSING
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{value:.1f}" if isinstance(value, float) else value


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))
