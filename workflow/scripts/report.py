"""Write the report of an experiment: one HTML page with its tables, figures, costs and configuration, readable offline."""

from pathlib import Path

from hybridbatch.cli import parser, run
from hybridbatch.config import read_config
from hybridbatch.errors import UserError
from hybridbatch.report import write_report


def main(argv: list[str] | None) -> None:
    """Parse the command line and write the report."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the resolved configuration (YAML)"
    )
    arguments.add_argument("--tables", type=Path, required=True, metavar="FOLDER", help="what tables.py wrote")
    arguments.add_argument("--figures", type=Path, required=True, metavar="FOLDER", help="what figures.py wrote")
    arguments.add_argument("--summary", type=Path, required=True, metavar="FILE", help="summary.csv of the tables")
    arguments.add_argument(
        "--benchmarks-folder", type=Path, required=True, metavar="FOLDER", help="<benchmark>/<language>/*.parquet"
    )
    arguments.add_argument(
        "--pairs-folder", type=Path, required=True, metavar="FOLDER", help="<source>/<language>.parquet"
    )
    arguments.add_argument(
        "--costs", nargs="*", default=[], metavar="RULE=FILE", help="Snakemake's benchmark file of each job"
    )
    arguments.add_argument(
        "--command", action="append", default=[], metavar="TEXT", help="a command that makes the results again"
    )
    arguments.add_argument("--output", type=Path, required=True, metavar="FILE", help="the HTML page")
    options = arguments.parse_args(argv)
    write_report(
        options.output,
        read_config(options.config),
        tables=options.tables,
        figures=options.figures,
        summary=options.summary,
        benchmarks=options.benchmarks_folder,
        pairs=options.pairs_folder,
        costs=[_cost(argument) for argument in options.costs],
        commands=options.command,
    )


def _cost(argument: str) -> tuple[str, Path]:
    rule, equals, file = argument.partition("=")
    if not equals:
        raise UserError(f"--costs {argument}: allowed: RULE=FILE")
    return rule, Path(file)


if __name__ == "__main__":
    run(main)
