"""Draw the figure at the top of the report, `answer.svg` and `answer.pdf`: means, intervals, the paper's means and significant winners."""

from pathlib import Path

import matplotlib as mpl

from hybridbatch.common import cli
from hybridbatch.compare.winners import winners
from hybridbatch.config.layout import Layout
from hybridbatch.config.statistics import Statistics
from hybridbatch.report.answer_figure import answer_figure, read_means, read_paper_means, read_tests
from hybridbatch.report.figures import STYLE, save


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = cli.parser(__doc__)
    arguments.add_argument("--intervals", type=Path, required=True, metavar="FILE", help="intervals.csv")
    arguments.add_argument("--comparisons", type=Path, required=True, metavar="FILE", help="comparisons.csv")
    arguments.add_argument("--verdicts", type=Path, required=True, metavar="FILE", help="verdicts.json")
    arguments.add_argument("--layout", type=cli.section(Layout), required=True, help="contents of the tables, as JSON")
    arguments.add_argument(
        "--settings", type=cli.section(Statistics), required=True, help="the section statistics, as JSON"
    )
    arguments.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder of the figure to write")
    options = arguments.parse_args(argv)
    best = winners(read_tests(options.comparisons), options.layout.strategies)
    scores, paper = read_means(options.intervals), read_paper_means(options.verdicts)
    with mpl.rc_context(STYLE):
        save(options.output / "answer", answer_figure(scores, paper, best, options.layout, options.settings))


if __name__ == "__main__":
    cli.run(main)
