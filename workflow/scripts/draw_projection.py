"""Draw parallel questions of a benchmark in two dimensions, a panel per run, as SVG and PDF.

Reads the vectors of the questions and their ids; the same questions, the first by id, in every panel. The plane of a panel is
that of the first two principal components of its own vectors.
"""

from pathlib import Path

import matplotlib as mpl

from hybridbatch.common import cli
from hybridbatch.report.figures import STYLE, save
from hybridbatch.report.projection import parallel_questions, projection_figure, read_projections

# Questions drawn, in every language.
QUESTIONS = 40


def main(argv: list[str] | None) -> None:
    """Parse the command line and draw the figure."""
    arguments = cli.parser(__doc__)
    arguments.add_argument(
        "--embeddings",
        nargs="+",
        type=cli.named_file,
        required=True,
        metavar="RUN=MANIFEST",
        help="in the order of the panels",
    )
    arguments.add_argument("--benchmark", type=Path, required=True, metavar="FOLDER", help="<language>/queries.parquet")
    arguments.add_argument("--languages", nargs="+", required=True, metavar="CODE", help="the languages drawn")
    arguments.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the SVG; the PDF goes next to it"
    )
    options = arguments.parse_args(argv)
    languages = sorted(options.languages)
    rows = parallel_questions(options.benchmark, languages, QUESTIONS)
    projections = read_projections({run: manifest.parent for run, manifest in options.embeddings}, rows)
    with mpl.rc_context(STYLE):
        save(options.output.with_suffix(""), projection_figure(projections, languages))


if __name__ == "__main__":
    cli.run(main)
