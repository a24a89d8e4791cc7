"""Comparisons of strategies: intervals of every system and tests of every pair.

A difference is significant if two tests agree, after Holm's correction: the permutation test, which takes the models as given,
and :func:`hybridbatch.compare.significance.contrast`, which takes their seeds as drawn from many. The correction is within a family
of comparisons, chosen before any test: the claim's strategy against its baselines in the domain of training (``claim``), the same
out of it (``shift``), both for every other reading of the claim, and everything else (``exploratory``).

The intervals are percentiles of a bootstrap over seeds and questions; a replicate divides by the weights that it drew. With few seeds they are too narrow, so nothing is concluded from them.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from hybridbatch.compare.question_scores import QuestionScores
from hybridbatch.compare.significance import (
    Estimate,
    Floats,
    cohens_dz,
    contrast,
    holm,
    percentile_interval,
    resampled_totals,
    seed_shares,
    sign_flip_test,
    t_test,
)
from hybridbatch.compare.wording import comparison_sentence
from hybridbatch.config.statistics import Statistics
from hybridbatch.evaluate.names import UNTUNED, Run

SYSTEM = ["benchmark", "setting", "metric", "backbone", "strategy"]
INTERVAL_COLUMNS = [*SYSTEM, "language", "seeds", "mean", "sd", "low", "high"]
COMPARISON_COLUMNS = [*SYSTEM, "baseline", "family", "seeds", "questions", "difference", "low", "high", "relative"]
COMPARISON_COLUMNS += ["effect_size", "p_permutation", "p_t", "p_seeds", "p_questions", "p_holm", "significant"]
COMPARISON_COLUMNS += ["detectable", "sentence"]
CLAIM, SHIFT, EXPLORATORY = "claim", "shift", "exploratory"
# The probability with which a difference of the size `detectable` is found.
POWER = 0.8


class Replicates:
    """Scores of every run of a measured in bootstrap samples of questions, and the shares of the seeds in each sample.

    All systems share the samples of questions; those with equal seeds also share the samples of seeds.
    """

    def __init__(self, measured: QuestionScores, settings: Statistics) -> None:
        rng = measured.generator(settings.seed)
        self._measured = measured
        self._resamples = settings.resamples
        self._rng = rng
        self._shares: dict[tuple[int, ...], Floats] = {}
        width = len(measured.columns)
        totals = resampled_totals(
            np.hstack([*measured.runs.values(), measured.weights]), measured.strata, settings.resamples, rng
        )
        drawn = totals[:, -width:]
        self._scores = {
            run: np.divide(totals[:, start : start + width], drawn, out=np.full_like(drawn, np.nan), where=drawn > 0)
            for run, start in zip(measured.runs, range(0, len(measured.runs) * width, width), strict=True)
        }

    def of(self, backbone: str, strategy: str) -> Floats:
        """Return the mean scores of a system over resampled seeds, shape (resamples, columns); NaN if a language was not drawn."""
        seeds = tuple(self._measured.seeds(backbone, strategy))
        if seeds not in self._shares:
            self._shares[seeds] = seed_shares(len(seeds), self._resamples, self._rng)
        scores = np.stack([self._scores[Run(backbone, strategy, seed)] for seed in seeds])
        return np.asarray(np.einsum("rs,src->rc", self._shares[seeds], scores))


def analyse(
    scores: Sequence[QuestionScores],
    strategies: Sequence[str],
    settings: Statistics,
    out_of_domain: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the intervals of every system, and the comparisons of every two.

    Args:
        scores: the result of :func:`hybridbatch.compare.question_scores.read_question_scores`.
        strategies: those that are compared with one another, and each with the untuned backbone.
        settings: level, resamples and the claim, whose strategy is never a baseline.
        out_of_domain: benchmarks outside the domain of training.

    Returns:
        The columns :data:`INTERVAL_COLUMNS` and :data:`COMPARISON_COLUMNS`. ``difference`` is strategy minus baseline of the
        macro-averages, mean over seeds; ``relative`` is in per cent of the baseline's score; ``p_seeds`` is the test with
        random seeds; ``p_questions`` is ``p_permutation``, corrected; ``p_holm`` is the larger one of it and ``p_seeds``, corrected;
        ``detectable`` is the smallest difference that the test with random seeds finds with the probability :data:`POWER` at the
        first step of the correction.
    """
    claimed = [claim.strategy for claim in settings.claims]
    order = [UNTUNED, *sorted(strategies, key=lambda name: name in claimed)]
    intervals: list[dict[str, Any]] = []
    comparisons: list[dict[str, Any]] = []
    estimates: list[Estimate] = []
    for measured in scores:
        replicates = Replicates(measured, settings)
        intervals += _intervals(measured, replicates, settings)
        for backbone in measured.backbones:
            present = [name for name in order if measured.seeds(backbone, name)]
            pairs = [(second, first) for first, second in combinations(present, 2)]
            for row, estimate in _comparisons(measured, backbone, pairs, replicates, settings):
                comparisons.append(row)
                estimates.append(estimate)
    frame = pd.DataFrame(comparisons, columns=COMPARISON_COLUMNS)
    if len(frame):
        frame["family"] = [_family(row, settings, out_of_domain) for row in frame.to_dict("records")]
        frame["p_holm"] = frame[["p_permutation", "p_seeds"]].max(axis="columns")
        families = frame.groupby("family")
        levels = settings.alpha / families["family"].transform("size")
        frame["p_questions"] = families["p_permutation"].transform(_holm)
        frame["p_holm"] = families["p_holm"].transform(_holm)
        frame["significant"] = frame["p_holm"] < settings.alpha
        frame["detectable"] = [
            estimate.detectable(level, POWER) for estimate, level in zip(estimates, levels, strict=True)
        ]
        frame["sentence"] = [comparison_sentence(row, settings) for row in frame.to_dict("records")]
    return pd.DataFrame(intervals, columns=INTERVAL_COLUMNS), frame


