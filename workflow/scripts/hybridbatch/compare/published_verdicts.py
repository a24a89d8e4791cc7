"""Verdicts: is each published number, and each average of them, met here?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hybridbatch.compare.published_cells import Ours, PublishedCell, by_column, spread, statistic_of
from hybridbatch.evaluate.names import MEAN, RANK_DISTANCE, decimals

WITHIN, ABOVE, BELOW, NOT_RUN = "within", "above", "below", "not run"
VERDICTS = (WITHIN, ABOVE, BELOW, NOT_RUN)
MEDIAN = "median"
# The paper prints medians below its tables of this benchmark alone.
WITH_MEDIAN = ("miracl",)


@dataclass(frozen=True)
class Verdict:
    """A published number and ours.

    Attributes:
        cell: the published number.
        ours: mean over seeds, unrounded; None: not run.
        sd: sample standard deviation over seeds; None: fewer than two.
        seeds: how many seeds the mean is over.
        difference: ours as the paper prints it, minus the published number.
        allowed: the largest difference that is within tolerance.
        verdict: ``within``, ``above``, ``below`` (of the number, whether more is better or worse) or ``not run``.
    """

    cell: PublishedCell
    ours: float | None
    sd: float | None
    seeds: int
    difference: float | None
    allowed: float
    verdict: str


def judge(cells: Sequence[PublishedCell], ours: Ours, tolerances: Mapping[str, float]) -> list[Verdict]:
    """Return a verdict for every published cell, in their order.

    Args:
        cells: the result of :func:`read_published`.
        ours: the numbers of the experiment.
        tolerances: by measure; a share of the published number for rank distance, else absolute.
    """
    languages = {key: [cell.language for cell in column] for key, column in by_column(cells).items()}
    return [
        _verdict(
            cell,
            ours.seeds(cell.key, cell.language) if ours.comparable(cell.key, languages[cell.key]) else [],
            tolerances,
        )
        for cell in cells
    ]


def judge_averages(cells: Sequence[PublishedCell], ours: Ours, tolerances: Mapping[str, float]) -> list[Verdict]:
    """Return a verdict for the mean of every column (and the median, where the paper prints one) over its languages.

    The published average is that of the published cells. It is `not run` unless every language of the column was run.
    """
    verdicts = []
    for key, column in by_column(cells).items():
        languages = [cell.language for cell in column]
        for statistic in [MEAN, *([MEDIAN] if key.benchmark in WITH_MEDIAN else [])]:
            value = round(statistic_of([cell.value for cell in column], statistic), decimals(key.metric))
            values = ours.averages(key, languages, statistic) if ours.comparable(key, languages) else []
            verdicts.append(_verdict(replace(column[0], language=statistic, value=value), values, tolerances))
    return verdicts


def _verdict(cell: PublishedCell, values: Sequence[float], tolerances: Mapping[str, float]) -> Verdict:
    metric = cell.key.metric
    allowed = tolerances[metric] * (cell.value if metric == RANK_DISTANCE else 1)
    if not values:
        return Verdict(cell, None, None, 0, None, allowed, NOT_RUN)
    mean, sd = spread(values)
    digits = decimals(metric)
    difference = round(round(mean, digits) - cell.value, digits)
    # Differences in the last bits do not count.
    outside = abs(difference) > allowed + 1e-9
    verdict = WITHIN if not outside else ABOVE if difference > 0 else BELOW
    return Verdict(cell, mean, sd, len(values), difference, allowed, verdict)


def count(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """Return how many verdicts there are of each kind, and how many cells are covered and published."""
    counts = dict.fromkeys(VERDICTS, 0)
    for verdict in verdicts:
        counts[verdict.verdict] += 1
    published = sum(counts.values())
    return {**counts, "covered": published - counts[NOT_RUN], "published": published}


def flat(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as one level of names and values."""
    values = asdict(verdict)
    del values["cell"]
    cell = verdict.cell
    return {
        "table": cell.table,
        **cell.key._asdict(),
        "language": cell.language,
        "published": cell.value,
        "source": cell.source,
        **values,
    }
