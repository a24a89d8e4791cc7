"""The paper's numbers beside ours: verdicts per cell, effects, and other systems for orientation."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.config.published import PublishedBackbone
from hybridbatch.report.score_tables import MEAN, RANK_DISTANCE, decimals

COLUMNS = ["table", "benchmark", "setting", "metric", "backbone", "strategy", "language", "value", "source"]
WITHIN, ABOVE, BELOW, NOT_RUN = "within", "above", "below", "not run"
VERDICTS = (WITHIN, ABOVE, BELOW, NOT_RUN)
MEDIAN = "median"
PAPERS = get_args(PublishedBackbone)
# The paper prints medians below its tables of this benchmark alone.
WITH_MEDIAN = ("miracl",)
# Each effect: a strategy and the baseline that it is compared with.
EFFECTS = (("hybrid", "monolingual"), ("hybrid", "crosslingual"), ("crosslingual", "monolingual"))


class Place(NamedTuple):
    """A row of cells over languages: a column of the paper's tables."""

    benchmark: str
    setting: str
    metric: str
    backbone: str
    strategy: str


@dataclass(frozen=True)
class PublishedCell:
    """A number of the paper: the table it stands in, what it measures, and where it was read."""

    table: int
    place: Place
    language: str
    value: float
    source: str


@dataclass(frozen=True)
class Names:
    """What the published benchmarks and backbones are called here; a published name that is absent has no counterpart."""

    benchmarks: Mapping[str, str]
    backbones: Mapping[str, str]


@dataclass(frozen=True)
class Verdict:
    """A published number beside ours.

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
        UserError: if the file is missing, has other columns, holds no number where one must be, or a cell twice.
    """
    try:
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as published numbers ({error}); see config/published.csv") from error
    if list(frame.columns) != COLUMNS:
        raise UserError(f"{file}: has other columns than {', '.join(COLUMNS)}; see config/published.csv")
    cells = [_cell(file, line, row) for line, row in enumerate(frame.to_dict("records"), start=2)]
    seen: set[tuple[Place, str]] = set()
    for line, cell in enumerate(cells, start=2):
        if (cell.place, cell.language) in seen:
            raise UserError(f"{file}: line {line} gives a cell for the second time; remove one of the two")
        seen.add((cell.place, cell.language))
    return cells


def _cell(file: Path, line: int, row: Mapping[Hashable, str]) -> PublishedCell:
    place = Place(*(row[name] for name in Place._fields))
    try:
        table, value = int(row["table"]), float(row["value"])
    except ValueError:
        table, value = 0, math.nan
    if not (table > 0 and math.isfinite(value)):
        raise UserError(f"{file}: line {line}: table must be a whole number above 0 and value a number; correct it")
    return PublishedCell(table, place, row["language"], value, row["source"])


class Ours:
    """The numbers of a summary under the names of the paper."""

    def __init__(self, summary: pd.DataFrame, names: Names) -> None:
        """Take a summary, as :func:`hybridbatch.report.score_tables.summarise` returns it."""
        published = {here: name for name, here in names.benchmarks.items()}
        backbones = {here: name for name, here in names.backbones.items()}
        kept = summary[(summary["language"] != MEAN) & summary["benchmark"].isin(list(published))]
        kept = kept.assign(
            benchmark=kept["benchmark"].map(published),
            # A backbone that is not the paper's must not pass for one that is.
            backbone=[backbones.get(name, f"{name} (ours)" if name in PAPERS else name) for name in kept["backbone"]],
        )
        self._languages = {key: {*group["language"]} for key, group in kept.groupby(["benchmark", "setting"])}
        self._values: dict[Place, dict[str, dict[int, float]]] = {}
        for row in kept[kept["value"].notna()].itertuples(index=False):
            place = Place(row.benchmark, row.setting, row.metric, row.backbone, row.strategy)
            self._values.setdefault(place, {}).setdefault(row.language, {})[row.seed] = row.value

    def comparable(self, place: Place, languages: Iterable[str]) -> bool:
        """Return whether a setting is the paper's: across languages, only if the languages are the paper's too."""
        return place.setting == "mono" or self._languages.get((place.benchmark, place.setting)) == {*languages}

    def places(self) -> list[Place]:
        """Return all columns, in the order of the summary."""
        return list(self._values)

    def seeds(self, place: Place, language: str) -> list[float]:
        """Return a value per seed; none where it was not measured."""
        return list(self._values.get(place, {}).get(language, {}).values())

    def averages(self, place: Place, languages: Sequence[str], statistic: str) -> list[float]:
        """Return the mean or median over languages, per seed that has all of them."""
        by_language = [self._values.get(place, {}).get(language, {}) for language in languages]
        seeds = [seed for seed in by_language[0] if all(seed in values for values in by_language)]
        return [_statistic([values[seed] for values in by_language], statistic) for seed in seeds]


