"""What the systems scored on each question: the contributions of questions to the numbers of the tables.

A number of the tables is a mean over languages of means over queries. Written as one sum over the rows of a measures file, a row
(query language q, passage language p, question i) has the weight

    w = 1 / (languages * passage languages of q * queries of the block (q, p)),

and the weights add up to 1. The translations of a question are not independent, so what is resampled and tested is the question:
its contribution is the sum of w * value over its rows, its weight the sum of w. The contributions add up to the number
in the table, even if questions lack languages. Where equal ids in two languages are different questions, a unit is a question
of a language, and languages are strata.
"""

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table
from hybridbatch.compare.significance import Floats, Scores, Strata, weighted_scores
from hybridbatch.evaluate.names import KEYS, MEAN, TABLES, Run, main_measure, parse_run, table_name


@dataclass(frozen=True, eq=False)
class QuestionScores:
    """What the systems scored by a measure of a setting of a benchmark, by question.

    Attributes:
        benchmark: the benchmark.
        setting: ``mono``, ``cross`` or ``multi``.
        metric: the measure.
        columns: the languages, then ``mean``, the mean over languages.
        units: the questions.
        strata: the number of each question's stratum, shape (questions,).
        weights: shape (questions, columns), float64; each column adds up to 1.
        runs: the contributions of each run, of the same shape.
    """

    benchmark: str
    setting: str
    metric: str
    columns: list[str]
    units: list[str]
    strata: Strata
    weights: Floats
    runs: dict[Run, Floats]

    @property
    def table(self) -> str:
        """The table that shows the scores."""
        return table_name(self.setting, self.metric)

    @property
    def backbones(self) -> list[str]:
        """The backbones, in the order of the runs."""
        return list(dict.fromkeys(run.backbone for run in self.runs))

    def seeds(self, backbone: str, strategy: str) -> list[int]:
        """Return the seeds of a system, in increasing order; none if it was not measured here."""
        return sorted(run.seed for run in self.runs if run[:2] == (backbone, strategy))

    def contributions(self, backbone: str, strategy: str, seeds: Sequence[int] | None = None) -> Floats:
        """Return the contributions of a system to its mean over languages, shape (questions, seeds); None: all seeds."""
        measured = self.seeds(backbone, strategy)
        found = np.stack([self.runs[Run(backbone, strategy, seed)][:, -1] for seed in measured], axis=1)
        return found if seeds is None else found[:, [measured.index(seed) for seed in seeds]]

    def scores(self, backbone: str, strategy: str, seeds: Sequence[int] | None = None) -> Scores:
        """Return the scores of a system and the influences of the questions on them."""
        return weighted_scores(self.contributions(backbone, strategy, seeds), self.weights[:, -1])

    def generator(self, seed: int) -> np.random.Generator:
        """Return a generator of random numbers that does not depend on what else is measured."""
        return np.random.default_rng([seed, zlib.crc32(f"{self.benchmark}/{self.table}/{self.metric}".encode())])


def read_question_scores(
    files: Mapping[str, Path],
    benchmarks: Sequence[str],
    metrics: Mapping[str, str],
    separate: Collection[str] = (),
    own: Mapping[str, str] = MappingProxyType({}),
) -> list[QuestionScores]:
    """Read the contributions of every question.

    Args:
        files: the measures file of each run name.
        benchmarks: which benchmarks, in which order.
        metrics: the measure of each table.
        separate: benchmarks in which equal query ids in two languages are different questions.
        own: the measure of benchmarks that have one of their own.

    Returns:
        The scores by benchmark and then by table; those without a value are left out.

    Raises:
        UserError: if a run name is malformed, a file is unreadable or lacks a column, or two runs did not answer the same
            queries.
    """
    shown = [(benchmark, table) for benchmark in benchmarks for table in TABLES if table in metrics]
    found: dict[tuple[str, str], QuestionScores] = {}
    for name, file in files.items():
        run = parse_run(name)
        measures = _read_measures(file, sorted({*metrics.values(), *own.values()}))
        groups = dict(iter(measures.groupby(["benchmark", "setting"], observed=True, sort=False)))
        for benchmark, table in shown:
            setting = TABLES[table].setting
            metric = str(main_measure(benchmark, table, {table: [metrics[table]]}, own))
            rows = groups.get((benchmark, setting))
            if rows is None or rows[metric].isna().all():
                continue
            scores = _question_scores(benchmark, setting, metric, rows, run, separate=benchmark in separate)
            first = found.setdefault((benchmark, table), scores)
            if first.units != scores.units or not np.array_equal(first.weights, scores.weights):
                raise UserError(
                    f"{file}: {benchmark}, {setting}: has {metric} of other queries than the runs before it; delete it and run again"
                )
            first.runs[run] = scores.runs[run]
    return [found[key] for key in shown if key in found]


def _read_measures(file: Path, metrics: list[str]) -> pd.DataFrame:
    table = read_table(file)
    absent = [column for column in [*KEYS, *metrics] if column not in table.column_names]
    if absent:
        raise UserError(f"{file}: lacks the column {', '.join(absent)}; delete it and run again")
    measures: pd.DataFrame = table.select([*KEYS, *metrics]).to_pandas(strings_to_categorical=True)
    return measures


def _question_scores(
    benchmark: str, setting: str, metric: str, rows: pd.DataFrame, run: Run, *, separate: bool
) -> QuestionScores:
    rows = rows[rows[metric].notna()]
    language, languages = pd.factorize(rows["query_language"].astype(str), sort=True)
    passage_language = pd.factorize(rows["passage_language"], use_na_sentinel=False)[0]
    ids = rows["query_id"].astype(str)
    unit, units = pd.factorize(rows["query_language"].astype(str) + "/" + ids if separate else ids, sort=True)
    block = language * (passage_language.max() + 1) + passage_language
    blocks = np.unique(np.stack([language, block]), axis=1)
    passage_languages = np.bincount(blocks[0])[language]
    weight = 1 / (passage_languages * np.bincount(block)[block])
    shape = (len(units), len(languages))

    def by_question(values: Floats) -> Floats:
        sums = np.bincount(unit * shape[1] + language, values, minlength=shape[0] * shape[1]).reshape(shape)
        return np.column_stack([sums, sums.mean(axis=1)])

    strata = np.zeros(len(units), dtype=np.int64)
    if separate:
        strata[unit] = language
    contributions = by_question(weight * rows[metric].to_numpy(dtype=np.float64))
    columns = [*map(str, languages), MEAN]
    weights = by_question(weight)
    return QuestionScores(benchmark, setting, metric, columns, list(units), strata, weights, {run: contributions})
