"""Write the rankings of a run on a benchmark in one setting in TREC's format."""

from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.config.base import SETTINGS
from hybridbatch.publish.trec import write_run


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--search", type=Path, required=True, metavar="FOLDER", help="folder with topk.parquet and ranks.parquet"
    )
    arguments.add_argument("--setting", choices=SETTINGS, required=True, help="setting of the rankings")
    arguments.add_argument("--depth", type=int, required=True, help="greatest rank in the search results")
    arguments.add_argument("--tag", required=True, help="name of the run, the last column")
    arguments.add_argument("--output", type=Path, required=True, metavar="FILE", help="file to write")
    options = arguments.parse_args(argv)
    search = options.search
    write_run(
        search / "topk.parquet", search / "ranks.parquet", options.setting, options.depth, options.tag, options.output
    )


if __name__ == "__main__":
    run(main)
