"""Domain shift: what a strategy loses outside the domain that it was trained on, and whether one loses less than others.

The loss is the relative drop ``(in - out) / in`` of two scores of a seed; that of a strategy is the mean over its seeds. Two designs:

- ``benchmarks``: the same model on benchmarks of its domain (in) and of others (out);
- ``held_out``: on the benchmarks of a domain, the model trained on all sources (in) and the one that this domain was left
  out of (out).

A score over several benchmarks is the mean of theirs. The drop's influence function follows from those of the scores:
``du_drop = out / in^2 * du_in - 1 / in * du_out``, with which two strategies are compared as scores are; questions are drawn
within their benchmark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hybridbatch.compare.comparisons import Cell, StatisticsTable, known, p_number, p_text
from hybridbatch.compare.significance import (
    Floats,
    Scores,
    Strata,
    contrast,
    holm,
    percentile_interval,
    resampled_totals,
    seed_shares,
    weighted_scores,
)
from hybridbatch.config.derived_strategies import held_out_name
from hybridbatch.config.statistics import Statistics
from hybridbatch.report.data_tables import Value
from hybridbatch.report.score_tables import metric_label

COLUMNS = [
    "design",
    "domain",
    "setting",
    "metric",
    "backbone",
    "strategy",
    "seeds",
    "in_domain",
    "out_of_domain",
    "drop",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "p_holm",
    "significant",
]
BENCHMARKS = "benchmarks"
HELD_OUT = "held_out"
UNTUNED = "none"


@dataclass(frozen=True)
class Comparison:
    """What is set against what: cells in and out of the domain, and the domain that is left out of training, if one is."""

    design: str
    domain: str
    inside: list[Cell]
    outside: list[Cell]

    @property
    def cells(self) -> list[Cell]:
        """The cells, each once."""
        return [*self.inside, *(cell for cell in self.outside if cell not in self.inside)]

    def outer_name(self, strategy: str) -> str:
        """Return the strategy whose scores are those out of the domain."""
        return held_out_name(strategy, self.domain) if self.design == HELD_OUT else strategy

    def seeds(self, backbone: str, strategy: str) -> list[int]:
        """Return the seeds with which a strategy was measured in and out of the domain, in increasing order."""
        found = [{*cell.seeds(backbone, strategy)} for cell in self.inside]
        found += [{*cell.seeds(backbone, self.outer_name(strategy))} for cell in self.outside]
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
    cells: Sequence[Cell],
    strategies: Sequence[str],
    settings: Statistics,
    in_domain: Sequence[str],
    out_of_domain: Sequence[str],
    held_out: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the drop of every strategy, and how much less the strategy of the claim drops than each of its baselines.

    Args:
        cells: what :func:`hybridbatch.compare.comparisons.read_cells` returns; those of setting ``bias`` are left out, for ranks in
            pools of different sizes say nothing of a loss.
        strategies: those that are trained on all sources.
        settings: level, resamples, and the strategy and baselines that are compared.
        in_domain: benchmarks of the domain of training.
        out_of_domain: benchmarks of others.
        held_out: the benchmarks of each domain that is left out of training.

    Returns:
        The columns :data:`COLUMNS`. ``difference`` is the drop of the claim's strategy minus that of the row's, for its baselines only;
        ``p_holm`` is corrected over all of them.
    """
    rows: list[dict[str, Any]] = []
    for setting in dict.fromkeys(cell.setting for cell in cells if cell.setting != "bias"):
        measured = {cell.benchmark: cell for cell in cells if cell.setting == setting}
        designs = [(BENCHMARKS, "", in_domain, out_of_domain)]
        designs += [(HELD_OUT, domain, names, names) for domain, names in held_out.items()]
        for design, domain, inside, outside in designs:
            chosen = [[measured[name] for name in names if name in measured] for names in (inside, outside)]
            if all(chosen):
                rows += _rows(Comparison(design, domain, *chosen), strategies, settings)
    frame = pd.DataFrame(rows, columns=COLUMNS)
    tested = frame["p"].notna()
    frame["significant"] = False
    if tested.any():
        frame.loc[tested, "p_holm"] = holm(frame.loc[tested, "p"].to_numpy(dtype=np.float64))
        frame["significant"] = frame["p_holm"] < settings.alpha
    return frame


def _rows(comparison: Comparison, strategies: Sequence[str], settings: Statistics) -> list[dict[str, Any]]:
    rows = []
    names = [*([UNTUNED] if comparison.design == BENCHMARKS else []), *strategies]
    strata = _strata(comparison.cells)
    for backbone in dict.fromkeys(run.backbone for cell in comparison.cells for run in cell.runs):
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
            rows.append(row)
    return rows


