"""Domain shift: the loss of a strategy outside the domain of its training data, and whether one loses less than others.

A benchmark of another domain may simply be harder, so the drop of a strategy is also compared with that of the untuned encoder.

The loss is the relative drop ``(in - out) / in`` of two scores of a seed; that of a strategy is the mean over its seeds. Two designs:

- ``benchmarks``: the same model on benchmarks of its domain (in) and of others (out);
- ``held_out``: on the benchmarks of a domain, the model trained on all sources (in) and the one trained without this
  domain (out).

A score over several benchmarks is the mean of theirs. The drop's influence function follows from those of the scores:
``du_drop = out / in^2 * du_in - 1 / in * du_out``, with which two strategies are compared as scores are; questions are drawn
within their benchmark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hybridbatch.compare.comparisons import SHIFT
from hybridbatch.compare.question_scores import QuestionScores
from hybridbatch.compare.significance import (
    Floats,
    Scores,
    Strata,
    contrast,
    holm,
    percentile_interval,
    resampled_totals,
    seed_shares,
)
from hybridbatch.compare.wording import shift_answer, shift_sentence, untuned_sentence
from hybridbatch.config.derived_strategies import held_out_name
from hybridbatch.config.statistics import Statistics
from hybridbatch.evaluate.names import RANK_DISTANCE, UNTUNED

COLUMNS = ["design", "domain", "setting", "metric", "backbone", "strategy", "seeds", "in_domain", "out_of_domain"]
COLUMNS += ["drop", "low", "high", "difference", "difference_low", "difference_high", "p", "p_holm", "significant"]
COLUMNS += [f"untuned_{name}" for name in ("difference", "low", "high", "p", "p_holm", "significant")]
BENCHMARKS = "benchmarks"
HELD_OUT = "held_out"


@dataclass(frozen=True)
class Comparison:
    """Scores in and out of the domain, and the domain that is left out of training, if one is."""

    design: str
    domain: str
    inside: list[QuestionScores]
    outside: list[QuestionScores]

    @property
    def scores(self) -> list[QuestionScores]:
        """The scores in and out of the domain, each once."""
        return [*self.inside, *(measured for measured in self.outside if measured not in self.inside)]

    def outer_name(self, strategy: str) -> str:
        """Return the strategy whose scores are those out of the domain."""
        return held_out_name(strategy, self.domain) if self.design == HELD_OUT else strategy

    def seeds(self, backbone: str, strategy: str) -> list[int]:
        """Return the seeds with which a strategy was measured in and out of the domain, in increasing order."""
        found = [{*measured.seeds(backbone, strategy)} for measured in self.inside]
        found += [{*measured.seeds(backbone, self.outer_name(strategy))} for measured in self.outside]
        return sorted(set.intersection(*found))


@dataclass(frozen=True)
class Drops:
    """The relative drops of a strategy: its seeds, scores in and out for each, drops with influences, and their replicates."""

    seeds: list[int]
    inside: Floats
    outside: Floats
    scores: Scores
    replicates: Floats


def measure_shift(
    scores: Sequence[QuestionScores],
    strategies: Sequence[str],
    settings: Statistics,
    in_domain: Sequence[str],
    out_of_domain: Sequence[str],
    held_out: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the drop of every strategy, and how it differs from that of the claim's strategy and of the untuned encoder.

    Args:
        scores: the result of :func:`hybridbatch.compare.question_scores.read_question_scores`; rank distances are left out: ranks in
            pools of different sizes are not comparable.
        strategies: those that are trained on all sources.
        settings: level, resamples, and the strategy and baselines that are compared.
        in_domain: benchmarks of the domain of training.
        out_of_domain: benchmarks of other domains.
        held_out: the benchmarks of each domain that is left out of training.

    Returns:
        The columns :data:`COLUMNS`. ``difference`` is the drop of the claim's strategy minus that of the row's, for its baselines only;
        ``p_holm`` is corrected over all of them. ``untuned_difference`` is the drop of the row's strategy minus that of the untuned
        encoder, in the design ``benchmarks`` only; ``untuned_p_holm`` is corrected over all strategies.
    """
    rows: list[dict[str, Any]] = []
    compared = [measured for measured in scores if measured.metric != RANK_DISTANCE]
    for setting in dict.fromkeys(measured.setting for measured in compared):
        by_benchmark = {measured.benchmark: measured for measured in compared if measured.setting == setting}
        designs = [(BENCHMARKS, "", in_domain, out_of_domain)]
        designs += [(HELD_OUT, domain, names, names) for domain, names in held_out.items()]
        for design, domain, inside, outside in designs:
            chosen = [[by_benchmark[name] for name in names if name in by_benchmark] for names in (inside, outside)]
            if all(chosen):
                rows += _rows(Comparison(design, domain, *chosen), strategies, settings)
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for prefix in ("", "untuned_"):
        p_values = frame[f"{prefix}p"].astype(np.float64)
        tested = p_values.notna()
        frame.loc[tested, f"{prefix}p_holm"] = holm(p_values[tested].to_numpy())
        frame[f"{prefix}significant"] = frame[f"{prefix}p_holm"] < settings.alpha
    return frame


