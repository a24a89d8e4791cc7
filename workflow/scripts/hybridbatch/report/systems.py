"""The report's entry of each system: its part of the configuration, and the commands, logs and files of each seed."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import yaml

from hybridbatch.common.cli import COMMAND
from hybridbatch.config.derived_strategies import CENTRED, uncentred_run
from hybridbatch.config.experiment import Config
from hybridbatch.config.training import Strategy
from hybridbatch.report.table import anchor

BASELINES = {"none": "not trained: the original encoder", "bm25": "not trained: lexical baseline, within a language"}
# Lines of a log in which its command is searched: a library may print something before the log begins.
HEAD = 100


@dataclass(frozen=True)
class Link:
    """A file or folder next to the report."""

    text: str
    href: str


@dataclass(frozen=True)
class Job:
    """A job of a run: its title, its log, and its command, None if the log does not state it."""

    title: str
    log: Link
    command: str | None


@dataclass(frozen=True)
class SeedRun:
    """A run: its name, seed, files and jobs."""

    name: str
    seed: int
    files: list[Link]
    jobs: list[Job]


@dataclass(frozen=True)
class System:
    """A backbone and strategy: how its batches were filled, its part of the configuration, and its runs."""

    backbone: str
    strategy: str
    batches: str
    settings: str
    runs: list[SeedRun]

    @property
    def anchor(self) -> str:
        """The id of its entry on the page."""
        return anchor(self.backbone, self.strategy)

    @property
    def seeds(self) -> list[int]:
        """The seeds it was trained with; none of a baseline."""
        return [] if self.strategy.removesuffix(CENTRED) in BASELINES else [run.seed for run in self.runs]


def read_systems(summary: pd.DataFrame, config: Config, results: Path, page: Path) -> list[System]:
    """Return the backbones and strategies that have results, in the order of the tables.

    Args:
        summary: the result of :func:`hybridbatch.evaluate.summary.read_summary`.
        config: the resolved configuration.
        results: the folder of the experiment's results.
        page: the HTML file of the report, to which links are relative.
    """
    found = []
    groups: Any = summary.groupby(["backbone", "strategy"], sort=False)
    for (backbone, strategy), rows in groups:
        encoder = strategy.removesuffix(CENTRED)
        batches = BASELINES[encoder] if encoder in BASELINES else describe(config.strategies[encoder])
        batches += "; passages centred by language" if encoder != strategy else ""
        runs = [_run(backbone, strategy, seed, config, results, page) for seed in sorted({*rows["seed"].tolist()})]
        found.append(System(backbone, strategy, batches, settings(backbone, encoder, config), runs))
    return found


def describe(strategy: Strategy) -> str:
    """Return a description of the batches of a strategy."""
    mixed = strategy.pair_scope == "mixed"
    text = f"{'each example ' if mixed else ''}monolingual with probability {strategy.alpha:g}"
    if strategy.alpha < 1:
        text += f"; else cross-lingual, a language pair per {'example' if mixed else strategy.pair_scope}"
    if strategy.symmetric:
        text += "; symmetric loss"
    if strategy.language_exponent:
        text += f"; languages by their size to the power of {strategy.language_exponent:g}"
    if strategy.source_exponent != 1:
        text += f"; sources by their size to the power of {strategy.source_exponent:g}"
    for what, names in (("sources", strategy.sources), ("languages", strategy.languages)):
        if names is not None:
            text += f"; {what}: {', '.join(names)}"
    return text


def settings(backbone: str, strategy: str, config: Config) -> str:
    """Return the part of the configuration that a system depends on, as YAML."""
    if strategy == "bm25":
        part: dict[str, Any] = {"bm25": config.bm25.model_dump(mode="json")}
    else:
        part = {"backbones": {backbone: config.backbones[backbone].model_dump(mode="json", exclude_none=True)}}
        if strategy not in BASELINES:
            part["strategies"] = {strategy: config.strategies[strategy].model_dump(mode="json")}
            part["training"] = config.training.model_dump(mode="json")
        part["encoding"] = config.encoding.model_dump(mode="json")
    part["search"] = config.search.model_dump(mode="json")
    return str(yaml.safe_dump(part, sort_keys=False, allow_unicode=True, width=120))


def _run(backbone: str, strategy: str, seed: int, config: Config, results: Path, page: Path) -> SeedRun:
    name = f"{backbone}/{strategy}/seed{seed}"
    model = results / "models" / uncentred_run(name)
    if strategy.removesuffix(CENTRED) == "none":
        model = results / "backbones" / backbone
    files = [
        ("model", model),
        ("model card", model / "README.md"),
        ("training curve", model / "curves.csv"),
        ("measures per query", results / "measures" / f"{name}.parquet"),
    ]
    jobs = [
        Job(title, Link(log.relative_to(results / "logs").as_posix(), _href(log, page)), read_command(log))
        for title, log in _logs(name, config.runs.benchmarks, results / "logs")
        if log.is_file()
    ]
    return SeedRun(name, seed, [Link(text, _href(path, page)) for text, path in files if path.exists()], jobs)


def _logs(name: str, benchmarks: Sequence[str], folder: Path) -> Iterator[tuple[str, Path]]:
    yield "train", folder / "train" / f"{name}.log"
    for benchmark in benchmarks:
        for part in sorted((folder / "encode" / name).glob(f"{benchmark}.[0-9]*of[0-9]*.log")):
            yield f"encode {part.stem}", part
        for stage in ("encode", "centre_passages", "build_index", "search"):
            yield f"{stage} {benchmark}", folder / stage / name / f"{benchmark}.log"
    yield "evaluate", folder / "evaluate" / f"{name}.log"


def read_command(log: Path) -> str | None:
    """Return the command that a log begins with; None if there is none."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        for _, line in zip(range(HEAD), lines, strict=False):
            _, found, command = line.partition(f": {COMMAND}")
            if found:
                return command.strip()
    return None


def _href(path: Path, page: Path) -> str:
    relative = quote(os.path.relpath(path, page.parent))
    return f"{relative}/" if path.is_dir() else relative
