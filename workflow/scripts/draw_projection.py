"""Draw parallel questions of a benchmark in two dimensions, a panel per run, as SVG and PDF.

Reads the vectors of the questions and their ids; the same questions, the first by id, in every panel. The plane of a panel is
that of the first two principal components of its own vectors.
"""

from pathlib import Path

import matplotlib as mpl

from hybridbatch.common.cli import parser, run
from hybridbatch.report.figures import STYLE, save
from hybridbatch.report.projection import parallel_questions, projection_figure, read_projections
from hybridbatch.report.score_tables import named_files


def main(argv: list[str] | None) -> None:
    """Parse the command line and draw the figure."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--embeddings", nargs="+", required=True, metavar="RUN=FOLDER", help="the runs, in the order of the panels"
    )
    arguments.add_argument("--benchmark", type=Path, required=True, metavar="FOLDER", help="<language>/queries.parquet")
    arguments.add_argument("--languages", nargs="+", required=True, metavar="CODE", help="the languages drawn")
    arguments.add_argument("--questions", type=int, default=40, metavar="N", help="questions drawn, in every language")
    arguments.add_argument("--output", type=Path, required=True, metavar="FILE", help="the figure, without .svg")
    options = arguments.parse_args(argv)
    languages = sorted(options.languages)
    rows = parallel_questions(options.benchmark, languages, options.questions)
    projections = read_projections(named_files(options.embeddings), rows)
    with mpl.rc_context(STYLE):
        save(options.output, projection_figure(projections, languages))


if __name__ == "__main__":
    run(main)
