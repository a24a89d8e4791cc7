"""Write the effect of training on languages with and without training data: `transfer.{csv,md,tex,html}` and a figure."""

from pathlib import Path

import matplotlib as mpl

from hybridbatch.common import cli
from hybridbatch.compare.transfer import group_means
from hybridbatch.config.layout import Layout
from hybridbatch.evaluate.names import BASELINES, table_measures
from hybridbatch.evaluate.summary import main_rows, read_summary
from hybridbatch.report.figures import STYLE, save
from hybridbatch.report.table import write_page
from hybridbatch.report.transfer import gain_figure, transfer_page


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = cli.parser(__doc__)
    arguments.add_argument("--summary", type=Path, required=True, help="summary.csv")
    arguments.add_argument("--layout", type=cli.section(Layout), required=True, help="contents of the tables, as JSON")
    arguments.add_argument("--tables", type=Path, required=True, metavar="FOLDER", help="folder of the table to write")
    arguments.add_argument(
        "--figures", type=Path, required=True, metavar="FOLDER", help="folder of the figure to write"
    )
    options = arguments.parse_args(argv)
    layout, summary = options.layout, read_summary(options.summary)
    summary = summary[summary["strategy"].isin([*layout.strategies, *BASELINES])]
    scores = main_rows(summary, table_measures(layout.metrics), layout.main)
    page = transfer_page(group_means(scores, layout.unseen))
    write_page(options.tables, page, layout.notice)
    with mpl.rc_context(STYLE):
        save(options.figures / "transfer", gain_figure(scores, layout.unseen))


if __name__ == "__main__":
    cli.run(main)