def _rows(comparison: Comparison, strategies: Sequence[str], settings: Statistics) -> list[dict[str, Any]]:
    rows = []
    names = [*([UNTUNED] if comparison.design == BENCHMARKS else []), *strategies]
    strata = _strata(comparison.scores)
    for backbone in dict.fromkeys(name for measured in comparison.scores for name in measured.backbones):
        drops = _drops(comparison, backbone, [name for name in names if comparison.seeds(backbone, name)], settings)
        claimed = drops.get(settings.claim.strategy)
        for name, drop in drops.items():
            low, high = percentile_interval(drop.replicates, settings.confidence)
            row: dict[str, Any] = {
                "design": comparison.design,
                "domain": comparison.domain,
                "setting": comparison.inside[0].setting,
                "metric": comparison.inside[0].metric,
                "backbone": backbone,
                "strategy": name,
                "seeds": len(drop.seeds),
                "in_domain": float(drop.inside.mean()),
                "out_of_domain": float(drop.outside.mean()),
                "drop": float(drop.scores.values.mean()),
                "low": low,
                "high": high,
            }
            if claimed is not None and name in settings.claim.baselines:
                row |= _difference(claimed, drop, strata, settings.confidence)
            if UNTUNED in drops and name != UNTUNED:
                against = _difference(drop, drops[UNTUNED], strata, settings.confidence)
                row |= {f"untuned_{key.removeprefix('difference_')}": value for key, value in against.items()}
            rows.append(row)
    return rows


def _difference(claimed: Drops, drop: Drops, strata: Strata, confidence: float) -> dict[str, float]:
    estimate = contrast(claimed.scores, drop.scores, strata)
    low, high = percentile_interval(claimed.replicates - drop.replicates, confidence)
    p = estimate.p_two_sided()
    return {"difference": estimate.value, "difference_low": low, "difference_high": high, "p": p}


def _strata(scores: Sequence[QuestionScores]) -> Strata:
    """Return the stratum of each question of several benchmarks: no question is drawn for another benchmark."""
    parts: list[Strata] = []
    used = 0
    for measured in scores:
        parts.append(measured.strata + used)
        used += int(measured.strata.max()) + 1
    return np.concatenate(parts)


