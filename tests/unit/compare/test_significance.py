"""Each statistic against another implementation or a known case, and the level of the tests under the hypothesis."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from hybridbatch.compare.significance import (
    Estimate,
    Floats,
    Scores,
    cohens_dz,
    contrast,
    holm,
    percentile_interval,
    question_variance,
    resampled_totals,
    seed_shares,
    sign_flip_test,
    t_test,
    weighted_scores,
)

ALPHA = 0.05


def values(questions: int = 40, seed: int = 0, effect: float = 0.0) -> tuple[Floats, Floats]:
    """Measures of two systems on the same questions."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0.5, 0.2, questions)
    return difficulty + rng.normal(effect, 0.1, questions), difficulty + rng.normal(0, 0.1, questions)


def equal(questions: int) -> Floats:
    return np.full(questions, 1 / questions)


def one_stratum(questions: int) -> np.ndarray:
    return np.zeros(questions, dtype=np.int64)


@pytest.mark.parametrize("effect", [0.0, 0.03, 0.06])
def test_sign_flips_agree_with_scipy(effect: float) -> None:
    first, second = values(effect=effect)
    differences = ((first - second) / len(first))[:, None]
    ours = sign_flip_test(differences, 40_000, np.random.default_rng(1))[0]
    theirs = stats.permutation_test(
        (first, second),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=40_000,
        vectorized=True,
        rng=2,
    )
    assert ours == pytest.approx(theirs.pvalue, abs=0.01, rel=0.1)


def test_sign_flips_agree_with_every_pattern() -> None:
    differences = np.array([0.3, -0.1, 0.25, 0.4, 0.15, -0.05, 0.2])
    patterns = np.array(list(product([-1, 1], repeat=len(differences))))
    exact = np.mean(np.abs(patterns @ differences) >= differences.sum() - 1e-12)
    assert sign_flip_test(differences[:, None], 100_000, np.random.default_rng(1))[0] == pytest.approx(exact, abs=0.004)


def test_sign_flips_can_not_give_zero_and_are_reproducible() -> None:
    differences = np.stack([np.full(30, 0.1), np.zeros(30)], axis=1)
    first, second = (sign_flip_test(differences, 999, np.random.default_rng(3)) for _ in range(2))
    assert first.tolist() == second.tolist() == [1 / 1000, 1.0]


def test_t_test_is_that_of_the_formula() -> None:
    first, second = values(effect=0.03)
    d = first - second
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    expected = 2 * stats.t.sf(abs(t), len(d) - 1)
    assert t_test(first, second) == pytest.approx(expected)
    assert t_test(first / len(d), second / len(d)) == pytest.approx(expected)
    assert (t_test(first, first), t_test(np.ones(5), np.zeros(5)), t_test(np.ones(1), np.zeros(1))) == (1.0, 0.0, 1.0)


def test_holm_on_worked_examples() -> None:
    # 4 * 0.005, 3 * 0.01, 2 * 0.03, and the last one as large as the one before it.
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.6])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.2))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float], level: float) -> None:
    corrected = holm(np.array(p_values))
    for position in range(len(p_values)):
        smaller = [p for p in sorted(p_values) if p <= p_values[position]]
        steps = [p * (len(p_values) - rank) for rank, p in enumerate(smaller)]
        assert (corrected[position] < level) == all(step < level for step in steps)
    assert (corrected >= np.array(p_values)).all()


def test_effect_size_is_the_mean_over_the_standard_deviation() -> None:
    first, second = values(effect=0.05)
    d = first - second
    assert cohens_dz(d / len(d), equal(len(d))) == pytest.approx(d.mean() / d.std(ddof=1))
    assert cohens_dz(np.zeros(3), equal(3)) == 0
    assert np.isnan(cohens_dz(np.full(3, 0.1), equal(3)))
    assert np.isnan(cohens_dz(np.array([0.1]), equal(1)))


