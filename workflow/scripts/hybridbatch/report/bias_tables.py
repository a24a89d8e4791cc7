"""The table of language bias beyond rank distance: a row per backbone and strategy, a column per measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text
from hybridbatch.evaluate.language_bias import SHARES, share_divergence
from hybridbatch.report.data_tables import DataTable, Value
from hybridbatch.report.data_tables import to_markdown as data_to_markdown
from hybridbatch.report.data_tables import to_tex as data_to_tex
from hybridbatch.report.score_tables import (
    MEAN,
    MISSING,
    Block,
    Cell,
    Row,
    block_means,
    notes,
    parse_run,
    render,
    summarise,
)

NAME = "language_bias"
TITLE = "Language bias beyond rank distance"
EXPLANATION = (
    "Queries of one language search the pool of the passages of all languages; measures @k look at the best k passages, relevant "
    "or not; means over query languages. Normalised rank distance: rank distance by the size of the pool less one. Own-language "
    "share: part of the best k in the query's language; own-language preference: that less the language's share of the pool "
    "(0: none). Share divergence: total variation distance between the languages of the best k and of the pool (0: alike). Rank "
    "consistency: Spearman correlation of the best k between the languages of a question, over the union of both lists (1: the "
    "same; without a common passage below 0, -0.86 at k = 10). Language probe: balanced accuracy of a linear classifier of the "
    "language of query vectors, on questions it has not seen, beside chance. Centroid distance: mean cosine distance between the "
    "centroids of two languages. Offset share: part of the squared distance between translations that a constant offset between "
    "languages makes up. Language variance: part of the variance of query vectors that lies between languages."
)
LABELS = {
    "normalised_rank_distance": "Norm. rank distance",
    "own_language_share": "Own-language share",
    "own_language_preference": "Own-language preference",
    "share_divergence": "Share divergence",
    "rank_consistency": "Rank consistency",
    "probe_accuracy": "Language probe",
    "probe_chance": "Probe by chance",
    "centroid_distance": "Centroid distance",
    "offset_share": "Offset share",
    "language_variance": "Language variance",
}
SYSTEM = ["backbone", "strategy", "seed"]
DIGITS = 4


@dataclass(frozen=True)
class BiasTable(DataTable):
    """The table as text, for Markdown and LaTeX."""

    @property
    def title(self) -> str:
        """The title."""
        return TITLE

    @property
    def explanation(self) -> str:
        """What the numbers are."""
        return EXPLANATION

    def is_text(self, column: int) -> bool:
        """Return whether a column holds names."""
        return column < 3


def read_shares(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the shares of languages of each run.

    Args:
        files: ``<run>.shares.csv`` by the run's name.

    Returns:
        ``benchmark, query_language, passage_language, share_in_top, share_in_pool, backbone, strategy, seed``.
    """
    return _read(files, ["benchmark", *SHARES])


