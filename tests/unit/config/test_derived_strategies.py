"""Strategies derived from others: ablation points and held-out domains."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_config import changed, small

from hybridbatch.common.errors import UserError
from hybridbatch.config.derived_strategies import Ablation, Point, Shift, ablation_strategies, uncentred_run
from hybridbatch.config.load import load_config
from hybridbatch.config.training import Strategy

PAPER = {"monolingual": Strategy(alpha=1.0), "crosslingual": Strategy(alpha=0.0), "hybrid": Strategy(alpha=0.5)}
TWO = {
    "training.sources": ["pairs", "more"],
    "sources.more": {"reader": "parallel", "path": "p", "languages": ["en", "fr"]},
}


def test_a_value_that_another_strategy_has_is_not_trained_twice() -> None:
    added, points = ablation_strategies(Ablation(alpha=[0.0, 0.25, 0.5, 1.0]), PAPER)
    assert added == {"hybrid-alpha0.25": Strategy(alpha=0.25)}
    assert [point.strategy for point in points] == ["crosslingual", "hybrid-alpha0.25", "hybrid", "monolingual"]


@given(st.lists(st.integers(0, 100).map(lambda share: share / 100), unique=True))
def test_every_value_gets_its_own_strategy(values: list[float]) -> None:
    added, points = ablation_strategies(Ablation(alpha=values), PAPER)
    assert [(PAPER | added)[point.strategy].alpha for point in points] == values
    assert len({point.strategy for point in points}) == len(values)


def test_every_axis_varies_only_the_base() -> None:
    config = small(
        {
            "ablation": {
                "alpha": [0.5],
                "language_exponent": [0.0, 0.5],
                "source_exponent": [0.0, 1.0],
                "pair_scope": ["example"],
                "languages": [["de"], ["de", "en"]],
                "base": "monolingual",
            },
            "runs.strategies": ["monolingual"],
            "runs.seeds": [4],
        }
    )
    assert config.ablation_points == [
        Point("alpha", "0.5", "monolingual-alpha0.5"),
        Point("language_exponent", "0", "monolingual"),
        Point("language_exponent", "0.5", "monolingual-language0.5"),
        Point("source_exponent", "0", "monolingual-source0"),
        Point("source_exponent", "1", "monolingual"),
        Point("pair_scope", "example", "monolingual-example"),
        Point("languages", "1", "monolingual-1-languages"),
        Point("languages", "2", "monolingual-2-languages"),
    ]
    assert config.strategies["monolingual-1-languages"] == Strategy(alpha=1.0, languages=["de"])
    assert "enc/monolingual-language0.5/seed4" in config.run_names
    assert load_config(config.model_dump(mode="json")) == config


def test_a_held_out_domain_leaves_its_sources_out_of_every_strategy() -> None:
    held_out = {"fiction": {"sources": ["more"], "benchmarks": ["bench"]}}
    config = small({**TWO, "runs.strategies": ["hybrid", "monolingual"], "shift": {"held_out": held_out}})
    assert config.strategies["hybrid-without-fiction"] == Strategy(alpha=0.5, sources=["pairs"])
    assert config.languages_of(config.strategies["hybrid-without-fiction"]) == {"pairs": ["de", "en"]}
    assert config.languages_of(config.strategies["hybrid"]) == {"pairs": ["de", "en"], "more": ["en", "fr"]}


def test_a_shift_keeps_only_what_is_run() -> None:
    shift = {"in_domain": ["bench", "other"], "out_of_domain": ["third"]}
    more = {f"benchmarks.{name}": {"reader": "lareqa", "path": "x", "languages": ["en"]} for name in ("other", "third")}
    assert small({**more, "shift": shift}).shift == Shift()
    both = small({**more, "shift": shift, "runs.benchmarks": ["bench", "third"]})
    assert (both.shift.in_domain, both.shift.out_of_domain) == (["bench"], ["third"])
    assert (
        small({**more, "shift": shift, "runs.benchmarks": ["bench", "third"], "runs.strategies": []}).shift == Shift()
    )
    held_out = {"held_out": {"d": {"sources": ["english"], "benchmarks": ["bench"]}}}
    assert small({"shift": held_out}).shift == Shift()


def test_centred_runs_follow_those_whose_vectors_they_use() -> None:
    config = small({"runs.seeds": [1, 2], "runs.bm25": False, "runs.centred": ["none", "hybrid"]})
    centred = ["enc/none-centred/seed0", "enc/hybrid-centred/seed1", "enc/hybrid-centred/seed2"]
    uncentred = ["enc/none/seed0", "enc/hybrid/seed1", "enc/hybrid/seed2"]
    assert config.run_names == config.compared_runs == config.encoder_runs == uncentred + centred
    assert config.trained_runs == uncentred[1:]
    assert config.centred_runs == centred
    assert [uncentred_run(run) for run in uncentred + centred] == 2 * uncentred
    assert config.layout.strategies == ["hybrid", "none-centred", "hybrid-centred"]
    alone = small({"runs.centred": ["none", "monolingual"], "runs.untuned": False})
    assert (alone.centred_runs, alone.layout.strategies) == ([], ["hybrid"])
    assert load_config(config.model_dump(mode="json")) == config


def test_a_strategy_may_have_fewer_seeds() -> None:
    runs = {"runs.seeds": [3, 1, 2], "runs.bm25": False, "runs.untuned": False, "runs.centred": ["hybrid"]}
    limits = {"hybrid": 2, "hybrid-centred": 1}
    assert small({**runs, "runs.seed_limits": limits}).run_names == [
        "enc/hybrid/seed3", "enc/hybrid/seed1", "enc/hybrid-centred/seed3"
    ]  # fmt: skip


def test_a_strategy_restricts_languages() -> None:
    config = small({**TWO, "strategies.hybrid": {"alpha": 0.5, "languages": ["en", "de"]}})
    assert config.languages_of(config.strategies["hybrid"]) == {"pairs": ["de", "en"], "more": ["en"]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ablation": {"base": "hybird", "alpha": [0.1]}}, ["ablation.base: 'hybird'", "hybrid"]),
        ({"ablation": {"alpha": [0.1, 0.1]}}, ["ablation.alpha", "0.1 is listed more than once"]),
        ({"ablation": {"languages": [["de", "en"], ["en", "de"]]}}, ["languages", "differ in size"]),
        ({"ablation": {"languages": [["de"]]}}, ["strategies.hybrid-1-languages", "alpha < 1 needs"]),
        ({"strategies.hybrid": {"alpha": 0.5, "languages": ["de", "fr"]}}, ["no training source has fr", "de, en"]),
        ({"strategies.hybrid": {"alpha": 0.5, "sources": ["english"]}}, ["strategies.hybrid.sources: 'english'"]),
        ({"shift": {"in_domain": ["bench"]}}, ["in_domain and out_of_domain go together"]),
        (
            {"shift": {"in_domain": ["bench"], "out_of_domain": ["bench"]}},
            ["bench is in both in_domain and out_of_domain"],
        ),
        ({"shift": {"in_domain": ["bench"], "out_of_domain": ["benhc"]}}, ["shift.out_of_domain: 'benhc'", "'bench'?"]),
        (
            {"shift": {"held_out": {"x": {"sources": ["pairs"], "benchmarks": ["bench"]}}}},
            ["strategies.hybrid-without-x: no training source is left"],
        ),
        ({"runs.centred": ["hybrdi"]}, ["runs.centred: 'hybrdi'", "hybrid"]),
        ({"runs.seed_limits": {"hybrdi": 1}}, ["runs.seed_limits: 'hybrdi'", "hybrid"]),
        ({"runs.seed_limits": {"hybrid": 0}}, ["runs.seed_limits.hybrid", "greater than or equal to 1"]),
        ({"strategies.x-centred": {"alpha": 0.5}}, ["strategies.x-centred: names that end in -centred"]),
        (
            {
                "ablation": {"alpha": [0.25]},
                "strategies": {"hybrid-alpha0.25": {"alpha": 0.3}},
                "runs.strategies": ["hybrid", "hybrid-alpha0.25"],
            },
            ["ablation.alpha: the name 'hybrid-alpha0.25' is taken"],
        ),
    ],
)
def test_impossible_combinations_are_rejected(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        load_config(changed(changes))
    for word in words:
        assert word in str(error.value)
