"""From per-query measures to tables: means per run, and the paper's tables as CSV, Markdown, LaTeX and HTML."""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table, write_text

KEYS = ["benchmark", "setting", "query_language", "passage_language", "query_id"]
SYSTEM = ["run", "backbone", "strategy", "seed"]
SUMMARY_COLUMNS = ["benchmark", "setting", "metric", "backbone", "strategy", "seed", "language", "value"]
SETTINGS = {
    "mono": ("Monolingual", "Queries and passages are in the same language."),
    "cross": ("Cross-lingual", "Passages are in another language than the query: mean over the other languages."),
    "multi": ("Multilingual", "Queries of one language search the pool of the passages of all languages."),
    "bias": (
        "Language bias",
        "Rank distance in the pool of all languages: the largest minus the smallest rank of a query's parallel relevant "
        "passages. Lower is better.",
    ),
}
HEADINGS = SETTINGS | {
    "transfer": (
        "Transfer to unseen languages",
        "Means over the query languages of each group, their number in brackets: languages that training had and had not, then "
        "scripts (ISO 15924), then families (Glottolog).",
    ),
    "ablation": ("Ablation", "One setting of a strategy varied, all else equal; a column per value."),
}
DEFAULT_METRICS = {
    "mono": ["map", "recall@1"],
    "cross": ["map", "recall@1"],
    "multi": ["map", "recall@10"],
    "bias": ["rank_distance"],
}
BASELINES = ("none", "bm25")
RANK_DISTANCE = "rank_distance"
MEAN = "mean"
MISSING = "–"
UNSEEN_NOTE = "no training source has this language"
RUN_NAME = re.compile(r"(?P<backbone>[^/=]+)/(?P<strategy>[^/=]+)/seed(?P<seed>\d+)")
TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        **{character: rf"\{character}" for character in "&%$#_"},
    }
)


class Run(NamedTuple):
    """A system: a backbone, the strategy it was trained with (or ``none``, ``bm25``) and the seed."""

    backbone: str
    strategy: str
    seed: int


@dataclass(frozen=True)
class Cell:
    """Mean over seeds (None: missing), sample standard deviation over seeds (None: fewer than two), and whether it is best."""

    mean: float | None
    sd: float | None
    best: bool


@dataclass(frozen=True)
class Row:
    """A line of a table: the cells of a backbone and strategy, in the order of the block's columns."""

    backbone: str
    strategy: str
    seeds: int
    cells: list[Cell]


@dataclass(frozen=True)
class Block:
    """The table of one benchmark and measure; the columns are its languages and then ``mean``."""

    benchmark: str
    metric: str
    columns: list[str]
    rows: list[Row]

    @property
    def decimals(self) -> int:
        """Digits shown after the point."""
        return decimals(self.metric)


def parse_run(name: str) -> Run:
    """Split a run name.

    Raises:
        UserError: if it is not ``backbone/strategy/seed<N>``.
    """
    match = RUN_NAME.fullmatch(name)
    if match is None:
        raise UserError(f"{name}: is no run name; allowed: backbone/strategy/seed<N>, such as me5-small/hybrid/seed1")
    return Run(match["backbone"], match["strategy"], int(match["seed"]))


def named_files(arguments: Sequence[str]) -> dict[str, Path]:
    """Split ``NAME=FILE`` arguments, in their order.

    Raises:
        UserError: if one has no ``=`` or a name stands twice.
    """
    files: dict[str, Path] = {}
    for argument in arguments:
        name, equals, file = argument.partition("=")
        if not (name and equals and file):
            raise UserError(f"{argument}: is no NAME=FILE; write the name, an equals sign and the path")
        if name in files:
            raise UserError(f"{name}: stands twice on the command line; name each once")
        files[name] = Path(file)
    return files