def _statistic(values: Sequence[float], statistic: str) -> float:
    return float(pd.Series(values).agg(statistic))


def _spread(values: Sequence[float]) -> tuple[float, float | None]:
    series = pd.Series(values)
    return float(series.mean()), float(series.std()) if len(values) > 1 else None


def by_place(cells: Iterable[PublishedCell]) -> dict[Place, list[PublishedCell]]:
    """Return the cells of each column, over languages, in the paper's order."""
    columns: dict[Place, list[PublishedCell]] = {}
    for cell in cells:
        columns.setdefault(cell.place, []).append(cell)
    return columns


def judge(cells: Sequence[PublishedCell], ours: Ours, tolerances: Mapping[str, float]) -> list[Verdict]:
    """Return a verdict for every published cell, in their order.

    Args:
        cells: what :func:`read_published` returns.
        ours: the numbers of the experiment.
        tolerances: by measure; a share of the published number for rank distance, else absolute.
    """
    languages = {place: [cell.language for cell in column] for place, column in by_place(cells).items()}
    return [
        _verdict(
            cell,
            ours.seeds(cell.place, cell.language) if ours.comparable(cell.place, languages[cell.place]) else [],
            tolerances,
        )
        for cell in cells
    ]


def judge_averages(cells: Sequence[PublishedCell], ours: Ours, tolerances: Mapping[str, float]) -> list[Verdict]:
    """Return a verdict for the mean of every column (and the median, where the paper prints one) over its languages.

    The published average is that of the published cells. It is `not run` unless every language of the column was run.
    """
    verdicts = []
    for place, column in by_place(cells).items():
        languages = [cell.language for cell in column]
        for statistic in [MEAN, *([MEDIAN] if place.benchmark in WITH_MEDIAN else [])]:
            value = round(_statistic([cell.value for cell in column], statistic), decimals(place.metric))
            values = ours.averages(place, languages, statistic) if ours.comparable(place, languages) else []
            verdicts.append(_verdict(replace(column[0], language=statistic, value=value), values, tolerances))
    return verdicts


