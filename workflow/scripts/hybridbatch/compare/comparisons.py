"""Which systems are compared on what: intervals of every system, tests of every pair, and the sentences that say it.

A number of the tables is a mean over languages of means over queries. Written as one sum over the rows of a measures file, a row
(query language q, passage language p, question i) has the weight

    w = 1 / (languages * passage languages of q * queries of the block (q, p)),

and the weights have the sum 1. The translations of a question are not independent, so what is resampled and tested is the question:
its contribution is the sum of w * value over its rows, its weight the sum of w. The contributions add up to the number
of the table, also where questions lack languages; a bootstrap replicate divides by the weights that it drew. Where equal
ids in two languages are different questions, a unit is a question of a language, and languages are strata.

A difference is called significant if two tests agree, after Holm's correction over all comparisons of the experiment: the
permutation test, which takes the models as given, and :func:`hybridbatch.compare.significance.contrast`, which takes their seeds as drawn from many.
The intervals are percentiles of a bootstrap over seeds and questions; with few seeds they are too narrow, so nothing is
concluded from them.
"""

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table
from hybridbatch.compare.significance import (
    Floats,
    Scores,
    Strata,
    cohens_dz,
    contrast,
    holm,
    percentile_interval,
    resampled_totals,
    seed_shares,
    sign_flip_test,
    t_test,
    weighted_scores,
)
from hybridbatch.config.statistics import Statistics
from hybridbatch.report.data_tables import DataTable, Value
from hybridbatch.report.score_tables import KEYS, MEAN, RANK_DISTANCE, SETTINGS, Run, metric_label, parse_run

UNTUNED = "none"
INTERVAL_COLUMNS = [
    "benchmark",
    "setting",
    "metric",
    "backbone",
    "strategy",
    "language",
    "seeds",
    "mean",
    "sd",
    "low",
    "high",
]
COMPARISON_COLUMNS = [
    "benchmark",
    "setting",
    "metric",
    "backbone",
    "strategy",
    "baseline",
    "seeds",
    "questions",
    "difference",
    "low",
    "high",
    "relative",
    "effect_size",
    "p_permutation",
    "p_t",
    "p_seeds",
    "p_questions",
    "p_holm",
    "significant",
    "sentence",
]


@dataclass(frozen=True, eq=False)
class Cell:
    """What the systems scored in a setting of a benchmark, by question.

    ``weights`` has the shape (questions, columns), each column with the sum 1; a column is a language, the last one the mean over
    languages. ``runs`` holds the contributions of each run, of the same shape; ``strata`` the number of each question's stratum.
    """

    benchmark: str
    setting: str
    metric: str
    columns: list[str]
    units: list[str]
    strata: Strata
    weights: Floats
    runs: dict[Run, Floats]

    def seeds(self, backbone: str, strategy: str) -> list[int]:
        """Return the seeds of a system, in increasing order; none if it was not measured here."""
        return sorted(run.seed for run in self.runs if run[:2] == (backbone, strategy))

    def contributions(self, backbone: str, strategy: str) -> Floats:
        """Return the contributions of a system to its mean over languages, shape (questions, seeds)."""
        seeds = self.seeds(backbone, strategy)
        return np.stack([self.runs[Run(backbone, strategy, seed)][:, -1] for seed in seeds], axis=1)

    def scores(self, backbone: str, strategy: str) -> Scores:
        """Return the scores of a system and the influences of the questions on them."""
        return weighted_scores(self.contributions(backbone, strategy), self.weights[:, -1])

    def generator(self, seed: int) -> np.random.Generator:
        """Return random numbers of its own: what else is measured does not change them."""
        return np.random.default_rng([seed, zlib.crc32(f"{self.benchmark}/{self.setting}/{self.metric}".encode())])


def read_cells(
    files: Mapping[str, Path],
    benchmarks: Sequence[str],
    metrics: Mapping[str, str],
    separate: Collection[str] = (),
) -> list[Cell]:
    """Read the contributions of every question.

    Args:
        files: the measures file of each run name.
        benchmarks: which benchmarks, in which order.
        metrics: the measure of each setting; of ``bias`` it is the rank distance.
        separate: benchmarks in which equal query ids in two languages are different questions.

    Raises:
        UserError: if a run name is malformed, a file is unreadable or lacks a column, or two runs did not answer the same
            queries.
    """
    shown = [(benchmark, setting) for benchmark in benchmarks for setting in SETTINGS if setting in metrics]
    found: dict[tuple[str, str], Cell] = {}
    for name, file in files.items():
        run = parse_run(name)
        measures = _read_measures(file, sorted(set(metrics.values())))
        groups = dict(iter(measures.groupby(["benchmark", "setting"], observed=True, sort=False)))
        for benchmark, setting in shown:
            rows = groups.get((benchmark, "multi" if setting == "bias" else setting))
            metric = metrics[setting]
            if rows is None or rows[metric].isna().all():
                continue
            cell = _cell(benchmark, setting, metric, rows, run, separate=benchmark in separate)
            known = found.setdefault((benchmark, setting), cell)
            if known.units != cell.units or not np.array_equal(known.weights, cell.weights):
                raise UserError(
                    f"{file}: {benchmark}, {setting}: has {metric} of other queries than the runs before it; delete it and run again"
                )
            known.runs[run] = cell.runs[run]
    return [found[key] for key in shown if key in found]


