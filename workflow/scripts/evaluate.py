"""Measure one run on every benchmark."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from hybridbatch.common import cli
from hybridbatch.common.files import write_table
from hybridbatch.evaluate.measures import measure_benchmark

SETTINGS = ("mono", "cross", "multi")


def main(argv: list[str] | None) -> None:
    """Measure as the command line says."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--ranks", nargs="+", required=True, metavar="BENCHMARK=FILE", help="ranks.parquet of each benchmark"
    )
    parser.add_argument("--measures", nargs="+", required=True, help="ranx's names, such as map or recall@10")
    parser.add_argument(
        "--depth", type=int, default=100_000, help="a relevant passage at a greater rank counts as not found"
    )
    parser.add_argument(
        "--settings", nargs="*", default=[], metavar="BENCHMARK=SETTING,SETTING", help="what is measured; without: all"
    )
    parser.add_argument("--output", type=Path, required=True, help="parquet file to write")
    arguments = parser.parse_args(argv)
    files = [argument.partition("=") for argument in arguments.ranks]
    settings = {name: chosen.split(",") for name, _, chosen in (text.partition("=") for text in arguments.settings)}
    tables = [
        measure_benchmark(Path(file), name, arguments.measures, arguments.depth, settings.get(name, SETTINGS))
        for name, _, file in files
    ]
    measures = pd.concat(tables, ignore_index=True)
    write_table(arguments.output, pa.Table.from_pandas(measures, preserve_index=False))


if __name__ == "__main__":
    cli.run(main)
