"""The sentences that report the comparisons, the claim and the domain shift."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hybridbatch.config.statistics import Claim, Statistics
from hybridbatch.evaluate.names import RANK_DISTANCE, UNTUNED, metric_label


def comparison_sentence(row: Mapping[str, Any], settings: Statistics) -> str:
    """Return what a comparison found, such as ``hybrid beats monolingual by 4.6 points mAP in multi on ...``.

    A difference that is significant for these models, but not across seeds, is reported as such.

    Args:
        row: a row of the comparisons.
        settings: level and confidence.
    """
    baseline = "the untuned encoder" if row["baseline"] == UNTUNED else row["baseline"]
    where = f"in {row['setting']} on {row['benchmark']} ({row['backbone']})"
    seeds = seeds_text(row["seeds"])
    tail = f"{where}, {p_text(row['p_holm'])}, {seeds}."
    size, unit = in_points(row["difference"], row["metric"])
    if row["significant"]:
        verb = "beats" if (size < 0) == (row["metric"] == RANK_DISTANCE) else "falls behind"
        return f"{row['strategy']} {verb} {baseline} by {abs(size):.1f} {unit} {tail}"
    low, high = (in_points(row[end], row["metric"])[0] for end in ("low", "high"))
    interval = f"({100 * settings.confidence:g} % interval {low:+.1f} to {high:+.1f})"
    if row["p_questions"] < settings.alpha:
        side = "above" if size > 0 else "below"
        return (
            f"{row['strategy']} is {abs(size):.1f} {unit} {side} {baseline} {interval} {where}: significant across questions "
            f"({p_text(row['p_questions'])}), but not across seeds ({p_text(row['p_holm'])}, {seeds})."
        )
    return f"{row['strategy']} and {baseline} do not differ significantly: {size:+.1f} {unit} {interval} {tail}"


def claim_sentence(verdict: str, tests: Sequence[Mapping[str, Any]], alpha: float, claim: Claim, scope: str) -> str:
    """Return the verdict on the claim and the reason for it.

    Args:
        verdict: ``holds``, ``refuted``, ``undecided`` or ``untested``.
        tests: the tests of the claim.
        alpha: the level of the tests.
        claim: strategy, baselines and margins.
        scope: what the verdict is restricted to, such as `` with me5-small``; may be empty.
    """
    baselines = dict.fromkeys(test["baseline"] for test in tests) or claim.baselines
    what = f"The claim that {claim.strategy} is at least as good as {' and '.join(baselines)} in every setting"
    if verdict == "untested":
        return f"{what} was not tested: they were not trained together."
    models = seeds_text(min(test["seeds"] for test in tests))
    margins = f"margin {100 * claim.margin:g} points, of the rank distance {100 * claim.rank_distance_margin:g} %"
    if verdict == "refuted":
        found = ", ".join(
            f"than {test['baseline']} in {test['setting']} on {test['benchmark']} ({test['backbone']})"
            for test in tests
            if test["significantly_worse"]
        )
        return f"{what} is refuted{scope}: it is significantly worse {found}; {models}."
    if verdict == "undecided":
        left = sum(test["p"] >= alpha for test in tests)
        return (
            f"{what} is undecided{scope}: it is significantly worse nowhere, but in {left} of {len(tests)} comparisons a loss beyond "
            f"the margin is not excluded ({margins}; {models})."
        )
    largest = p_text(max(test["p"] for test in tests))
    return (
        f"{what} holds{scope}: in each of {len(tests)} comparisons a loss beyond the margin is excluded ({margins}; "
        f"largest {largest}; {models})."
    )


def shift_answer(shift: pd.DataFrame, comparisons: pd.DataFrame, settings: Statistics) -> str:
    """Return whether the strategy of the claim beats its baselines out of domain, and degrades less, in a sentence.

    Args:
        shift: the result of :func:`hybridbatch.compare.domain_shift.measure_shift`.
        comparisons: the comparisons with its baselines out of domain; empty if only domains are held out of training.
        settings: strategy, baselines and level.
    """
    strategy, baselines = settings.claim.strategy, " and ".join(settings.claim.baselines)
    tested = shift[shift["p"].notna()]
    if tested.empty:
        reason = "nothing was measured in and out of a domain" if shift.empty else "they were not trained together"
        return f"Whether {strategy} degrades less than {baselines} was not tested: {reason}."
    less, more = (int((tested["significant"] & (sign * tested["difference"] > 0)).sum()) for sign in (-1, 1))
    scores = ""
    baselines = " and ".join(tested["strategy"].unique())
    if len(comparisons):
        better = (comparisons["difference"] > 0) ^ (comparisons["metric"] == RANK_DISTANCE)
        wins, losses = (int((comparisons["significant"] & side).sum()) for side in (better, ~better))
        scores = f"is significantly better than {baselines} in {wins} and worse in {losses} of {len(comparisons)} comparisons, and "
    return (
        f"Out of domain, {strategy} {scores}loses significantly less of its score in domain in {less} and more in {more} of "
        f"{len(tested)} (random seeds and questions, Holm's correction, level {settings.alpha:g}; "
        f"{seeds_text(int(tested['seeds'].min()))})."
    )


def shift_sentence(row: Mapping[str, Any], own: float, strategy: str, where: str) -> str:
    """Return what a comparison of two drops found.

    Args:
        row: a tested row of the domain shift.
        own: the drop of the strategy that is compared with the row's.
        strategy: its name.
        where: what the drop is about.
    """
    found = _compared_drops(f"{where}, {strategy}", row["strategy"], (own, row["drop"]), row, "")
    return f"{found}, {row['seeds']} seed{'s' if row['seeds'] != 1 else ''}."


def untuned_sentence(row: Mapping[str, Any]) -> str:
    """Return whether training changed how much an encoder loses out of domain.

    Args:
        row: a row of the domain shift that was tested against the untuned encoder.
    """
    drops = row["drop"], row["drop"] - row["untuned_difference"]
    return _compared_drops(f"Out of domain, {row['strategy']}", "the untuned encoder", drops, row, "untuned_") + "."


def _compared_drops(subject: str, other: str, drops: tuple[float, float], row: Mapping[str, Any], prefix: str) -> str:
    """Return the comparison of two drops whose test is in the columns of a row that begin with a prefix."""
    verb = "does not lose significantly more or less than"
    if row[f"{prefix}significant"]:
        verb = "loses less than" if row[f"{prefix}difference"] < 0 else "loses more than"
    own, others = (f"{100 * drop:.1f} %" for drop in drops)
    return (
        f"{subject} {verb} {other}: {own} against {others} of its {metric_label(row['metric'])} in {row['setting']} "
        f"({row['backbone']}), {p_text(row[f'{prefix}p_holm'])}"
    )


def seeds_text(seeds: int | str) -> str:
    """Return the number of seeds, and the limits of a conclusion from one."""
    return "1 seed, so this is about these models only" if str(seeds) == "1" else f"{seeds} seeds"


def in_points(value: float, metric: str) -> tuple[float, str]:
    """Return a value as sentences give it, and its unit: points are hundredths of a measure, ranks stay ranks."""
    if metric == RANK_DISTANCE:
        return value, "ranks of rank distance"
    return 100 * value, f"points {metric_label(metric)}"


def p_text(p: float) -> str:
    """Return a p-value as papers print it: ``p < .001``, ``p = .012``, ``p = 1``."""
    if p < 0.001:
        return "p < .001"
    return "p = 1" if p > 0.9995 else f"p = {p:.3f}".replace("0.", ".")
