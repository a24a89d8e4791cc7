"""Write the report of an experiment: one HTML page with its tables, figures, costs and configuration, readable offline."""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.config.load import read_config
from hybridbatch.report.page import write_report


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the resolved configuration (YAML)"
    )
    arguments.add_argument("--results", type=Path, required=True, metavar="FOLDER", help="results of the experiment")
    arguments.add_argument(
        "--tables", nargs="+", required=True, metavar="NAME", help="tables, in the order of the page"
    )
    arguments.add_argument("--figures", nargs="*", default=[], metavar="NAME", help="figures")
    arguments.add_argument(
        "--costs",
        nargs="*",
        type=cli.named_file,
        default=[],
        metavar="RULE=FILE",
        help="Snakemake's benchmark file of each job",
    )
    arguments.add_argument("--command", required=True, metavar="TEXT", help="command that reproduces the results")
    arguments.add_argument("--output", type=Path, required=True, metavar="FILE", help="HTML page to write")
    options = arguments.parse_args(argv)
    write_report(
        options.output,
        read_config(options.config),
        options.results,
        tables=options.tables,
        figures=options.figures,
        costs=options.costs,
        commands=[options.command],
    )


if __name__ == "__main__":
    cli.run(main)
