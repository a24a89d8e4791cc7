"""The report: one HTML page that holds everything a reader of the results needs, and loads nothing from elsewhere."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from markupsafe import Markup

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text
from hybridbatch.config.experiment import Config
from hybridbatch.report.costs import Recall, duration, read_recall, sum_costs
from hybridbatch.report.data_counts import count_benchmarks, count_pairs, origin
from hybridbatch.report.data_tables import TITLES
from hybridbatch.report.findings import (
    overview,
    read_banner,
    read_comparisons,
    read_sentence,
    read_sentences,
    sort_comparisons,
)
from hybridbatch.report.machine import machine, revision, versions
from hybridbatch.report.paper_deviations import deviations, open_choices
from hybridbatch.report.score_tables import MISSING, decimals, metric_label, read_summary, render
from hybridbatch.report.systems import anchor, read_systems

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
TITLE = re.compile(r"<h1>(.*?)</h1>", re.DOTALL)
# A row of templates/tables.html.jinja, and a cell of it that holds a number.
ROW = re.compile(r'<tr[^>]*><th scope="row">([^<]*)</th><td>([^<]*)</td>.*?</tr>', re.DOTALL)
CELL = re.compile(r'(<td class="number" data-value="[^"]+">)(.*?)(</td>)', re.DOTALL)


@dataclass(frozen=True)
class Drawing:
    """A figure: the section it belongs to, its caption and its SVG."""

    section: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Section:
    """A section of results: its id, its title, the table that it takes over, and its figures."""

    name: str
    title: str
    body: Markup
    drawings: list[Drawing]


def write_report(
    output: Path,
    config: Config,
    results: Path,
    *,
    tables: Sequence[str],
    figures: Sequence[str],
    costs: Sequence[tuple[str, Path]],
    commands: Sequence[str],
) -> None:
    """Write the report of an experiment.

    Args:
        output: the HTML file.
        config: the resolved configuration.
        results: folder of the experiment's results; its parts are named in docs/reference/results.md.
        tables: names of the tables shown, ``tables/<name>.html``, in the order of the page.
        figures: names of the figures shown, ``figures/<name>.svg``.
        costs: rule and Snakemake benchmark file, one per job.
        commands: the commands that make the results again.

    Raises:
        UserError: if a file is missing or unreadable.
    """
    summary = read_summary(results / "tables/summary.csv")
    systems = read_systems(summary, config, results, output)
    drawings = [read_drawing(results / "figures" / f"{name}.svg", name, config) for name in figures]
    known = {(system.backbone, system.strategy) for system in systems}
    sections = [_section(results / "tables" / f"{name}.html", name, known, drawings) for name in tables]
    page = render(
        "report.html.jinja",
        config=config,
        title=f"Hybrid-batch training: {config.experiment}",
        notice=config.notice,
        banner=read_banner(results / "verdicts.json"),
        claim=read_sentence(results / "statistics/claim.json", "sentence"),
        shift=read_sentence(results / "statistics/shift.json", "answer"),
        shift_sentences=read_sentences(results / "statistics/shift.json"),
        findings=sort_comparisons(read_comparisons(results / "statistics/comparisons.csv"), config),
        overview=overview(summary, config),
        systems=systems,
        runs=sum(len(system.runs) for system in systems),
        unseen=sorted(
            {language for name in config.runs.benchmarks for language in config.benchmarks[name].languages}
            - {*config.training_languages}
        ),
        benchmarks=count_benchmarks(config, results / "benchmarks"),
        sources=count_pairs(config, results / "pairs"),
        origins=[(name, origin(config, name)) for name in config.runs.backbones],
        deviations=deviations(config),
        choices=open_choices(config),
        data=[section for section in sections if section.name in TITLES],
        sections=[section for section in sections if section.name not in TITLES],
        curves=[drawing for drawing in drawings if drawing.section == "training"],
        recall=_recall(config, results),
        costs=sum_costs(costs),
        machine=machine(),
        versions=versions(),
        revision=revision(Path(__file__).parent),
        commands=commands,
        anchor=anchor,
        number=_group,
        printed=_printed,
        label=metric_label,
        duration=duration,
        MISSING=MISSING,
    )
    write_text(output, page)


def _section(file: Path, name: str, known: Collection[tuple[str, str]], drawings: Sequence[Drawing]) -> Section:
    title, body = read_table_page(file)
    return Section(name, title, link_cells(body, known), [drawing for drawing in drawings if drawing.section == name])


def read_table_page(file: Path) -> tuple[str, Markup]:
    """Return the title of a table's HTML page, and what stands inside its ``<main>`` element.

    Raises:
        UserError: if the file is missing or has no such element.
    """
    text = _read(file)
    title = TITLE.search(text)
    _, start, rest = text.partition("<main>")
    body, end, _ = rest.partition("</main>")
    if not (title and start and end):
        raise UserError(f"{file}: has no <h1> or <main> element; delete it and run again")
    return unescape(title[1]), Markup(body)  # noqa: S704 (written by the tables stage, which escaped it)


def link_cells(body: Markup, known: Collection[tuple[str, str]]) -> Markup:
    """Link every number of a table to the entry of its system on the page.

    Args:
        body: a table of ``templates/tables.html.jinja``; others come back as they are.
        known: backbone and strategy of the systems that have an entry.
    """

    def link_row(row: re.Match[str]) -> str:
        if (row[1], row[2]) not in known:
            return row[0]
        return CELL.sub(rf'\1<a href="#{anchor(row[1], row[2])}">\2</a>\3', row[0])

    return Markup(ROW.sub(link_row, body))  # noqa: S704 (names of systems have no special characters)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); run the stage that writes it") from error


def read_drawing(file: Path, name: str, config: Config) -> Drawing:
    """Read a figure, with the section and the caption that belong to its name.

    Raises:
        UserError: if the file is missing or no XML.
    """
    section, caption = _caption(name, config)
    return Drawing(section, caption, inline_svg(file, name, caption))


def _caption(name: str, config: Config) -> tuple[str, str]:
    kind, _, benchmark = name.partition("_")
    level = f"{100 * config.statistics.confidence:g} %"
    captions = {
        "cross": (
            "cross",
            f"{benchmark}: mAP per query language and passage language, mean over seeds. The diagonal is monolingual.",
        ),
        "multi": ("multi", "mAP on the pool of all languages, mean over query languages."),
        "bias": ("bias", "Rank distance on the pool of all languages, mean over query languages. Lower is better."),
        "curves": ("training", "Training and validation loss over steps, a line per seed."),
        "transfer": (
            "transfer",
            "What training gained over the untuned encoder, by query language. Large points: mean over seeds, small ones: "
            "seeds. Right of the dotted line, and marked *: languages that training did not have.",
        ),
        "ablation": (
            "ablation",
            f"Macro-average over languages by the value of the setting, mean over seeds; bars: {level} intervals.",
        ),
        "projection": (
            "language_bias",
            f"{benchmark}: vectors of the same questions in every language, on their first two principal components (a plane "
            "of its own for each panel; first seed). A line joins a question with the mean of its translations.",
        ),
    }
    return captions[kind]


def inline_svg(file: Path, name: str, label: str) -> Markup:
    """Return an SVG file as an element for an HTML page.

    Its ids get the prefix ``name``, so that several drawings do not share any; metadata are left out.

    Args:
        file: the SVG file.
        name: what the ids start with.
        label: the text alternative.

    Raises:
        UserError: if the file is missing or no XML.
    """
    try:
        root = ET.fromstring(_read(file))  # noqa: S314 (written by the figures stage)
    except ET.ParseError as error:
        raise UserError(f"{file}: is no SVG ({error}); delete it and run again") from error
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    for element in root.iter():
        for attribute, value in element.attrib.items():
            if attribute == "id":
                element.set(attribute, f"{name}-{value}")
            elif attribute.endswith("href") and value.startswith("#"):
                element.set(attribute, f"#{name}-{value[1:]}")
            else:
                element.set(attribute, value.replace("url(#", f"url(#{name}-"))
    root.set("role", "img")
    root.set("aria-label", label)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 (serialised, hence escaped)


def _recall(config: Config, results: Path) -> list[Recall]:
    if config.search.is_exact:
        return []
    runs = [name for name in config.run_names() if name.split("/")[1] != "bm25"]
    places = [(run, benchmark) for run in runs for benchmark in config.runs.benchmarks]
    return read_recall({(run, name): results / "search" / run / name / "recall.csv" for run, name in places})


def _printed(value: float, metric: str) -> str:
    return f"{value:.{decimals(metric)}f}"


def _group(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
