"""Fetch files of the Hugging Face hub at a pinned commit, or take them from a mirror, and verify them."""

import os
from pathlib import Path

from hybridbatch.common.cli import parser, run, section
from hybridbatch.download.hub import Request, fetch


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument(
        "--request",
        type=section(Request),
        required=True,
        help="JSON object: kind (dataset or model), repository, revision, and patterns or config and split",
    )
    options.add_argument(
        "--cache", type=Path, required=True, help="folder for the files, in the layout of the hub's cache"
    )
    options.add_argument("--mirror", type=Path, help="folder with the files, used instead of the network")
    arguments = options.parse_args(argv)

    offline = os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "ON", "YES", "TRUE"}
    fetch(arguments.request, arguments.cache, arguments.mirror, offline)


if __name__ == "__main__":
    run(main)
