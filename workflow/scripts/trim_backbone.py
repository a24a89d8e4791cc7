"""Trim the vocabulary of a backbone to the tokens of an experiment's texts."""

from pathlib import Path

from hybridbatch.backbone.trim_vocabulary import trim_backbone
from hybridbatch.common.cli import parser, run


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = parser(__doc__)
    arguments.add_argument("--backbone", type=Path, required=True, help="folder that prepare_backbone.py wrote")
    arguments.add_argument(
        "--texts",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="parquet files: pairs (columns query, passage), queries.parquet and passages.parquet (column text)",
    )
    arguments.add_argument("--output", type=Path, required=True, help="folder to write, with a manifest.json")
    options = arguments.parse_args(argv)
    trim_backbone(options.backbone, options.texts, options.output)


if __name__ == "__main__":
    run(main)
