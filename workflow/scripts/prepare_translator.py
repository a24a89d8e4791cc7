"""Copy the files of a translation model from a folder or the hub into a folder with a manifest."""

import json
from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.translate.model_files import prepare_model


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument(
        "--settings", type=json.loads, required=True, help="JSON object: family, and path or hub and revision"
    )
    options.add_argument("--output", type=Path, required=True, help="folder to write")
    arguments = options.parse_args(argv)
    prepare_model(arguments.output, **arguments.settings)


if __name__ == "__main__":
    run(main)
