"""Write the tables of an experiment: measures averaged over queries, languages and seeds.

Reads the per-query measures of every run; writes `summary.csv` and `{mono,cross,multi,bias}.{csv,md,tex,html}`.
"""

from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.report.score_tables import block_means, named_files, parse_metrics, summarise, write_tables


def main(argv: list[str] | None) -> None:
    """Parse the command line and write the tables."""
    arguments = parser(__doc__)
    arguments.add_argument("--measures", nargs="+", required=True, metavar="RUN=FILE", help="in the order of the rows")
    arguments.add_argument("--benchmarks", nargs="+", metavar="NAME", help="in the order of the tables; without: all")
    arguments.add_argument(
        "--metrics", nargs="*", default=[], metavar="SETTING=M,M", help="measures of a table; without: the paper's"
    )
    arguments.add_argument(
        "--strategies", nargs="*", metavar="NAME", help="trained strategies that the tables show; without: all"
    )
    arguments.add_argument("--unseen", nargs="*", default=[], metavar="LANGUAGE", help="no training source has it")
    arguments.add_argument("--notice", help="a sentence on top of every table")
    arguments.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the tables go")
    options = arguments.parse_args(argv)
    summary = summarise(block_means(named_files(options.measures), options.benchmarks))
    metrics = parse_metrics(options.metrics)
    write_tables(options.output, summary, metrics, options.unseen, options.notice, options.strategies)


if __name__ == "__main__":
    run(main)
