"""Write the report of an experiment: one HTML page with its tables, figures, costs and configuration, readable offline."""

from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.config.load import read_config
from hybridbatch.report.page import write_report


def main(argv: list[str] | None) -> None:
    """Parse the command line and write the report."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the resolved configuration (YAML)"
    )
    arguments.add_argument("--results", type=Path, required=True, metavar="FOLDER", help="results of the experiment")
    arguments.add_argument(
        "--tables", nargs="+", required=True, metavar="NAME", help="tables shown, in the order of the page"
    )
    arguments.add_argument("--figures", nargs="*", default=[], metavar="NAME", help="figures shown")
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
        options.results,
        tables=options.tables,
        figures=options.figures,
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
