"""Draw the figures of an experiment as SVG and PDF.

Reads the per-query measures of every run and the training curves; writes `cross_<benchmark>` for each benchmark, `multi`, `bias`
and, if there are training curves, `curves`.
"""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.evaluate.summary import block_means, summarise
from hybridbatch.report.figures import write_figures


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--measures",
        nargs="+",
        type=cli.named_file,
        required=True,
        metavar="RUN=FILE",
        help="in the order of the panels",
    )
    arguments.add_argument("--benchmarks", nargs="+", required=True, metavar="NAME", help="in the order of the panels")
    arguments.add_argument(
        "--curves",
        nargs="*",
        type=cli.named_file,
        default=[],
        metavar="RUN=FILE",
        help="curves.csv of the trained runs",
    )
    arguments.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="folder of the figures to write"
    )
    options = arguments.parse_args(argv)
    blocks = block_means(dict(options.measures), options.benchmarks)
    write_figures(options.output, blocks, summarise(blocks), options.benchmarks, dict(options.curves))


if __name__ == "__main__":
    cli.run(main)
