"""Relative drops, their influence functions and intervals, and the answer for systems whose truth is known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from hybridbatch.compare.comparisons import COMPARISON_COLUMNS, analyse
from hybridbatch.compare.domain_shift import COLUMNS, Comparison, _drops, measure_shift, shift_sentences
from hybridbatch.compare.question_scores import QuestionScores
from hybridbatch.compare.significance import question_variance
from hybridbatch.config.statistics import Statistics
from hybridbatch.evaluate.names import MEAN, Run
from hybridbatch.report.statistics_tables import shift_page

QUICK = Statistics(resamples=2000, permutations=1000)
STRATEGIES = ["monolingual", "crosslingual", "hybrid"]
NONE = pd.DataFrame(columns=COMPARISON_COLUMNS)


def measure(
    benchmark: str, levels: Mapping[str, float], *, metric: str = "map", questions: int = 300, seeds: int = 3
) -> QuestionScores:
    """A benchmark where each strategy has a level, up to noise of its questions and seeds."""
    rng = np.random.default_rng([ord(letter) for letter in benchmark])
    weights = np.full((questions, 1), 1 / questions)
    difficulty = rng.normal(0, 0.1, (questions, 1))
    runs = {}
    for strategy, level in levels.items():
        for seed in [0] if strategy == "none" else range(1, seeds + 1):
            values = level + difficulty + rng.normal(0, 0.002) + rng.normal(0, 0.05, (questions, 1))
            runs[Run("small", strategy, seed)] = weights * values
    strata = np.zeros(questions, dtype=np.int64)
    return QuestionScores(benchmark, "multi", metric, [MEAN], list(map(str, range(questions))), strata, weights, runs)


def score(measured: QuestionScores, strategy: str) -> float:
    return float(measured.contributions("small", strategy).sum(axis=0).mean())


def experiment(hybrid: float = 0.5) -> list[QuestionScores]:
    """Everyone has 0.6 in domain; out of domain the baselines have 0.4 and 0.5."""
    inside = dict.fromkeys(["none", *STRATEGIES], 0.6)
    return [
        measure("news", inside),
        measure("law", {"none": 0.5, "monolingual": 0.4, "crosslingual": 0.4, "hybrid": hybrid}),
    ]


def test_the_drop_is_that_of_the_formula() -> None:
    scores = experiment()
    shift = measure_shift(scores, STRATEGIES, QUICK, ["news"], ["law"], {})
    assert list(shift.columns) == COLUMNS
    assert shift["strategy"].tolist() == ["none", *STRATEGIES]
    for row in shift.to_dict("records"):
        inside, outside = (measured.contributions("small", row["strategy"]).sum(axis=0) for measured in scores)
        assert row["in_domain"] == pytest.approx(inside.mean())
        assert row["out_of_domain"] == pytest.approx(outside.mean())
        assert row["drop"] == pytest.approx(np.mean(1 - outside / inside))
        assert row["low"] < row["drop"] < row["high"]


def test_scores_of_several_benchmarks_are_their_mean() -> None:
    levels = {"hybrid": 0.6}
    scores = [measure("news", levels), measure("web", {"hybrid": 0.8}, questions=50), measure("law", {"hybrid": 0.4})]
    shift = measure_shift(scores, STRATEGIES, QUICK, ["news", "web", "not measured"], ["law"], {})
    assert shift["in_domain"].tolist() == pytest.approx([(score(scores[0], "hybrid") + score(scores[1], "hybrid")) / 2])


@pytest.mark.parametrize("design", ["benchmarks", "held_out"])
def test_influences_give_the_variance_of_the_bootstrap(design: str) -> None:
    levels = {"hybrid": 0.6, "hybrid-without-law": 0.5}
    scores = [measure("news", levels, seeds=1), measure("law", levels, seeds=1, questions=150)]
    chosen = (scores[:1], scores[1:]) if design == "benchmarks" else (scores, scores)
    comparison = Comparison(design, "law", *chosen)
    drops = _drops(comparison, "small", ["hybrid"], Statistics(resamples=20_000))["hybrid"]
    strata = np.repeat([0, 1], [300, 150])
    expected = np.var(drops.replicates)
    assert question_variance(drops.scores.influences, strata)[0] == pytest.approx(expected, rel=0.1)
    assert np.mean(drops.replicates) == pytest.approx(drops.scores.values[0], abs=0.2 * np.sqrt(expected))


def test_a_smaller_drop_is_found() -> None:
    shift = measure_shift(experiment(0.5), STRATEGIES, QUICK, ["news"], ["law"], {})
    tested = shift[shift["p"].notna()]
    assert tested["strategy"].tolist() == ["monolingual", "crosslingual"]
    assert tested["significant"].all()
    assert tested["difference"].to_numpy() == pytest.approx(-1 / 6, abs=0.03)
    assert (tested["p_holm"] >= tested["p"]).all()
    outcome = shift_sentences(shift, NONE, QUICK)
    assert outcome["answer"].startswith(
        "Out of domain, hybrid loses significantly less of its score in domain in 2 and more in 0 of 2 ("
    )
    assert outcome["sentences"][0].startswith("Out of domain, hybrid loses less than monolingual: ")


@pytest.mark.parametrize(
    ("hybrid", "verdict"),
    [(0.3, "less of its score in domain in 0 and more in 2 of 2"), (0.4, "in 0 and more in 0 of 2")],
)
def test_a_drop_that_is_larger_or_the_same(hybrid: float, verdict: str) -> None:
    shift = measure_shift(experiment(hybrid), STRATEGIES, QUICK, ["news"], ["law"], {})
    assert verdict in shift_sentences(shift, NONE, QUICK)["answer"]


def test_the_answer_counts_wins_and_losses_out_of_domain_alone() -> None:
    scores = experiment(0.5)
    _, comparisons = analyse(scores, STRATEGIES, QUICK, ["law"])
    shift = measure_shift(scores, STRATEGIES, QUICK, ["news"], ["law"], {})
    answer = shift_sentences(shift, comparisons, QUICK)["answer"]
    assert (
        "is significantly better than monolingual and crosslingual in 2 and worse in 0 of 2 comparisons, and loses"
        in answer
    )


def test_drops_are_compared_with_the_untuned_encoders() -> None:
    """The untuned encoder loses a sixth of its score; hybrid loses the same, the baselines a third."""
    shift = measure_shift(experiment(0.5), STRATEGIES, QUICK, ["news"], ["law"], {}).set_index("strategy")
    assert np.isnan(shift.loc["none", "untuned_p"])
    assert shift["untuned_significant"].to_dict() == {
        "none": False,
        "monolingual": True,
        "crosslingual": True,
        "hybrid": False,
    }
    for name in STRATEGIES:
        assert shift.loc[name, "untuned_difference"] == pytest.approx(
            shift.loc[name, "drop"] - shift.loc["none", "drop"]
        )
        assert shift.loc[name, "untuned_low"] < shift.loc[name, "untuned_difference"] < shift.loc[name, "untuned_high"]
    sentences = shift_sentences(shift.reset_index(), NONE, QUICK)["sentences"]
    assert sentences[2].startswith("Out of domain, monolingual loses more than the untuned encoder: ")
    assert sentences[4].startswith(
        "Out of domain, hybrid does not lose significantly more or less than the untuned encoder: "
    )


def test_training_without_a_domain() -> None:
    levels = dict.fromkeys(STRATEGIES, 0.6) | {f"{name}-without-law": 0.45 for name in STRATEGIES}
    scores = [measure("law", levels | {"hybrid-without-law": 0.55}), measure("law", levels, metric="rank_distance")]
    shift = measure_shift(scores, STRATEGIES, QUICK, [], [], {"law": ["law"]})
    assert shift[["design", "domain", "setting"]].drop_duplicates().to_numpy().tolist() == [
        ["held_out", "law", "multi"]
    ]
    drops = shift.set_index("strategy")["drop"]
    assert drops["monolingual"] == pytest.approx(0.25, abs=0.02)
    assert drops["hybrid"] == pytest.approx(1 / 12, abs=0.02)
    outcome = shift_sentences(shift, NONE, QUICK)
    assert "in 2 and more in 0 of 2" in outcome["answer"]
    assert outcome["sentences"][1].startswith("Without law in training, hybrid loses less than crosslingual: ")
    assert shift_page(shift, QUICK).tables[0].rows[0][0].text == "without law"


def test_a_strategy_that_is_the_same_does_not_differ() -> None:
    scores = experiment()
    for measured in scores:
        for seed in (1, 2, 3):
            measured.runs[Run("small", "hybrid", seed)] = measured.runs[Run("small", "monolingual", seed)]
    row = measure_shift(scores, STRATEGIES, QUICK, ["news"], ["law"], {}).set_index("strategy").loc["monolingual"]
    assert (row["difference"], row["difference_low"], row["difference_high"], row["p"]) == (0, 0, 0, 1)
    assert not row["significant"]


def test_nothing_to_compare() -> None:
    empty = measure_shift(experiment(), STRATEGIES, QUICK, [], [], {})
    assert empty.empty
    assert "was not tested: nothing was measured" in shift_sentences(empty, NONE, QUICK)["answer"]
    assert shift_page(empty, QUICK).tables == []
    alone = measure_shift(experiment(), ["hybrid"], QUICK, ["news"], ["law"], {})
    assert "was not tested: they were not trained together" in shift_sentences(alone, NONE, QUICK)["answer"]
    assert pd.isna(alone["p_holm"]).all()


def test_a_score_of_zero_has_no_drop() -> None:
    scores = experiment()
    scores[0].runs.update({run: 0 * table for run, table in scores[0].runs.items() if run.strategy == "none"})
    shift = measure_shift(scores, STRATEGIES, QUICK, ["news"], ["law"], {})
    assert shift["strategy"].tolist() == STRATEGIES


def test_one_seed_is_said_to_be_one() -> None:
    scores = [
        measure("news", dict.fromkeys(STRATEGIES, 0.6), seeds=1),
        measure("law", dict.fromkeys(STRATEGIES, 0.5), seeds=1),
    ]
    shift = measure_shift(scores, STRATEGIES, QUICK, ["news"], ["law"], {})
    assert "1 seed, so this is about these models only" in shift_sentences(shift, NONE, QUICK)["answer"]
    assert any(note.startswith("1 seed: ") for note in shift_page(shift, QUICK).notes)
