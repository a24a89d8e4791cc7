"""The tables of the paper with our numbers beside the published ones, as CSV, Markdown, LaTeX and HTML."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from hybridbatch.common.files import write_text
from hybridbatch.compare.published_verdicts import ABOVE, BELOW, VERDICTS
from hybridbatch.report.score_tables import MISSING, SETTINGS, TEX, decimals, metric_label, render

NAME = "published"
TITLE = "Published numbers"
EXPLANATION = (
    "The tables of the paper. Each cell holds ours / the published number / the difference, as printed. Above and below "
    "are said of the number: more is better for every measure but rank distance."
)
SYMBOLS = {ABOVE: "▲", BELOW: "▼"}
TEX_SYMBOLS = {"▲": r"$\bigtriangleup$", "▼": r"$\bigtriangledown$", MISSING: "--"}
STRATEGIES = {"monolingual": "X-X-mono", "crosslingual": "X-Y", "hybrid": "Proposed"}


class Text(NamedTuple):
    """What a cell shows; ``flag`` is ``above`` or ``below`` for a deviation, ``text`` for names, else empty.

    ``value`` is what a page sorts it by; empty comes last, None is what it shows.
    """

    shown: str
    flag: str = ""
    value: str | None = None


@dataclass(frozen=True)
class Grid:
    """A table: heads, a row of wider heads over them (title and number of columns; may be empty), rows, and a line below."""

    title: str
    groups: list[tuple[str, int]]
    heads: list[str]
    rows: list[list[Text]]
    note: str = ""

    @property
    def names(self) -> int:
        """How many columns, from the left, hold names."""
        return sum(cell.flag == "text" for cell in self.rows[0])


def paper_grids(verdicts: Mapping[str, Any]) -> list[Grid]:
    """Return the paper's tables that hold a covered cell: its rows (languages, then averages) and its columns, in its order.

    Args:
        verdicts: what :func:`hybridbatch.compare.published_verdicts.verdicts_document` returns.
    """
    cells = [*verdicts["cells"], *verdicts["averages"]]
    panels: dict[tuple[int, bool], list[Mapping[str, Any]]] = {}
    for cell in cells:
        # The paper puts mAP and recall of its retrieval tables below each other.
        panels.setdefault((cell["table"], cell["metric"] == "map"), []).append(cell)
    return [_paper_grid(panel) for panel in panels.values() if any(cell["ours"] is not None for cell in panel)]


def _paper_grid(panel: Sequence[Mapping[str, Any]]) -> Grid:
    columns = list(dict.fromkeys(_column(cell) for cell in panel))
    languages = list(dict.fromkeys(cell["language"] for cell in panel))
    found = {(_column(cell), cell["language"]): cell for cell in panel}
    first = panel[0]
    backbones = {cell["backbone"] for cell in panel}
    over = [backbone if len(backbones) > 1 else _measure(setting, metric) for backbone, setting, metric, _ in columns]
    title = f"Table {first['table']}: {first['benchmark']}, "
    title += _measure(first["setting"], first["metric"]) if len(backbones) > 1 else first["backbone"]
    return Grid(
        title,
        [("", 1), *((name, len(list(group))) for name, group in groupby(over))],
        ["language", *(strategy for *_, strategy in columns)],
        [
            [Text(language, "text"), *(_compared(found[column, language]) for column in columns)]
            for language in languages
        ],
    )


def _column(cell: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return cell["backbone"], cell["setting"], cell["metric"], cell["strategy"]


def _measure(setting: str, metric: str) -> str:
    return metric_label(metric) if setting == "bias" else f"{SETTINGS[setting][0]} {metric_label(metric)}"


def _compared(cell: Mapping[str, Any]) -> Text:
    digits = decimals(cell["metric"])
    if cell["ours"] is None:
        return Text(f"{MISSING} / {cell['published']:.{digits}f} / {MISSING}", value="")
    shown = f"{cell['ours']:.{digits}f} / {cell['published']:.{digits}f} / {cell['difference']:+.{digits}f}"
    symbol = SYMBOLS.get(cell["verdict"])
    value = str(cell["ours"])
    return Text(f"{shown} {symbol}", cell["verdict"], value) if symbol else Text(shown, value=value)


def count_grid(verdicts: Mapping[str, Any]) -> Grid:
    """Return the verdicts counted: a row per table of the paper and backbone, and one for all of them."""
    counted: dict[tuple[int, str, str], dict[str, int]] = {}
    for column in verdicts["summary"]:
        counts = counted.setdefault(
            (column["table"], column["benchmark"], column["backbone"]), dict.fromkeys(VERDICTS, 0)
        )
        for verdict in VERDICTS:
            counts[verdict] += column[verdict]
    rows = [[*_names(table, *place), *_counts(counts)] for (table, *place), counts in counted.items()]
    rows.append([*_names("all", "", ""), *_counts(verdicts["counts"])])
    heads = ["table", "benchmark", "backbone", *(f"{SYMBOLS.get(v, '')} {v}".strip() for v in VERDICTS)]
    return Grid("Verdicts", [], heads, rows, f"Largest differences within tolerance: {_tolerances(verdicts)}")


def _counts(counts: Mapping[str, int]) -> list[Text]:
    return [Text(str(counts[v]), v if v in SYMBOLS and counts[v] else "") for v in VERDICTS]


def _tolerances(verdicts: Mapping[str, Any]) -> str:
    shares = {"rank_distance": "{:.4g} of the published number"}
    given = verdicts["tolerances"].items()
    return ", ".join(f"{metric_label(metric)} {shares.get(metric, '{:.4g}').format(value)}" for metric, value in given)


def effect_grid(verdicts: Mapping[str, Any]) -> Grid | None:
    """Return what a strategy gains over a baseline here and in the paper; None where nothing can be compared."""
    rows = []
    for effect in verdicts["effects"]:
        digits = decimals(effect["metric"])
        names = _names(effect["benchmark"], _measure(effect["setting"], effect["metric"]), effect["backbone"])
        pair = Text(f"{effect['strategy']} - {effect['baseline']}", "text")
        ratio = MISSING if effect["ratio"] is None else f"{effect['ratio']:.2f}"
        gains = [f"{effect[name]:+.{digits}f}" for name in ("ours", "published")]
        rows.append([*names, pair, *(Text(shown) for shown in (str(effect["languages"]), *gains, ratio))])
    heads = ["benchmark", "measure", "backbone", "difference", "languages", "ours", "published", "effect ratio"]
    note = (
        "Effect ratio: our difference divided by the published one. 1: the same effect; below 0: the other direction. It says "
        "little where the published difference is small"
    )
    return Grid("Effects", [], heads, rows, note) if rows else None


def orientation_grids(verdicts: Mapping[str, Any]) -> list[Grid]:
    """Return, for each benchmark, the means of our other systems beside those of the paper; they have no verdict."""
    by_benchmark: dict[str, list[Mapping[str, Any]]] = {}
    for row in verdicts["orientation"]:
        by_benchmark.setdefault(row["benchmark"], []).append(row)
    return [_orientation_grid(benchmark, rows) for benchmark, rows in by_benchmark.items()]


def _orientation_grid(benchmark: str, found: Sequence[Mapping[str, Any]]) -> Grid:
    columns = list(dict.fromkeys((row["setting"], row["metric"]) for row in found))
    systems = list(dict.fromkeys((row["origin"], row["backbone"], row["strategy"]) for row in found))
    means = {(row["origin"], row["backbone"], row["strategy"], row["setting"], row["metric"]): row for row in found}
    rows = []
    for system in sorted(systems, key=lambda system: system[0] == "ours"):
        means_of = [means.get((*system, *column)) for column in columns]
        shown = [MISSING if m is None else f"{m['value']:.{decimals(m['metric'])}f}" for m in means_of]
        rows.append([*_names(*system), *(Text(value) for value in shown)])
    heads = ["numbers", "backbone", "strategy", *(_measure(*column) for column in columns)]
    note = "Means over the paper's languages. Our systems are not the paper's: for orientation, without a verdict"
    return Grid(f"Other systems on {benchmark}", [], heads, rows, note)


def _names(*names: object) -> list[Text]:
    return [Text(str(name), "text") for name in names]


def all_grids(verdicts: Mapping[str, Any]) -> list[Grid]:
    """Return every table of the page, in order."""
    effect = effect_grid(verdicts)
    return [
        count_grid(verdicts),
        *paper_grids(verdicts),
        *([effect] if effect else []),
        *orientation_grids(verdicts),
    ]


def notes(grids: Iterable[Grid]) -> list[str]:
    """Return the notes below the tables, each only where it applies."""
    shown = [cell for grid in grids for row in grid.rows for cell in row]
    flags = {cell.flag for cell in shown}
    found = [
        f"{symbol}: {verdict} the published number by more than the tolerance" for verdict, symbol in SYMBOLS.items()
    ]
    found = [note for note, verdict in zip(found, SYMBOLS, strict=True) if verdict in flags]
    if any(MISSING in cell.shown for cell in shown):
        found.append(f"{MISSING}: not run here")
    paper = ", ".join(f"{ours} is {theirs}" for ours, theirs in STRATEGIES.items())
    return [*found, f"the paper's names: {paper}"]


def write_published(folder: Path, verdicts: Mapping[str, Any], notice: str | None) -> None:
    """Write ``published.{csv,md,tex,html}`` into ``folder``; the CSV holds every cell, unrounded, in long form.

    Args:
        folder: where to.
        verdicts: what :func:`hybridbatch.compare.published_verdicts.verdicts_document` returns.
        notice: a sentence on top of all but the CSV; None: none.
    """
    frame = pd.DataFrame([*verdicts["cells"], *verdicts["averages"]])
    write_text(folder / f"{NAME}.csv", frame.to_csv(index=False, lineterminator="\n"))
    grids = all_grids(verdicts)
    write_text(folder / f"{NAME}.md", to_markdown(grids, verdicts["sentence"], notice))
    write_text(folder / f"{NAME}.tex", to_tex(grids, verdicts["sentence"], notice))
    write_text(folder / f"{NAME}.html", to_html(grids, verdicts["sentence"], notice))


def to_markdown(grids: Sequence[Grid], sentence: str, notice: str | None) -> str:
    """Return the tables as a Markdown page (GitHub's tables); deviations are bold and carry ▲ or ▼."""
    lines = [f"> **{_markdown(notice)}**", ""] if notice else []
    lines += [f"# {TITLE}", "", f"**{_markdown(sentence)}**", "", EXPLANATION, ""]
    for grid in grids:
        over = [name for name, width in grid.groups for _ in range(width)] or [""] * len(grid.heads)
        heads = [f"{group}: {head}" if group else head for group, head in zip(over, grid.heads, strict=True)]
        aligned = [":--"] * grid.names + ["--:"] * (len(grid.heads) - grid.names)
        rows = [
            [f"**{cell.shown}**" if cell.flag in SYMBOLS else _markdown(cell.shown) for cell in row]
            for row in grid.rows
        ]
        lines += [f"## {_markdown(grid.title)}", ""]
        lines += [f"| {' | '.join(row)} |" for row in [[_markdown(head) for head in heads], aligned, *rows]]
        lines += ["", *([_markdown(grid.note) + ".", ""] if grid.note else [])]
    return "\n".join([*lines, *(f"{_markdown(note)}  " for note in notes(grids))]).rstrip() + "\n"


def to_tex(grids: Sequence[Grid], sentence: str, notice: str | None) -> str:
    r"""Return the tables as LaTeX tables to ``\input``; they need the packages booktabs and adjustbox."""
    lines = ["% needs \\usepackage{booktabs} and \\usepackage{adjustbox}", f"% {sentence}"]
    warning = [f"\\textbf{{{notice.translate(TEX)}}}\\par"] if notice else []
    for number, grid in enumerate(grids):
        caption = [f"{grid.title}.", *([f"{grid.note}."] if grid.note else []), f"{'; '.join(notes([grid]))}."]
        lines += [
            "\\begin{table}[htbp]",
            "\\centering",
            *warning,
            f"\\caption{{{_tex(' '.join(caption))}}}",
            f"\\label{{tab:{NAME}:{number}}}",
            "\\begin{adjustbox}{max width=\\linewidth}",
            f"\\begin{{tabular}}{{{'l' * grid.names}{'r' * (len(grid.heads) - grid.names)}}}",
            "\\toprule",
            *_tex_groups(grid),
            f"{' & '.join(_tex(head) for head in grid.heads)} \\\\",
            "\\midrule",
            *(f"{' & '.join(_tex_cell(cell) for cell in row)} \\\\" for row in grid.rows),
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{adjustbox}",
            "\\end{table}",
        ]
    return "\n".join(lines) + "\n"


def _tex_groups(grid: Grid) -> list[str]:
    wide = [f"\\multicolumn{{{width}}}{{c}}{{{_tex(name)}}}" for name, width in grid.groups]
    return [f"{' & '.join(wide)} \\\\"] if wide else []


def _tex_cell(cell: Text) -> str:
    return f"\\textbf{{{_tex(cell.shown)}}}" if cell.flag in SYMBOLS else _tex(cell.shown)


def _tex(text: str) -> str:
    text = text.translate(TEX)
    for symbol, command in TEX_SYMBOLS.items():
        text = text.replace(symbol, command)
    return text


def to_html(grids: Sequence[Grid], sentence: str, notice: str | None) -> str:
    """Return a page that needs no other file; its ``<main>`` element is what the report takes over."""
    return render(
        "published.html.jinja",
        title=TITLE,
        sentence=sentence,
        explanation=EXPLANATION,
        grids=grids,
        notes=notes(grids),
        notice=notice,
        deviates=tuple(SYMBOLS),
    )


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))
