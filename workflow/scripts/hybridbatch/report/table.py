"""The one model of a table, and its writers: CSV, Markdown, LaTeX and HTML."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jinja2
import pandas as pd
from markupsafe import Markup

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text
from hybridbatch.evaluate.names import MISSING, TABLES
from hybridbatch.evaluate.summary import to_csv

Value = str | int | float | None
TITLES = {name: table.title for name, table in TABLES.items()} | {
    "transfer": "Transfer to unseen languages",
    "ablation": "Ablation",
    "language_bias": "Language bias beyond rank distance",
    "cleaning": "Cleaning of the training pairs",
    "translation": "Translation of the training pairs",
    "significance": "Significance",
    "shift": "Domain shift",
    "published": "Published numbers",
}
ABOVE, BELOW = "▲", "▼"
TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        ABOVE: r"$\bigtriangleup$",
        BELOW: r"$\bigtriangledown$",
        MISSING: "--",
        **{character: rf"\{character}" for character in "&%$#_"},
    }
)


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        value: the unrounded number, or the text; None: missing. Pages sort by it.
        text: the value as it is printed.
        spread: the standard deviation as it is printed, if there is one.
        mark: ``best``, or ``above`` or ``below`` a published number; marked cells are bold.
        link: the id of the report's entry that the cell links to, if any.
    """

    value: Value
    text: str
    spread: str = ""
    mark: str = ""
    link: str = ""


class Column(NamedTuple):
    """A column: its heading, and whether it holds text (left-aligned) or numbers."""

    heading: str
    is_text: bool


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        columns: its columns.
        rows: a cell per column.
        caption: its caption in LaTeX, which must be complete in itself.
        label: its label in LaTeX.
        title: its title on the page, if the page has several tables.
        measure: the measure, shown after the title.
        groups: wider headings above those of the columns, with the number of their columns.
        note: a line below the table.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str
    label: str
    title: str = ""
    measure: str = ""
    groups: Sequence[tuple[str, int]] = ()
    note: str = ""


@dataclass(frozen=True)
class Sample:
    """A translated pair: its source, language and id, and its texts, each before and after the translation."""

    source: str
    language: str
    pair_id: str
    texts: Sequence[tuple[str, str]]


@dataclass(frozen=True, eq=False)
class Page:
    """The tables of a file ``tables/<name>``.

    Attributes:
        name: one of :data:`TITLES`.
        style: ``scores``: a table per benchmark and measure; ``data``: one table; ``published``: tables of the paper.
        explanation: what the numbers are.
        tables: none if there are no data.
        data: the numbers of the tables, unrounded, for the CSV file.
        notes: what the marks and symbols mean.
        lead: a sentence above the explanation.
        samples: sample pairs below the tables.
    """

    name: str
    style: Literal["scores", "data", "published"]
    explanation: str
    tables: Sequence[Table]
    data: pd.DataFrame
    notes: Sequence[str] = ()
    lead: str = ""
    samples: Sequence[Sample] = ()

    @property
    def title(self) -> str:
        """The title."""
        return TITLES[self.name]


