"""The claim that a strategy is at least as good as its baselines in every setting, tested as such."""

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from hybridbatch.compare.question_scores import QuestionScores
from hybridbatch.compare.significance import Scores, contrast
from hybridbatch.compare.wording import claim_sentence
from hybridbatch.config.statistics import Claim, Statistics
from hybridbatch.evaluate.names import RANK_DISTANCE, table_name


def check_claim(
    scores: Sequence[QuestionScores],
    comparisons: pd.DataFrame,
    settings: Statistics,
    out_of_domain: Collection[str] = (),
) -> dict[str, Any]:
    """Test whether a strategy is at least as good as its baselines, in every setting of every benchmark.

    The claim is about the domain of training; whether it also holds out of it is a second question, answered in the same way.

    An intersection-union test (Berger and Hsu, Statistical Science 11, 1996): one-sided tests, each at the full level, that
    the strategy loses less than the margin. The claim holds if all of them reject. It is refuted if the strategy is
    significantly worse anywhere, by however little; otherwise it is undecided.

    Args:
        scores: the result of :func:`hybridbatch.compare.question_scores.read_question_scores`.
        comparisons: the second result of :func:`hybridbatch.compare.comparisons.analyse`.
        settings: level, strategy, baselines and margins.
        out_of_domain: benchmarks outside the domain of training.

    Returns:
        ``verdict`` (``holds``, ``refuted``, ``undecided`` or ``untested``) and ``sentence``, the same for each of ``backbones`` and
        for ``out_of_domain`` if it was tested; ``tests``, a record for each backbone, benchmark, table and baseline;
        ``other_readings``, all of this for each.
    """
    document, *others = (_check(scores, comparisons, settings, claim, out_of_domain) for claim in settings.claims)
    return {**document, "other_readings": others}


def _check(
    scores: Sequence[QuestionScores],
    comparisons: pd.DataFrame,
    settings: Statistics,
    claim: Claim,
    out_of_domain: Collection[str],
) -> dict[str, Any]:
    worse = {
        (row["benchmark"], table_name(row["setting"], row["metric"]), row["backbone"], row["baseline"])
        for row in comparisons.to_dict("records")
        if _is_worse(row, claim)
    }
    tests = [
        _test(measured, backbone, baseline, claim, worse)
        for measured in scores
        for backbone in measured.backbones
        for baseline in claim.baselines
        if measured.seeds(backbone, claim.strategy) and measured.seeds(backbone, baseline)
    ]
    inside = [test for test in tests if test["benchmark"] not in out_of_domain]
    outside = [test for test in tests if test["benchmark"] in out_of_domain]
    backbones = {
        name: _conclude([test for test in inside if test["backbone"] == name], settings.alpha, claim, f" with {name}")
        for name in dict.fromkeys(test["backbone"] for test in inside)
    }
    document = {**_conclude(inside, settings.alpha, claim, ""), "backbones": backbones, "tests": tests}
    if outside:
        document["out_of_domain"] = _conclude(outside, settings.alpha, claim, " out of domain")
    return document


def _is_worse(row: dict[str, Any], claim: Claim) -> bool:
    loss = row["difference"] if row["metric"] == RANK_DISTANCE else -row["difference"]
    return bool(row["strategy"] == claim.strategy and row["significant"] and loss > 0)


def _test(
    measured: QuestionScores, backbone: str, baseline: str, claim: Claim, worse: set[tuple[Any, ...]]
) -> dict[str, Any]:
    first, second = measured.scores(backbone, claim.strategy), measured.scores(backbone, baseline)
    if measured.metric == RANK_DISTANCE:
        # The margin is a share of the baseline's score, which is not a constant: it varies with questions and seeds.
        scale = 1 + claim.rank_distance_margin
        allowed = Scores(scale * second.values, scale * second.influences)
        p = contrast(allowed, first, measured.strata).p_above(0.0)
    else:
        p = contrast(first, second, measured.strata).p_above(-claim.margin)
    key = {"benchmark": measured.benchmark, "setting": measured.table, "backbone": backbone, "baseline": baseline}
    return {
        **key,
        "metric": measured.metric,
        "seeds": min(len(first.values), len(second.values)),
        "difference": float(first.values.mean() - second.values.mean()),
        "p": p,
        "significantly_worse": tuple(key.values()) in worse,
    }


def _conclude(tests: list[dict[str, Any]], alpha: float, claim: Claim, scope: str) -> dict[str, str]:
    if not tests:
        verdict = "untested"
    elif any(test["significantly_worse"] for test in tests):
        verdict = "refuted"
    else:
        verdict = "undecided" if any(test["p"] >= alpha for test in tests) else "holds"
    return {"verdict": verdict, "sentence": claim_sentence(verdict, tests, alpha, claim, scope)}