def _read_measures(file: Path, metrics: list[str]) -> pd.DataFrame:
    table = read_table(file)
    absent = [column for column in [*KEYS, *metrics] if column not in table.column_names]
    if absent:
        raise UserError(f"{file}: lacks the column {', '.join(absent)}; delete it and run again")
    measures: pd.DataFrame = table.select([*KEYS, *metrics]).to_pandas(strings_to_categorical=True)
    return measures


def _cell(benchmark: str, setting: str, metric: str, rows: pd.DataFrame, run: Run, *, separate: bool) -> Cell:
    rows = rows[rows[metric].notna()]
    language, languages = pd.factorize(rows["query_language"].astype(str), sort=True)
    passage_language = pd.factorize(rows["passage_language"], use_na_sentinel=False)[0]
    ids = rows["query_id"].astype(str)
    unit, units = pd.factorize(rows["query_language"].astype(str) + "/" + ids if separate else ids, sort=True)
    block = language * (passage_language.max() + 1) + passage_language
    blocks = np.unique(np.stack([language, block]), axis=1)
    passage_languages = np.bincount(blocks[0])[language]
    weight = 1 / (passage_languages * np.bincount(block)[block])
    shape = (len(units), len(languages))

    def by_question(values: Floats) -> Floats:
        sums = np.bincount(unit * shape[1] + language, values, minlength=shape[0] * shape[1]).reshape(shape)
        return np.column_stack([sums, sums.mean(axis=1)])

    strata = np.zeros(len(units), dtype=np.int64)
    if separate:
        strata[unit] = language
    contributions = by_question(weight * rows[metric].to_numpy(dtype=np.float64))
    columns = [*map(str, languages), MEAN]
    return Cell(benchmark, setting, metric, columns, list(units), strata, by_question(weight), {run: contributions})


class Replicates:
    """Scores of every run of a cell in bootstrap samples of questions, and the shares of the seeds in each sample.

    All systems see the same samples of questions; those with the same seeds also see the same samples of seeds.
    """

    def __init__(self, cell: Cell, settings: Statistics) -> None:
        rng = cell.generator(settings.seed)
        self._cell = cell
        self._resamples = settings.resamples
        self._rng = rng
        self._shares: dict[tuple[int, ...], Floats] = {}
        width = len(cell.columns)
        totals = resampled_totals(np.hstack([*cell.runs.values(), cell.weights]), cell.strata, settings.resamples, rng)
        drawn = totals[:, -width:]
        self._scores = {
            run: np.divide(totals[:, start : start + width], drawn, out=np.full_like(drawn, np.nan), where=drawn > 0)
            for run, start in zip(cell.runs, range(0, len(cell.runs) * width, width), strict=True)
        }

    def of(self, backbone: str, strategy: str) -> Floats:
        """Return the mean scores of a system over resampled seeds, shape (resamples, columns); NaN where a language was not drawn."""
        seeds = tuple(self._cell.seeds(backbone, strategy))
        if seeds not in self._shares:
            self._shares[seeds] = seed_shares(len(seeds), self._resamples, self._rng)
        scores = np.stack([self._scores[Run(backbone, strategy, seed)] for seed in seeds])
        return np.asarray(np.einsum("rs,src->rc", self._shares[seeds], scores))


