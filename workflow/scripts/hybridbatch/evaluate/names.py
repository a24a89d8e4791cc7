"""Names of runs, measures and score tables, and how they are printed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hybridbatch.common.errors import UserError
from hybridbatch.config.evaluation import Evaluation

# The columns of a measures file that identify a query.
KEYS = ["benchmark", "setting", "query_language", "passage_language", "query_id"]
RANK_DISTANCE = "rank_distance"
MEAN = "mean"
MISSING = "–"
UNTUNED = "none"
BASELINES = (UNTUNED, "bm25")
BIAS = "bias"
RUN_NAME = re.compile(r"(?P<backbone>[^/=]+)/(?P<strategy>[^/=]+)/seed(?P<seed>\d+)")


class Run(NamedTuple):
    """A backbone, the strategy it was trained with (or ``none``, ``bm25``) and the seed."""

    backbone: str
    strategy: str
    seed: int


class ScoreTable(NamedTuple):
    """A table of scores: the setting it shows, its title and what its numbers are."""

    setting: str
    title: str
    explanation: str


TABLES = {
    "mono": ScoreTable("mono", "Monolingual", "Queries and passages are in the same language."),
    "cross": ScoreTable(
        "cross", "Cross-lingual", "Passages are in another language than the query: mean over the other languages."
    ),
    "multi": ScoreTable(
        "multi", "Multilingual", "Queries of one language search the pool of the passages of all languages."
    ),
    BIAS: ScoreTable(
        "multi",
        "Language bias",
        "Rank distance in the pool of all languages: the largest minus the smallest rank of a query's parallel relevant "
        "passages. Lower is better.",
    ),
}


def table_name(setting: str, metric: str) -> str:
    """Return the table that shows a measure of a setting; result files have it in their column ``setting``.

    Rank distance, a measure of ``multi``, has a table of its own, ``bias``.
    """
    return BIAS if metric == RANK_DISTANCE else setting


def table_measures(chosen: Mapping[Any, list[str]]) -> dict[str, list[str]]:
    """Return the measures of every table.

    Args:
        chosen: the measures of ``mono``, ``cross`` and ``multi``, as in ``evaluation.tables``; the default for those missing.
    """
    return {**Evaluation().tables, **chosen, BIAS: [RANK_DISTANCE]}


def main_measure(benchmark: str, table: str, shown: Mapping[str, Sequence[str]], own: Mapping[str, str]) -> str | None:
    """Return the measure of a benchmark in a table that overviews and tests are about; None if the table shows nothing.

    Args:
        benchmark: the benchmark.
        table: the table.
        shown: the measures of every table; the first one is the main measure.
        own: the main measure of benchmarks that have another one, in all tables but that of the rank distance.
    """
    if benchmark in own and table != BIAS:
        return own[benchmark]
    return next(iter(shown.get(table, [])), None)


def parse_run(name: str) -> Run:
    """Split a run name.

    Raises:
        UserError: if it is not ``backbone/strategy/seed<N>``.
    """
    match = RUN_NAME.fullmatch(name)
    if match is None:
        raise UserError(f"{name}: not a run name; allowed: backbone/strategy/seed<N>, such as me5-small/hybrid/seed1")
    return Run(match["backbone"], match["strategy"], int(match["seed"]))


def decimals(metric: str) -> int:
    """Return the number of decimals with which a measure is printed."""
    return 1 if metric == RANK_DISTANCE else 4


def metric_label(metric: str) -> str:
    """Return a measure's name as papers print it: ``ndcg@10`` becomes nDCG@10."""
    name, at, depth = metric.partition("@")
    printed = {"map": "mAP", "mrr": "MRR", "ndcg": "nDCG", RANK_DISTANCE: "Rank distance", "hit_rate": "Hit rate"}
    return printed.get(name, name.capitalize()) + at + depth
