"""A strategy wins only if tests say that it beats every other one."""

import itertools

import pandas as pd
import pytest

from hybridbatch.compare.winners import winners

STRATEGIES = ["monolingual", "hybrid"]
KEY = ("b", "multi", "map", "e")


def comparisons(
    scores: dict[str, float], metric: str = "map", open_pairs: tuple[frozenset[str], ...] = ()
) -> pd.DataFrame:
    """Return the comparisons of every two systems, significant unless they are named as open."""
    rows = [
        ("b", "multi", metric, "e", first, second, scores[first] - scores[second], {first, second} not in open_pairs)
        for first, second in itertools.combinations(scores, 2)
    ]
    columns = ["benchmark", "setting", "metric", "backbone", "strategy", "baseline", "difference", "significant"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize("order", [*itertools.permutations(["none", "monolingual", "hybrid"])])
def test_the_best_of_all_wins_whatever_the_order(order: tuple[str, ...]) -> None:
    scores = {"none": 0.1, "monolingual": 0.2, "hybrid": 0.3}
    assert winners(comparisons({name: scores[name] for name in order}), STRATEGIES) == {KEY: "hybrid"}


def test_in_rank_distance_the_lowest_wins() -> None:
    found = winners(comparisons({"none": 9.0, "monolingual": 5.0, "hybrid": 3.0}, "rank_distance"), STRATEGIES)
    assert found == {("b", "multi", "rank_distance", "e"): "hybrid"}


@pytest.mark.parametrize("other", ["none", "monolingual"])
def test_one_difference_that_is_not_significant_leaves_no_winner(other: str) -> None:
    scores = {"none": 0.1, "monolingual": 0.2, "hybrid": 0.3}
    assert winners(comparisons(scores, open_pairs=(frozenset({"hybrid", other}),)), STRATEGIES) == {}


def test_the_untuned_encoder_can_win_and_strategies_that_are_not_shown_do_not_count() -> None:
    assert winners(comparisons({"none": 0.9, "monolingual": 0.2, "hybrid": 0.3}), STRATEGIES) == {KEY: "none"}
    scores = {"none": 0.1, "monolingual": 0.2, "hybrid": 0.3, "hybrid-alpha0.25": 0.4}
    assert winners(comparisons(scores), STRATEGIES) == {KEY: "hybrid"}


def test_nothing_is_compared() -> None:
    assert winners(comparisons({"none": 0.1}), []) == {}