def _intervals(measured: QuestionScores, replicates: Replicates, settings: Statistics) -> list[dict[str, Any]]:
    rows = []
    for backbone, strategy in dict.fromkeys(run[:2] for run in measured.runs):
        seeds = measured.seeds(backbone, strategy)
        means = np.stack([measured.runs[Run(backbone, strategy, seed)].sum(axis=0) for seed in seeds])
        resampled = replicates.of(backbone, strategy)
        for column, language in enumerate(measured.columns):
            low, high = percentile_interval(resampled[:, column], settings.confidence)
            rows.append(
                {
                    **_names(measured, backbone, strategy),
                    "language": language,
                    "seeds": len(seeds),
                    "mean": float(means[:, column].mean()),
                    "sd": float(means[:, column].std(ddof=1)) if len(seeds) > 1 else None,
                    "low": low,
                    "high": high,
                }
            )
    return rows


def _comparisons(
    measured: QuestionScores, backbone: str, pairs: list[tuple[str, str]], replicates: Replicates, settings: Statistics
) -> list[tuple[dict[str, Any], Estimate]]:
    if not pairs:
        return []
    means = {name: measured.contributions(backbone, name).mean(axis=1) for pair in pairs for name in pair}
    differences = np.stack([means[strategy] - means[baseline] for strategy, baseline in pairs], axis=1)
    flips = sign_flip_test(differences, settings.permutations, measured.generator(settings.seed + 1))
    rows = []
    for (strategy, baseline), difference, p_permutation in zip(pairs, differences.T, flips, strict=True):
        resampled = replicates.of(backbone, strategy)[:, -1] - replicates.of(backbone, baseline)[:, -1]
        low, high = percentile_interval(resampled, settings.confidence)
        reference = float(means[baseline].sum())
        seeds = [len(measured.seeds(backbone, name)) for name in (strategy, baseline) if name != UNTUNED]
        estimate = contrast(measured.scores(backbone, strategy), measured.scores(backbone, baseline), measured.strata)
        row = {
            **_names(measured, backbone, strategy),
            "baseline": baseline,
            "seeds": " and ".join(map(str, dict.fromkeys(seeds))),
            "questions": len(measured.units),
            "difference": float(difference.sum()),
            "low": low,
            "high": high,
            "relative": 100 * float(difference.sum()) / reference if reference else None,
            "effect_size": cohens_dz(difference, measured.weights[:, -1]),
            "p_permutation": float(p_permutation),
            "p_t": t_test(means[strategy], means[baseline]),
            "p_seeds": estimate.p_two_sided(),
        }
        rows.append((row, estimate))
    return rows


def _family(row: Mapping[str, Any], settings: Statistics, out_of_domain: Collection[str]) -> str:
    """Return the family of a comparison; other readings of the claim have families of their own, named after their strategy."""
    for claim in settings.claims:
        if row["strategy"] == claim.strategy and row["baseline"] in claim.baselines:
            family = SHIFT if row["benchmark"] in out_of_domain else CLAIM
            return family if claim is settings.claim else f"{family} ({claim.strategy})"
    return EXPLORATORY


def _holm(p_values: pd.Series) -> Floats:
    return holm(p_values.to_numpy(dtype=np.float64))


def _names(measured: QuestionScores, backbone: str, strategy: str) -> dict[str, str]:
    return dict(zip(SYSTEM, [measured.benchmark, measured.setting, measured.metric, backbone, strategy], strict=True))
