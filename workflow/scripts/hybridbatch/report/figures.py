"""Figures as SVG and PDF: the cross-lingual matrix, bars over strategies, training curves. Equal data give equal bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from hybridbatch.common.files import atomic_path
from hybridbatch.config.derived_strategies import CENTRED
from hybridbatch.evaluate.names import MEAN, MISSING, RANK_DISTANCE, decimals, metric_label, parse_run
from hybridbatch.evaluate.summary import read_csv

METRIC = "map"
# Okabe and Ito's palette, which readers with colour-vision deficiencies can tell apart.
COLOURS = {"none": "#8a8a8a", "monolingual": "#0072b2", "crosslingual": "#d55e00", "hybrid": "#009e73"}
OTHER_COLOURS = ("#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
LINES: tuple[Any, ...] = ("-", "--", "-.", ":")
STYLE: Any = {
    "svg.hashsalt": "hybridbatch",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "figure.constrained_layout.use": True,
}
CURVE_COLUMNS = ["step", "loss", "learning_rate", "validation_loss"]


def write_figures(
    folder: Path, blocks: pd.DataFrame, summary: pd.DataFrame, benchmarks: Sequence[str], curves: Mapping[str, Path]
) -> None:
    """Write ``cross_<benchmark>`` for each benchmark, ``multi``, ``bias`` and, if there are curves, ``curves``, as SVG and PDF.

    Args:
        folder: where to.
        blocks: the result of :func:`hybridbatch.evaluate.summary.block_means`.
        summary: the result of :func:`hybridbatch.evaluate.summary.summarise`.
        benchmarks: the benchmarks shown, in this order.
        curves: the training curves of each trained run; empty: none.

    Raises:
        UserError: if a curves file is unreadable.
    """
    with mpl.rc_context(STYLE):
        for benchmark in benchmarks:
            save(folder / f"cross_{benchmark}", matrix_figure(blocks[blocks["benchmark"] == benchmark]))
        save(folder / "multi", bars_figure(summary, METRIC, benchmarks))
        save(folder / "bias", bars_figure(summary, RANK_DISTANCE, benchmarks))
        if curves:
            save(folder / "curves", curves_figure({name: read_curve(file) for name, file in curves.items()}))


def save(stem: Path, figure: Figure) -> None:
    """Write a figure as ``<stem>.svg``, for pages, and ``<stem>.pdf``, for papers; equal figures give equal bytes."""
    with atomic_path(stem.with_name(f"{stem.name}.svg")) as aside:
        figure.savefig(aside, format="svg", metadata={"Date": None, "Creator": None})
    with atomic_path(stem.with_name(f"{stem.name}.pdf")) as aside:
        figure.savefig(aside, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def no_data() -> Figure:
    """Return a figure that says that there are no data."""
    figure = Figure(figsize=(4, 1))
    figure.text(0.5, 0.5, "no data", ha="center", va="center", color="#555555")
    return figure


def cross_matrix(blocks: pd.DataFrame) -> pd.DataFrame:
    """Return mean average precision per query language (rows) and passage language (columns), averaged over seeds.

    Args:
        blocks: the block means of one benchmark, backbone and strategy. ``mono`` is the diagonal.

    Returns:
        A square table over the languages in alphabetical order, NaN if not measured.
    """
    pairs = blocks[blocks["setting"].isin(["mono", "cross"]) & (blocks["metric"] == METRIC)]
    matrix = pairs.pivot_table(index="query_language", columns="passage_language", values="value", aggfunc="mean")
    languages = sorted({*matrix.index, *matrix.columns})
    return matrix.reindex(index=languages, columns=languages)


def matrix_figure(blocks: pd.DataFrame) -> Figure:
    """Draw the cross-lingual matrices of a benchmark: a panel per backbone (rows) and strategy (columns).

    Args:
        blocks: the block means of one benchmark; systems without cross-lingual results are left out.
    """
    crossed = blocks[(blocks["setting"] == "cross") & (blocks["metric"] == METRIC) & blocks["value"].notna()]
    if crossed.empty:
        return no_data()
    systems = crossed[["backbone", "strategy"]].drop_duplicates().itertuples(index=False, name=None)
    matrices = {
        (backbone, strategy): cross_matrix(blocks[(blocks["backbone"] == backbone) & (blocks["strategy"] == strategy)])
        for backbone, strategy in systems
    }
    backbones, strategies = (list(dict.fromkeys(names)) for names in zip(*matrices, strict=True))
    size = max(1.8, 0.28 * max(len(matrix) for matrix in matrices.values()) + 0.1)
    figure = Figure(figsize=(size * len(strategies) + 1.4, (size + 0.3) * len(backbones) + 0.4))
    axes = figure.subplots(len(backbones), len(strategies), squeeze=False)
    values = np.concatenate([matrix.to_numpy().ravel() for matrix in matrices.values()])
    colours = mpl.cm.ScalarMappable(mpl.colors.Normalize(np.nanmin(values), np.nanmax(values)), "cividis")
    for row, backbone in enumerate(backbones):
        for column, strategy in enumerate(strategies):
            axis = axes[row, column]
            if (backbone, strategy) in matrices:
                _draw_matrix(axis, matrices[backbone, strategy], colours)
                axis.set_title(f"{backbone} · {strategy}")
                axis.tick_params(labelleft=column == 0, labelbottom=row == len(backbones) - 1)
            else:
                axis.set_axis_off()
    figure.supxlabel("passage language", fontsize=9)
    figure.supylabel("query language", fontsize=9)
    bar = figure.colorbar(colours, ax=axes, shrink=0.8, aspect=30, pad=0.02)
    bar.set_label(f"{metric_label(METRIC)}, mean over seeds")
    bar.outline.set_visible(False)
    solids: Any = bar.solids
    solids.set(rasterized=False, edgecolor="face")
    return figure


def _draw_matrix(axis: Any, matrix: pd.DataFrame, colours: Any) -> None:
    values: npt.NDArray[np.float64] = matrix.to_numpy(dtype=np.float64)
    axis.pcolormesh(values, cmap=colours.cmap, norm=colours.norm, edgecolors="white", linewidth=0.8)
    axis.set_aspect("equal")
    axis.invert_yaxis()
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, labelsize=8)
    positions = np.arange(len(matrix)) + 0.5
    axis.set_xticks(positions, list(matrix.columns))
    axis.set_yticks(positions, list(matrix.index))
    for (row, column), value in np.ndenumerate(values):
        text = MISSING if np.isnan(value) else f"{value:.2f}".replace("0.", ".", 1)
        colour = "#555555" if np.isnan(value) else _ink(colours.to_rgba(value))
        axis.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5, color=colour)


def _ink(background: tuple[float, float, float, float]) -> str:
    """Return black or white, whichever has the higher contrast (relative luminance of WCAG 2.2)."""
    linear = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in background[:3]
    ]
    luminance = float(np.dot([0.2126, 0.7152, 0.0722], linear))
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"


def bars_figure(summary: pd.DataFrame, metric: str, benchmarks: Sequence[str]) -> Figure:
    """Draw the macro-average of a measure in ``multi``: a panel per benchmark, a bar per backbone and strategy, a point per seed."""
    shown = summary[
        (summary["setting"] == "multi")
        & (summary["metric"] == metric)
        & (summary["language"] == MEAN)
        & summary["value"].notna()
        & summary["benchmark"].isin(benchmarks)
    ]
    if shown.empty:
        return no_data()
    names = [name for name in benchmarks if name in set(shown["benchmark"])]
    systems = [len(shown.loc[shown["benchmark"] == name, ["backbone", "strategy"]].drop_duplicates()) for name in names]
    figure = Figure(figsize=(7.5, sum(0.3 * count + 0.75 for count in systems)))
    axes = figure.subplots(len(names), 1, squeeze=False, height_ratios=[count + 1 for count in systems])[:, 0]
    colours = strategy_colours(list(summary["strategy"].unique()))
    for axis, name in zip(axes, names, strict=True):
        _draw_bars(axis, shown[shown["benchmark"] == name], metric, colours)
        axis.set_title(name, loc="left", fontweight="bold")
    better = "lower is better" if metric == RANK_DISTANCE else "higher is better"
    axes[-1].set_xlabel(f"{metric_label(metric)}, mean over languages; bar: mean over seeds, points: seeds ({better})")
    return figure


def _draw_bars(axis: Any, values: pd.DataFrame, metric: str, colours: Mapping[str, str]) -> None:
    groups: list[Any] = list(values.groupby(["backbone", "strategy"], sort=False)["value"])
    position, previous, positions = 0.0, groups[0][0][0], []
    widest = float(values["value"].max())
    for (backbone, strategy), seeds in groups:
        position += 0.5 if backbone != previous else 0.0
        previous = backbone
        axis.barh(position, seeds.mean(), height=0.72, color=colours[strategy])
        if len(seeds) > 1:
            axis.plot(
                seeds, [position] * len(seeds), "o", color="white", markeredgecolor="black", markersize=4, clip_on=False
            )
        right = max(float(seeds.max()), float(seeds.mean())) + 0.015 * widest
        axis.text(right, position, f"{seeds.mean():.{decimals(metric)}f}", va="center", fontsize=8)
        positions.append(position)
        position += 1
    axis.set_yticks(positions, [f"{backbone} · {strategy}" for (backbone, strategy), _ in groups])
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(0, widest * 1.12 if widest else 1.0)
    axis.invert_yaxis()


def strategy_colours(strategies: Sequence[str]) -> dict[str, str]:
    """Return a colour for each strategy: fixed for those of the paper, the others in turn; a centred one has that of its strategy."""
    trained = dict.fromkeys(name.removesuffix(CENTRED) for name in strategies)
    others = [name for name in trained if name not in COLOURS]
    colours = COLOURS | {name: OTHER_COLOURS[index % len(OTHER_COLOURS)] for index, name in enumerate(others)}
    return colours | {name: colours[name.removesuffix(CENTRED)] for name in strategies}


def read_curve(file: Path) -> pd.DataFrame:
    """Read the training curve of a run: ``step, loss, learning_rate, validation_loss``, NaN if not measured.

    Raises:
        UserError: if it is missing or lacks a column.
    """
    return read_csv(file, CURVE_COLUMNS, CURVE_COLUMNS)


def curves_figure(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the training and the validation loss over steps: a row of two panels per backbone, a line per run."""
    runs = {parse_run(name): curve for name, curve in curves.items()}
    backbones = list(dict.fromkeys(run.backbone for run in runs))
    strategies = list(dict.fromkeys(run.strategy for run in runs))
    colours = strategy_colours(strategies)
    figure = Figure(figsize=(8, 2.5 * len(backbones) + 0.5))
    axes = figure.subplots(len(backbones), 2, squeeze=False, sharex="row")
    for run, curve in runs.items():
        look = {
            "color": colours[run.strategy],
            "linestyle": LINES[strategies.index(run.strategy) % len(LINES)],
            "linewidth": 1.2,
        }
        for axis, column, marker in zip(
            axes[backbones.index(run.backbone)], ("loss", "validation_loss"), ("", "o"), strict=True
        ):
            points = curve[["step", column]].dropna()
            axis.plot(points["step"], points[column], marker=marker, markersize=3, alpha=0.85, **look)
    for backbone, (training, validation) in zip(backbones, axes, strict=True):
        training.set_title(f"{backbone}: training loss", loc="left")
        validation.set_title(f"{backbone}: validation loss", loc="left")
    for axis in axes[-1]:
        axis.set_xlabel("step")
    handles = [
        mpl.lines.Line2D([], [], color=colours[strategy], linestyle=LINES[index % len(LINES)], label=strategy)
        for index, strategy in enumerate(strategies)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(strategies), frameon=False)
    return figure
