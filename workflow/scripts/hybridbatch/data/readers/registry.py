"""Every data format by the name that the configuration gives it: the files it reads, and what it reads from them.

To add a format, write a module in this folder, add a line to ``READERS``, and add the name to ``reader`` in
``config/sources.py`` or ``config/benchmarks.py``.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.sources import Source
from hybridbatch.data.benchmark import BenchmarkData, Files
from hybridbatch.data.pairs import Pair
from hybridbatch.data.readers import (
    beir,
    belebele,
    bitcoin_faq,
    hub,
    ir_datasets,
    lareqa,
    miracl,
    mmarco,
    parallel,
    python_faq,
    table,
)


@dataclass(frozen=True)
class Reader:
    """A data format.

    Attributes:
        file_names: the files of one language, by name: paths or patterns below the folder of the data. None: the
            configuration lists them, or a package has them.
        pairs: yields the training pairs of one language; None: the format has none.
        benchmark: reads a benchmark in one language; None: the format has none.
        is_pinned: whether the files are those of config/data.csv.
    """

    file_names: Callable[[Any, str], dict[str, str]] | None = None
    pairs: Callable[[Files, Source, str], Iterator[Pair]] | None = None
    benchmark: Callable[[Files, Benchmark, str], BenchmarkData] | None = None
    is_pinned: bool = False


READERS = {
    "parallel": Reader(parallel.file_names, parallel.pairs, parallel.benchmark),
    "lareqa": Reader(lareqa.file_names, lareqa.pairs, lareqa.benchmark, is_pinned=True),
    "table": Reader(pairs=table.pairs),
    "hub": Reader(pairs=hub.pairs),
    "mmarco": Reader(pairs=mmarco.pairs),
    "miracl": Reader(miracl.file_names, benchmark=miracl.benchmark),
    "beir": Reader(beir.file_names, benchmark=beir.benchmark),
    "belebele": Reader(belebele.file_names, benchmark=belebele.benchmark),
    "bitcoin_faq": Reader(bitcoin_faq.file_names, benchmark=bitcoin_faq.benchmark, is_pinned=True),
    "python_faq": Reader(python_faq.file_names, benchmark=python_faq.benchmark, is_pinned=True),
    "ir_datasets": Reader(benchmark=ir_datasets.benchmark),
}


def file_names(section: Source | Benchmark, language: str) -> dict[str, str]:
    """Return the files of one language, by name: paths or patterns below the folder of the data.

    Raises:
        UserError: if a benchmark's ``files`` has a name that its format has not.
    """
    names = READERS[section.reader].file_names
    if names is None:
        raise ValueError(f"the configuration lists the files of reader {section.reader}")
    return names(section, language)


def find_files(named: Iterable[tuple[str, Path]]) -> Files:
    """Return the files of each name, sorted; a path may be a pattern (``*``).

    Raises:
        UserError: if a pattern matches no file, or a broken link.
    """
    found = {}
    for name, path in named:
        files = [str(path)] if path.exists() else sorted(glob(str(path)))  # noqa: PTH207 - it may be absolute
        # A pattern also matches broken links.
        missing = [file for file in files or [str(path)] if not Path(file).exists()]
        if missing:
            raise UserError(
                f"{missing[0]}: there is no such file; correct the path, choose a language that the data has, or run again if "
                "the file is downloaded"
            )
        found[name] = [Path(file) for file in files]
    return found
