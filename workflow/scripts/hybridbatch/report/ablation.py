"""The ablation: scores of one strategy with one of its settings varied."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from hybridbatch.common.errors import UserError
from hybridbatch.config.derived_strategies import Point
from hybridbatch.report.figures import no_data
from hybridbatch.report.score_tables import MEAN, RANK_DISTANCE, SETTINGS, Block, Cell, Row, decimals, metric_label

KEYS = ["benchmark", "setting", "metric", "backbone", "strategy", "language"]
NUMBERS = ["seeds", "mean", "sd", "low", "high"]
COLUMNS = ["axis", "point", *KEYS[:-1], *NUMBERS]
AXES = {
    "alpha": "alpha, the share of monolingual batches",
    "size_exponent": "exponent of sampling by size",
    "pair_scope": "scope of the language pair",
    "languages": "number of training languages",
}


def read_intervals(file: Path) -> pd.DataFrame:
    """Read means and intervals, macro-averages over languages only.

    Raises:
        UserError: if the file is missing or lacks a column.
    """
    try:
        intervals = pd.read_csv(file, keep_default_na=False, na_values={name: [""] for name in NUMBERS})
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as intervals ({error}); delete it and run again") from error
    absent = [column for column in [*KEYS, *NUMBERS] if column not in intervals.columns]
    if absent:
        raise UserError(f"{file}: lacks the column {', '.join(absent)}; delete it and run again")
    return intervals[intervals["language"] == MEAN]


def ablation_rows(intervals: pd.DataFrame, points: Sequence[Point]) -> pd.DataFrame:
    """Return the scores at each point, :data:`COLUMNS`, in the order of the points.

    Args:
        intervals: what :func:`read_intervals` returns.
        points: the points.
    """
    places = pd.DataFrame(points, columns=["axis", "point", "strategy"])
    return places.merge(intervals, on="strategy", how="inner")[COLUMNS]


def ablation_blocks(rows: pd.DataFrame) -> list[Block]:
    """Arrange an ablation: a block per axis, benchmark and setting, a column per value, a row per backbone."""
    blocks = []
    groups: Any = rows.groupby(["axis", "benchmark", "setting", "metric"], sort=False)
    for (axis, benchmark, setting, metric), own in groups:
        values = list(dict.fromkeys(own["point"]))
        lines = []
        for backbone in dict.fromkeys(own["backbone"]):
            line = own[own["backbone"] == backbone].set_index("point")
            printed = line["mean"].round(decimals(metric))
            best = printed.min() if metric == RANK_DISTANCE else printed.max()
            cells = [
                Cell(
                    float(line.at[value, "mean"]),
                    None if pd.isna(line.at[value, "sd"]) else float(line.at[value, "sd"]),
                    len(values) > 1 and bool(printed[value] == best),
                )
                if value in line.index
                else Cell(None, None, False)
                for value in values
            ]
            lines.append(Row(backbone, axis, int(line["seeds"].max()), cells))
        blocks.append(Block(f"{benchmark}, {SETTINGS[setting][0].lower()}", metric, values, lines))
    return blocks


def ablation_figure(rows: pd.DataFrame) -> Figure:
    """Draw an ablation: a row of panels per axis and benchmark, a panel per setting, a line per backbone with its intervals."""
    if rows.empty:
        return no_data()
    lines = list(rows[["axis", "benchmark"]].drop_duplicates().itertuples(index=False, name=None))
    settings = [setting for setting in SETTINGS if setting in set(rows["setting"])]
    backbones = list(dict.fromkeys(rows["backbone"]))
    figure = Figure(figsize=(2.4 * len(settings) + 0.4, 2.1 * len(lines) + 0.4))
    grid = figure.subplots(len(lines), len(settings), squeeze=False)
    for (axis, benchmark), panels in zip(lines, grid, strict=True):
        for setting, panel in zip(settings, panels, strict=True):
            own = rows[(rows["axis"] == axis) & (rows["benchmark"] == benchmark) & (rows["setting"] == setting)]
            if own.empty:
                panel.set_axis_off()
                continue
            values = list(dict.fromkeys(own["point"]))
            places = [float(value) for value in values] if axis in ("alpha", "size_exponent") else range(len(values))
            place = dict(zip(values, places, strict=True))
            for index, backbone in enumerate(backbones):
                line = own[own["backbone"] == backbone]
                colour = mpl.colormaps["cividis"](0.2 + 0.6 * index / max(1, len(backbones) - 1))
                below, above = line["mean"] - line["low"], line["high"] - line["mean"]
                panel.errorbar(
                    line["point"].map(place), line["mean"], [below, above], color=colour, marker="o", markersize=4,
                    linewidth=1.2, capsize=2.5, label=backbone,
                )  # fmt: skip
            panel.set_xticks(list(place.values()), list(place))
            metric = own["metric"].iloc[0]
            panel.set_title(f"{benchmark} · {setting}\n{metric_label(metric)}", loc="left")
            panel.set_xlabel(AXES[axis] if setting == settings[0] else axis)
    if len(backbones) > 1:
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=len(backbones))
    return figure
