"""From per-query measures to means over queries, languages and seeds."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table
from hybridbatch.evaluate.names import BIAS, KEYS, MEAN, RANK_DISTANCE, TABLES, Run, main_measure, parse_run, table_name

SYSTEM = ["run", "backbone", "strategy", "seed"]
SUMMARY_COLUMNS = ["benchmark", "setting", "metric", "backbone", "strategy", "seed", "language", "value"]


def block_means(files: Mapping[str, Path], benchmarks: Sequence[str] | None = None) -> pd.DataFrame:
    """Average per-query measures over the queries of each (query language, passage language) block.

    Args:
        files: the measures file of each run name, in the order of the tables.
        benchmarks: which benchmarks, in which order; None: all, in order of appearance.

    Returns:
        ``benchmark, setting, metric, run, backbone, strategy, seed, query_language, passage_language, value``: ``run``
        is the position of the run, ``passage_language`` is empty where the pool holds all languages, and ``value`` is NaN if no
        query has the measure. Queries without the measure do not count.

    Raises:
        UserError: if a run name is malformed, or a file is unreadable or lacks a column.
    """
    frames = [_run_block_means(number, parse_run(name), file) for number, (name, file) in enumerate(files.items())]
    blocks = pd.concat(frames, ignore_index=True)
    wanted = list(blocks["benchmark"].unique()) if benchmarks is None else list(benchmarks)
    order = _positions(wanted)
    blocks = blocks[blocks["benchmark"].isin(wanted)]
    return blocks.sort_values("benchmark", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _run_block_means(number: int, run: Run, file: Path) -> pd.DataFrame:
    measures: pd.DataFrame = read_table(file).to_pandas()
    absent = [column for column in KEYS if column not in measures.columns]
    if absent:
        raise UserError(f"{file}: lacks the column {', '.join(absent)}; expected {', '.join(KEYS)} and the measures")
    metrics = [column for column in measures.columns if column not in KEYS]
    measures["passage_language"] = measures["passage_language"].fillna("").astype(str)
    block = KEYS[:-1]
    means = measures.groupby(block, sort=False)[metrics].mean().astype(float).reset_index()
    long = means.melt(id_vars=block, value_vars=metrics, var_name="metric", value_name="value")
    long = long[(long["metric"] != RANK_DISTANCE) | (long["setting"] == "multi")]
    return long.assign(run=number, **run._asdict())


def summarise(blocks: pd.DataFrame) -> pd.DataFrame:
    """Average blocks into one value per run and query language, and one macro-average over languages.

    A mean over fewer blocks or languages than another run has is not comparable with the others: it is missing (NaN), as is a
    mean of nothing.

    Args:
        blocks: the result of :func:`block_means`.

    Returns:
        ``benchmark, setting, metric, backbone, strategy, seed, language, value``; ``language`` is the query language or ``mean``. In
        ``cross``, a value is the mean over the blocks of the other passage languages.
    """
    same = blocks["query_language"] == blocks["passage_language"]
    counted = blocks[~(same & (blocks["setting"] == "cross"))].rename(columns={"query_language": "language"})
    scope = ["benchmark", "setting", "metric"]
    languages = _complete_means(counted, [*scope, "language"])
    summary = pd.concat([languages, _complete_means(languages, scope).assign(language=MEAN)], ignore_index=True)
    order = {column: _positions(counted[column].unique()) for column in ("benchmark", "metric")}
    order["setting"] = _positions(TABLES)
    order["language"] = _positions([*sorted(counted["language"].unique()), MEAN])
    summary = summary.sort_values(
        ["benchmark", "setting", "metric", "run", "language"],
        key=lambda column: column.map(order[column.name]) if column.name in order else column,
        ignore_index=True,
    )
    return summary[SUMMARY_COLUMNS]


def _complete_means(values: pd.DataFrame, scope: list[str]) -> pd.DataFrame:
    means = values.groupby([*scope, *SYSTEM], sort=False)["value"].agg(["mean", "count"]).reset_index()
    complete = means["count"] == means.groupby(scope)["count"].transform("max")
    means["value"] = means["mean"].where(complete)
    return means.drop(columns=["mean", "count"])


def _positions(values: Iterable[str]) -> dict[str, int]:
    return {value: position for position, value in enumerate(values)}


def main_rows(summary: pd.DataFrame, shown: Mapping[str, Sequence[str]], own: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of main measures, with a column ``table``; see :func:`hybridbatch.evaluate.names.main_measure`."""
    tables = [table_name(*names) for names in zip(summary["setting"], summary["metric"], strict=True)]
    rows = summary.assign(table=tables)
    main = [main_measure(*names, shown, own) for names in zip(rows["benchmark"], tables, strict=True)]
    return rows[rows["metric"] == pd.Series(main, rows.index, dtype=object)]


def over_seeds(values: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return ``seeds`` (their number), ``mean`` and ``sd`` (sample standard deviation) of ``value`` for each combination of keys."""
    return values.groupby(keys, sort=False)["value"].agg(seeds="count", mean="mean", sd="std").reset_index()


def to_csv(frame: pd.DataFrame) -> str:
    """Return a frame as the text of a CSV file, in full precision.

    A result file has, in its column ``setting``, the name of the table that shows the row: ``bias`` for rank distance.
    """
    if {"setting", "metric"} <= {*frame.columns}:
        frame = frame.assign(setting=frame["setting"].mask(frame["metric"] == RANK_DISTANCE, BIAS))
    return str(frame.to_csv(index=False, lineterminator="\n"))


def read_csv(file: Path, columns: Sequence[str], numbers: Collection[str]) -> pd.DataFrame:
    """Read columns of a CSV file; the counterpart of :func:`to_csv`, numbers are the same bit by bit.

    Args:
        file: the file.
        columns: the columns to return, in this order.
        numbers: those that hold numbers, NaN where empty; the others are text.

    Raises:
        UserError: if the file is missing, not CSV or lacks a column.
    """
    try:
        frame = pd.read_csv(
            file,
            keep_default_na=False,
            na_values={column: [""] for column in numbers},
            dtype={column: str for column in columns if column not in numbers},
        )
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as CSV ({error}); delete it and run again") from error
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise UserError(f"{file}: lacks the column {', '.join(absent)}; delete it and run again")
    if "setting" in columns:
        frame["setting"] = frame["setting"].replace(BIAS, TABLES[BIAS].setting)
    return frame[list(columns)]


def read_summary(file: Path) -> pd.DataFrame:
    """Read ``summary.csv``, the result of :func:`summarise` returns.

    Raises:
        UserError: if the file is missing or not a summary.
    """
    return read_csv(file, SUMMARY_COLUMNS, ["seed", "value"])
