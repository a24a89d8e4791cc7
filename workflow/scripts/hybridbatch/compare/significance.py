"""Statistics of systems that answered the same questions: intervals, paired tests, corrections, effect sizes.

A score is a sum of contributions, one for each question: ``score = sum_i c_i`` with weights ``sum_i w_i = 1``, where ``c_i`` is
the weighted sum of the values that belong to question i. A system has one score for each of its seeds.

Two kinds of conclusions are kept apart. :func:`sign_flip_test` and :func:`t_test` are the usual paired tests of retrieval
experiments; they take the trained models as given and ask about other questions. :func:`contrast` asks about other questions
and other seeds. With the usual two to five seeds, the percentile bootstrap over seeds is too narrow: the resampled variance
of three values is a third too small, and no percentile makes up for two degrees of freedom. So :func:`contrast`
takes the analysis of variance with two crossed random factors, as radiology does for few readers of many cases (Dorfman, Berbaum
and Metz, Investigative Radiology 27, 1992), and Banerjee's combination of the components (Sankhya 22, 1960), which keeps
its level whatever their ratio. Satterthwaite's degrees of freedom, which are usual there (Hillis, Statistics in Medicine 26, 2007),
do not with so few seeds: with two degrees of freedom, a test at the level 0.001, as Holm's correction asks for, rejects up
to 13 times as often as it may. The tests of this module simulate the level.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

Floats = NDArray[np.float64]
Strata = NDArray[np.int64]
# Numbers drawn at once in loops over replicates.
CHUNK = 4_000_000
# Relative difference up to which sums count as equal: their last digits depend on the order of summation.
CLOSE = 1e-9
# Logarithm of the smallest p-value that is computed; smaller ones count as this one.
SMALLEST = -300.0


@dataclass(frozen=True)
class Scores:
    """A system's score for each seed, shape (seeds,), and each question's influence on it, shape (questions, seeds).

    An influence is the change of the score, to first order, by one more copy of the question: ``c_i - score * w_i`` for a
    weighted mean. The sum of the squares of centred influences then estimates the variance over questions.
    """

    values: Floats
    influences: Floats


@dataclass(frozen=True)
class Estimate:
    """A difference of scores, and the components of its variance with their degrees of freedom.

    A p-value p solves ``difference^2 = sum over components of V * t(p, f)^2``, where t(p, f) is the upper quantile of Student's
    distribution (Banerjee, Sankhya 22, 1960). With one component that is the t-test; with several, which must be independent,
    the test rejects at most as often as its level says.
    """

    value: float
    variances: tuple[float, ...]
    freedoms: tuple[int, ...]

    def p_two_sided(self) -> float:
        """Return the p-value of the hypothesis that the difference is 0."""
        return 2 * self._tail(abs(self.value))

    def p_above(self, bound: float) -> float:
        """Return the p-value of the hypothesis that the difference is not above ``bound``."""
        excess = self.value - bound
        return self._tail(excess) if excess > 0 else 1 - self._tail(-excess)

    def detectable(self, level: float, power: float) -> float:
        """Return the smallest true difference that a two-sided test finds with a given probability; NaN if it finds none.

        The critical difference at the level plus the normal quantile of the power, in standard errors, after Bloom's minimum
        detectable effect (Evaluation Review 19, 1995).
        """
        if min(self.freedoms) == 0:
            return float("nan")
        critical = np.sqrt((self.variances * stats.t.isf(level / 2, self.freedoms) ** 2).sum())
        return float(critical + stats.norm.ppf(power) * np.sqrt(sum(self.variances)))

    def _tail(self, excess: float) -> float:
        """Return the p-value, one-sided, of an excess that is not negative; 0.5 if its variance is unknown."""
        if excess == 0 or min(self.freedoms) == 0:
            return 0.5
        if sum(self.variances) == 0:
            return 0.0

        def surplus(logarithm: float) -> float:
            quantiles = stats.t.isf(np.exp(logarithm), self.freedoms)
            return float((self.variances * quantiles**2).sum() - excess**2)

        if surplus(SMALLEST) < 0:
            return float(np.exp(SMALLEST))
        return float(np.exp(brentq(surplus, SMALLEST, np.log(0.5), xtol=1e-12)))


def weighted_scores(contributions: Floats, weights: Floats) -> Scores:
    """Return the scores and influences of weighted means.

    Args:
        contributions: shape (questions, seeds).
        weights: shape (questions,), with the sum 1.
    """
    values = contributions.sum(axis=0)
    return Scores(values, contributions - weights[:, None] * values)


def resampled_totals(values: Floats, strata: Strata, resamples: int, rng: np.random.Generator) -> Floats:
    """Return sums over questions drawn with replacement, as many in each stratum as it has.

    Args:
        values: shape (questions, columns); all columns see the same draws.
        strata: the number of each question's stratum, from 0; shape (questions,).
        resamples: how often to draw.
        rng: the source of the draws.

    Returns:
        Shape (resamples, columns).
    """
    questions = len(values)
    groups = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    totals = np.empty((resamples, values.shape[1]))
    step = max(1, CHUNK // questions)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        counts = np.empty((rows, questions))
        for group in groups:
            size = len(group)
            drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
            counts[:, group] = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
        totals[start : start + rows] = counts @ values
    return totals


def seed_shares(seeds: int, resamples: int, rng: np.random.Generator) -> Floats:
    """Return the share of each seed among seeds drawn with replacement; shape (resamples, seeds), rows with the sum 1."""
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds


def percentile_interval(replicates: Floats, confidence: float) -> tuple[float, float]:
    """Return the percentile interval of bootstrap replicates; NaN is left out."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates[~np.isnan(replicates)], [tail, 1 - tail])
    return float(low), float(high)