def test_interval_agrees_with_scipy_and_with_the_normal_distribution() -> None:
    sample = values(300)[0]
    totals = resampled_totals(sample[:, None] / 300, one_stratum(300), 10_000, np.random.default_rng(1))[:, 0]
    ours = percentile_interval(totals, 0.95)
    theirs = stats.bootstrap((sample,), np.mean, method="percentile", n_resamples=10_000, rng=2).confidence_interval
    error = sample.std(ddof=1) / np.sqrt(300)
    assert ours == pytest.approx(tuple(theirs), abs=0.1 * error)
    assert ours == pytest.approx((sample.mean() - 1.96 * error, sample.mean() + 1.96 * error), abs=0.1 * error)
    assert percentile_interval(np.append(totals, np.nan), 0.95) == pytest.approx(ours)


def test_columns_see_the_same_draws_and_strata_keep_their_size() -> None:
    strata = np.repeat([0, 1], [5, 15])
    columns = np.stack([strata == 0, strata == 1, np.arange(20), 2 * np.arange(20)], axis=1).astype(float)
    totals = resampled_totals(columns, strata, 500, np.random.default_rng(1))
    assert (totals[:, 0] == 5).all()
    assert (totals[:, 1] == 15).all()
    assert np.array_equal(totals[:, 3], 2 * totals[:, 2])
    assert len(np.unique(totals[:, 2])) > 50


def test_seed_shares_are_those_of_drawing_with_replacement() -> None:
    shares = seed_shares(3, 20_000, np.random.default_rng(1))
    assert shares.sum(axis=1) == pytest.approx(1)
    # The variance of the mean of three draws is a third of the population variance of the three.
    assert np.var(shares @ np.array([1.0, 2.0, 4.0])) == pytest.approx(np.var([1, 2, 4]) / 3, rel=0.05)
    assert (seed_shares(1, 10, np.random.default_rng(1)) == 1).all()


def test_question_variance_is_the_squared_standard_error() -> None:
    sample = values(50)[0]
    scores = weighted_scores(sample[:, None] / 50, equal(50))
    assert scores.values[0] == pytest.approx(sample.mean())
    assert question_variance(scores.influences, one_stratum(50))[0] == pytest.approx(stats.sem(sample) ** 2)


def test_question_variance_of_unequal_weights_and_strata_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(4)
    strata = np.repeat([0, 1, 2], [100, 150, 250])
    weights = rng.uniform(0.5, 2, 500)
    weights /= weights.sum()
    contributions = weights * (rng.normal(0.5, 0.2, 500) + 0.1 * strata)
    totals = resampled_totals(np.stack([contributions, weights], axis=1), strata, 20_000, rng)
    scores = weighted_scores(contributions[:, None], weights)
    expected = np.var(totals[:, 0] / totals[:, 1])
    assert question_variance(scores.influences, strata)[0] == pytest.approx(expected, rel=0.05)


def systems(
    rng: np.random.Generator, questions: int, seeds: int, seed_sd: float, interaction_sd: float
) -> tuple[Scores, Scores]:
    """Two sets of seeds of one strategy: the same difficulty of the questions, other seeds."""
    difficulty = rng.normal(0.5, 0.25, (questions, 1))
    pair = []
    for _ in range(2):
        table = difficulty + rng.normal(0, seed_sd, seeds) + rng.normal(0, interaction_sd, (questions, seeds))
        pair.append(weighted_scores(table / questions, equal(questions)))
    return pair[0], pair[1]


def test_contrast_with_one_seed_each_is_the_paired_t_test() -> None:
    first, second = values(effect=0.02)
    scores = [weighted_scores(x[:, None] / len(x), equal(len(x))) for x in (first, second)]
    estimate = contrast(*scores, one_stratum(len(first)))
    theirs = stats.ttest_rel(first, second)
    assert estimate.p_two_sided() == pytest.approx(theirs.pvalue)
    assert estimate.freedoms == (len(first) - 1,)
    assert estimate.p_above(0) == pytest.approx(stats.ttest_rel(first, second, alternative="greater").pvalue)


