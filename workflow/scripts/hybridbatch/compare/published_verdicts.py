"""The paper's numbers compared with ours: verdicts per cell, effects, and other systems for orientation."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.config.published import PublishedBackbone
from hybridbatch.evaluate.names import MEAN, RANK_DISTANCE, decimals, table_name

COLUMNS = ["table", "benchmark", "setting", "metric", "backbone", "strategy", "language", "value", "source"]
WITHIN, ABOVE, BELOW, NOT_RUN = "within", "above", "below", "not run"
VERDICTS = (WITHIN, ABOVE, BELOW, NOT_RUN)
MEDIAN = "median"
PAPERS = get_args(PublishedBackbone)
# The paper prints medians below its tables of this benchmark alone.
WITH_MEDIAN = ("miracl",)
# Each effect: a strategy and the baseline that it is compared with.
EFFECTS = (("hybrid", "monolingual"), ("hybrid", "crosslingual"), ("crosslingual", "monolingual"))
COMPARED = ["benchmark", "setting", "metric", "strategy", "baseline"]
SIZES = ["difference", "low", "high"]


class ColumnKey(NamedTuple):
    """A column of the paper's tables: a cell for each language."""

    benchmark: str
    setting: str
    metric: str
    backbone: str
    strategy: str


@dataclass(frozen=True)
class PublishedCell:
    """A number of the paper: its table, column and language, and where it was read."""

    table: int
    key: ColumnKey
    language: str
    value: float
    source: str


@dataclass(frozen=True)
class Names:
    """Our names of the published benchmarks and backbones; a published name that is missing has no counterpart.

    Attributes:
        benchmarks: our name of each published benchmark.
        backbones: our name of each published backbone.
        candidates: what is encoded as a candidate, in words, by our benchmark; only where the paper does not say it.
    """

    benchmarks: Mapping[str, str]
    backbones: Mapping[str, str]
    candidates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """A published number and ours.

    Attributes:
        cell: the published number.
        ours: mean over seeds, unrounded; None: not run.
        sd: sample standard deviation over seeds; None: fewer than two.
        seeds: how many seeds the mean is over.
        difference: ours as the paper prints it, minus the published number.
        allowed: the largest difference that is within tolerance.
        verdict: ``within``, ``above``, ``below`` (of the number, whether more is better or worse) or ``not run``.
    """

    cell: PublishedCell
    ours: float | None
    sd: float | None
    seeds: int
    difference: float | None
    allowed: float
    verdict: str


def read_published(file: Path) -> list[PublishedCell]:
    """Read the published numbers, in the order of the file, which is that of the paper's tables.

    Raises:
        UserError: if the file is missing, has other columns, lacks a number, or has a cell twice.
    """
    try:
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as published numbers ({error}); see config/published.csv") from error
    if list(frame.columns) != COLUMNS:
        raise UserError(f"{file}: has other columns than {', '.join(COLUMNS)}; see config/published.csv")
    cells = [_cell(file, line, row) for line, row in enumerate(frame.to_dict("records"), start=2)]
    seen: set[tuple[ColumnKey, str]] = set()
    for line, cell in enumerate(cells, start=2):
        if (cell.key, cell.language) in seen:
            raise UserError(f"{file}: line {line} gives a cell for the second time; remove one of the two")
        seen.add((cell.key, cell.language))
    return cells


def _cell(file: Path, line: int, row: Mapping[Hashable, str]) -> PublishedCell:
    key = ColumnKey(*(row[name] for name in ColumnKey._fields))
    try:
        table, value = int(row["table"]), float(row["value"])
    except ValueError:
        table, value = 0, math.nan
    if not (table > 0 and math.isfinite(value)):
        raise UserError(f"{file}: line {line}: table must be a whole number above 0 and value a number; correct it")
    return PublishedCell(table, key, row["language"], value, row["source"])


