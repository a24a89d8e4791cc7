"""The figure at the top of the report: every strategy's mean and interval, the paper's means, and who wins significantly."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.compare.winners import PANEL
from hybridbatch.config.derived_strategies import CENTRED
from hybridbatch.config.layout import Layout
from hybridbatch.config.statistics import Statistics
from hybridbatch.evaluate.names import BIAS, MEAN, RANK_DISTANCE, TABLES, UNTUNED, metric_label, table_name
from hybridbatch.evaluate.summary import read_csv
from hybridbatch.report.figures import no_data, strategy_colours

SCORES = [*PANEL, "strategy"]
SUBTITLES = {
    "mono": "within a language",
    "cross": "across two languages",
    "multi": "in the pool of all languages",
    BIAS: "fewer is better",
}
LABELS = {UNTUNED: "untuned", "bm25": "BM25"}
GREY, INK = "#6b7075", "#222222"
# In inches: the width, and the heights of a line, of what is above and below the lines of a benchmark, and of the legend and notice.
WIDTH, ROW, HEAD, FOOT = 10.4, 0.24, 0.5, 0.9


class Paper(NamedTuple):
    """An encoder of the paper: its marker and its name in the legend."""

    marker: str
    label: str


PAPERS = {"xlm-r": Paper("o", "XLM-R"), "labse": Paper("D", "LaBSE")}


def read_means(file: Path) -> pd.DataFrame:
    """Read the means over languages and their intervals from ``intervals.csv``: :data:`SCORES`, ``table``, ``mean``, ``low``, ``high``.

    Raises:
        UserError: if the file is missing or lacks a column.
    """
    rows = read_csv(file, [*SCORES, "language", "mean", "low", "high"], ["mean", "low", "high"])
    rows = rows[(rows["language"] == MEAN) & rows["mean"].notna()]
    return rows.assign(table=[*map(table_name, rows["setting"], rows["metric"])])


def read_tests(file: Path) -> pd.DataFrame:
    """Read ``comparisons.csv`` for :func:`hybridbatch.compare.winners.winners`.

    Raises:
        UserError: if the file is missing or lacks a column.
    """
    rows = read_csv(file, [*SCORES, "baseline", "difference", "significant"], ["difference"])
    return rows.assign(significant=rows["significant"] == "True")


def read_paper_means(file: Path) -> pd.DataFrame:
    """Read the paper's means from ``verdicts.json``: ``benchmark`` (our name), ``table``, ``metric``, ``backbone``, ``strategy``, ``value``.

    Raises:
        UserError: if the file is missing or has no means.
    """
    try:
        means = read_json(file)["means"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{file}: has no means; delete it and run again") from error
    frame = pd.DataFrame(means, columns=["here", "setting", "metric", "backbone", "strategy", "value"])
    return frame.rename(columns={"here": "benchmark", "setting": "table"})


def answer_figure(
    scores: pd.DataFrame,
    paper: pd.DataFrame,
    best: Mapping[tuple[str, ...], str],
    layout: Layout,
    settings: Statistics,
) -> Figure:
    """Draw a row of panels per benchmark and backbone, a panel per table, and in it a line per strategy.

    Args:
        scores: the result of :func:`read_means`.
        paper: the result of :func:`read_paper_means`; hollow markers.
        best: the result of :func:`hybridbatch.compare.winners.winners`; stars.
        layout: the benchmarks and strategies shown, in this order, and the notice below.
        settings: level of the tests and confidence of the intervals.
    """
    order = [UNTUNED, *layout.strategies, "bm25"]
    scores = scores[scores["strategy"].isin(order) & scores["benchmark"].isin(layout.benchmarks)]
    if scores.empty:
        return no_data()
    paper = paper[paper["benchmark"].isin(scores["benchmark"]) & paper["strategy"].isin(scores["strategy"])]
    encoders = [name for name in dict.fromkeys(scores["backbone"]) if name != "bm25"] or ["bm25"]
    tables = [table for table in TABLES if table in set(scores["table"])]
    blocks = [
        (benchmark, backbone, scores[(scores["benchmark"] == benchmark) & scores["backbone"].isin([backbone, "bm25"])])
        for benchmark in layout.benchmarks
        for backbone in encoders
    ]
    names = [[name for name in order if name in set(rows["strategy"])] for *_, rows in blocks]
    heights = [ROW * len(lines) for lines in names]
    figure = Figure(figsize=(WIDTH, sum(heights) + HEAD * len(blocks) + FOOT))
    grid = figure.subplots(len(blocks), len(tables), squeeze=False, height_ratios=heights)
    for number, ((benchmark, backbone, rows), lines, axes) in enumerate(zip(blocks, names, grid, strict=True)):
        for table, axis in zip(tables, axes, strict=True):
            # The panels of a benchmark share their scale, so that backbones can be compared.
            shown = scores[(scores["benchmark"] == benchmark) & (scores["table"] == table)]
            published = paper[(paper["benchmark"] == benchmark) & (paper["table"] == table)]
            published = published[published["metric"].isin(shown["metric"])]
            axis.set_yticks(range(len(lines)), [])
            axis.set_ylim(len(lines) - 0.4, -0.6)
            axis.tick_params(axis="y", length=0)
            axis.spines["left"].set_visible(False)
            if shown.empty:
                axis.spines[:].set_visible(False)
                axis.set_xticks([])
                continue
            _scale(axis, table, np.concatenate([np.ravel(shown[["low", "mean", "high"]]), published["value"]]))
            measure = metric_label(shown["metric"].iloc[0])
            title = measure if table == BIAS else f"{TABLES[table].title} {measure}"
            axis.set_title(f"{title}\n{SUBTITLES[table]}" if number == 0 else title, loc="left")
            _draw(axis, rows[rows["table"] == table], published, lines, best)
        where = benchmark if len(encoders) == 1 else f"{benchmark} · {backbone}"
        axes[0].set_yticklabels([LABELS.get(name, name) for name in lines])
        axes[0].annotate(
            where, (0, 1), (-6, 6), xycoords="axes fraction", textcoords="offset points", ha="right", fontweight="bold"
        )
    _explain(figure, {*paper["backbone"]}, best, layout.notice, settings)
    return figure


def _scale(axis: Any, table: str, values: npt.NDArray[np.float64]) -> None:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    limits = (low - margin, high + margin)
    # Right is better in every panel.
    axis.set_xlim(*(limits[::-1] if table == BIAS else limits))
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(axis="x", labelsize=8, colors=GREY)


def _draw(
    axis: Any, rows: pd.DataFrame, published: pd.DataFrame, lines: Sequence[str], best: Mapping[tuple[str, ...], str]
) -> None:
    colours = strategy_colours([name for name in lines if name != "bm25"]) | {"bm25": GREY}
    for row in rows.itertuples(index=False):
        position, colour = lines.index(row.strategy), colours[row.strategy]
        is_best = best.get((row.benchmark, row.setting, row.metric, row.backbone)) == row.strategy
        axis.hlines(position, row.low, row.high, color=colour, linewidth=2.2)
        marker = "*" if is_best else "s" if row.strategy.endswith(CENTRED) else "o"
        axis.plot(row.mean, position, marker, color=colour, markersize=13 if is_best else 6, zorder=3)
        text = f"{row.mean:.0f}" if row.metric == RANK_DISTANCE else f"{row.mean:.3f}".removeprefix("0")
        axis.annotate(
            text, (1, position), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
            fontweight="bold" if is_best else "normal",
        )  # fmt: skip
    for mean in published.itertuples(index=False):
        if mean.strategy in lines:
            look = {"color": colours[mean.strategy], "markerfacecolor": "white", "markersize": 5}
            axis.plot(mean.value, lines.index(mean.strategy) + 0.38, PAPERS[mean.backbone].marker, **look)


def _explain(
    figure: Figure,
    papers: Collection[str],
    best: Mapping[tuple[str, ...], str],
    notice: str | None,
    settings: Statistics,
) -> None:
    """Add the legend above the panels and the notice below them."""
    look: dict[str, Any] = {"color": INK, "markerfacecolor": "white", "linestyle": "", "markersize": 5}
    interval = f"mean and {100 * settings.confidence:g} % interval (questions and seeds)"
    handles = [Line2D([], [], color=INK, linewidth=2.2, marker="o", label=interval)]
    handles += [
        Line2D([], [], marker=paper.marker, label=f"paper, {paper.label}", **look)
        for name, paper in PAPERS.items()
        if name in papers
    ]
    test = f"p < {settings.alpha:g}, Holm".replace("0.", ".")
    title = (
        f"\N{BLACK STAR} significantly better than every other strategy ({test})."
        if best
        else f"In no panel is a strategy significantly better than every other one ({test})."
    )
    figure.legend(
        handles=handles, loc="outside upper left", ncols=len(handles), frameon=False, alignment="left", fontsize=9,
        title=f"{title} Further right is better.", title_fontproperties={"size": 10.5, "weight": "bold"},
    )  # fmt: skip
    if notice:
        figure.supxlabel("\n".join(wrap(notice, 150)), x=0.01, ha="left", fontsize=8, color=GREY)
