"""The tables of scores: a table per benchmark and measure, a row per backbone and strategy, a column per language."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from hybridbatch.common.files import write_text
from hybridbatch.evaluate.names import BASELINES, MEAN, MISSING, RANK_DISTANCE, TABLES, decimals, metric_label
from hybridbatch.evaluate.summary import over_seeds, to_csv
from hybridbatch.report.table import TITLES, Cell, Column, Page, Table, anchor, show, write_page

UNSEEN_NOTE = "no training source has this language"


class Block(NamedTuple):
    """The scores of a table.

    Attributes:
        title: what is measured on, such as the benchmark.
        metric: the measure.
        headings: the heading of each value of ``column``, in order.
        scores: ``backbone, strategy, column, seeds, mean, sd``; a row without ``column`` is a system without any score.
        rivals: what cells share that are compared with each other to mark the best.
        keys: what a row of the table is about; printed as backbone and strategy.
    """

    title: str
    metric: str
    headings: Mapping[str, str]
    scores: pd.DataFrame
    rivals: Sequence[str] = ("backbone", "column")
    keys: Sequence[str] = ("backbone", "strategy")


def write_tables(
    folder: Path,
    summary: pd.DataFrame,
    metrics: Mapping[str, Sequence[str]],
    unseen: Collection[str],
    notice: str | None,
    strategies: Collection[str] | None = None,
) -> None:
    """Write ``summary.csv`` and ``{mono,cross,multi,bias}.{csv,md,tex,html}`` into a folder.

    Args:
        folder: the folder.
        summary: the result of :func:`hybridbatch.evaluate.summary.summarise`; all of it goes into ``summary.csv``.
        metrics: the measures of each table.
        unseen: languages that no training source has; their headings are marked.
        notice: a sentence above every table, but not in CSV files; None: none.
        strategies: the trained strategies that the tables show, besides the baselines; None: all.
    """
    shown = summary if strategies is None else summary[summary["strategy"].isin([*strategies, *BASELINES])]
    write_text(folder / "summary.csv", to_csv(summary))
    for name, table in TABLES.items():
        blocks = score_blocks(shown[shown["setting"] == table.setting], metrics[name], unseen)
        write_page(folder, score_page(name, table.explanation, blocks, score_data(blocks)), notice)


def score_blocks(summary: pd.DataFrame, metrics: Sequence[str], unseen: Collection[str] = ()) -> list[Block]:
    """Return the scores of a setting: a block per benchmark and measure; those without any value are left out.

    Args:
        summary: rows of one setting.
        metrics: the measures shown, in this order.
        unseen: languages whose headings are marked.
    """
    blocks = []
    for benchmark in summary["benchmark"].unique():
        own = summary[summary["benchmark"] == benchmark]
        for metric in metrics:
            values = own[(own["metric"] == metric) & own["value"].notna()].rename(columns={"language": "column"})
            if not values.empty:
                scores = over_seeds(values, ["backbone", "strategy", "column"])
                scores = own[["backbone", "strategy"]].drop_duplicates().merge(scores, how="left")
                languages = [*sorted({*values["column"]} - {MEAN}), MEAN]
                headings = {code: f"{code}*" if code in unseen else code for code in languages}
                blocks.append(Block(str(benchmark), metric, headings, scores))
    return blocks


def score_data(blocks: Sequence[Block]) -> pd.DataFrame:
    """Return blocks in one table: full precision, a column per language of any block, ``mean``, then the ``_sd`` columns."""
    keys = ["benchmark", "metric", "backbone", "strategy"]
    parts = [block.scores.assign(benchmark=block.title, metric=block.metric) for block in blocks]
    scores = pd.concat(parts or [pd.DataFrame(columns=[*keys, "column", "seeds", "mean", "sd"])])
    languages = {code for block in blocks for code in block.headings}
    return wide(scores, keys, [*sorted(languages - {MEAN}), MEAN])


def wide(scores: pd.DataFrame, keys: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Return a row per combination of keys: the keys, ``seeds``, the mean of each column, and its ``_sd``."""
    seeds = scores.groupby([*keys], sort=False)["seeds"].max().fillna(0).astype(int)
    cells = scores.pivot(index=[*keys], columns="column", values=["mean", "sd"]).reindex(seeds.index)
    cells = cells.reindex(columns=pd.MultiIndex.from_product([["mean", "sd"], columns]))
    cells.columns = pd.Index([*columns, *(f"{column}_sd" for column in columns)])
    return pd.concat([seeds, cells], axis="columns").reset_index()