class Ours:
    """The numbers of a summary under the names of the paper."""

    def __init__(self, summary: pd.DataFrame, names: Names) -> None:
        """Take a summary, as :func:`hybridbatch.evaluate.summary.summarise` returns it."""
        published = {here: name for name, here in names.benchmarks.items()}
        backbones = {here: name for name, here in names.backbones.items()}
        kept = summary[(summary["language"] != MEAN) & summary["benchmark"].isin(list(published))]
        kept = kept.assign(
            benchmark=kept["benchmark"].map(published),
            setting=[table_name(*names) for names in zip(kept["setting"], kept["metric"], strict=True)],
            # A backbone of ours must not be taken for the paper's of the same name.
            backbone=[backbones.get(name, f"{name} (ours)" if name in PAPERS else name) for name in kept["backbone"]],
        )
        self._languages = {key: {*group["language"]} for key, group in kept.groupby(["benchmark", "setting"])}
        self._values: dict[ColumnKey, dict[str, dict[int, float]]] = {}
        for row in kept[kept["value"].notna()].itertuples(index=False):
            key = ColumnKey(row.benchmark, row.setting, row.metric, row.backbone, row.strategy)
            self._values.setdefault(key, {}).setdefault(row.language, {})[row.seed] = row.value

    def has_languages(self, key: ColumnKey, languages: Iterable[str]) -> bool:
        """Return whether a benchmark was run in exactly these languages, in the setting of a column."""
        return self._languages.get((key.benchmark, key.setting)) == {*languages}

    def comparable(self, key: ColumnKey, languages: Iterable[str]) -> bool:
        """Return whether a setting is the paper's: across languages, only if the languages are the paper's too."""
        return key.setting == "mono" or self.has_languages(key, languages)

    def columns(self) -> list[ColumnKey]:
        """Return all columns, in the order of the summary."""
        return list(self._values)

    def seeds(self, key: ColumnKey, language: str) -> list[float]:
        """Return a value per seed; none where it was not measured."""
        return list(self._values.get(key, {}).get(language, {}).values())

    def averages(self, key: ColumnKey, languages: Sequence[str], statistic: str) -> list[float]:
        """Return the mean or median over languages, per seed that has all of them."""
        by_language = [self._values.get(key, {}).get(language, {}) for language in languages]
        seeds = [seed for seed in by_language[0] if all(seed in values for values in by_language)]
        return [_statistic([values[seed] for values in by_language], statistic) for seed in seeds]


def _statistic(values: Sequence[float], statistic: str) -> float:
    return float(pd.Series(values).agg(statistic))


def _spread(values: Sequence[float]) -> tuple[float, float | None]:
    series = pd.Series(values)
    return float(series.mean()), float(series.std()) if len(values) > 1 else None


def by_column(cells: Iterable[PublishedCell]) -> dict[ColumnKey, list[PublishedCell]]:
    """Return the cells of each column, over languages, in the paper's order."""
    columns: dict[ColumnKey, list[PublishedCell]] = {}
    for cell in cells:
        columns.setdefault(cell.key, []).append(cell)
    return columns


def judge(cells: Sequence[PublishedCell], ours: Ours, tolerances: Mapping[str, float]) -> list[Verdict]:
    """Return a verdict for every published cell, in their order.

    Args:
        cells: the result of :func:`read_published`.
        ours: the numbers of the experiment.
        tolerances: by measure; a share of the published number for rank distance, else absolute.
    """
    languages = {key: [cell.language for cell in column] for key, column in by_column(cells).items()}
    return [
        _verdict(
            cell,
            ours.seeds(cell.key, cell.language) if ours.comparable(cell.key, languages[cell.key]) else [],
            tolerances,
        )
        for cell in cells
    ]


