"""Fetch files of the Hugging Face hub at a pinned commit, or take them from a mirror, and check them."""

import json
import os
from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.download.hub import fetch, request_from


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument(
        "--request",
        required=True,
        help="JSON object: kind (dataset or model), repository, revision, and patterns or config and split",
    )
    options.add_argument("--cache", type=Path, required=True, help="folder in the hub's cache layout to put them into")
    options.add_argument("--mirror", type=Path, help="a folder that holds the files, instead of the network")
    arguments = options.parse_args(argv)
    offline = os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "ON", "YES", "TRUE"}
    fetch(request_from(json.loads(arguments.request)), arguments.cache, arguments.mirror, offline)


if __name__ == "__main__":
    run(main)
