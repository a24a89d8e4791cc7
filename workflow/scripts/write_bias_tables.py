"""Write the tables of language bias, averaged over seeds.

Writes `language_bias.{csv,md,tex,html}` and `language_shares.csv`.
"""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_text
from hybridbatch.config.layout import Layout
from hybridbatch.evaluate.summary import to_csv
from hybridbatch.report.bias_tables import bias_page, bias_values, mean_shares, read_identifiability, read_shares
from hybridbatch.report.table import write_page


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--runs",
        nargs="+",
        type=cli.named_file,
        required=True,
        metavar="RUN=FILE",
        help="parquet file of each run, with its CSV files in the same folder",
    )
    parser.add_argument(
        "--depth", type=int, required=True, help="number of top passages of the pool that were measured"
    )
    parser.add_argument("--layout", type=cli.section(Layout), required=True, help="contents of the tables, as JSON")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder of the tables to write")
    arguments = parser.parse_args(argv)
    files = dict(arguments.runs)
    shares = read_shares({run: file.with_suffix(".shares.csv") for run, file in files.items()})
    identifiability = read_identifiability(
        {run: file.with_suffix(".identifiability.csv") for run, file in files.items()}
    )
    values = bias_values(files, shares, identifiability, arguments.depth)
    write_page(arguments.output, bias_page(values), arguments.layout.notice)
    write_text(arguments.output / "language_shares.csv", to_csv(mean_shares(shares)))


if __name__ == "__main__":
    cli.run(main)