def show(value: Value) -> Cell:
    """Return a cell: whole numbers are printed in groups of three digits, others with one decimal."""
    if value is None:
        return Cell(value, MISSING)
    if isinstance(value, int):
        return Cell(value, f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"))
    return Cell(value, f"{value:.1f}" if isinstance(value, float) else value)


def data_page(
    name: str,
    explanation: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    notes: Sequence[str],
    *,
    numbers: Collection[str] = (),
    samples: Sequence[Sample] = (),
    data: pd.DataFrame | None = None,
) -> Page:
    """Return a page of one table.

    Args:
        name: its name.
        explanation: what the numbers are.
        headings: the headings of the columns.
        rows: a cell per column.
        notes: lines below the table; left out if there are no rows.
        numbers: headings of columns that hold numbers, although some are printed in a format of their own.
        samples: sample pairs.
        data: the numbers for the CSV file; None: the values of the cells.
    """
    if data is None:
        data = pd.DataFrame([[cell.value for cell in row] for row in rows], columns=[*headings], dtype=object)
    columns = [
        Column(heading, heading not in numbers and any(isinstance(row[index].value, str) for row in rows))
        for index, heading in enumerate(headings)
    ]
    caption = " ".join([f"{TITLES[name]}.", explanation, *(f"{note}." for note in notes)])
    tables = [Table(columns, rows, caption, f"tab:{name}")] if rows else []
    return Page(name, "data", explanation, tables, data, notes if rows else [], samples=samples)


def write_page(folder: Path, page: Page, notice: str | None) -> None:
    """Write ``<name>.{csv,md,tex,html}`` into a folder.

    Args:
        folder: the folder.
        page: the page.
        notice: a sentence above the tables, but not in the CSV file; None: none.
    """
    texts = {
        "csv": to_csv(page.data),
        "md": to_markdown(page, notice),
        "tex": to_tex(page, notice),
        "html": render("tables.html.jinja", title=page.title, page=page, notice=notice),
    }
    for suffix, text in texts.items():
        write_text(folder / f"{page.name}.{suffix}", text)


def to_markdown(page: Page, notice: str | None) -> str:
    """Return a page as Markdown, with GitHub's tables."""
    lines = [f"> **{_markdown(notice)}**", ""] if notice else []
    lines += [f"# {page.title}", ""]
    lines += [f"**{_markdown(page.lead)}**", ""] if page.lead else []
    lines += [page.explanation, ""]
    lines += [] if page.tables else ["No data.", ""]
    for table in page.tables:
        title = ": ".join(filter(None, (table.title, table.measure)))
        groups = [name for name, width in table.groups for _ in range(width)] or [""] * len(table.columns)
        # An underscore within a word is no markup.
        headings = [
            _markdown(f"{group}: {column.heading}" if group else column.heading).replace(r"\_", "_")
            for group, column in zip(groups, table.columns, strict=True)
        ]
        aligned = [":--" if column.is_text else "--:" for column in table.columns]
        rows = [[_markdown_cell(cell) for cell in row] for row in table.rows]
        lines += [f"## {_markdown(title)}", ""] if title else []
        lines += [f"| {' | '.join(row)} |" for row in (headings, aligned, *rows)]
        lines += ["", *([f"{_markdown(table.note)}.", ""] if table.note else [])]
    lines += [_markdown(note) + ("\n" if page.style == "scores" else "  ") for note in page.notes]
    for sample in page.samples:
        lines += ["", f"**{_markdown(f'{sample.source}, {sample.language}, {sample.pair_id}')}**", ""]
        lines += [f"- {_markdown(before)} → {_markdown(after)}" for before, after in sample.texts]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_cell(cell: Cell) -> str:
    text = _markdown(f"{cell.text} ± {cell.spread}" if cell.spread else cell.text)
    return f"**{text}**" if cell.mark else text


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def to_tex(page: Page, notice: str | None) -> str:
    r"""Return a page as LaTeX tables to ``\input``; they need the packages booktabs and adjustbox. Samples are left out."""
    lines = ["% needs \\usepackage{booktabs} and \\usepackage{adjustbox}"]
    warning = f"\\textbf{{{_tex(notice)}}}\\par" if notice else ""
    is_single = page.style == "data"
    if notice and is_single:
        lines.append(f"\\noindent{warning}")
    elif page.lead or notice:
        lines.append(f"% {' '.join((page.lead or str(notice)).split())}")
    if not page.tables:
        lines.append(f"% {page.title}: no data")
    for table in page.tables:
        groups = " & ".join(f"\\multicolumn{{{width}}}{{c}}{{{_tex(name)}}}" for name, width in table.groups)
        lines += [
            "\\begin{table}[htbp]",
            "\\centering",
            # Within the table, which LaTeX may move away from the text around it.
            *([warning] if warning and not is_single else []),
            f"\\caption{{{_tex(table.caption)}}}",
            f"\\label{{{table.label}}}",
            "\\begin{adjustbox}{max width=\\linewidth}",
            f"\\begin{{tabular}}{{{''.join('l' if column.is_text else 'r' for column in table.columns)}}}",
            "\\toprule",
            *([f"{groups} \\\\"] if groups else []),
            f"{' & '.join(_tex(column.heading) for column in table.columns)} \\\\",
            "\\midrule",
            *(f"{' & '.join(_tex_cell(cell, is_single) for cell in row)} \\\\" for row in table.rows),
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{adjustbox}",
            "\\end{table}",
        ]
    return "\n".join(lines) + "\n"


def _tex_cell(cell: Cell, is_single: bool) -> str:
    text = f"\\textbf{{{_tex(cell.text)}}}" if cell.mark else _tex(cell.text)
    if not cell.spread:
        return text
    return f"{text} ± {cell.spread}" if is_single else f"{text}$_{{\\pm {cell.spread}}}$"


def _tex(text: str) -> str:
    return text.translate(TEX)


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


def read_main(file: Path) -> Markup:
    """Return the content of the ``<main>`` element of an HTML page that :func:`write_page` wrote.

    Raises:
        UserError: if the file is missing or has no such element.
    """
    try:
        _, start, rest = file.read_text(encoding="utf-8").partition("<main>")
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); run the stage that writes it") from error
    content, end, _ = rest.partition("</main>")
    if not (start and end):
        raise UserError(f"{file}: has no <main> element; delete it and run again")
    return Markup(content)  # noqa: S704 (the writer escaped it)


def anchor(backbone: str, strategy: str) -> str:
    """Return the id of the report's entry of a backbone and strategy."""
    return f"run-{backbone}-{strategy}"
