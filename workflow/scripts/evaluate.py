"""Measure a run on every benchmark."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa

from hybridbatch.common import cli
from hybridbatch.common.files import write_table
from hybridbatch.config.base import SETTINGS
from hybridbatch.config.evaluation import Evaluation
from hybridbatch.evaluate.measures import measure_benchmark


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--ranks", nargs="+", type=cli.named_file, required=True, metavar="BENCHMARK=FILE", help="ranks.parquet"
    )
    parser.add_argument(
        "--settings", type=cli.section(Evaluation), required=True, help="the section evaluation, as JSON"
    )
    parser.add_argument(
        "--measured",
        type=json.loads,
        default={},
        help="settings to measure by benchmark, as JSON; all for other benchmarks",
    )
    parser.add_argument("--output", type=Path, required=True, help="parquet file to write")
    arguments = parser.parse_args(argv)
    settings = arguments.settings
    tables = [
        measure_benchmark(file, name, settings.measures, settings.depth, arguments.measured.get(name, SETTINGS))
        for name, file in arguments.ranks
    ]
    measures = pd.concat(tables, ignore_index=True)
    write_table(arguments.output, pa.Table.from_pandas(measures, preserve_index=False))


if __name__ == "__main__":
    cli.run(main)
