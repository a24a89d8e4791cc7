"""Benchmarks read as published: where their files are."""

from collections.abc import Mapping

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark


def fill(patterns: Mapping[str, str], benchmark: Benchmark, language: str, split: str = "") -> dict[str, str]:
    """Return the patterns of a benchmark's files, by name, with ``{language}`` and ``{split}`` replaced.

    Args:
        patterns: the files as published.
        benchmark: its ``files`` and ``split`` have precedence.
        language: what the names of files have for the language.
        split: the split that is meant where the benchmark names none.

    Raises:
        UserError: if ``files`` names a kind that the format does not have.
    """
    for kind in benchmark.given_files:
        if kind not in patterns:
            raise UserError(f"files.{kind}: reader {benchmark.reader} reads only {', '.join(patterns)}")
    split = benchmark.split or split
    names = {**patterns, **benchmark.given_files}
    return {kind: name.replace("{language}", language).replace("{split}", split) for kind, name in names.items()}
