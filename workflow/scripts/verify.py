"""Print how many published numbers an experiment reproduces; fail if one that it covers is outside its tolerance."""

import sys
from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.compare.published_comparison import outside_tolerance, verdict_banner


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = parser(__doc__)
    arguments.add_argument("verdicts", type=Path, metavar="FILE", help="verdicts.json of an experiment")
    arguments.add_argument(
        "--lines", type=int, default=50, metavar="N", help="maximum number of deviating cells to list"
    )
    options = arguments.parse_args(argv)
    verdicts = read_json(options.verdicts)
    try:
        sentence, outside, covered = (
            verdict_banner(verdicts),
            outside_tolerance(verdicts),
            verdicts["counts"]["covered"],
        )
    except (KeyError, TypeError) as error:
        raise UserError(f"{options.verdicts}: has no verdicts ({error!r}); delete it and run again") from error
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.writelines(f"{line}\n" for line in outside[: options.lines])
    if len(outside) > options.lines:
        sys.stdout.write(f"... and {len(outside) - options.lines} more, furthest outside first\n")
    sys.stdout.flush()
    if outside:
        raise UserError(
            f"{options.verdicts}: {len(outside)} of {covered} covered numbers are outside tolerance; investigate them, or change "
            "published.tolerances"
        )


if __name__ == "__main__":
    run(main)
