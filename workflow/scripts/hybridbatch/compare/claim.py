"""The claim that a strategy is at least as good as its baselines in every setting, tested as such."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from hybridbatch.compare.comparisons import Cell, p_text
from hybridbatch.compare.significance import Scores, contrast
from hybridbatch.config.statistics import Claim, Statistics
from hybridbatch.report.score_tables import RANK_DISTANCE

PLACE = ("benchmark", "setting", "backbone", "baseline")


def check_claim(cells: Sequence[Cell], comparisons: pd.DataFrame, settings: Statistics) -> dict[str, Any]:
    """Test whether a strategy is at least as good as its baselines, in every setting of every benchmark.

    An intersection-union test (Berger and Hsu, Statistical Science 11, 1996): one-sided tests, each at the full level, that
    the strategy loses less than the margin. The claim holds if all of them reject. It is refuted if the strategy is
    significantly worse anywhere, by however little; otherwise it is undecided.

    Args:
        cells: what :func:`hybridbatch.compare.comparisons.read_cells` returns.
        comparisons: the comparisons that :func:`hybridbatch.compare.comparisons.analyse` returns.
        settings: level, strategy, baselines and margins.

    Returns:
        ``verdict`` (``holds``, ``refuted``, ``undecided`` or ``untested``) and ``sentence``, the same for each of ``backbones``, and
        ``tests``, a record for each backbone, benchmark, setting and baseline.
    """
    claim = settings.claim
    worse = {tuple(row[key] for key in PLACE) for row in comparisons.to_dict("records") if _is_worse(row, claim)}
    tests = [
        _test(cell, backbone, baseline, claim, worse)
        for cell in cells
        for backbone in dict.fromkeys(run.backbone for run in cell.runs)
        for baseline in claim.baselines
        if cell.seeds(backbone, claim.strategy) and cell.seeds(backbone, baseline)
    ]
    names = dict.fromkeys(test["backbone"] for test in tests)
    backbones = {
        name: _judge([test for test in tests if test["backbone"] == name], settings, f" with {name}") for name in names
    }
    return {**_judge(tests, settings, ""), "backbones": backbones, "tests": tests}


def _is_worse(row: dict[str, Any], claim: Claim) -> bool:
    loss = row["difference"] if row["metric"] == RANK_DISTANCE else -row["difference"]
    return bool(row["strategy"] == claim.strategy and row["significant"] and loss > 0)


def _test(cell: Cell, backbone: str, baseline: str, claim: Claim, worse: set[tuple[Any, ...]]) -> dict[str, Any]:
    first, second = cell.scores(backbone, claim.strategy), cell.scores(backbone, baseline)
    seeds = cell.seeds(backbone, claim.strategy), cell.seeds(backbone, baseline)
    if cell.metric == RANK_DISTANCE:
        # The margin is a share of the baseline's score, which is no constant: it varies with the questions and seeds.
        scale = 1 + claim.rank_distance_margin
        allowed = Scores(scale * second.values, scale * second.influences)
        p = contrast(allowed, first, cell.strata).p_above(0.0)
    else:
        p = contrast(first, second, cell.strata).p_above(-claim.margin)
    place = {"benchmark": cell.benchmark, "setting": cell.setting, "backbone": backbone, "baseline": baseline}
    return {
        **place,
        "metric": cell.metric,
        "seeds": min(map(len, seeds)),
        "difference": float(first.values.mean() - second.values.mean()),
        "p": p,
        "significantly_worse": tuple(place.values()) in worse,
    }


def _judge(tests: list[dict[str, Any]], settings: Statistics, scope: str) -> dict[str, str]:
    claim = settings.claim
    said = f"that {claim.strategy} is at least as good as {' and '.join(claim.baselines)} in every setting"
    if not tests:
        return {"verdict": "untested", "sentence": f"The claim {said} was not tested: they were not trained together."}
    seeds = min(test["seeds"] for test in tests)
    models = "1 seed, so this is about these models and no others" if seeds == 1 else f"{seeds} seeds"
    margins = f"margin {100 * claim.margin:g} points, of the rank distance {100 * claim.rank_distance_margin:g} %"
    worse = [test for test in tests if test["significantly_worse"]]
    left = [test for test in tests if test["p"] >= settings.alpha]
    if worse:
        places = ", ".join(
            f"than {test['baseline']} in {test['setting']} on {test['benchmark']} ({test['backbone']})"
            for test in worse
        )
        verdict, reason = "refuted", f"it is significantly worse {places}; {models}"
    elif left:
        verdict = "undecided"
        reason = (
            f"it is significantly worse nowhere, but in {len(left)} of {len(tests)} comparisons a loss beyond the margin is not "
            f"excluded ({margins}; {models})"
        )
    else:
        largest = p_text(max(test["p"] for test in tests))
        verdict = "holds"
        reason = f"in each of {len(tests)} comparisons a loss beyond the margin is excluded ({margins}; largest {largest}; {models})"
    outcome = {"holds": "holds", "refuted": "is refuted", "undecided": "is undecided"}[verdict]
    return {"verdict": verdict, "sentence": f"The claim {said} {outcome}{scope}: {reason}."}
