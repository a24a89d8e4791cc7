"""Write what training gave to the languages that it had and had not: `transfer.{csv,md,tex,html}` and a figure."""

from pathlib import Path

import matplotlib as mpl

from hybridbatch.common.cli import parser, run
from hybridbatch.common.files import write_text
from hybridbatch.compare.transfer import gain_figure, group_means, transfer_blocks
from hybridbatch.report.figures import STYLE, save
from hybridbatch.report.score_tables import BASELINES, parse_metrics, read_summary, write_pages


def main(argv: list[str] | None) -> None:
    """Parse the command line and write the table and the figure."""
    arguments = parser(__doc__)
    arguments.add_argument("--summary", type=Path, required=True, help="summary.csv")
    arguments.add_argument("--strategies", nargs="+", required=True, metavar="NAME", help="trained strategies to show")
    arguments.add_argument("--unseen", nargs="*", default=[], metavar="LANGUAGE", help="no training source has it")
    arguments.add_argument("--metrics", nargs="*", default=[], metavar="SETTING=M,M", help="the first one is shown")
    arguments.add_argument("--notice", help="a sentence on top of the table")
    arguments.add_argument("--tables", type=Path, required=True, metavar="FOLDER", help="where the table goes")
    arguments.add_argument("--figures", type=Path, required=True, metavar="FOLDER", help="where the figure goes")
    options = arguments.parse_args(argv)
    summary = read_summary(options.summary)
    summary = summary[summary["strategy"].isin([*options.strategies, *BASELINES])]
    metrics = parse_metrics(options.metrics)
    means = group_means(summary, options.unseen, metrics)
    write_text(options.tables / "transfer.csv", means.to_csv(index=False, lineterminator="\n"))
    write_pages(options.tables, "transfer", transfer_blocks(means), [], options.notice)
    with mpl.rc_context(STYLE):
        save(options.figures / "transfer", gain_figure(summary, options.unseen, metrics))


if __name__ == "__main__":
    run(main)