def score_page(name: str, explanation: str, blocks: Sequence[Block], data: pd.DataFrame) -> Page:
    """Lay blocks out as a page, with notes on what occurs in them; ``data`` is for the CSV file."""
    names = [Column("backbone", True), Column("strategy", True), Column("seeds", False)]
    tables = []
    for block in blocks:
        columns = [*names, *(Column(heading, False) for heading in block.headings.values())]
        rows = score_rows(mark_best(block), block.keys, list(block.headings), decimals(block.metric))
        measure = metric_label(block.metric)
        caption = f"{TITLES[name]}, {block.title}, {measure}. {explanation} {'; '.join(notes(rows, columns))}"
        caption = caption.strip().rstrip(".") + "."
        tables.append(Table(columns, rows, caption, f"tab:{name}:{block.title}:{block.metric}", block.title, measure))
    all_rows = [row for table in tables for row in table.rows]
    all_columns = [column for table in tables for column in table.columns]
    return Page(name, "scores", explanation, tables, data, notes(all_rows, all_columns))


def mark_best(block: Block) -> pd.DataFrame:
    """Return the scores of a block with a column ``best``: whether the printed mean is the best among its rivals.

    The best rank distance is the lowest, other measures the highest. A score without rivals is not compared.
    """
    printed = block.scores["mean"].map(lambda mean: round(mean, decimals(block.metric)))
    rivals = printed.groupby([block.scores[column] for column in block.rivals])
    best = rivals.transform("min" if block.metric == RANK_DISTANCE else "max")
    return block.scores.assign(best=(printed == best) & (rivals.transform("count") > 1))


def score_rows(scores: pd.DataFrame, keys: Sequence[str], columns: Sequence[str], digits: int) -> list[list[Cell]]:
    """Return a row of cells per combination of keys: the keys, the number of seeds, and the mean and deviation of each column.

    Args:
        scores: ``backbone, strategy``, the keys, ``column, seeds, mean, sd`` and ``best``.
        keys: what tells rows apart.
        columns: the values of ``column``, in order.
        digits: decimals of the numbers.
    """
    rows = []
    for names, own in scores.groupby([*keys], sort=False):
        found = {row.column: _cell(row, digits) for row in own.itertuples()}
        seeds = 0 if own["seeds"].isna().all() else int(own["seeds"].max())
        rows.append([*map(show, (*names, seeds)), *(found.get(column, show(None)) for column in columns)])
    return rows


def _cell(row: Any, digits: int) -> Cell:
    if pd.isna(row.mean):
        return show(None)
    spread = "" if pd.isna(row.sd) else f"{row.sd:.{digits}f}"
    mark = "best" if row.best else ""
    return Cell(row.mean, f"{row.mean:.{digits}f}", spread, mark, anchor(row.backbone, row.strategy))


def notes(rows: Sequence[Sequence[Cell]], columns: Sequence[Column] = ()) -> list[str]:
    """Return what ``±``, bold, ``–`` and ``*`` mean, each only where it occurs."""
    cells = [cell for row in rows for cell in row]
    found = {
        "±: sample standard deviation over seeds": any(cell.spread for cell in cells),
        "bold: best mean of the backbone in the column, as printed": any(cell.mark for cell in cells),
        f"{MISSING}: not measured": any(cell.value is None for cell in cells),
        f"*: {UNSEEN_NOTE}": any(column.heading.endswith("*") for column in columns),
    }
    return [note for note, occurs in found.items() if occurs]
