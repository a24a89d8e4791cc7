"""A user's own file of pairs: parquet, CSV, TSV or JSON lines with the columns ``pair_id``, ``query`` and ``passage``."""

from collections.abc import Iterator

from hybridbatch.config.sources import Source
from hybridbatch.data.benchmark import Files
from hybridbatch.data.pairs import Pair, read_pairs


def pairs(files: Files, _source: Source, _language: str) -> Iterator[Pair]:
    """Yield the pairs of the file of one language."""
    [path] = files["pairs"]
    return read_pairs(path)
