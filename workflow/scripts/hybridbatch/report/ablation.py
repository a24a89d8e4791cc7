"""The table and figure of the ablation: scores of one strategy with one of its settings varied."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from hybridbatch.config.derived_strategies import Point
from hybridbatch.evaluate.names import MEAN, TABLES, metric_label, table_name
from hybridbatch.evaluate.summary import read_csv
from hybridbatch.report.figures import no_data
from hybridbatch.report.score_tables import Block, score_page
from hybridbatch.report.table import Page

KEYS = ["benchmark", "setting", "metric", "backbone", "strategy", "language"]
NUMBERS = ["seeds", "mean", "sd", "low", "high"]
COLUMNS = ["axis", "point", *KEYS[:-1], *NUMBERS]
EXPLANATION = "One setting of a strategy varied, all else equal; a column per value."
AXES = {
    "alpha": "alpha, the share of monolingual batches",
    "language_exponent": "exponent of languages' sizes",
    "source_exponent": "exponent of sources' sizes",
    "pair_scope": "scope of the language pair",
    "languages": "number of training languages",
}


def ablation_rows(intervals: Path, points: Sequence[Point]) -> pd.DataFrame:
    """Return the macro-averages over languages at each point, :data:`COLUMNS`, in the order of the points.

    Args:
        intervals: the file ``intervals.csv``.
        points: the points.

    Raises:
        UserError: if the file is missing or lacks a column.
    """
    rows = read_csv(intervals, [*KEYS, *NUMBERS], NUMBERS)
    chosen = pd.DataFrame(points, columns=["axis", "point", "strategy"])
    return chosen.merge(rows[rows["language"] == MEAN], on="strategy", how="inner")[COLUMNS]


def ablation_page(rows: pd.DataFrame) -> Page:
    """Lay an ablation out: a table per axis, benchmark and setting, a column per value, a row per backbone."""
    blocks = []
    for (_, benchmark, setting, metric), own in rows.groupby(["axis", "benchmark", "setting", "metric"], sort=False):
        title = f"{benchmark}, {TABLES[table_name(setting, metric)].title.lower()}"
        headings = {value: value for value in own["point"]}
        scores = own.assign(column=own["point"])
        blocks.append(Block(title, metric, headings, scores, rivals=["backbone"], keys=["backbone", "axis"]))
    return score_page("ablation", EXPLANATION, blocks, rows)


def ablation_figure(rows: pd.DataFrame) -> Figure:
    """Draw an ablation: a row of panels per axis and benchmark, a panel per table, a line per backbone with its intervals."""
    if rows.empty:
        return no_data()
    rows = rows.assign(table=[table_name(*names) for names in zip(rows["setting"], rows["metric"], strict=True)])
    lines = list(rows[["axis", "benchmark"]].drop_duplicates().itertuples(index=False, name=None))
    tables = [table for table in TABLES if table in set(rows["table"])]
    backbones = list(dict.fromkeys(rows["backbone"]))
    figure = Figure(figsize=(2.4 * len(tables) + 0.4, 2.1 * len(lines) + 0.4))
    grid = figure.subplots(len(lines), len(tables), squeeze=False)
    for (axis, benchmark), panels in zip(lines, grid, strict=True):
        for table, panel in zip(tables, panels, strict=True):
            own = rows[(rows["axis"] == axis) & (rows["benchmark"] == benchmark) & (rows["table"] == table)]
            if own.empty:
                panel.set_axis_off()
                continue
            values = list(dict.fromkeys(own["point"]))
            is_named = axis in ("pair_scope", "languages")
            positions = range(len(values)) if is_named else [float(value) for value in values]
            position = dict(zip(values, positions, strict=True))
            for index, backbone in enumerate(backbones):
                line = own[own["backbone"] == backbone]
                colour = mpl.colormaps["cividis"](0.2 + 0.6 * index / max(1, len(backbones) - 1))
                below, above = line["mean"] - line["low"], line["high"] - line["mean"]
                panel.errorbar(
                    line["point"].map(position), line["mean"], [below, above], color=colour, marker="o", markersize=4,
                    linewidth=1.2, capsize=2.5, label=backbone,
                )  # fmt: skip
            panel.set_xticks(list(position.values()), list(position))
            panel.set_title(f"{benchmark} · {table}\n{metric_label(own['metric'].iloc[0])}", loc="left")
            panel.set_xlabel(AXES[axis] if table == tables[0] else axis)
    if len(backbones) > 1:
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=len(backbones))
    return figure
