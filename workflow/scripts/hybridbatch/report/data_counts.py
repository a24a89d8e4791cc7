"""Counts for the report: queries and passages of the benchmarks, and pairs of the sources."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.config.experiment import Config


@dataclass(frozen=True)
class Counts:
    """Numbers per language; None: not available in the language."""

    name: str
    columns: list[str]
    rows: list[tuple[str, list[int | None]]]


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
    """Count the pairs of each source per language, and their totals; the validation source is labelled.

    Raises:
        UserError: if a file is missing or unreadable.
    """
    names = config.used_sources
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


def origin(config: Config, name: str) -> str:
    """Return where a backbone comes from."""
    backbone = config.backbones[name]
    if backbone.hub:
        return f"{backbone.hub}, revision {backbone.revision}"
    return (
        f"package {backbone.packaged} (multilingual-e5-small in 4-bit weights)"
        if backbone.packaged
        else f"local folder {backbone.path}"
    )