def test_contrast_without_variance_of_questions_is_the_t_test_of_the_seeds() -> None:
    first, second = np.array([0.5, 0.52, 0.56, 0.51]), np.array([0.49, 0.5, 0.51])
    scores = [Scores(x, np.zeros((10, len(x)))) for x in (first, second)]
    p = contrast(*scores, one_stratum(10)).p_two_sided()
    assert p == pytest.approx(stats.ttest_ind(first, second).pvalue)
    one = Scores(np.array([0.45]), np.zeros((10, 1)))
    assert contrast(scores[0], one, one_stratum(10)).p_two_sided() == pytest.approx(
        stats.ttest_1samp(first, 0.45).pvalue
    )


def test_contrast_is_the_analysis_of_variance_with_two_random_factors() -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(0, 0.1, (30, 1)) + rng.normal(0, 0.05, 4) + rng.normal(0.02, 0.1, (30, 4))
    zero = Scores(np.zeros(1), np.zeros((30, 1)))
    estimate = contrast(weighted_scores(table / 30, equal(30)), zero, one_stratum(30))
    grand, by_question, by_seed = table.mean(), table.mean(axis=1, keepdims=True), table.mean(axis=0)
    mean_squares = {
        "question": 4 * ((by_question - grand) ** 2).sum() / 29,
        "seed": 30 * ((by_seed - grand) ** 2).sum() / 3,
        "both": ((table - by_question - by_seed + grand) ** 2).sum() / (29 * 3),
    }
    expected = (mean_squares["question"] + mean_squares["seed"] - mean_squares["both"]) / 120
    assert sum(estimate.variances) == pytest.approx(expected)
    assert estimate.value == pytest.approx(grand)


@pytest.mark.slow
@pytest.mark.parametrize("seed_sd", [0.0, 0.005, 0.02, 0.1])
def test_two_sets_of_three_seeds_do_not_differ_more_often_than_the_level(seed_sd: float) -> None:
    rng = np.random.default_rng(5)
    trials = 800
    found = [contrast(*systems(rng, 200, 3, seed_sd, 0.1), one_stratum(200)).p_two_sided() for _ in range(trials)]
    for level in (ALPHA, 0.01):
        # Three standard errors of that share.
        assert np.mean(np.array(found) < level) <= level + 3 * np.sqrt(level * (1 - level) / trials)


@pytest.mark.parametrize("ratio", [0.0, 1.0, 20.0])
def test_the_level_is_kept_far_into_the_tail(ratio: float) -> None:
    """With components of variance drawn as they are distributed, for more trials than whole tables allow."""
    rng = np.random.default_rng(8)
    trials, freedoms, level = 200_000, (2, 199), 0.001
    true = np.array([ratio, 1.0])
    variances = true * rng.chisquare(freedoms, (trials, 2)) / freedoms
    squared = rng.normal(0, np.sqrt(true.sum()), trials) ** 2
    rejected = squared > variances @ stats.t.isf(level / 2, freedoms) ** 2
    assert rejected.mean() <= level + 3 * np.sqrt(level / trials)
    for position in np.flatnonzero(rejected)[:20]:
        estimate = Estimate(float(np.sqrt(squared[position])), tuple(variances[position]), freedoms)
        assert (estimate.p_two_sided() < level) == rejected[position]


def test_tests_that_take_the_seeds_as_given_do() -> None:
    """The reason for :func:`contrast`: both of the usual ways call seeds a difference between strategies."""
    rng = np.random.default_rng(6)
    flips, bootstrap = [], []
    for _ in range(200):
        first, second = systems(rng, 200, 3, 0.02, 0.1)
        means = [(s.influences + s.values / 200).mean(axis=1) for s in (first, second)]
        flips.append(sign_flip_test((means[0] - means[1])[:, None], 400, rng)[0] < ALPHA)
        totals = resampled_totals(
            np.hstack([s.influences + s.values / 200 for s in (first, second)]), one_stratum(200), 400, rng
        )
        shares = seed_shares(3, 400, rng), seed_shares(3, 400, rng)
        low, high = percentile_interval(
            (shares[0] * totals[:, :3]).sum(axis=1) - (shares[1] * totals[:, 3:]).sum(axis=1), 0.95
        )
        bootstrap.append(not low <= 0 <= high)
    assert np.mean(flips) > 3 * ALPHA
    assert np.mean(bootstrap) > 2 * ALPHA


