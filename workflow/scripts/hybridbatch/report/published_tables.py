"""The tables of the paper, with our numbers next to the published ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import pandas as pd

from hybridbatch.compare.published_cells import PAPERS
from hybridbatch.compare.published_effects import SIZES
from hybridbatch.compare.published_verdicts import ABOVE, BELOW, VERDICTS
from hybridbatch.compare.wording import in_points
from hybridbatch.evaluate.names import MISSING, RANK_DISTANCE, TABLES, decimals, metric_label
from hybridbatch.report.table import Cell, Column, Page, Table

EXPLANATION = (
    "The tables of the paper. Each cell holds ours / the published number / the difference, as printed. Above and below "
    "refer to the number itself: for every measure but rank distance, higher is better."
)
SYMBOLS = {ABOVE: "▲", BELOW: "▼"}
STRATEGIES = {"monolingual": "X-X-mono", "crosslingual": "X-Y", "hybrid": "Proposed"}


def published_page(verdicts: Mapping[str, Any]) -> Page:
    """Lay the verdicts out; the CSV file holds every cell, unrounded, in long form.

    Args:
        verdicts: the result of :func:`hybridbatch.compare.published_comparison.verdicts_document`.
    """
    tables = [
        *_hybrid_table(verdicts["effects_of_hybrid"]),
        _count_table(verdicts),
        *_paper_tables(verdicts),
        *_effect_table(verdicts["effects"]),
        *_orientation_tables(verdicts["orientation"]),
    ]
    for number, table in enumerate(tables):
        caption = " ".join(f"{part}." for part in (table.title, table.note, "; ".join(_notes([table]))) if part)
        tables[number] = replace(table, caption=caption, label=f"tab:published:{number}")
    data = pd.DataFrame([*verdicts["cells"], *verdicts["averages"]])
    return Page("published", "published", EXPLANATION, tables, data, _notes(tables), lead=verdicts["sentence"])


def _table(
    title: str,
    names: Sequence[str],
    numbers: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    note: str = "",
    groups: Sequence[tuple[str, int]] = (),
) -> Table:
    columns = [*(Column(name, True) for name in names), *(Column(number, False) for number in numbers)]
    return Table(columns, [*rows], "", "", title, groups=groups, note=note)


def _paper_tables(verdicts: Mapping[str, Any]) -> list[Table]:
    """Return the paper's tables with a covered cell: its rows (languages, then averages) and its columns, in its order."""
    panels: dict[tuple[int, bool], list[Mapping[str, Any]]] = {}
    for cell in [*verdicts["cells"], *verdicts["averages"]]:
        # The paper puts mAP and recall of its retrieval tables below each other.
        panels.setdefault((cell["table"], cell["metric"] == "map"), []).append(cell)
    readings = {name: f"Candidates: {reading['candidates']}" for name, reading in verdicts["readings"].items()}
    return [
        _paper_table(panel, readings.get(panel[0]["benchmark"], ""))
        for panel in panels.values()
        if any(cell["ours"] is not None for cell in panel)
    ]


def _paper_table(panel: Sequence[Mapping[str, Any]], note: str) -> Table:
    def column(cell: Mapping[str, Any]) -> tuple[str, str, str]:
        return cell["backbone"], _measure(cell), cell["strategy"]

    columns = list(dict.fromkeys(map(column, panel)))
    languages = list(dict.fromkeys(cell["language"] for cell in panel))
    found = {(column(cell), cell["language"]): cell for cell in panel}
    first = panel[0]
    is_split = len({backbone for backbone, *_ in columns}) > 1
    groups = groupby(backbone if is_split else measure for backbone, measure, _ in columns)
    return _table(
        f"Table {first['table']}: {first['benchmark']}, {_measure(first) if is_split else first['backbone']}",
        ["language"],
        [strategy for *_, strategy in columns],
        [[*_names(language), *(_compared(found[column, language]) for column in columns)] for language in languages],
        note,
        groups=[("", 1), *((name, len(list(group))) for name, group in groups)],
    )


def _measure(cell: Mapping[str, Any]) -> str:
    label = metric_label(cell["metric"])
    return label if cell["metric"] == RANK_DISTANCE else f"{TABLES[cell['setting']].title} {label}"


def _compared(cell: Mapping[str, Any]) -> Cell:
    digits = decimals(cell["metric"])
    if cell["ours"] is None:
        return Cell(None, f"{MISSING} / {cell['published']:.{digits}f} / {MISSING}")
    text = f"{cell['ours']:.{digits}f} / {cell['published']:.{digits}f} / {cell['difference']:+.{digits}f}"
    if cell["verdict"] in SYMBOLS:
        return Cell(cell["ours"], f"{text} {SYMBOLS[cell['verdict']]}", mark=cell["verdict"])
    return Cell(cell["ours"], text)


