"""The report: one HTML page that holds everything a reader of the results needs, and loads nothing from elsewhere."""

import csv
import importlib.metadata
import json
import os
import platform
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from markupsafe import Markup

from hybridbatch.config import Config
from hybridbatch.errors import UserError
from hybridbatch.files import write_text
from hybridbatch.tables import MEAN, MISSING, RANK_DISTANCE, SETTINGS, decimals, metric_label, read_summary, render
from hybridbatch.tables_data import TITLES

BASELINES = {"none": "not trained: the encoder as it comes", "bm25": "not trained: lexical baseline, within a language"}
PACKAGES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "tokenizers",
    "faiss-cpu",
    "ranx",
    "bm25s",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "matplotlib",
    "snakemake",
)
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"


@dataclass(frozen=True)
class System:
    """A backbone and strategy, the seeds it was trained with, and how its batches were filled."""

    backbone: str
    strategy: str
    seeds: list[int]
    batches: str


@dataclass(frozen=True)
class Cost:
    """What the jobs of a rule took: wall-clock seconds, and memory (resident set) in MiB or None where none was sampled."""

    rule: str
    jobs: int
    seconds: float
    longest: float
    memory: float | None


@dataclass(frozen=True)
class Counts:
    """Numbers per language; None: the language has none."""

    name: str
    columns: list[str]
    rows: list[tuple[str, list[int | None]]]


def write_report(
    output: Path,
    config: Config,
    *,
    tables: Path,
    figures: Path,
    summary: Path,
    benchmarks: Path,
    pairs: Path,
    costs: Sequence[tuple[str, Path]],
    commands: Sequence[str],
) -> None:
    """Write the report of an experiment.

    Args:
        output: the HTML file.
        config: the resolved configuration.
        tables: folder of ``{mono,cross,multi,bias}.html``.
        figures: folder of the SVG figures; ``curves.svg`` may be absent.
        summary: ``summary.csv``.
        benchmarks: folder of ``<benchmark>/<language>/{queries,passages}.parquet``.
        pairs: folder of ``<source>/<language>.parquet``.
        costs: rule and Snakemake benchmark file, one per job.
        commands: the commands that make the results again.

    Raises:
        UserError: if a file is missing or unreadable.
    """
    values = read_summary(summary)
    page = render(
        "report.html.jinja",
        config=config,
        title=f"Hybrid-batch training: {config.experiment}",
        notice=config.notice,
        runs=len(values[["backbone", "strategy", "seed"]].drop_duplicates()),
        systems=systems(values, config),
        unseen=sorted(
            {language for benchmark in config.benchmarks.values() for language in benchmark.languages}
            - {*config.training_languages}
        ),
        benchmarks=count_benchmarks(config, benchmarks),
        sources=count_pairs(config, pairs),
        origins=[(name, _origin(config, name)) for name in config.runs.backbones],
        findings=findings(values, config),
        data=[
            (name, title, table_body(tables / f"{name}.html"))
            for name, title in TITLES.items()
            if (tables / f"{name}.html").exists()
        ],
        tables=[(setting, title, table_body(tables / f"{setting}.html")) for setting, (title, _) in SETTINGS.items()],
        figures=_figures(config, figures),
        costs=sum_costs(costs),
        versions=versions(),
        revision=revision(Path(__file__).parent),
        commands=commands,
        number=_group,
        duration=duration,
        MISSING=MISSING,
    )
    write_text(output, page)


def systems(summary: pd.DataFrame, config: Config) -> list[System]:
    """Return the backbones and strategies that have results, in the order of the tables."""
    found = []
    groups: Any = summary.groupby(["backbone", "strategy"], sort=False)
    for (backbone, strategy), rows in groups:
        if strategy in BASELINES:
            found.append(System(backbone, strategy, [], BASELINES[strategy]))
        else:
            settings = config.strategies[strategy]
            batches = f"monolingual with probability {settings.alpha:g}"
            if settings.alpha < 1:
                batches += f"; else cross-lingual, a language pair per {settings.pair_scope}"
            found.append(System(backbone, strategy, sorted(rows["seed"].unique().tolist()), batches))
    return found


def _origin(config: Config, name: str) -> str:
    backbone = config.backbones[name]
    if backbone.hub:
        return f"{backbone.hub}, revision {backbone.revision}"
    return f"packaged model {backbone.packaged}" if backbone.packaged else f"local folder {backbone.path}"