def analyse(
    cells: Sequence[Cell], strategies: Sequence[str], settings: Statistics
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the intervals of every system, and the comparisons of every two.

    Args:
        cells: what :func:`read_cells` returns.
        strategies: those that are compared with one another, and each with the untuned backbone.
        settings: level, resamples and the claim, whose strategy is always compared with the others and not they with it.

    Returns:
        The columns :data:`INTERVAL_COLUMNS` and :data:`COMPARISON_COLUMNS`. ``difference`` is strategy minus baseline of the
        macro-averages, mean over seeds; ``relative`` is in per cent of the baseline's score; ``p_seeds`` is the test with
        random seeds; ``p_questions`` is ``p_permutation``, corrected; ``p_holm`` is the larger one of it and ``p_seeds``, corrected.
    """
    order = [UNTUNED, *sorted(strategies, key=lambda name: name == settings.claim.strategy)]
    intervals: list[dict[str, Any]] = []
    comparisons: list[dict[str, Any]] = []
    for cell in cells:
        replicates = Replicates(cell, settings)
        intervals += _intervals(cell, replicates, settings)
        for backbone in dict.fromkeys(run.backbone for run in cell.runs):
            present = [name for name in order if cell.seeds(backbone, name)]
            pairs = [(second, first) for first, second in combinations(present, 2)]
            comparisons += _comparisons(cell, backbone, pairs, replicates, settings)
    frame = pd.DataFrame(comparisons, columns=COMPARISON_COLUMNS)
    if len(frame):
        frame["p_questions"] = holm(frame["p_permutation"].to_numpy(dtype=np.float64))
        frame["p_holm"] = holm(frame[["p_permutation", "p_seeds"]].max(axis="columns").to_numpy(dtype=np.float64))
        frame["significant"] = frame["p_holm"] < settings.alpha
        frame["sentence"] = [sentence(row, settings.confidence, settings.alpha) for row in frame.to_dict("records")]
    return pd.DataFrame(intervals, columns=INTERVAL_COLUMNS), frame


def _intervals(cell: Cell, replicates: Replicates, settings: Statistics) -> list[dict[str, Any]]:
    rows = []
    for backbone, strategy in dict.fromkeys(run[:2] for run in cell.runs):
        seeds = cell.seeds(backbone, strategy)
        scores = np.stack([cell.runs[Run(backbone, strategy, seed)].sum(axis=0) for seed in seeds])
        resampled = replicates.of(backbone, strategy)
        for column, language in enumerate(cell.columns):
            low, high = percentile_interval(resampled[:, column], settings.confidence)
            rows.append(
                {
                    **_place(cell, backbone, strategy),
                    "language": language,
                    "seeds": len(seeds),
                    "mean": float(scores[:, column].mean()),
                    "sd": float(scores[:, column].std(ddof=1)) if len(seeds) > 1 else None,
                    "low": low,
                    "high": high,
                }
            )
    return rows


def _comparisons(
    cell: Cell, backbone: str, pairs: list[tuple[str, str]], replicates: Replicates, settings: Statistics
) -> list[dict[str, Any]]:
    if not pairs:
        return []
    means = {name: cell.contributions(backbone, name).mean(axis=1) for pair in pairs for name in pair}
    differences = np.stack([means[strategy] - means[baseline] for strategy, baseline in pairs], axis=1)
    flips = sign_flip_test(differences, settings.permutations, cell.generator(settings.seed + 1))
    rows = []
    for (strategy, baseline), difference, p_permutation in zip(pairs, differences.T, flips, strict=True):
        resampled = replicates.of(backbone, strategy)[:, -1] - replicates.of(backbone, baseline)[:, -1]
        low, high = percentile_interval(resampled, settings.confidence)
        reference = float(means[baseline].sum())
        seeds = [cell.seeds(backbone, name) for name in (strategy, baseline)]
        estimate = contrast(cell.scores(backbone, strategy), cell.scores(backbone, baseline), cell.strata)
        rows.append(
            {
                **_place(cell, backbone, strategy),
                "baseline": baseline,
                "seeds": _counts(*(len(some) for some in (seeds[:1] if baseline == UNTUNED else seeds))),
                "questions": len(cell.units),
                "difference": float(difference.sum()),
                "low": low,
                "high": high,
                "relative": 100 * float(difference.sum()) / reference if reference else None,
                "effect_size": cohens_dz(difference, cell.weights[:, -1]),
                "p_permutation": float(p_permutation),
                "p_t": t_test(means[strategy], means[baseline]),
                "p_seeds": estimate.p_two_sided(),
            }
        )
    return rows


def _place(cell: Cell, backbone: str, strategy: str) -> dict[str, str]:
    place = {"benchmark": cell.benchmark, "setting": cell.setting, "metric": cell.metric}
    return place | {"backbone": backbone, "strategy": strategy}


def _counts(*numbers: int) -> str:
    return " and ".join(map(str, dict.fromkeys(numbers)))


def sentence(row: Mapping[str, Any], confidence: float, alpha: float) -> str:
    """Return what a comparison says, such as ``hybrid beats monolingual by 4.6 points mAP in multi on ...``.

    Args:
        row: a row of the comparisons.
        confidence: probability content of its interval.
        alpha: level of the tests. A difference that is significant for these models, but not beyond the noise of their seeds,
            is said to be so.
    """
    lower_is_better = row["metric"] == RANK_DISTANCE
    baseline = "the untuned encoder" if row["baseline"] == UNTUNED else row["baseline"]
    setting = "multi" if row["setting"] == "bias" else row["setting"]
    place = f"in {setting} on {row['benchmark']} ({row['backbone']})"
    seeds = "1 seed, so this is about these models and no others" if row["seeds"] == "1" else f"{row['seeds']} seeds"
    tail = f"{place}, {p_text(row['p_holm'])}, {seeds}."
    size, unit = in_points(row["difference"], row["metric"])
    if row["significant"]:
        better = (row["difference"] < 0) == lower_is_better
        verb = "beats" if better else "falls behind"
        return f"{row['strategy']} {verb} {baseline} by {abs(size):.1f} {unit} {tail}"
    low, high = (in_points(row[end], row["metric"])[0] for end in ("low", "high"))
    interval = f"({100 * confidence:g} % interval {low:+.1f} to {high:+.1f})"
    if row["p_questions"] < alpha:
        side = "above" if size > 0 else "below"
        return (
            f"with these models, {row['strategy']} is {abs(size):.1f} {unit} {side} {baseline} {interval} {place}, "
            f"{p_text(row['p_questions'])}; that other seeds agree is not shown, {p_text(row['p_holm'])}, {seeds}."
        )
    return f"{row['strategy']} and {baseline} do not differ significantly: {size:+.1f} {unit} {interval} {tail}"


def in_points(value: float, metric: str) -> tuple[float, str]:
    """Return a value as it is spoken of, and its unit: points are hundredths of a measure, ranks stay ranks."""
    return (
        (value, "ranks of rank distance")
        if metric == RANK_DISTANCE
        else (100 * value, f"points {metric_label(metric)}")
    )


def p_text(p: float) -> str:
    """Return a p-value as papers print it: ``p < .001``, ``p = .012``, ``p = 1``."""
    if p < 0.001:
        return "p < .001"
    return "p = 1" if p > 0.9995 else f"p = {p:.3f}".replace("0.", ".")


@dataclass(frozen=True)
class StatisticsTable(DataTable):
    """A table of statistics, with a title and an explanation of its own, and numbers that are printed in other ways."""

    heading: str
    text: str
    numbers: frozenset[str]

    @property
    def title(self) -> str:
        """The title."""
        return self.heading

    @property
    def explanation(self) -> str:
        """What the numbers are."""
        return self.text

    def is_text(self, column: int) -> bool:
        """Return whether a column holds text; of numbers, those of a fixed format are strings."""
        return self.heads[column] not in self.numbers and super().is_text(column)


def significance_table(comparisons: pd.DataFrame, settings: Statistics) -> StatisticsTable:
    """Lay out the comparisons: differences in points, which are hundredths of a measure, or ranks.

    Args:
        comparisons: what :func:`analyse` returns.
        settings: level and resamples.
    """
    heads = [
        "benchmark",
        "setting",
        "measure",
        "backbone",
        "strategy",
        "baseline",
        "seeds",
        "difference",
        "low",
        "high",
    ]
    heads += ["relative %", "d_z", "p", "p (Holm)", "significant"]
    rows: list[list[Value]] = []
    for row in comparisons.to_dict("records"):
        metric = row["metric"]
        spoken: list[Value] = [in_points(float(row[key]), metric)[0] for key in ("difference", "low", "high")]
        place: list[Value] = [row["benchmark"], row["setting"], metric_label(metric), row["backbone"]]
        place += [row["strategy"], row["baseline"], row["seeds"]]
        tests: list[Value] = [p_number(max(row["p_permutation"], row["p_seeds"])), p_number(row["p_holm"])]
        effects = [known(row["relative"]), two_digits(row["effect_size"])]
        rows.append([*place, *spoken, *effects, *tests, "yes" if row["significant"] else "no"])
    content = f"{100 * settings.confidence:g} %"
    explanation = (
        "Strategy minus baseline, macro-average over languages, mean over seeds: in points, hundredths of the measure; of the rank "
        f"distance in ranks, where less is better. Low and high: {content} percentile interval of a bootstrap over seeds "
        "and questions. d_z: Cohen's effect size of the differences of questions."
    )
    notes = [
        "p: the larger p-value of a permutation test over questions, which takes the models as given, and of an analysis of variance "
        "with random questions and seeds",
        f"Holm: corrected for all {len(rows)} comparisons; significant: below {settings.alpha:g}",
        "with few seeds the percentile intervals are too narrow and no test",
    ]
    if any(row[heads.index("seeds")] == "1" for row in rows):
        notes.append("1 seed: seeds are not resampled, the conclusion is about these models only")
    numbers = frozenset({"seeds", "d_z", "p", "p (Holm)"})
    return StatisticsTable("significance", heads, rows, notes if rows else [], [], "Significance", explanation, numbers)


def known(value: float | None) -> float | None:
    """Return a number, or None for what is none."""
    return None if value is None or np.isnan(value) else float(value)


def two_digits(value: float | None) -> str | None:
    """Return a number with two digits after the point, or None for what is none."""
    number = known(value)
    return None if number is None else f"{number:.2f}"


def p_number(p: float) -> str:
    """Return a p-value with three digits after the point, or ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