def test_a_real_difference_is_found() -> None:
    rng = np.random.default_rng(7)
    first, second = systems(rng, 1000, 3, 0.005, 0.1)
    better = Scores(first.values + 0.046, first.influences)
    assert contrast(better, second, one_stratum(1000)).p_two_sided() < 0.01


def test_the_detectable_difference_has_the_power_of_the_noncentral_t_distribution() -> None:
    first, second = values(questions=30)
    estimate = contrast(*(weighted_scores(v[:, None] / 30, equal(30)) for v in (first, second)), one_stratum(30))
    error = stats.sem(first - second)
    critical = stats.t.isf(ALPHA / 2, 29)
    for power in (0.5, 0.8, 0.95):
        noncentrality = estimate.detectable(ALPHA, power) / error
        assert stats.nct.sf(critical, 29, noncentrality) == pytest.approx(power, abs=0.02)


@pytest.mark.slow
def test_a_difference_as_large_as_the_detectable_one_is_found_as_often_as_it_says() -> None:
    """With random seeds: the detectable difference, averaged over experiments without a difference, is then a true one."""
    rng = np.random.default_rng(8)
    blank = [contrast(*systems(rng, 100, 6, 0.02, 0.1), one_stratum(100)) for _ in range(300)]
    effect = float(np.mean([estimate.detectable(ALPHA, 0.8) for estimate in blank]))
    found = 0
    for _ in range(300):
        first, second = systems(rng, 100, 6, 0.02, 0.1)
        better = Scores(first.values + effect, first.influences)
        found += contrast(better, second, one_stratum(100)).p_two_sided() < ALPHA
    assert 0.7 < found / 300 < 0.9


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float64, (12, 3), elements=st.floats(0, 1)),
    arrays(np.float64, (12, 3), elements=st.floats(0, 1)),
)
def test_a_difference_changes_its_sign_and_nothing_else_with_the_order(a: Floats, b: Floats) -> None:
    first, second = (weighted_scores(x / 12, equal(12)) for x in (a, b))
    there = contrast(first, second, one_stratum(12))
    back = contrast(second, first, one_stratum(12))
    assert there.value == pytest.approx(-back.value, abs=1e-12)
    assert there.p_two_sided() == pytest.approx(back.p_two_sided(), abs=1e-6)
    nothing = contrast(first, first, one_stratum(12))
    assert (nothing.value, nothing.p_two_sided()) == (0, 1)


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, (30, 1), elements=st.floats(0, 1)), st.integers(0, 100))
def test_intervals_contain_the_mean(sample: Floats, seed: int) -> None:
    totals = resampled_totals(sample / 30, one_stratum(30), 1000, np.random.default_rng(seed))
    low, high = percentile_interval(totals[:, 0], 0.95)
    assert low - 1e-12 <= sample.mean() <= high + 1e-12


def test_estimates_without_freedom_or_variance() -> None:
    assert np.isnan(Estimate(0.1, (1.0, 0.0), (3, 0)).detectable(0.05, 0.8))
    assert Estimate(0.1, (0.0,), (0,)).p_two_sided() == 1
    assert (Estimate(0.1, (0.0,), (5,)).p_two_sided(), Estimate(0.0, (0.0,), (5,)).p_two_sided()) == (0, 1)
    assert (Estimate(-0.01, (0.0,), (5,)).p_above(-0.02), Estimate(-0.03, (0.0,), (5,)).p_above(-0.02)) == (0, 1)
    assert 0 < Estimate(1.0, (1e-300,), (9,)).p_two_sided() < 1e-100
