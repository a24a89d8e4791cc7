"""The summary at the top of the report: verdicts, the claim, the tested comparisons, the domain shift, the main numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.config.experiment import Config
from hybridbatch.evaluate.names import BASELINES, MEAN, TABLES, UNTUNED, main_measure, table_measures, table_name
from hybridbatch.evaluate.summary import main_rows, read_csv

COLUMNS = ["benchmark", "setting", "metric", "strategy", "baseline", "sentence"]


@dataclass(frozen=True)
class Banner:
    """Whether the published numbers are reproduced: a sentence, and ``none`` (not covered), ``within`` or ``outside`` tolerance."""

    sentence: str
    state: str


@dataclass(frozen=True)
class Sentences:
    """The outcome of the tests on a benchmark: pairs of a table's title and a sentence; the important ones, then the others."""

    benchmark: str
    first: list[tuple[str, str]]
    others: list[tuple[str, str]]


@dataclass(frozen=True)
class Overview:
    """The main numbers: macro-averages over languages, means over seeds, of the main measure of each benchmark and table.

    ``columns`` are (benchmark, title of the table, measure); ``rows`` are backbone, strategy and a value per column.
    """

    columns: list[tuple[str, str, str]]
    rows: list[tuple[str, str, list[float | None]]]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The benchmarks, each with the number of its columns."""
        names = [benchmark for benchmark, _, _ in self.columns]
        return [(name, names.count(name)) for name in dict.fromkeys(names)]


def read_banner(file: Path) -> Banner:
    """Read whether the published numbers are reproduced.

    Raises:
        UserError: if the file is missing or holds no verdicts.
    """
    document = read_json(file)
    try:
        counts, sentence = document["counts"], str(document["sentence"])
        outside = int(counts["covered"]) - int(counts["within"])
        state = "none" if not counts["covered"] else "outside" if outside else "within"
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: holds no verdicts ({error!r}); delete it and run again") from error
    return Banner(sentence, state)


def read_claim(file: Path) -> list[str]:
    """Return the sentences of ``claim.json``: on the claim, with each of several encoders, out of domain, and on its other readings.

    Raises:
        UserError: if the file is missing or holds no claim.
    """
    document = read_json(file)
    sentences = []
    try:
        for reading in [document, *document["other_readings"]]:
            backbones = [*reading["backbones"].values()]
            parts = [reading, *(backbones if len(backbones) > 1 else []), reading.get("out_of_domain")]
            sentences += [str(part["sentence"]) for part in parts if part]
    except (KeyError, TypeError) as error:
        raise UserError(f"{file}: holds no claim ({error!r}); delete it and run again") from error
    return sentences


def read_statistics(file: Path, kinds: Mapping[str, type]) -> list[Any]:
    """Return values of ``shift.json``.

    Args:
        file: the file.
        kinds: the keys of the values, with their types.

    Raises:
        UserError: if the file is missing or lacks one of them.
    """
    document = read_json(file)
    for key, kind in kinds.items():
        if not isinstance(document.get(key), kind):
            raise UserError(f"{file}: lacks {key}; delete it and run again")
    return [document[key] for key in kinds]


def read_comparisons(file: Path) -> pd.DataFrame:
    """Read what the tests between strategies found: ``benchmark, setting, metric, strategy, baseline, sentence``.

    Raises:
        UserError: if the file is missing or lacks a column.
    """
    return read_csv(file, COLUMNS, [])


def sort_comparisons(comparisons: pd.DataFrame, config: Config) -> list[Sentences]:
    """Group the outcome of the tests by benchmark; benchmarks without a comparison are left out.

    The comparisons that the claim is about come first; if there are none, those with the untuned encoder.

    Args:
        comparisons: the result of :func:`read_comparisons`.
        config: the resolved configuration.
    """
    claim = config.statistics.claim
    pairs = [
        {strategy, baseline}
        for strategy, baseline in zip(comparisons["strategy"], comparisons["baseline"], strict=True)
    ]
    of_claim = [any(pair == {claim.strategy, baseline} for baseline in claim.baselines) for pair in pairs]
    matters = of_claim if any(of_claim) else [UNTUNED in pair for pair in pairs]
    found = []
    for benchmark in config.runs.benchmarks:
        split: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
        for row, first in zip(comparisons.to_dict("records"), matters, strict=True):
            if row["benchmark"] == benchmark:
                table = TABLES[table_name(row["setting"], row["metric"])]
                split[first].append((table.title, row["sentence"]))
        if split[True] or split[False]:
            found.append(Sentences(benchmark, split[True], split[False]))
    return found


def overview(summary: pd.DataFrame, config: Config) -> Overview:
    """Return the main numbers of the strategies that are compared and of the baselines.

    Args:
        summary: the result of :func:`hybridbatch.evaluate.summary.read_summary`.
        config: the resolved configuration.
    """
    shown, own = table_measures(config.evaluation.tables), config.layout.main
    means = main_rows(summary, shown, own)
    means = means[
        (means["language"] == MEAN)
        & means["value"].notna()
        & means["strategy"].isin([*config.runs.strategies, *BASELINES])
    ]
    values = means.groupby(["backbone", "strategy", "benchmark", "table"], sort=False)["value"].mean().to_dict()
    columns = [
        (benchmark, table)
        for benchmark in config.runs.benchmarks
        for table in TABLES
        if any(key[2:] == (benchmark, table) for key in values)
    ]
    systems = dict.fromkeys(key[:2] for key in values)
    return Overview(
        [(name, TABLES[table].title, str(main_measure(name, table, shown, own))) for name, table in columns],
        [(*system, [values.get((*system, *column)) for column in columns]) for system in systems],
    )