def findings(summary: pd.DataFrame, config: Config) -> list[tuple[str, list[tuple[str, str]]]]:
    """Say in sentences how the strategies compare: per benchmark, (setting, sentence) for each backbone.

    The measure is the first one of the setting's table, its value the macro-average over languages, the mean over seeds.
    """
    found = []
    shown = {str(setting): metrics for setting, metrics in config.evaluation.tables.items()} | {"bias": [RANK_DISTANCE]}
    for benchmark in config.runs.benchmarks:
        sentences = []
        for setting in SETTINGS:
            metric = next(iter(shown.get(setting, [])), None)
            rows = summary[
                (summary["benchmark"] == benchmark)
                & (summary["setting"] == setting)
                & (summary["metric"] == metric)
                & (summary["language"] == MEAN)
                & summary["value"].notna()
            ]
            for backbone in config.runs.backbones:
                own = rows[(rows["backbone"] == backbone) | (rows["backbone"] == "bm25")]
                text = compare(own, backbone, metric) if metric else None
                if text:
                    sentences.append((SETTINGS[setting][0], text))
        found.append((benchmark, sentences))
    return found


def compare(rows: pd.DataFrame, backbone: str, metric: str) -> str | None:
    """Return a sentence on the strategies of a backbone: which has the best mean, and by how much.

    Args:
        rows: macro-averages, ``strategy, seed, value``; ``none`` is the untuned encoder, ``bm25`` stands for itself.
        backbone: the name of the backbone.
        metric: the measure; of a rank distance the lowest is the best.

    Returns:
        The sentence, or None where nothing was measured. Differences are those of the unrounded means.
    """
    groups = rows.groupby("strategy", sort=False)["value"].agg(["mean", "count"])
    means = {str(name): float(value) for name, value in groups["mean"].items()}
    seeds = {str(name): int(count) for name, count in groups["count"].items()}
    trained = {name: value for name, value in means.items() if name not in BASELINES}
    others = {"none": "the untuned encoder", "bm25": "BM25"}
    if not trained:
        known = [f"{others[name]} has {_value(means[name], metric)}" for name in BASELINES if name in means]
        return f"{backbone}, {metric_label(metric)}: {', '.join(known)}." if "none" in means else None
    low = metric == RANK_DISTANCE
    best = min(trained, key=lambda name: trained[name] if low else -trained[name])
    rest = [name for name in trained if name != best]
    differences = [
        f"{_difference(means[best] - means[name], metric)} {others.get(name, name)}"
        for name in [*rest, *(name for name in BASELINES if name in means)]
    ]
    rank = f"has the {'lowest' if low else 'highest'} mean" if rest else "is the only strategy trained"
    sentence = f"{best} {rank}, {_value(means[best], metric)}" + (
        f"; it is {', '.join(differences)}" if differences else ""
    )
    return f"{backbone}, {metric_label(metric)}: {sentence} ({_seeds({name: seeds[name] for name in trained})})."


def _value(value: float, metric: str) -> str:
    return f"{value:.{decimals(metric)}f}"


def _difference(difference: float, metric: str) -> str:
    printed = _value(abs(difference), metric)
    if float(printed) == 0:
        return "the same, as printed, as"
    return f"{printed} {'above' if difference > 0 else 'below'}"


def _seeds(seeds: Mapping[str, int]) -> str:
    def count(number: int) -> str:
        return "1 seed" if number == 1 else f"{number} seeds"

    if len(set(seeds.values())) == 1:
        return count(next(iter(seeds.values()))) + (" each" if len(seeds) > 1 else "")
    return ", ".join(f"{name}: {count(number)}" for name, number in seeds.items())


def table_body(file: Path) -> Markup:
    """Return what stands inside the ``<main>`` element of a table's HTML page.

    Raises:
        UserError: if the file is missing or has no such element.
    """
    _, start, rest = _read(file).partition("<main>")
    body, end, _ = rest.partition("</main>")
    if not (start and end):
        raise UserError(f"{file}: has no <main> element; delete it and run again")
    return Markup(body)  # noqa: S704 (written by the tables stage, which escaped it)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); run the stage that writes it") from error


