"""Ask the hub for the commits of branches and tags, and write them to a lock; those that it already has are kept."""

import json
import sys
from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.files import write_text
from hybridbatch.config.revisions import Reference, lock_text, read_lock
from hybridbatch.download.revisions import find_commit


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument(
        "--references", type=json.loads, required=True, help="kind, repository and revision of each, as JSON lists"
    )
    options.add_argument("--lock", type=Path, required=True, metavar="FILE", help="the lock, config/revisions.lock")
    arguments = options.parse_args(argv)
    commits = read_lock(arguments.lock)
    wanted = [Reference(*reference) for reference in arguments.references]
    new = [reference for reference in wanted if reference not in commits]
    commits |= {reference: find_commit(reference) for reference in new}
    if new:
        write_text(arguments.lock, lock_text(commits))
    for reference in wanted:
        sys.stdout.write(f"{reference} {commits[reference]}{'' if reference in new else ' (already there)'}\n")
    if not wanted:
        sys.stdout.write("every revision of the configuration is a commit: nothing to pin\n")


if __name__ == "__main__":
    run(main)