def _difference(claimed: Drops, drop: Drops, strata: Strata, confidence: float) -> dict[str, float]:
    estimate = contrast(claimed.scores, drop.scores, strata)
    low, high = percentile_interval(claimed.replicates - drop.replicates, confidence)
    p = estimate.p_two_sided()
    return {"difference": estimate.value, "difference_low": low, "difference_high": high, "p": p}


def _strata(cells: Sequence[Cell]) -> Strata:
    """Return the stratum of each question of several cells, one after the other: no question is drawn for another benchmark."""
    parts: list[Strata] = []
    used = 0
    for cell in cells:
        parts.append(cell.strata + used)
        used += int(cell.strata.max()) + 1
    return np.concatenate(parts)


def _drops(comparison: Comparison, backbone: str, names: Sequence[str], settings: Statistics) -> dict[str, Drops]:
    """Return the drops of strategies; all see the same replicates of questions, those with the same seeds also of seeds."""
    totals = {cell.benchmark: _replicates(cell, comparison, backbone, names, settings) for cell in comparison.cells}
    rng = np.random.default_rng(settings.seed)
    shares: dict[tuple[int, ...], Floats] = {}
    found = {}
    for name in names:
        seeds = comparison.seeds(backbone, name)
        outer = comparison.outer_name(name)
        inside = _mean([_scores(cell, backbone, name, seeds) for cell in comparison.inside])
        outside = _mean([_scores(cell, backbone, outer, seeds) for cell in comparison.outside])
        if not inside.all():
            continue
        influences = []
        for cell in comparison.cells:
            change = np.zeros((len(cell.units), len(seeds)))
            if cell in comparison.inside:
                change += outside / inside**2 * _influences(cell, backbone, name, seeds) / len(comparison.inside)
            if cell in comparison.outside:
                change -= 1 / inside * _influences(cell, backbone, outer, seeds) / len(comparison.outside)
            influences.append(change)
        drawn_in = _mean([totals[cell.benchmark][name] for cell in comparison.inside])
        drawn_out = _mean([totals[cell.benchmark][outer] for cell in comparison.outside])
        drawn = np.divide(drawn_in - drawn_out, drawn_in, out=np.full_like(drawn_in, np.nan), where=drawn_in > 0)
        if tuple(seeds) not in shares:
            shares[tuple(seeds)] = seed_shares(len(seeds), settings.resamples, rng)
        scores = Scores((inside - outside) / inside, np.concatenate(influences))
        found[name] = Drops(seeds, inside, outside, scores, (shares[tuple(seeds)] * drawn).sum(axis=1))
    return found


def _mean(arrays: list[Floats]) -> Floats:
    return np.asarray(np.mean(arrays, axis=0))


def _columns(cell: Cell, backbone: str, strategy: str, seeds: list[int]) -> Floats:
    chosen = [cell.seeds(backbone, strategy).index(seed) for seed in seeds]
    return cell.contributions(backbone, strategy)[:, chosen]


def _scores(cell: Cell, backbone: str, strategy: str, seeds: list[int]) -> Floats:
    return np.asarray(_columns(cell, backbone, strategy, seeds).sum(axis=0))


def _influences(cell: Cell, backbone: str, strategy: str, seeds: list[int]) -> Floats:
    contributions = _columns(cell, backbone, strategy, seeds)
    return weighted_scores(contributions, cell.weights[:, -1]).influences


def _replicates(
    cell: Cell, comparison: Comparison, backbone: str, names: Sequence[str], settings: Statistics
) -> dict[str, Floats]:
    """Return the scores of strategies and of those that stand for them out of the domain, shape (resamples, seeds) each."""
    wanted: dict[str, list[int]] = {}
    for name in names:
        seeds = comparison.seeds(backbone, name)
        wanted |= {other: seeds for other in (name, comparison.outer_name(name)) if cell.seeds(backbone, other)}
    if not wanted:
        return {}
    columns = [_columns(cell, backbone, name, seeds) for name, seeds in wanted.items()]
    rng = cell.generator(settings.seed)
    totals = resampled_totals(np.hstack([*columns, cell.weights[:, -1:]]), cell.strata, settings.resamples, rng)
    ends = np.cumsum([len(seeds) for seeds in wanted.values()])
    scores = np.split(totals[:, :-1] / totals[:, -1:], ends[:-1], axis=1)
    return dict(zip(wanted, scores, strict=True))


