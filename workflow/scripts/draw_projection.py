"""Draw parallel questions of a benchmark in two dimensions, one panel per run, as SVG and PDF.

Reads the vectors of the questions and their ids. All panels show the same questions, the first by id, on the first two principal
components of the panel's vectors.
"""

from pathlib import Path

import matplotlib as mpl

from hybridbatch.common import cli
from hybridbatch.report.figures import STYLE, save
from hybridbatch.report.projection import parallel_questions, projection_figure, read_projections

# Number of questions drawn in each language.
QUESTIONS = 40


def main(argv: list[str] | None) -> None:
    """Run the program."""
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
    arguments.add_argument("--languages", nargs="+", required=True, metavar="CODE", help="languages to draw")
    arguments.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="SVG to write, with a PDF next to it"
    )
    options = arguments.parse_args(argv)
    languages = sorted(options.languages)
    rows = parallel_questions(options.benchmark, languages, QUESTIONS)
    projections = read_projections({run: manifest.parent for run, manifest in options.embeddings}, rows)
    with mpl.rc_context(STYLE):
        save(options.output.with_suffix(""), projection_figure(projections, languages))


if __name__ == "__main__":
    cli.run(main)
