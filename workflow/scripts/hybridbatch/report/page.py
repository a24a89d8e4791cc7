"""The report: one HTML page that holds everything a reader of the results needs, and loads nothing from elsewhere."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text
from hybridbatch.config.experiment import Config
from hybridbatch.evaluate.names import MISSING, decimals, metric_label
from hybridbatch.evaluate.summary import read_summary
from hybridbatch.report.costs import Recall, duration, read_recall, sum_costs
from hybridbatch.report.data_counts import count_benchmarks, count_pairs, origin
from hybridbatch.report.findings import (
    overview,
    read_banner,
    read_claim,
    read_comparisons,
    read_statistics,
    sort_comparisons,
)
from hybridbatch.report.machine import machine, revision, versions
from hybridbatch.report.paper_deviations import deviations, open_choices
from hybridbatch.report.systems import read_systems
from hybridbatch.report.table import TITLES, anchor, read_main, render, show

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
UNTRAINED = "Nothing was trained: these are the scores of the original encoders."
DATA_TABLES = ("cleaning", "translation")


@dataclass(frozen=True)
class Drawing:
    """A figure: the section it belongs to, its caption and its SVG."""

    section: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Section:
    """A section of results: its id, its title, the content of the table's page, and its figures."""

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
        tables: names of the tables shown, ``tables/<name>.html``, in order.
        figures: names of the figures shown, ``figures/<name>.svg``.
        costs: rule and Snakemake benchmark file, one per job.
        commands: the commands that reproduce the results.

    Raises:
        UserError: if a file is missing or unreadable.
    """
    summary = read_summary(results / "tables/summary.csv")
    systems = read_systems(summary, config, results, output)
    drawings = [read_drawing(results / "figures" / f"{name}.svg", name, config) for name in figures]
    sections = [
        Section(
            name,
            TITLES[name],
            read_main(results / "tables" / f"{name}.html"),
            [drawing for drawing in drawings if drawing.section == name],
        )
        for name in tables
    ]
    claims = read_claim(results / "statistics/claim.json")
    shift, shift_sentences = read_statistics(results / "statistics/shift.json", {"answer": str, "sentences": list})
    page = render(
        "report.html.jinja",
        config=config,
        title=f"Hybrid-batch training: {config.experiment}",
        notice=config.notice,
        banner=read_banner(results / "verdicts.json"),
        claim=claims[0] if config.runs.strategies else UNTRAINED,
        claims=claims,
        shift=shift,
        shift_sentences=shift_sentences,
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
        data=[section for section in sections if section.name in DATA_TABLES],
        sections=[section for section in sections if section.name not in DATA_TABLES],
        answers=[drawing for drawing in drawings if drawing.section == "findings"],
        curves=[drawing for drawing in drawings if drawing.section == "training"],
        recall=_recall(config, results),
        costs=sum_costs(costs),
        machine=machine(),
        versions=versions(),
        revision=revision(Path(__file__).parent),
        commands=commands,
        anchor=anchor,
        number=lambda count: show(count).text,
        printed=lambda value, metric: f"{value:.{decimals(metric)}f}",
        label=metric_label,
        duration=duration,
        MISSING=MISSING,
    )
    write_text(output, page)


def read_drawing(file: Path, name: str, config: Config) -> Drawing:
    """Read a figure; its section and caption follow from its name.

    Raises:
        UserError: if the file is missing or not XML.
    """
    section, caption = _caption(name, config)
    return Drawing(section, caption, inline_svg(file, name, caption))


def _caption(name: str, config: Config) -> tuple[str, str]:
    kind, _, benchmark = name.partition("_")
    level = f"{100 * config.statistics.confidence:g} %"
    captions = {
        "answer": (
            "findings",
            f"Means over languages and seeds with {level} intervals. Intervals that overlap are no test: strategies are compared on the "
            "same questions. Hollow markers, if any, are the paper's means; its encoders and training data may differ.",
        ),
        "cross": (
            "cross",
            f"{benchmark}: mAP per query language and passage language, mean over seeds. The diagonal is monolingual.",
        ),
        "multi": ("multi", "mAP on the pool of all languages, mean over query languages."),
        "bias": ("bias", "Rank distance on the pool of all languages, mean over query languages. Lower is better."),
        "curves": ("training", "Training and validation loss over steps, a line per seed."),
        "transfer": (
            "transfer",
            "Gain of training over the untuned encoder, by query language. Large points: mean over seeds; small points: "
            "single seeds. Right of the dotted line, and marked *: languages that were not in training.",
        ),
        "ablation": (
            "ablation",
            f"Macro-average over languages by the value of the setting, mean over seeds; bars: {level} intervals.",
        ),
        "projection": (
            "language_bias",
            f"{benchmark}: vectors of the same questions in every language, projected on their first two principal "
            "components (computed separately for each panel; first seed). Lines join a question with the mean of its translations.",
        ),
    }
    return captions[kind]


def inline_svg(file: Path, name: str, label: str) -> Markup:
    """Return an SVG file as an element for an HTML page.

    Its ids get the prefix ``name``, so that they are unique on a page with several drawings; metadata are left out.

    Args:
        file: the SVG file.
        name: what the ids start with.
        label: the text alternative.

    Raises:
        UserError: if the file is missing or not XML.
    """
    try:
        root = ET.parse(file).getroot()  # noqa: S314 (written by the figures stage)
    except (OSError, ET.ParseError) as error:
        raise UserError(f"{file}: cannot be read as SVG ({error}); delete it and run again") from error
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
    runs = config.encoder_runs
    return read_recall(
        {(run, name): results / "search" / run / name / "recall.csv" for run in runs for name in config.runs.benchmarks}
    )