def _count_table(verdicts: Mapping[str, Any]) -> Table:
    """Return the verdicts counted: a row per table of the paper and backbone, and one for all of them."""
    counted: dict[tuple[object, ...], dict[str, int]] = {}
    for column in [*verdicts["summary"], verdicts["counts"] | {"table": "all", "benchmark": "", "backbone": ""}]:
        counts = counted.setdefault(
            (column["table"], column["benchmark"], column["backbone"]), dict.fromkeys(VERDICTS, 0)
        )
        for verdict in VERDICTS:
            counts[verdict] += column[verdict]
    rows = [
        [*_names(*names), *(Cell(n, str(n), mark=v if v in SYMBOLS and n else "") for v, n in counts.items())]
        for names, counts in counted.items()
    ]
    tolerances = ", ".join(
        f"{metric_label(metric)} {value:.4g}{' of the published number' if metric == RANK_DISTANCE else ''}"
        for metric, value in verdicts["tolerances"].items()
    )
    return _table(
        "Verdicts",
        ["table", "benchmark", "backbone"],
        [f"{SYMBOLS.get(v, '')} {v}".strip() for v in VERDICTS],
        rows,
        f"Largest differences within tolerance: {tolerances}",
    )


def _hybrid_table(effects: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Return what hybrid gains over each baseline, here and in the paper; nothing if no benchmark is the paper's."""
    rows = [
        [
            *_names(effect["benchmark"], _measure(effect), f"{effect['strategy']} - {effect['baseline']}"),
            *(_points(effect["published"].get(paper), effect["metric"]) for paper in PAPERS),
            *_names(effect["backbone"]),
            *(_points(effect[size], effect["metric"]) for size in SIZES),
            *_names("open" if effect["low"] <= 0 <= effect["high"] else ", ".join(effect["same_sign"]) or "neither"),
        ]
        for effect in effects
    ]
    note = (
        "Differences of means over languages: in points, hundredths of the measure; of the rank distance in ranks, where less is "
        "better. Low and high: the interval of ours over questions and seeds; open: it contains 0. Our encoder and training data may "
        "differ from the paper's, and the paper has one run per number: compare signs and sizes, not digits"
    )
    papers = [f"paper, {paper}" for paper in PAPERS]
    headings = ["benchmark", "measure", "difference", *papers, "backbone", *("ours", "low", "high"), "same sign as"]
    texts = {"benchmark", "measure", "difference", "backbone", "same sign as"}
    columns = [Column(heading, heading in texts) for heading in headings]
    return [Table(columns, rows, "", "", "Effects", note=note)] if rows else []


def _points(value: float | None, metric: str) -> Cell:
    if value is None:
        return Cell(None, MISSING)
    size, _ = in_points(value, metric)
    return Cell(size, f"{size:+z.{0 if metric == RANK_DISTANCE else 1}f}")


def _effect_table(effects: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Return what a strategy gains over a baseline here and in the paper; nothing if nothing can be compared."""
    rows = []
    for effect in effects:
        difference = f"{effect['strategy']} - {effect['baseline']}"
        gains = [_number(effect[name], f"+.{decimals(effect['metric'])}f") for name in ("ours", "published")]
        rows.append(
            [
                *_names(effect["benchmark"], _measure(effect), effect["backbone"], difference),
                _number(effect["languages"], "d"),
                *gains,
                _number(effect["ratio"], ".2f"),
            ]
        )
    note = (
        "Effect ratio: our difference divided by the published one. 1: the same effect; below 0: the other direction. It says "
        "little where the published difference is small"
    )
    headings = ["benchmark", "measure", "backbone", "difference"]
    return (
        [_table("Effect ratios", headings, ["languages", "ours", "published", "effect ratio"], rows, note)]
        if rows
        else []
    )


def _orientation_tables(means: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Return, for each benchmark, the means of our other systems next to those of the paper; they have no verdict."""
    note = "Means over the paper's languages. Our systems are not the paper's: for orientation, without a verdict"
    tables = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in means):
        own = [row for row in means if row["benchmark"] == benchmark]
        measures = list(dict.fromkeys(map(_measure, own)))
        systems: dict[tuple[str, str, str], dict[str, Cell]] = {}
        for row in own:
            cells = systems.setdefault((row["origin"], row["backbone"], row["strategy"]), {})
            cells[_measure(row)] = _number(row["value"], f".{decimals(row['metric'])}f")
        rows = [
            [*_names(*system), *(cells.get(measure, Cell(None, MISSING)) for measure in measures)]
            for system, cells in sorted(systems.items(), key=lambda item: item[0][0] == "ours")
        ]
        tables.append(
            _table(f"Other systems on {benchmark}", ["numbers", "backbone", "strategy"], measures, rows, note)
        )
    return tables


def _number(value: float | None, form: str) -> Cell:
    return Cell(None, MISSING) if value is None else Cell(value, f"{value:{form}}")


def _names(*names: object) -> list[Cell]:
    return [Cell(str(name), str(name)) for name in names]


def _notes(tables: Iterable[Table]) -> list[str]:
    """Return what the symbols and names mean, each only where it occurs."""
    cells = [cell for table in tables for row in table.rows for cell in row]
    notes = [
        f"{symbol}: {verdict} the published number by more than the tolerance"
        for verdict, symbol in SYMBOLS.items()
        if any(cell.mark == verdict for cell in cells)
    ]
    if any(MISSING in cell.text for cell in cells):
        notes.append(f"{MISSING}: not run here")
    paper = ", ".join(f"{ours} is {theirs}" for ours, theirs in STRATEGIES.items())
    return [*notes, f"the paper's names: {paper}"]
