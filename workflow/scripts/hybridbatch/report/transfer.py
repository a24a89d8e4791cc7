"""The table and figure of transfer to unseen languages."""

from collections.abc import Collection

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from hybridbatch.evaluate.names import MEAN, RANK_DISTANCE, TABLES, UNTUNED, metric_label, table_name
from hybridbatch.report.figures import no_data, strategy_colours
from hybridbatch.report.score_tables import Block, score_page
from hybridbatch.report.table import Page

EXPLANATION = (
    "Means over the query languages of each group, their number in brackets: languages in training and not in training, then "
    "scripts (ISO 15924), then families (Glottolog)."
)
GROUPINGS = {"training": 0, "script": 1, "family": 2}


def transfer_page(means: pd.DataFrame) -> Page:
    """Lay group means out: a table per benchmark and setting, a column per group.

    The groups by training come first; scripts and families that are all of the benchmark's languages are left out.

    Args:
        means: the result of :func:`hybridbatch.compare.transfer.group_means`.
    """
    blocks = []
    for (benchmark, setting, metric), own in means.groupby(["benchmark", "setting", "metric"], sort=False):
        found = own[["grouping", "group", "languages"]].drop_duplicates()
        is_shown = (found["grouping"] == "training") | (found.groupby("grouping")["group"].transform("nunique") > 1)
        found = found[is_shown].sort_values(
            ["grouping", "group"], key=lambda names: names.map(GROUPINGS) if names.name == "grouping" else names
        )
        headings = {
            f"{grouping} {group}": f"{group} ({len(codes.split())})"
            for grouping, group, codes in found.itertuples(index=False, name=None)
        }
        title = f"{benchmark}, {TABLES[table_name(setting, metric)].title.lower()}"
        scores = own.assign(column=own["grouping"] + " " + own["group"])
        blocks.append(Block(title, metric, headings, scores))
    return score_page("transfer", EXPLANATION, blocks, means)


def gain_figure(scores: pd.DataFrame, unseen: Collection[str]) -> Figure:
    """Draw the gain of training over the untuned encoder, per query language: a panel per benchmark and table.

    A large point is the mean over seeds, a small one a seed. Languages that training had come first.

    Args:
        scores: the result of :func:`hybridbatch.evaluate.summary.main_rows`.
        unseen: the languages that no training source has.
    """
    values = scores[scores["language"] != MEAN].dropna(subset="value")
    # Panels in the order of the tables.
    values = values.sort_values("table", key=lambda names: names.map(list(TABLES).index), kind="stable")
    keys = ["benchmark", "setting", "metric", "backbone", "language"]
    untuned = values[values["strategy"] == UNTUNED][[*keys, "value"]].rename(columns={"value": "untuned"})
    gains = values[values["strategy"] != UNTUNED].merge(untuned, on=keys)
    gains["gain"] = gains["value"] - gains["untuned"]
    if gains.empty:
        return no_data()
    panels = list(gains.groupby(["benchmark", "backbone", "setting", "metric"], sort=False))
    strategies = list(dict.fromkeys(gains["strategy"]))
    colours = strategy_colours(strategies)
    figure = Figure(figsize=(8, 1.9 * len(panels) + 0.5))
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, ((benchmark, backbone, setting, metric), own) in zip(axes, panels, strict=True):
        languages = sorted(own["language"].unique(), key=lambda code: (code in unseen, code))
        for index, strategy in enumerate(strategies):
            offset = 0.6 * ((index + 0.5) / len(strategies) - 0.5)
            line = own[own["strategy"] == strategy]
            x = line["language"].map(languages.index).to_numpy() + offset
            axis.plot(x, line["gain"], "o", color=colours[strategy], markersize=2, alpha=0.6)
            means = line.groupby("language")["gain"].mean()
            x = means.index.map(languages.index).to_numpy() + offset
            axis.plot(x, means, "D", color=colours[strategy], markersize=4.5)
        seen = sum(code not in unseen for code in languages)
        if 0 < seen < len(languages):
            axis.axvline(seen - 0.5, color="#8a8a8a", linewidth=0.8, linestyle=":")
        axis.axhline(0, color="#8a8a8a", linewidth=0.8)
        axis.set_xticks(range(len(languages)), [f"{code}*" if code in unseen else code for code in languages])
        axis.set_xlim(-0.6, len(languages) - 0.4)
        lower = ", lower is better" if metric == RANK_DISTANCE else ""
        shown_in = table_name(setting, metric)
        axis.set_title(f"{benchmark} · {backbone} · {shown_in}: change of {metric_label(metric)}{lower}", loc="left")
    handles = [
        mpl.lines.Line2D([], [], color=colours[name], marker="D", linestyle="", label=name) for name in strategies
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(strategies), frameon=False)
    return figure
