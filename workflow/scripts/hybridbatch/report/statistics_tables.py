"""The tables of the comparisons of strategies and of the domain shift."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from hybridbatch.compare.comparisons import EXPLORATORY, POWER
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
    headings = ["family", "benchmark", "setting", "measure", "backbone", "strategy", "baseline", "seeds"]
    headings += ["difference", "low", "high", "relative %", "d_z", "p", "p (Holm)", "significant", "detectable"]
    rows: list[list[Value]] = []
    # The claim and its other readings first.
    ordered = comparisons.sort_values("family", key=lambda names: names == EXPLORATORY, kind="stable")
    for row in ordered.to_dict("records"):
        metric = row["metric"]
        names = [row["family"], row["benchmark"], table_name(row["setting"], metric), metric_label(metric)]
        names += [row["backbone"], row["strategy"], row["baseline"], row["seeds"]]
        *sizes, detectable = (
            in_points(float(row[key]), metric)[0] for key in ("difference", "low", "high", "detectable")
        )
        effect = None if pd.isna(row["effect_size"]) else f"{row['effect_size']:.2f}"
        tests = [_p_value(max(row["p_permutation"], row["p_seeds"])), _p_value(row["p_holm"])]
        tests += ["yes" if row["significant"] else "no"]
        rows.append([*names, *sizes, _number(row["relative"]), effect, *tests, _number(detectable)])
    explanation = (
        "Strategy minus baseline, macro-average over languages, mean over seeds: in points, hundredths of the measure; of the rank "
        f"distance in ranks, where less is better. Low and high: {100 * settings.confidence:g} % percentile interval of a "
        "bootstrap over seeds and questions. d_z: Cohen's effect size of the differences of questions."
    )
    notes = [
        "p: the larger p-value of a permutation test over questions, which takes the models as given, and of an analysis of variance "
        "with random questions and seeds",
        "Families, named before any test: claim, the strategy of the claim against its baselines in the domain of training; shift, the "
        "same out of it; with a strategy in brackets, another reading of the claim; exploratory, all others, which confirm nothing",
        f"Holm: corrected within the family ({_sizes_text(ordered)} comparisons); significant: below {settings.alpha:g}",
        f"detectable: the smallest true difference that these seeds and questions show with a probability of {POWER:g} after correction",
        "with few seeds the percentile intervals are too narrow; they are not tests",
        *([ONE_SEED] if "1" in set(comparisons["seeds"]) else []),
    ]
    numbers = {"seeds", "d_z", "p", "p (Holm)"}
    return data_page("significance", explanation, headings, _cells(rows), notes, numbers=numbers)


def _sizes_text(comparisons: pd.DataFrame) -> str:
    """Return the number of comparisons in each family, such as ``claim 8, exploratory 20``."""
    return ", ".join(f"{name} {size}" for name, size in comparisons["family"].value_counts(sort=False).items())


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
        "− untuned",
        "low (untuned)",
        "high (untuned)",
        "p (untuned, Holm)",
        f"{strategy} − this",
        "low (difference)",
        "high (difference)",
        "p (Holm)",
        "significant",
    ]
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
        scores = [_number(100 * row[key]) for key in ("in_domain", "out_of_domain", "drop", "low", "high")]
        untuned = [_number(100 * row[f"untuned_{key}"]) for key in ("difference", "low", "high")]
        others = [_number(100 * row[key]) for key in ("difference", "difference_low", "difference_high")]
        p_untuned, p = (None if pd.isna(row[key]) else _p_value(row[key]) for key in ("untuned_p_holm", "p_holm"))
        significant = None if p is None else "yes" if row["significant"] else "no"
        rows.append([*names, *scores, *untuned, p_untuned, *others, p, significant])
    explanation = (
        "Scores in and out of the domain of training, in points, and the drop in per cent of the score in domain. Other benchmarks: the "
        "same models on benchmarks of other domains. Without a domain: models trained without it, on its benchmarks."
    )
    notes = [
        f"low, high: {100 * settings.confidence:g} % percentile intervals of a bootstrap over seeds and questions",
        "− untuned: drop of the strategy minus that of the untuned encoder, for which the other benchmarks may be harder, too",
        f"{strategy} − this: drop of {strategy} minus drop of this strategy, negative where {strategy} loses less",
        f"both tested with random questions and seeds, Holm's correction, level {settings.alpha:g}",
        *([ONE_SEED] if 1 in set(shift["seeds"]) else []),
    ]
    return data_page("shift", explanation, headings, _cells(rows), notes, numbers={"p (Holm)", "p (untuned, Holm)"})


def _cells(rows: Iterable[Sequence[Value]]) -> list[list[Cell]]:
    return [[*map(show, row)] for row in rows]


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