def sign_flip_test(differences: Floats, permutations: int, rng: np.random.Generator) -> Floats:
    """Return p-values of Fisher's randomisation test for paired samples, two-sided.

    Under the hypothesis that two systems are alike, each question's difference is as likely to have the opposite sign. The p-value
    is the share of random sign patterns, the observed one counted in, whose sum is at least as far from 0
    (Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010).

    Args:
        differences: contributions of one system minus those of another, shape (questions, pairs of systems).
        permutations: number of random sign patterns; all pairs see the same.
        rng: the source of the patterns.

    Returns:
        Shape (pairs of systems,).
    """
    questions, pairs = differences.shape
    observed = np.abs(differences.sum(axis=0))
    extreme = np.zeros(pairs)
    step = max(1, CHUNK // questions)
    for start in range(0, permutations, step):
        rows = min(step, permutations - start)
        signs = 2.0 * rng.integers(2, size=(rows, questions), dtype=np.int8) - 1
        extreme += (np.abs(signs @ differences) >= observed * (1 - CLOSE)).sum(axis=0)
    return (1 + extreme) / (1 + permutations)


def t_test(first: Floats, second: Floats) -> float:
    """Return the p-value of the paired t-test, two-sided; 1 if nothing differs or there is only one question.

    Args:
        first: contributions of a system, shape (questions,).
        second: those of the other.
    """
    differences = first - second
    if len(differences) < 2 or not differences.any():
        return 1.0
    if np.ptp(differences) <= CLOSE * np.abs(differences).max():
        return 0.0
    return float(stats.ttest_rel(first, second).pvalue)


def holm(p_values: Floats) -> Floats:
    """Return p-values corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979).

    Values below a level belong to the hypotheses that his step-down procedure rejects at that level.
    """
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def cohens_dz(differences: Floats, weights: Floats) -> float:
    """Return Cohen's d_z: the mean of paired differences over their standard deviation, both weighted.

    Args:
        differences: contributions of one system minus those of another, shape (questions,).
        weights: shape (questions,), positive, with the sum 1.

    Returns:
        0 if nothing differs; NaN if all differ by the same amount or there is only one question.
    """
    mean = differences.sum()
    if not differences.any():
        return 0.0
    questions = len(differences)
    spread = (weights * (differences / weights - mean) ** 2).sum()
    if questions < 2 or spread <= CLOSE**2 * mean**2:
        return float("nan")
    return float(mean / np.sqrt(spread * questions / (questions - 1)))


def question_variance(influences: Floats, strata: Strata) -> Floats:
    """Return the variance of scores over samples of questions, drawn within strata.

    ``sum over strata of n / (n - 1) * sum of (u_i - mean u)^2``: for equal weights and one stratum that is the square of the
    usual standard error. A stratum of one question contributes nothing.

    Args:
        influences: shape (questions, scores).
        strata: the number of each question's stratum; shape (questions,).

    Returns:
        Shape (scores,).
    """
    variance = np.zeros(influences.shape[1])
    for stratum in np.unique(strata):
        own = influences[strata == stratum]
        if len(own) > 1:
            variance += len(own) * own.var(axis=0, ddof=1)
    return variance


def contrast(first: Scores, second: Scores, strata: Strata) -> Estimate:
    """Return the difference of two systems' mean scores, with its variance over other seeds and other questions.

    The components of the variance are that of the means over seeds, with ``seeds - 1`` degrees of freedom for each system and
    one variance for both, and that of the mean over questions, less what it shares with the former: the interaction of questions and
    seeds. The seeds of two systems count as independent, for the same number makes different batches; if they are not,
    the test is conservative. A system with one seed has no variance of seeds: the conclusion is then about this model.

    Args:
        first: a system.
        second: the other, on the same questions.
        strata: the number of each question's stratum; shape (questions,).

    Returns:
        The difference first - second.
    """
    drawn = [system for system in (first, second) if len(system.values) > 1]
    influences = first.influences.mean(axis=1) - second.influences.mean(axis=1)
    interaction = sum(_interaction(system, strata) for system in drawn)
    variances = [max(float(question_variance(influences[:, None], strata)[0]) - interaction, 0.0)]
    freedoms = [len(strata) - len(np.unique(strata))]
    if drawn:
        freedoms.append(sum(len(system.values) - 1 for system in drawn))
        squares = sum(float(((system.values - system.values.mean()) ** 2).sum()) for system in drawn)
        variances.append(squares / freedoms[-1] * sum(1 / len(system.values) for system in drawn))
    value = float(first.values.mean() - second.values.mean())
    return Estimate(value, tuple(variances), tuple(freedoms))


def _interaction(system: Scores, strata: Strata) -> float:
    """Return the contribution of the interaction of questions and seeds to the variance of a system's mean score."""
    seeds = len(system.values)
    rest = system.influences - system.influences.mean(axis=1, keepdims=True)
    return float(question_variance(rest, strata).sum()) / (seeds * (seeds - 1))
