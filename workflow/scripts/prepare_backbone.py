"""Prepare a pretrained encoder as a sentence-transformers folder."""

from pathlib import Path

from hybridbatch.backbone.prepare import prepare_backbone
from hybridbatch.common import cli
from hybridbatch.config.backbones import Backbone


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--settings", type=cli.section(Backbone), required=True, help="the section of the backbone, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to write, with a manifest.json")
    arguments = parser.parse_args(argv)
    prepare_backbone(arguments.output, **arguments.settings.preparation())


if __name__ == "__main__":
    cli.run(main)