def _verdict(cell: PublishedCell, values: Sequence[float], tolerances: Mapping[str, float]) -> Verdict:
    metric = cell.place.metric
    allowed = tolerances[metric] * (cell.value if metric == RANK_DISTANCE else 1)
    if not values:
        return Verdict(cell, None, None, 0, None, allowed, NOT_RUN)
    mean, sd = _spread(values)
    digits = decimals(metric)
    difference = round(round(mean, digits) - cell.value, digits)
    # The last bits of a decimal fraction are no deviation.
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
    """Compare what a strategy gains over a baseline: here and in the paper, over the languages that both have here.

    ``ratio`` is the effect ratio of Breuer et al. (2020), "How to Measure the Reproducibility of System-oriented IR
    Experiments", taken on means over languages: (strategy - baseline) here / (strategy - baseline) in the paper. 1: the same
    effect; above 1: a larger one; below 0: one in the other direction. None where the paper has no effect at all.
    """
    columns: dict[Place, dict[str, Verdict]] = {}
    for verdict in verdicts:
        if verdict.ours is not None:
            columns.setdefault(verdict.cell.place, {})[verdict.cell.language] = verdict
    found = []
    for group in dict.fromkeys(place[:-1] for place in columns):
        for strategy, baseline in EFFECTS:
            upper, lower = columns.get(Place(*group, strategy), {}), columns.get(Place(*group, baseline), {})
            languages = [language for language in upper if language in lower]
            if languages:
                ours = _gain([(upper[code].ours, lower[code].ours) for code in languages])
                published = _gain([(upper[code].cell.value, lower[code].cell.value) for code in languages])
                # Sums of printed numbers: what is left below this is rounding of the machine.
                ratio = ours / published if abs(published) > 1e-9 else None
                found.append(
                    {
                        **dict(zip(Place._fields, group, strict=False)),
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
    """Return means over the paper's languages of systems that the paper has no numbers of, beside the paper's.

    They are other systems, so there is no verdict. A mean is left out where a language was not run; so is a benchmark without
    any system of ours.
    """
    columns = by_place(cells)
    asked = list(dict.fromkeys(place[:3] for place in columns))
    languages = {place[:3]: [cell.language for cell in column] for place, column in columns.items()}
    rows = []
    for place in ours.places():
        if place not in columns and place[:3] in languages and ours.comparable(place, languages[place[:3]]):
            values = ours.averages(place, languages[place[:3]], MEAN)
            if values:
                mean, sd = _spread(values)
                rows.append({**place._asdict(), "origin": "ours", "value": mean, "sd": sd, "seeds": len(values)})
    shown = {row["benchmark"] for row in rows}
    for place, column in columns.items():
        if place.benchmark in shown:
            value = round(_statistic([cell.value for cell in column], MEAN), decimals(place.metric))
            rows.append({**place._asdict(), "origin": "published", "value": value, "sd": None, "seeds": 1})
    return sorted(
        rows, key=lambda row: (asked.index((row["benchmark"], row["setting"], row["metric"])), row["origin"] == "ours")
    )


def verdicts_document(
    cells: Sequence[PublishedCell], summary: pd.DataFrame, names: Names, tolerances: Mapping[str, float]
) -> dict[str, Any]:
    """Return what ``verdicts.json`` holds.

    Returns:
        ``counts`` of the cells by verdict; ``sentence``, the same in words; ``tolerances``; ``cells``, one for each
        published number in the paper's order; ``averages`` over languages likewise; ``summary``, counts per column of the
        paper's tables; ``effects``; ``orientation``.
    """
    ours = Ours(summary, names)
    verdicts = judge(cells, ours, tolerances)
    by_column: dict[Place, list[Verdict]] = {}
    for verdict in verdicts:
        by_column.setdefault(verdict.cell.place, []).append(verdict)
    document = {
        "counts": count(verdicts),
        "tolerances": dict(tolerances),
        "cells": [flat(verdict) for verdict in verdicts],
        "averages": [flat(verdict) for verdict in judge_averages(cells, ours, tolerances)],
        "summary": [
            {"table": column[0].cell.table, **place._asdict(), **count(column)} for place, column in by_column.items()
        ],
        "effects": effects(verdicts),
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
        **cell.place._asdict(),
        "language": cell.language,
        "published": cell.value,
        "source": cell.source,
        **values,
    }


def verdict_banner(verdicts: Mapping[str, Any]) -> str:
    """Return one sentence on how many published numbers the experiment meets; ``verdicts`` is what verdicts.json holds."""
    counts = verdicts["counts"]
    if not counts["covered"]:
        return f"This experiment covers none of the paper's {counts['published']} numbers: nothing is reproduced."
    return (
        f"Of the paper's {counts['published']} numbers, {counts['covered']} are covered here: {counts[WITHIN]} within tolerance, "
        f"{counts[ABOVE]} above, {counts[BELOW]} below; {counts[NOT_RUN]} are not run."
    )


def deviations(verdicts: Mapping[str, Any]) -> list[str]:
    """Return a line for each covered cell outside its tolerance, those furthest outside first."""
    outside = [cell for cell in verdicts["cells"] if cell["verdict"] in (ABOVE, BELOW)]
    outside.sort(key=lambda cell: -abs(cell["difference"]) / (cell["allowed"] or 1e-9))
    return [_line(cell) for cell in outside]


def _line(cell: Mapping[str, Any]) -> str:
    digits = decimals(cell["metric"])
    place = " ".join(cell[name] for name in (*Place._fields, "language"))
    return (
        f"{cell['verdict']}: table {cell['table']}, {place}: ours {cell['ours']:.{digits}f}, "
        f"published {cell['published']:.{digits}f}, difference {cell['difference']:+.{digits}f}, allowed {cell['allowed']:.{digits}f}"
    )
