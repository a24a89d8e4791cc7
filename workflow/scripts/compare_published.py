"""Compare the numbers of an experiment with the paper's: a verdict for each published number.

Reads `summary.csv` and the published numbers; writes `verdicts.json` and `published.{csv,md,tex,html}`.
"""

from collections.abc import Sequence
from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_json
from hybridbatch.compare.published_verdicts import Names, read_published, verdicts_document
from hybridbatch.report.published_tables import write_published
from hybridbatch.report.score_tables import read_summary


def main(argv: list[str] | None) -> None:
    """Parse the command line and write the verdicts."""
    arguments = parser(__doc__)
    arguments.add_argument("--summary", type=Path, required=True, metavar="FILE", help="the summary.csv of the tables")
    arguments.add_argument("--published", type=Path, required=True, metavar="FILE", help="the published numbers")
    arguments.add_argument(
        "--tolerances", nargs="+", required=True, metavar="MEASURE=NUMBER", help="largest difference"
    )
    for kind in ("benchmarks", "backbones"):
        arguments.add_argument(
            f"--{kind}",
            nargs="*",
            default=[],
            metavar="PUBLISHED=OURS",
            help=f"what the published {kind} are called here",
        )
    arguments.add_argument("--notice", help="a sentence on top of the tables")
    arguments.add_argument("--verdicts", type=Path, required=True, metavar="FILE", help="the verdicts.json to write")
    arguments.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the tables go")
    options = arguments.parse_args(argv)
    names = Names(_pairs(options.benchmarks), _pairs(options.backbones))
    tolerances = {measure: _number(value) for measure, value in _pairs(options.tolerances).items()}
    cells = read_published(options.published)
    absent = sorted({cell.place.metric for cell in cells} - set(tolerances))
    if absent:
        raise UserError(f"--tolerances: {', '.join(absent)} is missing; give one for each published measure")
    document = verdicts_document(cells, read_summary(options.summary), names, tolerances)
    write_published(options.output, document, options.notice)
    write_json(options.verdicts, document)


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not (name and equals and value):
            raise UserError(f"{argument}: is no NAME=VALUE; write the name, an equals sign and the value")
        pairs[name] = value
    return pairs


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"--tolerances: {text!r} is no number; write one such as 0.02") from None


if __name__ == "__main__":
    run(main)
