"""Write the tables of an experiment: measures averaged over queries, languages and seeds.

Reads the per-query measures of every run; writes `summary.csv` and `{mono,cross,multi,bias}.{csv,md,tex,html}`.
"""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.config.layout import Layout
from hybridbatch.evaluate.names import table_measures
from hybridbatch.evaluate.summary import block_means, summarise
from hybridbatch.report.score_tables import write_tables


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--measures",
        nargs="+",
        type=cli.named_file,
        required=True,
        metavar="RUN=FILE",
        help="measures of each run, in the order of the rows",
    )
    arguments.add_argument("--layout", type=cli.section(Layout), required=True, help="contents of the tables, as JSON")
    arguments.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder of the tables to write")
    options = arguments.parse_args(argv)
    layout = options.layout
    summary = summarise(block_means(dict(options.measures), layout.benchmarks))
    write_tables(
        options.output, summary, table_measures(layout.metrics), layout.unseen, layout.notice, layout.strategies
    )


if __name__ == "__main__":
    cli.run(main)
