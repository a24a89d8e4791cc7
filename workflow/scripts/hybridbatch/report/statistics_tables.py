"""The tables of the comparisons of strategies and of the domain shift."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from hybridbatch.compare.domain_shift import HELD_OUT
from hybridbatch.compare.wording import in_points
from hybridbatch.config.statistics import Statistics
from hybridbatch.evaluate.names import metric_label, table_name
from hybridbatch.report.table import Cell, Page, Value, data_page, show

ONE_SEED = "1 seed: seeds are not resampled, the conclusion is about these models only"


def significance_page(comparisons: pd.DataFrame, settings: Statistics) -> Page:
    """Lay the comparisons out: differences in points, which are hundredths of a measure, or ranks.

    Args:
        comparisons: the second result of :func:`hybridbatch.compare.comparisons.analyse`.
        settings: level and confidence.
    """
    headings = [
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
    headings += ["relative %", "d_z", "p", "p (Holm)", "significant"]
    rows: list[list[Value]] = []
    for row in comparisons.to_dict("records"):
        metric = row["metric"]
        names = [row["benchmark"], table_name(row["setting"], metric), metric_label(metric)]
        names += [row["backbone"], row["strategy"], row["baseline"], row["seeds"]]
        sizes = [in_points(float(row[key]), metric)[0] for key in ("difference", "low", "high")]
        effect = None if pd.isna(row["effect_size"]) else f"{row['effect_size']:.2f}"
        tests = [_p_value(max(row["p_permutation"], row["p_seeds"])), _p_value(row["p_holm"])]
        rows.append([*names, *sizes, _number(row["relative"]), effect, *tests, "yes" if row["significant"] else "no"])
    explanation = (
        "Strategy minus baseline, macro-average over languages, mean over seeds: in points, hundredths of the measure; of the rank "
        f"distance in ranks, where less is better. Low and high: {100 * settings.confidence:g} % percentile interval of a "
        "bootstrap over seeds and questions. d_z: Cohen's effect size of the differences of questions."
    )
    notes = [
        "p: the larger p-value of a permutation test over questions, which takes the models as given, and of an analysis of variance "
        "with random questions and seeds",
        f"Holm: corrected for all {len(rows)} comparisons; significant: below {settings.alpha:g}",
        "with few seeds the percentile intervals are too narrow; they are not tests",
        *([ONE_SEED] if "1" in set(comparisons["seeds"]) else []),
    ]
    numbers = {"seeds", "d_z", "p", "p (Holm)"}
    return data_page("significance", explanation, headings, _cells(rows), notes, numbers=numbers)


def shift_page(shift: pd.DataFrame, settings: Statistics) -> Page:
    """Lay the drops out: scores in points, hundredths of the measure, drops in per cent of the score in domain.

    Args:
        shift: the result of :func:`hybridbatch.compare.domain_shift.measure_shift`.
        settings: level, confidence and strategy.
    """
    strategy = settings.claim.strategy
    headings = ["design", "setting", "measure", "backbone", "strategy", "seeds", "in domain", "out of domain", "drop %"]
    headings += [
        "low",
        "high",
        f"{strategy} − this",
        "low (difference)",
        "high (difference)",
        "p (Holm)",
        "significant",
    ]
    numbers = ["in_domain", "out_of_domain", "drop", "low", "high", "difference", "difference_low", "difference_high"]
    rows: list[list[Value]] = []
    for row in shift.to_dict("records"):
        design = f"without {row['domain']}" if row["design"] == HELD_OUT else "other benchmarks"
        names = [
            design,
            row["setting"],
            metric_label(row["metric"]),
            row["backbone"],
            row["strategy"],
            int(row["seeds"]),
        ]
        hundredths = [_number(100 * row[key]) for key in numbers]
        test = (
            [None, None] if pd.isna(row["p_holm"]) else [_p_value(row["p_holm"]), "yes" if row["significant"] else "no"]
        )
        rows.append([*names, *hundredths, *test])
    explanation = (
        "Scores in and out of the domain of training, in points, and the drop in per cent of the score in domain. Other benchmarks: the "
        "same models on benchmarks of other domains. Without a domain: models trained without it, on its benchmarks."
    )
    notes = [
        f"low, high: {100 * settings.confidence:g} % percentile intervals of a bootstrap over seeds and questions",
        f"{strategy} − this: drop of {strategy} minus drop of this strategy, negative where {strategy} loses less; tested with random questions and seeds, "
        f"Holm's correction, level {settings.alpha:g}",
        *([ONE_SEED] if 1 in set(shift["seeds"]) else []),
    ]
    return data_page("shift", explanation, headings, _cells(rows), notes, numbers={"p (Holm)"})


def _cells(rows: Iterable[Sequence[Value]]) -> list[list[Cell]]:
    return [[*map(show, row)] for row in rows]


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