def judge_averages(cells: Sequence[PublishedCell], ours: Ours, tolerances: Mapping[str, float]) -> list[Verdict]:
    """Return a verdict for the mean of every column (and the median, where the paper prints one) over its languages.

    The published average is that of the published cells. It is `not run` unless every language of the column was run.
    """
    verdicts = []
    for key, column in by_column(cells).items():
        languages = [cell.language for cell in column]
        for statistic in [MEAN, *([MEDIAN] if key.benchmark in WITH_MEDIAN else [])]:
            value = round(_statistic([cell.value for cell in column], statistic), decimals(key.metric))
            values = ours.averages(key, languages, statistic) if ours.comparable(key, languages) else []
            verdicts.append(_verdict(replace(column[0], language=statistic, value=value), values, tolerances))
    return verdicts


def _verdict(cell: PublishedCell, values: Sequence[float], tolerances: Mapping[str, float]) -> Verdict:
    metric = cell.key.metric
    allowed = tolerances[metric] * (cell.value if metric == RANK_DISTANCE else 1)
    if not values:
        return Verdict(cell, None, None, 0, None, allowed, NOT_RUN)
    mean, sd = _spread(values)
    digits = decimals(metric)
    difference = round(round(mean, digits) - cell.value, digits)
    # Differences in the last bits do not count.
    outside = abs(difference) > allowed + 1e-9
    verdict = WITHIN if not outside else ABOVE if difference > 0 else BELOW
    return Verdict(cell, mean, sd, len(values), difference, allowed, verdict)


