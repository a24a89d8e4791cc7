"""The costs of an experiment's jobs, and the recall of its approximate searches, from files that the jobs wrote."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.evaluate.summary import read_csv

RECALL_COLUMNS = ["k", "recall"]


@dataclass(frozen=True)
class Cost:
    """The costs of a rule's jobs: wall-clock seconds, and peak memory (resident set) in MiB, None if it was not sampled."""

    rule: str
    jobs: int
    seconds: float
    longest: float
    memory: float | None


@dataclass(frozen=True)
class Recall:
    """The share of the exact best ``k`` that an approximate search finds: mean and minimum over pairs of languages."""

    run: str
    benchmark: str
    k: int
    mean: float
    lowest: float


def sum_costs(files: Sequence[tuple[str, Path]]) -> list[Cost]:
    """Sum the costs that Snakemake measured, per rule, in the order of the arguments.

    Args:
        files: rule and benchmark file (``.jsonl``, else tab-separated with a header).

    Raises:
        UserError: if a file is missing or not a benchmark of Snakemake.
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
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); run the stage that writes it") from error
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
        raise UserError(f"{file}: not a benchmark file of Snakemake ({error!r}); delete it and run again") from error


def read_recall(files: Mapping[tuple[str, str], Path]) -> list[Recall]:
    """Return the recall of every approximate search, by run, benchmark and k.

    Args:
        files: the ``recall.csv`` of each run and benchmark.

    Raises:
        UserError: if a file is missing or lacks a column.
    """
    found = []
    for (run, benchmark), file in files.items():
        groups: Any = read_csv(file, RECALL_COLUMNS, RECALL_COLUMNS).groupby("k")["recall"]
        found += [Recall(run, benchmark, int(k), float(own.mean()), float(own.min())) for k, own in groups]
    return found


def duration(seconds: float) -> str:
    """Return a time in readable units: ``0.8 s``, ``42 s``, ``3 min 20 s``, ``5 h 04 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
