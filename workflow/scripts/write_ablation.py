"""Write the scores of one strategy with one of its settings varied: `ablation.{csv,md,tex,html}` and a figure."""

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
    """Parse the command line and write the table and the figure."""
    arguments = cli.parser(__doc__)
    arguments.add_argument("--intervals", type=Path, required=True, help="intervals.csv")
    arguments.add_argument("--points", type=json.loads, required=True, help="[axis, value, strategy] of each, as JSON")
    arguments.add_argument("--layout", type=cli.section(Layout), required=True, help="what the tables show, as JSON")
    arguments.add_argument("--tables", type=Path, required=True, metavar="FOLDER", help="where the table goes")
    arguments.add_argument("--figures", type=Path, required=True, metavar="FOLDER", help="where the figure goes")
    options = arguments.parse_args(argv)
    rows = ablation_rows(options.intervals, [Point(*point) for point in options.points])
    write_page(options.tables, ablation_page(rows), options.layout.notice)
    with mpl.rc_context(STYLE):
        save(options.figures / "ablation", ablation_figure(rows))


if __name__ == "__main__":
    cli.run(main)