def count(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Return how many verdicts there are of each kind, and how many cells are covered and published."""
    counts = dict.fromkeys(VERDICTS, 0)
    for verdict in verdicts:
        counts[verdict.verdict] += 1
    published = sum(counts.values())
    return {**counts, "covered": published - counts[NOT_RUN], "published": published}


def effects(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Compare the gain of a strategy over a baseline here and in the paper, over the languages that both were run in.

    ``ratio`` is the effect ratio of Breuer et al. (2020), "How to Measure the Reproducibility of System-oriented IR
    Experiments", taken on means over languages: (strategy - baseline) here / (strategy - baseline) in the paper. 1: the same
    effect; above 1: a larger one; below 0: one in the other direction. None where the paper has no effect at all.
    """
    columns: dict[ColumnKey, dict[str, Verdict]] = {}
    for verdict in verdicts:
        if verdict.ours is not None:
            columns.setdefault(verdict.cell.key, {})[verdict.cell.language] = verdict
    found = []
    for group in dict.fromkeys(key[:-1] for key in columns):
        for strategy, baseline in EFFECTS:
            upper, lower = columns.get(ColumnKey(*group, strategy), {}), columns.get(ColumnKey(*group, baseline), {})
            languages = [language for language in upper if language in lower]
            if languages:
                ours = _gain([(upper[code].ours, lower[code].ours) for code in languages])
                published = _gain([(upper[code].cell.value, lower[code].cell.value) for code in languages])
                # The published numbers are sums of printed ones: anything smaller is a rounding error.
                ratio = ours / published if abs(published) > 1e-9 else None
                found.append(
                    {
                        **dict(zip(ColumnKey._fields, group, strict=False)),
                        "strategy": strategy,
                        "baseline": baseline,
                        "languages": len(languages),
                        "ours": ours,
                        "published": published,
                        "ratio": ratio,
                    }
                )
    return found


def _gain(pairs: Sequence[tuple[float | None, float | None]]) -> float:
    return math.fsum((upper or 0.0) - (lower or 0.0) for upper, lower in pairs) / len(pairs)


def orientation(cells: Sequence[PublishedCell], ours: Ours) -> list[dict[str, Any]]:
    """Return means over the paper's languages of systems that are not in the paper, and of the paper's.

    They are other systems, so there is no verdict. A mean is left out where a language was not run; so is a benchmark without
    any system of ours.
    """
    columns = by_column(cells)
    order = list(dict.fromkeys(key[:3] for key in columns))
    languages = {key[:3]: [cell.language for cell in column] for key, column in columns.items()}
    rows = []
    for key in ours.columns():
        if key not in columns and key[:3] in languages and ours.comparable(key, languages[key[:3]]):
            values = ours.averages(key, languages[key[:3]], MEAN)
            if values:
                mean, sd = _spread(values)
                rows.append({**key._asdict(), "origin": "ours", "value": mean, "sd": sd, "seeds": len(values)})
    shown = {row["benchmark"] for row in rows}
    for key, column in columns.items():
        if key.benchmark in shown:
            value = round(_statistic([cell.value for cell in column], MEAN), decimals(key.metric))
            rows.append({**key._asdict(), "origin": "published", "value": value, "sd": None, "seeds": 1})
    return sorted(
        rows, key=lambda row: (order.index((row["benchmark"], row["setting"], row["metric"])), row["origin"] == "ours")
    )


def published_means(cells: Sequence[PublishedCell], ours: Ours, names: Names) -> list[dict[str, Any]]:
    """Return the means of the paper's columns over their languages, unrounded, of benchmarks that were run in these languages.

    ``here`` is our name of the benchmark.
    """
    return [
        {**key._asdict(), "here": names.benchmarks[key.benchmark], "value": _statistic([c.value for c in column], MEAN)}
        for key, column in by_column(cells).items()
        if ours.has_languages(key, [cell.language for cell in column])
    ]


def effects_of_hybrid(
    means: Sequence[Mapping[str, Any]], comparisons: pd.DataFrame, pairs: Iterable[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    """Return how much hybrid batches gain over each baseline, with our encoders and with the paper's.

    Encoders and training data may differ from the paper's; benchmarks and their languages do not.

    Args:
        means: the result of :func:`published_means`.
        comparisons: :data:`COMPARED`, ``backbone`` and :data:`SIZES` of ``comparisons.csv``: differences of macro-averages, with intervals.
        pairs: a strategy and a baseline of ours, and the paper's name of this baseline.

    Returns:
        A record for each published measure, pair and backbone: the names, the :data:`SIZES` of our difference, ``published``, the
        difference of each of the paper's encoders, and ``same_sign``, those of them with the sign of ours.
    """
    ours = comparisons.assign(setting=list(map(table_name, comparisons["setting"], comparisons["metric"])))
    # Of two strategies, either one may be the baseline.
    turned = ours.rename(columns={"strategy": "baseline", "baseline": "strategy", "low": "high", "high": "low"})
    ours = pd.concat([ours, turned.assign(**{name: -turned[name] for name in SIZES})])
    columns: dict[tuple[str, ...], dict[tuple[str, str], float]] = {}
    for mean in means:
        measure = (mean["benchmark"], mean["here"], mean["setting"], mean["metric"])
        columns.setdefault(measure, {})[mean["backbone"], mean["strategy"]] = mean["value"]
    rows = []
    for (benchmark, here, setting, metric), values in columns.items():
        for strategy, baseline, name in pairs:
            published = {
                paper: values[paper, "hybrid"] - values[paper, name]
                for paper in PAPERS
                if {(paper, "hybrid"), (paper, name)} <= {*values}
            }
            key = dict(zip(COMPARED, (here, setting, metric, strategy, baseline), strict=True))
            for own in ours[(ours[COMPARED] == pd.Series(key)).all(axis="columns")].to_dict("records"):
                same_sign = [paper for paper, gain in published.items() if gain * own["difference"] > 0]
                rows.append(
                    {
                        **key,
                        "benchmark": benchmark,
                        "backbone": own["backbone"],
                        **{size: own[size] for size in SIZES},
                        "published": published,
                        "same_sign": same_sign,
                    }
                )
    return rows


def verdicts_document(
    cells: Sequence[PublishedCell],
    summary: pd.DataFrame,
    names: Names,
    tolerances: Mapping[str, float],
    comparisons: pd.DataFrame,
    pairs: Iterable[tuple[str, str, str]],
) -> dict[str, Any]:
    """Return the content of ``verdicts.json``.

    Args:
        cells: the result of :func:`read_published`.
        summary: the numbers of the experiment.
        names: our names of what the paper has.
        tolerances: by measure; see :func:`judge`.
        comparisons: the tests of the experiment; see :func:`effects_of_hybrid`.
        pairs: the strategies whose differences are compared with the paper's; see :func:`effects_of_hybrid`.

    Returns:
        ``counts`` of the cells by verdict; ``sentence``, the same in words; ``readings``, our benchmark and its candidates by
        published benchmark; ``tolerances``; ``cells``, one for each published number in the paper's order; ``averages`` over
        languages likewise; ``summary``, counts per column of the paper's tables; ``effects``; ``means`` of the paper; ``effects_of_hybrid``; ``orientation``.
    """
    ours = Ours(summary, names)
    verdicts = judge(cells, ours, tolerances)
    means = published_means(cells, ours, names)
    grouped: dict[ColumnKey, list[Verdict]] = {}
    for verdict in verdicts:
        grouped.setdefault(verdict.cell.key, []).append(verdict)
    document = {
        "counts": count(verdicts),
        "readings": {
            published: {"benchmark": here, "candidates": names.candidates[here]}
            for published, here in names.benchmarks.items()
            if here in names.candidates
        },
        "tolerances": dict(tolerances),
        "cells": [flat(verdict) for verdict in verdicts],
        "averages": [flat(verdict) for verdict in judge_averages(cells, ours, tolerances)],
        "summary": [
            {"table": column[0].cell.table, **key._asdict(), **count(column)} for key, column in grouped.items()
        ],
        "effects": effects(verdicts),
        "means": means,
        "effects_of_hybrid": effects_of_hybrid(means, comparisons, pairs),
        "orientation": orientation(cells, ours),
    }
    return {**document, "sentence": verdict_banner(document)}


def flat(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as one level of names and values."""
    values = asdict(verdict)
    del values["cell"]
    cell = verdict.cell
    return {
        "table": cell.table,
        **cell.key._asdict(),
        "language": cell.language,
        "published": cell.value,
        "source": cell.source,
        **values,
    }


def verdict_banner(verdicts: Mapping[str, Any]) -> str:
    """Return in words how many published numbers the experiment meets, and with which candidates.

    Args:
        verdicts: the content of verdicts.json.
    """
    counts = verdicts["counts"]
    if not counts["covered"]:
        return f"This experiment covers none of the paper's {counts['published']} numbers: nothing is reproduced."
    readings = [
        f"{published} with {reading['benchmark']} (candidates: {reading['candidates']})"
        for published, reading in verdicts["readings"].items()
    ]
    return (
        f"Of the paper's {counts['published']} numbers, {counts['covered']} are covered here: {counts[WITHIN]} within tolerance, "
        f"{counts[ABOVE]} above, {counts[BELOW]} below; {counts[NOT_RUN]} are not run."
        f"{' Compared are ' + ', '.join(readings) + '.' if readings else ''}"
    )


def outside_tolerance(verdicts: Mapping[str, Any]) -> list[str]:
    """Return a line for each covered cell outside its tolerance, those furthest outside first."""
    outside = [cell for cell in verdicts["cells"] if cell["verdict"] in (ABOVE, BELOW)]
    outside.sort(key=lambda cell: -abs(cell["difference"]) / (cell["allowed"] or 1e-9))
    return [_line(cell) for cell in outside]


def _line(cell: Mapping[str, Any]) -> str:
    digits = decimals(cell["metric"])
    key = " ".join(cell[name] for name in (*ColumnKey._fields, "language"))
    return (
        f"{cell['verdict']}: table {cell['table']}, {key}: ours {cell['ours']:.{digits}f}, "
        f"published {cell['published']:.{digits}f}, difference {cell['difference']:+.{digits}f}, allowed {cell['allowed']:.{digits}f}"
    )
