"""The numbers that the paper publishes, and ours under the same names."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, get_args

import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.config.published import PublishedBackbone
from hybridbatch.evaluate.names import MEAN, table_name

COLUMNS = ["table", "benchmark", "setting", "metric", "backbone", "strategy", "language", "value", "source"]
PAPERS = get_args(PublishedBackbone)


class ColumnKey(NamedTuple):
    """A column of the paper's tables: a cell for each language."""

    benchmark: str
    setting: str
    metric: str
    backbone: str
    strategy: str


@dataclass(frozen=True)
class PublishedCell:
    """A number of the paper: its table, column and language, and where it was read."""

    table: int
    key: ColumnKey
    language: str
    value: float
    source: str


@dataclass(frozen=True)
class Names:
    """Our names of the published benchmarks and backbones; a published name that is missing has no counterpart.

    Attributes:
        benchmarks: our name of each published benchmark.
        backbones: our name of each published backbone.
        candidates: what is encoded as a candidate, in words, by our benchmark; only where the paper does not say it.
    """

    benchmarks: Mapping[str, str]
    backbones: Mapping[str, str]
    candidates: Mapping[str, str] = field(default_factory=dict)


def read_published(file: Path) -> list[PublishedCell]:
    """Read the published numbers, in the order of the file, which is that of the paper's tables.

    Raises:
        UserError: if the file is missing, has other columns, lacks a number, or has a cell twice.
    """
    try:
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as published numbers ({error}); see config/published.csv") from error
    if list(frame.columns) != COLUMNS:
        raise UserError(f"{file}: has other columns than {', '.join(COLUMNS)}; see config/published.csv")
    cells = [_cell(file, line, row) for line, row in enumerate(frame.to_dict("records"), start=2)]
    seen: set[tuple[ColumnKey, str]] = set()
    for line, cell in enumerate(cells, start=2):
        if (cell.key, cell.language) in seen:
            raise UserError(f"{file}: line {line} gives a cell for the second time; remove one of the two")
        seen.add((cell.key, cell.language))
    return cells


def _cell(file: Path, line: int, row: Mapping[Hashable, str]) -> PublishedCell:
    key = ColumnKey(*(row[name] for name in ColumnKey._fields))
    try:
        table, value = int(row["table"]), float(row["value"])
    except ValueError:
        table, value = 0, math.nan
    if not (table > 0 and math.isfinite(value)):
        raise UserError(f"{file}: line {line}: table must be a whole number above 0 and value a number; correct it")
    return PublishedCell(table, key, row["language"], value, row["source"])


def by_column(cells: Iterable[PublishedCell]) -> dict[ColumnKey, list[PublishedCell]]:
    """Return the cells of each column, over languages, in the paper's order."""
    columns: dict[ColumnKey, list[PublishedCell]] = {}
    for cell in cells:
        columns.setdefault(cell.key, []).append(cell)
    return columns


class Ours:
    """The numbers of a summary under the names of the paper."""

    def __init__(self, summary: pd.DataFrame, names: Names) -> None:
        """Take a summary, as :func:`hybridbatch.evaluate.summary.summarise` returns it."""
        published = {here: name for name, here in names.benchmarks.items()}
        backbones = {here: name for name, here in names.backbones.items()}
        kept = summary[(summary["language"] != MEAN) & summary["benchmark"].isin(list(published))]
        kept = kept.assign(
            benchmark=kept["benchmark"].map(published),
            setting=[table_name(*names) for names in zip(kept["setting"], kept["metric"], strict=True)],
            # A backbone of ours must not be taken for the paper's of the same name.
            backbone=[backbones.get(name, f"{name} (ours)" if name in PAPERS else name) for name in kept["backbone"]],
        )
        self._languages = {key: {*group["language"]} for key, group in kept.groupby(["benchmark", "setting"])}
        self._values: dict[ColumnKey, dict[str, dict[int, float]]] = {}
        for row in kept[kept["value"].notna()].itertuples(index=False):
            key = ColumnKey(row.benchmark, row.setting, row.metric, row.backbone, row.strategy)
            self._values.setdefault(key, {}).setdefault(row.language, {})[row.seed] = row.value

    def has_languages(self, key: ColumnKey, languages: Iterable[str]) -> bool:
        """Return whether a benchmark was run in exactly these languages, in the setting of a column."""
        return self._languages.get((key.benchmark, key.setting)) == {*languages}

    def comparable(self, key: ColumnKey, languages: Iterable[str]) -> bool:
        """Return whether a setting is the paper's: across languages, only if the languages are the paper's too."""
        return key.setting == "mono" or self.has_languages(key, languages)

    def columns(self) -> list[ColumnKey]:
        """Return all columns, in the order of the summary."""
        return list(self._values)

    def seeds(self, key: ColumnKey, language: str) -> list[float]:
        """Return a value per seed; none where it was not measured."""
        return list(self._values.get(key, {}).get(language, {}).values())

    def averages(self, key: ColumnKey, languages: Sequence[str], statistic: str) -> list[float]:
        """Return the mean or median over languages, per seed that has all of them."""
        by_language = [self._values.get(key, {}).get(language, {}) for language in languages]
        seeds = [seed for seed in by_language[0] if all(seed in values for values in by_language)]
        return [statistic_of([values[seed] for values in by_language], statistic) for seed in seeds]


def statistic_of(values: Sequence[float], statistic: str) -> float:
    """Return the ``mean`` or ``median`` of values."""
    return float(pd.Series(values).agg(statistic))


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Return the mean of values and their sample standard deviation, None for a single one."""
    series = pd.Series(values)
    return float(series.mean()), float(series.std()) if len(values) > 1 else None