def _drops(comparison: Comparison, backbone: str, names: Sequence[str], settings: Statistics) -> dict[str, Drops]:
    """Return the drops of strategies; all share the replicates of questions, those with equal seeds also the replicates of seeds."""
    totals = {
        measured.benchmark: _replicates(measured, comparison, backbone, names, settings)
        for measured in comparison.scores
    }
    rng = np.random.default_rng(settings.seed)
    shares: dict[tuple[int, ...], Floats] = {}
    found = {}
    for name in names:
        seeds = comparison.seeds(backbone, name)
        outer = comparison.outer_name(name)
        scores_in = {m.benchmark: m.scores(backbone, name, seeds) for m in comparison.inside}
        scores_out = {m.benchmark: m.scores(backbone, outer, seeds) for m in comparison.outside}
        inside, outside = (_mean([scores.values for scores in own.values()]) for own in (scores_in, scores_out))
        if not inside.all():
            continue
        influences = []
        for measured in comparison.scores:
            change = np.zeros((len(measured.units), len(seeds)))
            if measured.benchmark in scores_in:
                change += outside / inside**2 * scores_in[measured.benchmark].influences / len(scores_in)
            if measured.benchmark in scores_out:
                change -= 1 / inside * scores_out[measured.benchmark].influences / len(scores_out)
            influences.append(change)
        drawn_in = _mean([totals[benchmark][name] for benchmark in scores_in])
        drawn_out = _mean([totals[benchmark][outer] for benchmark in scores_out])
        drawn = np.divide(drawn_in - drawn_out, drawn_in, out=np.full_like(drawn_in, np.nan), where=drawn_in > 0)
        if tuple(seeds) not in shares:
            shares[tuple(seeds)] = seed_shares(len(seeds), settings.resamples, rng)
        drops = Scores((inside - outside) / inside, np.concatenate(influences))
        found[name] = Drops(seeds, inside, outside, drops, (shares[tuple(seeds)] * drawn).sum(axis=1))
    return found


def _mean(arrays: list[Floats]) -> Floats:
    return np.asarray(np.mean(arrays, axis=0))


def _replicates(
    measured: QuestionScores, comparison: Comparison, backbone: str, names: Sequence[str], settings: Statistics
) -> dict[str, Floats]:
    """Return the scores of strategies, and of those that give the scores out of the domain, shape (resamples, seeds) each."""
    wanted: dict[str, list[int]] = {}
    for name in names:
        seeds = comparison.seeds(backbone, name)
        wanted |= {other: seeds for other in (name, comparison.outer_name(name)) if measured.seeds(backbone, other)}
    if not wanted:
        return {}
    columns = [measured.contributions(backbone, name, seeds) for name, seeds in wanted.items()]
    rng = measured.generator(settings.seed)
    values = np.hstack([*columns, measured.weights[:, -1:]])
    totals = resampled_totals(values, measured.strata, settings.resamples, rng)
    ends = np.cumsum([len(seeds) for seeds in wanted.values()])
    scores = np.split(totals[:, :-1] / totals[:, -1:], ends[:-1], axis=1)
    return dict(zip(wanted, scores, strict=True))


def shift_sentences(shift: pd.DataFrame, comparisons: pd.DataFrame, settings: Statistics) -> dict[str, Any]:
    """Answer whether the strategy of the claim beats its baselines out of domain, and degrades less.

    Args:
        shift: the result of :func:`measure_shift`.
        comparisons: the second result of :func:`hybridbatch.compare.comparisons.analyse`.
        settings: strategy, baselines and level.

    Returns:
        ``answer``, one sentence, and ``sentences``, one for each comparison of drops.
    """
    strategy = settings.claim.strategy
    drops = shift.set_index(["design", "domain", "setting", "backbone", "strategy"])["drop"].to_dict()
    sentences = []
    for row in shift[shift["p"].notna()].to_dict("records"):
        own = drops[(row["design"], row["domain"], row["setting"], row["backbone"], strategy)]
        where = f"Without {row['domain']} in training" if row["design"] == HELD_OUT else "Out of domain"
        sentences.append(shift_sentence(row, float(own), strategy, where))
    sentences += [untuned_sentence(row) for row in shift[shift["untuned_p"].notna()].to_dict("records")]
    out_of_domain = comparisons[comparisons["family"] == SHIFT]
    return {"answer": shift_answer(shift, out_of_domain, settings), "sentences": sentences}
