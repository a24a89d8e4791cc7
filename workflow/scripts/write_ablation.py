"""Write the scores of a strategy with a varied setting: `ablation.{csv,md,tex,html}` and a figure."""

import json
from pathlib import Path

import matplotlib as mpl

from hybridbatch.common import cli
from hybridbatch.config.derived_strategies import Point
from hybridbatch.config.layout import Layout
from hybridbatch.report.ablation import ablation_figure, ablation_page, ablation_rows
from hybridbatch.report.figures import STYLE, save
from hybridbatch.report.table import write_page


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = cli.parser(__doc__)
    arguments.add_argument("--intervals", type=Path, required=True, help="intervals.csv")
    arguments.add_argument(
        "--points", type=json.loads, required=True, help="[axis, value, strategy] of each point, as JSON"
    )
    arguments.add_argument("--layout", type=cli.section(Layout), required=True, help="contents of the tables, as JSON")
    arguments.add_argument("--tables", type=Path, required=True, metavar="FOLDER", help="folder of the table to write")
    arguments.add_argument(
        "--figures", type=Path, required=True, metavar="FOLDER", help="folder of the figure to write"
    )
    options = arguments.parse_args(argv)
    rows = ablation_rows(options.intervals, [Point(*point) for point in options.points])
    write_page(options.tables, ablation_page(rows), options.layout.notice)
    with mpl.rc_context(STYLE):
        save(options.figures / "ablation", ablation_figure(rows))


if __name__ == "__main__":
    cli.run(main)
