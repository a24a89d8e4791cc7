"""Write the judgements of a benchmark in one setting in TREC's format."""

from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.config.base import SETTINGS
from hybridbatch.publish.trec import write_qrels


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--benchmark", type=Path, required=True, help="folder with <language>/{queries,qrels}.parquet"
    )
    arguments.add_argument("--languages", nargs="+", required=True, help="languages of the pool")
    arguments.add_argument("--setting", choices=SETTINGS, required=True, help="setting of the rankings")
    arguments.add_argument("--output", type=Path, required=True, metavar="FILE", help="file to write")
    options = arguments.parse_args(argv)
    write_qrels(options.benchmark, options.languages, options.setting, options.output)


if __name__ == "__main__":
    run(main)