def _figures(config: Config, folder: Path) -> list[tuple[str, str, Markup]]:
    """Return the section each figure belongs to, its caption and its SVG, in the order of the page."""
    captions = {
        f"cross_{name}": (
            "cross",
            f"{name}: mAP per query language and passage language, mean over seeds. The diagonal is monolingual.",
        )
        for name in config.runs.benchmarks
        if "cross" in config.benchmarks[name].measured
    }
    captions["multi"] = ("multi", "mAP on the pool of all languages, mean over query languages.")
    captions["bias"] = (
        "bias",
        "Rank distance on the pool of all languages, mean over query languages. Lower is better.",
    )
    if (folder / "curves.svg").exists():
        captions["curves"] = ("curves", "Training and validation loss over steps, a line per seed.")
    return [
        (section, caption, inline_svg(folder / f"{name}.svg", name, caption))
        for name, (section, caption) in captions.items()
    ]


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


def count_benchmarks(config: Config, folder: Path) -> list[Counts]:
    """Count the queries and passages of each benchmark and language, and their totals.

    Raises:
        UserError: if a file is missing or unreadable.
    """
    counts = []
    for name in config.runs.benchmarks:
        languages = sorted(config.benchmarks[name].languages)
        rows: list[tuple[str, list[int | None]]] = []
        for what in ("queries", "passages"):
            numbers = [_rows(folder / name / language / f"{what}.parquet") for language in languages]
            rows.append((what, [*numbers, sum(numbers)]))
        counts.append(Counts(name, [*languages, "all"], rows))
    return counts


def count_pairs(config: Config, folder: Path) -> Counts:
    """Count the pairs of each source per language, and their totals; the validation source is named as such.

    Raises:
        UserError: if a file is missing or unreadable.
    """
    names = config.used_sources()
    languages = sorted({language for name in names for language in config.sources[name].all_languages})
    rows: list[tuple[str, list[int | None]]] = []
    for name in names:
        held = config.sources[name].all_languages
        numbers = [_rows(folder / name / f"{language}.parquet") if language in held else None for language in languages]
        title = f"{name} (validation)" if name == config.training.validation else name
        rows.append((title, [*numbers, sum(number or 0 for number in numbers)]))
    return Counts("pairs", [*languages, "all"], rows)


def _rows(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{file}: cannot be read as parquet ({error}); delete it and run again") from error


def sum_costs(files: Sequence[tuple[str, Path]]) -> list[Cost]:
    """Sum what Snakemake measured of each job, per rule, in the order of the arguments.

    Args:
        files: rule and benchmark file (``.jsonl``, else tab-separated with a header).

    Raises:
        UserError: if a file is missing or is no benchmark of Snakemake.
    """
    records: dict[str, list[tuple[float, float | None]]] = {}
    for rule, file in files:
        records.setdefault(rule, []).extend(_records(file))
    costs = []
    for rule, jobs in records.items():
        seconds = [job[0] for job in jobs]
        sampled = [memory for _, memory in jobs if memory is not None]
        costs.append(Cost(rule, len(jobs), sum(seconds), max(seconds, default=0.0), max(sampled, default=None)))
    return costs


def _records(file: Path) -> list[tuple[float, float | None]]:
    lines = _read(file).splitlines()
    try:
        rows: list[Any] = (
            [json.loads(line) for line in lines]
            if file.suffix == ".jsonl"
            else list(csv.DictReader(lines, delimiter="\t"))
        )
        return [
            (float(row["s"]), None if row["max_rss"] in ("NA", "-", None) else float(row["max_rss"])) for row in rows
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: is no benchmark file of Snakemake ({error!r}); delete it and run again") from error


def versions() -> list[tuple[str, str]]:
    """Return what this process runs on: Python, platform, processors, and the installed packages that matter."""
    found = [
        ("python", platform.python_version()),
        ("platform", platform.platform()),
        ("processors", str(os.cpu_count())),
    ]
    for package in PACKAGES:
        try:
            found.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            found.append((package, "not installed"))
    return found


def revision(folder: Path) -> str | None:
    """Return the git commit of the repository that holds ``folder``, marked if files differ from it; None without one."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + (" with uncommitted changes" if _git(folder, "status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def _group(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(seconds: float) -> str:
    """Return a time in the units that a reader thinks in: ``0.8 s``, ``42 s``, ``3 min 20 s``, ``5 h 04 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