def read_identifiability(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read how far the vectors of each run tell their language: ``benchmark, metric, value, backbone, strategy, seed``."""
    return _read(files, ["benchmark", "measure", "value"]).rename(columns={"measure": "metric"})


def _read(files: Mapping[str, Path], columns: list[str]) -> pd.DataFrame:
    frames = []
    for name, file in files.items():
        try:
            frame = pd.read_csv(file, keep_default_na=False, na_values={"value": [""]})
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: cannot be read as a table ({error}); delete it and run again") from error
        if list(frame.columns) != columns:
            raise UserError(f"{file}: has other columns than {', '.join(columns)}; delete it and run again")
        frames.append(frame.assign(**parse_run(name)._asdict()))
    return pd.concat(frames, ignore_index=True)


def bias_values(
    queries: Mapping[str, Path], shares: pd.DataFrame, identifiability: pd.DataFrame, k: int
) -> pd.DataFrame:
    """Return one value for each run, benchmark and measure.

    Measures of queries are averaged over queries and then over query languages; so is the divergence, over query languages.

    Args:
        queries: ``<run>.parquet`` by the run's name.
        shares: what :func:`read_shares` returns.
        identifiability: what :func:`read_identifiability` returns.
        k: depth of the shares, for the name of their divergence.

    Returns:
        ``benchmark, metric, backbone, strategy, seed, value``, benchmarks and runs in the order of ``queries``.
    """
    summary = summarise(block_means(queries))
    means = summary[summary["language"] == MEAN]
    run = ["benchmark", *SYSTEM]
    divergence = pd.DataFrame(
        [(*key, share_divergence(frame).mean()) for key, frame in shares.groupby(run, sort=False)],
        columns=[*run, "value"],
    ).assign(metric=f"share_divergence@{k}")
    columns = ["benchmark", "metric", *SYSTEM, "value"]
    values = pd.concat([frame[columns] for frame in (means, divergence, identifiability)], ignore_index=True)
    return values.astype({"value": "float64"})


def bias_blocks(values: pd.DataFrame) -> list[Block]:
    """Arrange values in a block per benchmark: a row per backbone and strategy with means and deviations over seeds.

    Nothing is marked as best: no single value of these measures is.

    Args:
        values: what :func:`bias_values` returns.
    """
    order = list(LABELS)
    metrics = sorted(values["metric"].unique(), key=lambda metric: order.index(metric.partition("@")[0]))
    stats = values.groupby(["benchmark", "backbone", "strategy", "metric"])["value"].agg(["mean", "std"])
    found = {key: (float(mean), float(sd)) for key, mean, sd in stats.itertuples(name=None)}
    seeds = values.groupby(["backbone", "strategy"], sort=False)["seed"].nunique()
    systems = [(str(backbone), str(strategy), int(count)) for (backbone, strategy), count in seeds.items()]
    blocks = []
    for benchmark in values["benchmark"].unique():
        rows = [
            Row(
                backbone, strategy, count, [_cell(found.get((benchmark, backbone, strategy, name))) for name in metrics]
            )
            for backbone, strategy, count in systems
        ]
        blocks.append(Block(str(benchmark), "", metrics, rows))
    return blocks


def _cell(value: tuple[float, float] | None) -> Cell:
    if value is None or pd.isna(value[0]):
        return Cell(None, None, False)
    mean, sd = value
    return Cell(mean, None if pd.isna(sd) else sd, False)


def label(metric: str) -> str:
    """Return a measure's name as it is printed."""
    name, at, depth = metric.partition("@")
    return LABELS[name] + at + depth


def write_bias_tables(folder: Path, blocks: Sequence[Block], notice: str | None) -> None:
    """Write ``language_bias.{csv,md,tex,html}`` into ``folder``; ``notice`` stands on top of all but the CSV."""
    table = _as_text(blocks)
    write_text(folder / f"{NAME}.csv", to_csv(blocks))
    write_text(folder / f"{NAME}.md", data_to_markdown(table, notice))
    write_text(folder / f"{NAME}.tex", data_to_tex(table, notice))
    write_text(folder / f"{NAME}.html", to_html(blocks, notice))


def to_csv(blocks: Sequence[Block]) -> str:
    """Return blocks as CSV in full precision: a column per measure, then the ``_sd`` columns."""
    lines = [
        {"benchmark": block.benchmark, "backbone": row.backbone, "strategy": row.strategy, "seeds": row.seeds}
        | {metric: cell.mean for metric, cell in zip(block.columns, row.cells, strict=True)}
        | {f"{metric}_sd": cell.sd for metric, cell in zip(block.columns, row.cells, strict=True)}
        for block in blocks
        for row in block.rows
    ]
    return str(pd.DataFrame(lines).to_csv(index=False, lineterminator="\n"))


def to_html(blocks: Sequence[Block], notice: str | None) -> str:
    """Return blocks as a page that needs no other file; its ``<main>`` element is what the report takes over."""
    return render(
        "tables.html.jinja",
        title=TITLE,
        explanation=EXPLANATION,
        blocks=blocks,
        unseen=[],
        notes=notes(blocks, []),
        notice=notice,
        head=lambda metric, _: label(metric),
        number=lambda value, _: _number(value),
        label=lambda _: "",
        MISSING=MISSING,
    )


def _as_text(blocks: Sequence[Block]) -> BiasTable:
    metrics = blocks[0].columns if blocks else []
    heads = ["benchmark", "backbone", "strategy", "seeds", *map(label, metrics)]
    rows: list[list[Value]] = [
        [block.benchmark, row.backbone, row.strategy, row.seeds, *map(_text, row.cells)]
        for block in blocks
        for row in block.rows
    ]
    return BiasTable(NAME, heads, rows, notes(blocks, []), [])


def _text(cell: Cell) -> str:
    if cell.mean is None:
        return MISSING
    return _number(cell.mean) if cell.sd is None else f"{_number(cell.mean)} ± {_number(cell.sd)}"


def _number(value: float) -> str:
    return f"{value:.{DIGITS}f}"


def mean_shares(shares: pd.DataFrame) -> pd.DataFrame:
    """Average the shares of languages over seeds.

    Args:
        shares: what :func:`read_shares` returns.

    Returns:
        ``benchmark, backbone, strategy, seeds, query_language, passage_language, share_in_top, share_in_top_sd,
        share_in_pool``; the sample standard deviation is empty for a single seed.
    """
    system = ["benchmark", "backbone", "strategy", "query_language", "passage_language"]
    means = shares.groupby(system, sort=False).agg(
        seeds=("seed", "nunique"),
        share_in_top=("share_in_top", "mean"),
        share_in_top_sd=("share_in_top", "std"),
        share_in_pool=("share_in_pool", "first"),
    )
    columns = [*system[:3], "seeds", *system[3:], "share_in_top", "share_in_top_sd", "share_in_pool"]
    return means.reset_index()[columns]