def shift_sentences(shift: pd.DataFrame, settings: Statistics) -> dict[str, Any]:
    """Answer whether the strategy of the claim degrades less than its baselines.

    Args:
        shift: what :func:`measure_shift` returns.
        settings: strategy, baselines and level.

    Returns:
        ``answer``, one sentence, and ``sentences``, one for each comparison.
    """
    strategy, baselines = settings.claim.strategy, " and ".join(settings.claim.baselines)
    tested = shift[shift["p"].notna()].to_dict("records")
    if not tested:
        reason = "nothing was measured in and out of a domain" if shift.empty else "they were not trained together"
        return {
            "answer": f"Whether {strategy} degrades less than {baselines} was not tested: {reason}.",
            "sentences": [],
        }
    drops = shift.set_index(["design", "domain", "setting", "backbone", "strategy"])["drop"].to_dict()
    sentences = []
    for row in tested:
        own = drops[(row["design"], row["domain"], row["setting"], row["backbone"], strategy)]
        sentences.append(_sentence(row, float(own), strategy))
    less = sum(bool(row["significant"]) and row["difference"] < 0 for row in tested)
    more = sum(bool(row["significant"]) and row["difference"] > 0 for row in tested)
    total = len(tested)
    seeds = min(int(row["seeds"]) for row in tested)
    models = "1 seed, so this is about these models and no others" if seeds == 1 else f"{seeds} seeds"
    verdict = "Yes" if less == total else "No" if more and not less else "It depends" if more else "In part"
    if not less and not more:
        verdict = "Not shown"
    answer = (
        f"Does {strategy} degrade less out of domain than {baselines}? {verdict}: of {total} comparisons, its relative drop is "
        f"significantly smaller in {less} and larger in {more} (tests with random seeds and questions, Holm's correction, "
        f"level {settings.alpha:g}; {models})."
    )
    return {"answer": answer, "sentences": sentences}


def _sentence(row: Mapping[str, Any], own: float, strategy: str) -> str:
    where = f"Without {row['domain']} in training" if row["design"] == HELD_OUT else "Out of domain"
    verb = "does not lose significantly more or less than"
    if row["significant"]:
        verb = "loses less than" if row["difference"] < 0 else "loses more than"
    return (
        f"{where}, {strategy} {verb} {row['strategy']}: {100 * own:.1f} % against {100 * row['drop']:.1f} % of its "
        f"{metric_label(row['metric'])} in {row['setting']} ({row['backbone']}), {p_text(row['p_holm'])}, "
        f"{row['seeds']} seed{'s' if row['seeds'] != 1 else ''}."
    )


def shift_table(shift: pd.DataFrame, settings: Statistics) -> StatisticsTable:
    """Lay out the drops: scores in points, hundredths of the measure, drops in per cent of the score in domain.

    Args:
        shift: what :func:`measure_shift` returns.
        settings: level and strategy.
    """
    strategy = settings.claim.strategy
    heads = ["design", "setting", "measure", "backbone", "strategy", "seeds", "in domain", "out of domain", "drop %"]
    heads += ["low", "high", f"{strategy} − this", "low of it", "high of it", "p (Holm)", "significant"]
    rows: list[list[Value]] = []
    for row in shift.to_dict("records"):
        design = f"without {row['domain']}" if row["design"] == HELD_OUT else "other benchmarks"
        numbers = [
            "in_domain",
            "out_of_domain",
            "drop",
            "low",
            "high",
            "difference",
            "difference_low",
            "difference_high",
        ]
        place: list[Value] = [design, row["setting"], metric_label(row["metric"]), row["backbone"], row["strategy"]]
        hundredths: list[Value] = [None if known(row[key]) is None else 100 * float(row[key]) for key in numbers]
        is_tested = known(row["p_holm"]) is not None
        test: list[Value] = (
            [p_number(row["p_holm"]), "yes" if row["significant"] else "no"] if is_tested else [None, None]
        )
        rows.append([*place, int(row["seeds"]), *hundredths, *test])
    explanation = (
        "Scores in and out of the domain of training, in points, and the drop in per cent of the score in domain. Other benchmarks: the "
        "same models on benchmarks of other domains. Without a domain: models trained without it, on its benchmarks."
    )
    notes = [
        f"low, high: {100 * settings.confidence:g} % percentile intervals of a bootstrap over seeds and questions",
        f"{strategy} − this: its drop minus the drop of the row, negative where it loses less; tested with random questions and seeds, "
        f"Holm's correction, level {settings.alpha:g}",
    ]
    if any(row[heads.index("seeds")] == 1 for row in rows):
        notes.append("1 seed: seeds are not resampled, the conclusion is about these models only")
    numeric = frozenset({"p (Holm)"})
    return StatisticsTable("shift", heads, rows, notes if rows else [], [], "Domain shift", explanation, numeric)
