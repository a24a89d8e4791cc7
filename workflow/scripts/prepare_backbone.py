"""Prepare a pretrained encoder as a sentence-transformers folder."""

import os
from pathlib import Path

from hybridbatch.backbone.prepare import prepare_backbone
from hybridbatch.backbone.trainable import check_trainable
from hybridbatch.common import cli
from hybridbatch.config.backbones import Backbone


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--settings", type=cli.section(Backbone), required=True, help="the section of the backbone, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to write, with a manifest.json")
    parser.add_argument(
        "--lora-targets",
        nargs="*",
        default=os.environ.get("HYBRIDBATCH_LORA_TARGETS", "").split(),
        help="modules that the encoder must have; default: $HYBRIDBATCH_LORA_TARGETS",
    )
    parser.add_argument(
        "--matryoshka",
        nargs="*",
        type=int,
        default=[*map(int, os.environ.get("HYBRIDBATCH_MATRYOSHKA", "").split())],
        help="dimensions that must be lower than that of the encoder; default: $HYBRIDBATCH_MATRYOSHKA",
    )
    arguments = parser.parse_args(argv)
    prepare_backbone(arguments.output, **arguments.settings.preparation())
    check_trainable(arguments.output, arguments.lora_targets, arguments.matryoshka)


if __name__ == "__main__":
    cli.run(main)
