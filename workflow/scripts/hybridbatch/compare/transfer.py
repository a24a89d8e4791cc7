"""Transfer to languages that training did not have: scores by seen and unseen languages, by script and by family."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from hybridbatch.compare.language_groups import groups
from hybridbatch.report.figures import no_data, strategy_colours
from hybridbatch.report.score_tables import MEAN, RANK_DISTANCE, SETTINGS, Block, Cell, Row, decimals, metric_label

COLUMNS = [
    "benchmark",
    "setting",
    "metric",
    "backbone",
    "strategy",
    "grouping",
    "group",
    "languages",
    "seeds",
    "mean",
    "sd",
]
UNTUNED = "none"


def group_means(summary: pd.DataFrame, unseen: Collection[str], metrics: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Average scores over the query languages of each group.

    Args:
        summary: what :func:`hybridbatch.report.score_tables.summarise` returns.
        unseen: the languages that no training source has.
        metrics: the measures of each setting; the first one is taken.

    Returns:
        :data:`COLUMNS`: ``grouping`` is ``training``, ``script`` or ``family``; ``languages`` are the codes of the group, with
        spaces between; mean and sample standard deviation are over seeds, of the mean over the group's languages.
    """
    languages = sorted({*summary["language"]} - {MEAN})
    members = pd.DataFrame(
        [(code, grouping, group) for code in languages for grouping, group in groups(code, unseen).items()],
        columns=["language", "grouping", "group"],
    )
    first = pd.DataFrame(
        [(setting, measures[0]) for setting, measures in metrics.items() if measures], columns=["setting", "metric"]
    )
    rows = summary.merge(first, on=["setting", "metric"]).merge(members, on="language").dropna(subset="value")
    cell = ["benchmark", "setting", "metric", "backbone", "strategy", "grouping", "group"]
    by_seed = rows.groupby([*cell, "seed"], sort=False).agg(
        value=("value", "mean"), languages=("language", lambda codes: " ".join(sorted(codes)))
    )
    found = by_seed.groupby([*cell, "languages"], sort=False)["value"].agg(seeds="count", mean="mean", sd="std")
    return found.reset_index()[COLUMNS]


def transfer_blocks(means: pd.DataFrame) -> list[Block]:
    """Arrange group means: a block per benchmark and setting, a column per group.

    The groups by training come first; scripts and families that are all of the benchmark's languages are left out.
    """
    blocks = []
    for (benchmark, setting, metric), rows in _groups(means, ["benchmark", "setting", "metric"]):
        found = rows[["grouping", "group", "languages"]].drop_duplicates()
        wanted = found[
            (found.groupby("grouping")["group"].transform("nunique") > 1) | (found["grouping"] == "training")
        ]
        rank = {"training": 0, "script": 1, "family": 2}
        wanted = wanted.sort_values(["grouping", "group"], key=lambda c: c.map(rank) if c.name == "grouping" else c)
        columns = {
            (grouping, group): f"{group} ({len(codes.split())})"
            for grouping, group, codes in wanted.itertuples(index=False, name=None)
        }
        blocks.append(_block(f"{benchmark}, {SETTINGS[setting][0].lower()}", metric, columns, rows))
    return blocks


def _block(title: str, metric: str, columns: Mapping[tuple[str, str], str], rows: pd.DataFrame) -> Block:
    choose = min if metric == RANK_DISTANCE else max
    cells = {
        (backbone, strategy, grouping, group): (float(mean), None if pd.isna(sd) else float(sd))
        for backbone, strategy, grouping, group, mean, sd in rows[
            ["backbone", "strategy", "grouping", "group", "mean", "sd"]
        ].itertuples(index=False, name=None)
    }
    lines = []
    for (backbone, strategy), own in _groups(rows, ["backbone", "strategy"]):
        line = []
        for grouping, group in columns:
            rivals = [
                round(mean, decimals(metric))
                for (other, _, *place), (mean, _) in cells.items()
                if other == backbone and place == [grouping, group]
            ]
            mean, sd = cells.get((backbone, strategy, grouping, group), (None, None))
            best = mean is not None and len(rivals) > 1 and round(mean, decimals(metric)) == choose(rivals)
            line.append(Cell(mean, sd, best))
        lines.append(Row(backbone, strategy, int(own["seeds"].max()), line))
    return Block(title, metric, list(columns.values()), lines)


def _groups(frame: pd.DataFrame, keys: list[str]) -> Any:
    return frame.groupby(keys, sort=False)


def gain_figure(summary: pd.DataFrame, unseen: Collection[str], metrics: Mapping[str, Sequence[str]]) -> Figure:
    """Draw what training gained per query language over the untuned encoder: a panel per benchmark and setting.

    A large point is the mean over seeds, a small one a seed. Languages that training had stand on the left.
    """
    shown = [
        summary[
            (summary["setting"] == setting) & (summary["metric"] == metrics[setting][0]) & (summary["language"] != MEAN)
        ]
        for setting in SETTINGS
        if metrics.get(setting)
    ]
    values = pd.concat(shown).dropna(subset="value") if shown else summary.head(0)
    keys = ["benchmark", "setting", "metric", "backbone", "language"]
    untuned = values[values["strategy"] == UNTUNED][[*keys, "value"]].rename(columns={"value": "untuned"})
    gains = values[values["strategy"] != UNTUNED].merge(untuned, on=keys)
    gains["gain"] = gains["value"] - gains["untuned"]
    if gains.empty:
        return no_data()
    panels = list(
        gains[["benchmark", "backbone", "setting", "metric"]].drop_duplicates().itertuples(index=False, name=None)
    )
    strategies = list(dict.fromkeys(gains["strategy"]))
    colours = strategy_colours(strategies)
    figure = Figure(figsize=(8, 1.9 * len(panels) + 0.5))
    for axis, (benchmark, backbone, setting, metric) in zip(
        figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True
    ):
        own = gains[(gains["benchmark"] == benchmark) & (gains["backbone"] == backbone) & (gains["setting"] == setting)]
        languages = sorted(own["language"].unique(), key=lambda code: (code in unseen, code))
        for index, strategy in enumerate(strategies):
            offset = 0.6 * ((index + 0.5) / len(strategies) - 0.5)
            line = own[own["strategy"] == strategy]
            places = line["language"].map(languages.index).to_numpy() + offset
            axis.plot(places, line["gain"], "o", color=colours[strategy], markersize=2, alpha=0.6)
            means = line.groupby("language")["gain"].mean()
            places = means.index.map(languages.index).to_numpy() + offset
            axis.plot(places, means, "D", color=colours[strategy], markersize=4.5)
        seen = sum(code not in unseen for code in languages)
        if 0 < seen < len(languages):
            axis.axvline(seen - 0.5, color="#8a8a8a", linewidth=0.8, linestyle=":")
        axis.axhline(0, color="#8a8a8a", linewidth=0.8)
        axis.set_xticks(range(len(languages)), [f"{code}*" if code in unseen else code for code in languages])
        axis.set_xlim(-0.6, len(languages) - 0.4)
        lower = ", lower is better" if metric == RANK_DISTANCE else ""
        axis.set_title(f"{benchmark} · {backbone} · {setting}: change of {metric_label(metric)}{lower}", loc="left")
    handles = [
        mpl.lines.Line2D([], [], color=colours[name], marker="D", linestyle="", label=name) for name in strategies
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(strategies), frameon=False)
    return figure
