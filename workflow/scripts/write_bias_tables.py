"""Lay out language bias beyond rank distance, averaged over seeds.

Writes `language_bias.{csv,md,tex,html}` and `language_shares.csv`.
"""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_text
from hybridbatch.report.bias_tables import (
    bias_blocks,
    bias_values,
    mean_shares,
    read_identifiability,
    read_shares,
    write_bias_tables,
)
from hybridbatch.report.score_tables import named_files


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--runs",
        nargs="+",
        required=True,
        metavar="RUN=FILE",
        help="parquet file of each run's queries; the CSV files lie beside it",
    )
    parser.add_argument("--depth", type=int, default=10, help="passages of the pool that were looked at for a query")
    parser.add_argument("--notice", help="a sentence on top of every table")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the tables go")
    arguments = parser.parse_args(argv)
    files = named_files(arguments.runs)
    shares = read_shares({run: file.with_suffix(".shares.csv") for run, file in files.items()})
    identifiability = read_identifiability(
        {run: file.with_suffix(".identifiability.csv") for run, file in files.items()}
    )
    values = bias_values(files, shares, identifiability, arguments.depth)
    write_bias_tables(arguments.output, bias_blocks(values), arguments.notice)
    write_text(arguments.output / "language_shares.csv", mean_shares(shares).to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    cli.run(main)