def parse_metrics(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the measures of each table: those of ``SETTING=MEASURE,MEASURE`` arguments, else the paper's.

    Raises:
        UserError: for an unknown setting or an empty list.
    """
    metrics = dict(DEFAULT_METRICS)
    for argument in arguments:
        setting, _, names = argument.partition("=")
        if setting not in SETTINGS or not all(names.split(",")):
            raise UserError(
                f"--metrics {argument}: allowed: SETTING=MEASURE,MEASURE with SETTING in {', '.join(SETTINGS)}"
            )
        metrics[setting] = names.split(",")
    return metrics


def decimals(metric: str) -> int:
    """Return how many digits of a measure are shown after the point."""
    return 1 if metric == RANK_DISTANCE else 4


def metric_label(metric: str) -> str:
    """Return a measure's name as papers print it: ``ndcg@10`` is nDCG@10."""
    name, at, depth = metric.partition("@")
    printed = {"map": "mAP", "mrr": "MRR", "ndcg": "nDCG", RANK_DISTANCE: "Rank distance", "hit_rate": "Hit rate"}
    return printed.get(name, name.capitalize()) + at + depth


def block_means(files: Mapping[str, Path], benchmarks: Sequence[str] | None = None) -> pd.DataFrame:
    """Average per-query measures over the queries of each (query language, passage language) block.

    Args:
        files: the measures file of each run name, in the order of the tables.
        benchmarks: which benchmarks, in which order; None: all, in the order in which they appear.

    Returns:
        ``benchmark, setting, metric, run, backbone, strategy, seed, query_language, passage_language, value``: ``run``
        is the run's position, ``passage_language`` is empty where the pool holds all languages, and ``value`` is NaN where no query has
        the measure. A query without the measure does not count. Rank distance is in setting ``bias``.

    Raises:
        UserError: if a run name is malformed, a file is unreadable or lacks a column.
    """
    frames = [_run_block_means(position, parse_run(name), file) for position, (name, file) in enumerate(files.items())]
    blocks = pd.concat(frames, ignore_index=True)
    wanted = list(blocks["benchmark"].unique()) if benchmarks is None else list(benchmarks)
    position = {name: index for index, name in enumerate(wanted)}
    blocks = blocks[blocks["benchmark"].isin(wanted)]
    return blocks.sort_values("benchmark", key=lambda names: names.map(position), kind="stable", ignore_index=True)


def _run_block_means(position: int, run: Run, file: Path) -> pd.DataFrame:
    measures: pd.DataFrame = read_table(file).to_pandas()
    absent = [column for column in KEYS if column not in measures.columns]
    if absent:
        raise UserError(f"{file}: lacks the column {', '.join(absent)}; expected {', '.join(KEYS)} and the measures")
    metrics = [column for column in measures.columns if column not in KEYS]
    measures["passage_language"] = measures["passage_language"].fillna("").astype(str)
    block = KEYS[:-1]
    means = measures.groupby(block, sort=False)[metrics].mean().astype(float).reset_index()
    long = means.melt(id_vars=block, value_vars=metrics, var_name="metric", value_name="value")
    distance = long["metric"] == RANK_DISTANCE
    long = long[~distance | (long["setting"] == "multi")]
    long["setting"] = long["setting"].where(~distance, "bias")
    return long.assign(run=position, **run._asdict())


def summarise(blocks: pd.DataFrame) -> pd.DataFrame:
    """Average blocks into one value per run and query language, and one macro-average over languages.

    A mean that would leave out a block or language which another run has is not comparable with the others: it is
    missing (NaN), as is a mean of nothing.

    Args:
        blocks: what :func:`block_means` returns.

    Returns:
        ``benchmark, setting, metric, backbone, strategy, seed, language, value``; ``language`` is the query language or ``mean``. In
        ``cross``, a value is the mean over the blocks of the other passage languages.
    """
    same = blocks["query_language"] == blocks["passage_language"]
    counted = blocks[~(same & (blocks["setting"] == "cross"))].rename(columns={"query_language": "language"})
    table = ["benchmark", "setting", "metric"]
    languages = _complete_means(counted, [*table, "language"])
    summary = pd.concat([languages, _complete_means(languages, table).assign(language=MEAN)], ignore_index=True)
    order = {column: _positions(counted[column].unique()) for column in ("benchmark", "metric")}
    order["setting"] = _positions(SETTINGS)
    order["language"] = _positions([*sorted(counted["language"].unique()), MEAN])
    summary = summary.sort_values(
        ["benchmark", "setting", "metric", "run", "language"],
        key=lambda column: column.map(order[column.name]) if column.name in order else column,
        ignore_index=True,
    )
    return summary[SUMMARY_COLUMNS]


def _complete_means(values: pd.DataFrame, cell: list[str]) -> pd.DataFrame:
    means = values.groupby([*cell, *SYSTEM], sort=False)["value"].agg(["mean", "count"]).reset_index()
    complete = means["count"] == means.groupby(cell)["count"].transform("max")
    means["value"] = means["mean"].where(complete)
    return means.drop(columns=["mean", "count"])


def _positions(values: Any) -> dict[str, int]:
    return {value: position for position, value in enumerate(values)}


def read_summary(file: Path) -> pd.DataFrame:
    """Read ``summary.csv`` back, values bit by bit as they were.

    Raises:
        UserError: if it is missing or is no summary.
    """
    try:
        summary = pd.read_csv(
            file,
            keep_default_na=False,
            na_values={"value": [""]},
            dtype={column: str for column in SUMMARY_COLUMNS if column not in ("seed", "value")},
        )
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as a summary ({error}); delete it and run again") from error
    if list(summary.columns) != SUMMARY_COLUMNS:
        raise UserError(f"{file}: has other columns than {', '.join(SUMMARY_COLUMNS)}; delete it and run again")
    return summary


def layout(summary: pd.DataFrame, setting: str, metrics: Sequence[str]) -> list[Block]:
    """Arrange a summary as the paper does: a block per benchmark and measure, a row per backbone and strategy.

    The best cells of a column are those whose printed mean is the highest (rank distance: the lowest) among the rows of their
    backbone; a row alone is compared with nothing and has none. A block without any value is left out.

    Args:
        summary: what :func:`summarise` returns.
        setting: ``mono``, ``cross``, ``multi`` or ``bias``.
        metrics: the measures shown, in this order.
    """
    blocks = []
    for benchmark in summary["benchmark"].unique():
        shown = summary[(summary["benchmark"] == benchmark) & (summary["setting"] == setting)]
        systems = list(shown[["backbone", "strategy"]].drop_duplicates().itertuples(index=False, name=None))
        for metric in metrics:
            values = shown[(shown["metric"] == metric) & shown["value"].notna()]
            if not values.empty:
                blocks.append(_block(str(benchmark), metric, systems, values))
    return blocks


def _block(benchmark: str, metric: str, systems: list[tuple[str, str]], values: pd.DataFrame) -> Block:
    columns = [*sorted({*values["language"]} - {MEAN}), MEAN]
    over_seeds = values.groupby(["backbone", "strategy", "language"])["value"].agg(["mean", "std"])
    stats = {key: (float(mean), float(sd)) for key, mean, sd in over_seeds.itertuples(name=None)}
    best = _best(metric, systems, columns, {key: mean for key, (mean, _) in stats.items()})
    rows = []
    for backbone, strategy in systems:
        cells = []
        for column in columns:
            mean, sd = stats.get((backbone, strategy, column), (None, None))
            cells.append(Cell(mean, None if sd is None or pd.isna(sd) else sd, (backbone, strategy, column) in best))
        own = values[(values["backbone"] == backbone) & (values["strategy"] == strategy)]
        rows.append(Row(backbone, strategy, int(own["seed"].nunique()), cells))
    return Block(benchmark, metric, columns, rows)


def _best(
    metric: str, systems: list[tuple[str, str]], columns: list[str], means: dict[tuple[str, str, str], float]
) -> set[tuple[str, str, str]]:
    choose = min if metric == RANK_DISTANCE else max
    best: set[tuple[str, str, str]] = set()
    for backbone in dict(systems):
        for column in columns:
            cells = [(b, s, column) for b, s in systems if b == backbone and (b, s, column) in means]
            if len(cells) > 1:
                printed = {cell: round(means[cell], decimals(metric)) for cell in cells}
                best |= {cell for cell in cells if printed[cell] == choose(printed.values())}
    return best


def write_tables(
    folder: Path,
    summary: pd.DataFrame,
    metrics: Mapping[str, list[str]],
    unseen: Sequence[str],
    notice: str | None,
    strategies: Sequence[str] | None = None,
) -> None:
    """Write ``summary.csv`` and ``{mono,cross,multi,bias}.{csv,md,tex,html}`` into ``folder``.

    Args:
        folder: where to.
        summary: what :func:`summarise` returns; all of it goes into ``summary.csv``.
        metrics: the measures of each setting.
        unseen: languages that no training source has; they are marked in the headers.
        notice: a sentence on top of every table but the CSV; None: none.
        strategies: the trained strategies that the tables show, beside the baselines; None: all.
    """
    shown = summary if strategies is None else summary[summary["strategy"].isin([*strategies, *BASELINES])]
    write_text(folder / "summary.csv", summary.to_csv(index=False, lineterminator="\n"))
    for setting in SETTINGS:
        blocks = layout(shown, setting, metrics[setting])
        write_text(folder / f"{setting}.csv", to_csv(blocks))
        write_pages(folder, setting, blocks, unseen, notice)


def write_pages(folder: Path, name: str, blocks: Sequence[Block], unseen: Sequence[str], notice: str | None) -> None:
    """Write blocks as ``<name>.{md,tex,html}`` into ``folder``; ``name`` is one of :data:`HEADINGS`."""
    write_text(folder / f"{name}.md", to_markdown(name, blocks, unseen, notice))
    write_text(folder / f"{name}.tex", to_tex(name, blocks, unseen, notice))
    write_text(folder / f"{name}.html", to_html(name, blocks, unseen, notice))


def to_csv(blocks: Sequence[Block]) -> str:
    """Return blocks as CSV: full precision, a column per language over all blocks, ``mean``, then the ``_sd`` columns."""
    columns = [*sorted({column for block in blocks for column in block.columns} - {MEAN}), MEAN]
    lines = []
    for block in blocks:
        for row in block.rows:
            line: dict[str, Any] = {
                "benchmark": block.benchmark,
                "metric": block.metric,
                "backbone": row.backbone,
                "strategy": row.strategy,
                "seeds": row.seeds,
            }
            for column, cell in zip(block.columns, row.cells, strict=True):
                line |= {column: cell.mean, f"{column}_sd": cell.sd}
            lines.append(line)
    head = ["benchmark", "metric", "backbone", "strategy", "seeds"]
    frame = pd.DataFrame(lines, columns=[*head, *columns, *(f"{column}_sd" for column in columns)])
    return str(frame.to_csv(index=False, lineterminator="\n"))


def to_markdown(name: str, blocks: Sequence[Block], unseen: Sequence[str], notice: str | None) -> str:
    """Return blocks as a Markdown page (GitHub's tables)."""
    title, explanation = HEADINGS[name]
    lines = [f"> **{_markdown(notice)}**", ""] if notice else []
    lines += [f"# {title}", "", explanation, ""]
    if not blocks:
        lines += ["No data.", ""]
    for block in blocks:
        heads = ["backbone", "strategy", "seeds", *(_head(column, unseen) for column in block.columns)]
        lines += [f"## {_markdown(block.benchmark)}: {metric_label(block.metric)}", ""]
        lines += [_line(map(_markdown, heads)), _line([":--", ":--", *["--:"] * (len(heads) - 2)])]
        for row in block.rows:
            cells = [f"**{_text(cell, block)}**" if cell.best else _text(cell, block) for cell in row.cells]
            lines.append(_line([_markdown(row.backbone), _markdown(row.strategy), str(row.seeds), *cells]))
        lines.append("")
    return "\n".join(lines + [_markdown(note) + "\n" for note in notes(blocks, unseen)])


def to_tex(name: str, blocks: Sequence[Block], unseen: Sequence[str], notice: str | None) -> str:
    r"""Return blocks as LaTeX tables to ``\input``; they need the packages booktabs and adjustbox."""
    title, explanation = HEADINGS[name]
    lines = ["% needs \\usepackage{booktabs} and \\usepackage{adjustbox}"]
    # The notice stands inside each float, which LaTeX may move away from the text around it.
    warning = [f"\\textbf{{{notice.translate(TEX)}}}\\par"] if notice else []
    if notice:
        lines.append(f"% {' '.join(notice.split())}")
    if not blocks:
        lines += [f"% {title}: no data"]
    for block in blocks:
        caption = f"{title}, {block.benchmark}, {metric_label(block.metric)}. {explanation} {'; '.join(notes([block], unseen))}"
        lines += [
            "\\begin{table}[htbp]",
            "\\centering",
            *warning,
            f"\\caption{{{caption.strip().rstrip('.').translate(TEX)}.}}",
            f"\\label{{tab:{name}:{block.benchmark}:{block.metric}}}",
            "\\begin{adjustbox}{max width=\\linewidth}",
            _tabular(block, unseen).rstrip(),
            "\\end{adjustbox}",
            "\\end{table}",
        ]
    return "\n".join(lines) + "\n"


def _tabular(block: Block, unseen: Sequence[str]) -> str:
    systems = pd.DataFrame([(row.backbone, row.strategy, row.seeds) for row in block.rows])
    cells = pd.DataFrame([row.cells for row in block.rows], dtype=object)
    frame = pd.concat([systems, cells], axis="columns")
    names: list[Hashable] = ["backbone", "strategy", "seeds"]
    values: list[Hashable] = [_head(column, unseen) for column in block.columns]
    frame.columns = pd.Index([*names, *values])

    def tex_cell(cell: Any) -> str:
        if cell.mean is None:
            return "--"
        mean = _number(cell.mean, block)
        return (f"\\textbf{{{mean}}}" if cell.best else mean) + (
            "" if cell.sd is None else f"$_{{\\pm {_number(cell.sd, block)}}}$"
        )

    styler = frame.style.hide(axis="index").format(escape="latex", subset=names).format(tex_cell, subset=values)
    styler.format_index(escape="latex", axis="columns")
    return str(styler.to_latex(column_format="ll" + "r" * (1 + len(values)), hrules=True))


def to_html(name: str, blocks: Sequence[Block], unseen: Sequence[str], notice: str | None) -> str:
    """Return blocks as a page that needs no other file; its ``<main>`` element is what the report takes over."""
    title, explanation = HEADINGS[name]
    return render(
        "tables.html.jinja",
        title=title,
        explanation=explanation,
        blocks=blocks,
        unseen=unseen,
        notes=notes(blocks, unseen),
        notice=notice,
        head=_head,
        number=_number,
        label=metric_label,
        MISSING=MISSING,
    )


def render(template: str, **values: Any) -> str:
    """Render a template of this package as HTML; values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return str(environment.get_template(template).render(**values))


def notes(blocks: Sequence[Block], unseen: Sequence[str]) -> list[str]:
    """Return the notes that stand below tables: what ``±``, bold, ``–`` and ``*`` mean, each only where it occurs."""
    cells = [cell for block in blocks for row in block.rows for cell in row.cells]
    found = []
    if any(cell.sd is not None for cell in cells):
        found.append("±: sample standard deviation over seeds")
    if any(cell.best for cell in cells):
        found.append("bold: best mean of the backbone in the column, as printed")
    if any(cell.mean is None for cell in cells):
        found.append(f"{MISSING}: not measured")
    if any(column in unseen for block in blocks for column in block.columns):
        found.append(f"*: {UNSEEN_NOTE}")
    return found


def _head(column: str, unseen: Sequence[str]) -> str:
    return f"{column}*" if column in unseen else column


def _number(value: float, block: Block) -> str:
    return f"{value:.{block.decimals}f}"


def _text(cell: Cell, block: Block) -> str:
    if cell.mean is None:
        return MISSING
    mean = _number(cell.mean, block)
    return mean if cell.sd is None else f"{mean} ± {_number(cell.sd, block)}"


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def _line(cells: Iterator[str] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"
