"""Prepare a pretrained encoder as a sentence-transformers folder."""

from pathlib import Path

from hybridbatch.backbone.demands import check_demands
from hybridbatch.backbone.prepare import prepare_backbone
from hybridbatch.common import cli
from hybridbatch.config.backbones import Backbone
from hybridbatch.config.encoding import Encoding
from hybridbatch.config.training import Training


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--settings", type=cli.section(Backbone), required=True, help="the section of the backbone, as JSON"
    )
    parser.add_argument("--packaged", type=Path, help="folder of the files of a packaged encoder")
    parser.add_argument("--output", type=Path, required=True, help="folder to write, with a manifest.json")
    parser.add_argument(
        "--training",
        type=cli.section(Training),
        default=Training(),
        help="the section training, as JSON, to check that its lora and matryoshka suit the encoder",
    )
    parser.add_argument(
        "--encoding",
        type=cli.section(Encoding),
        default=Encoding(),
        help="the section encoding, as JSON, to check that its truncate_dim suits the encoder",
    )
    arguments = parser.parse_args(argv)
    prepare_backbone(arguments.output, **arguments.settings.preparation() | {"packaged": arguments.packaged})
    check_demands(arguments.output, arguments.training, arguments.encoding)


if __name__ == "__main__":
    cli.run(main)
