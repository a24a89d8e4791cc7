"""Download one file of the data manifest (or copy it from a mirror), verify its SHA-256 and move it into place."""

from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.download.pinned_files import fetch, read_entries


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--path", required=True, help="path of the file in the list")
    options.add_argument(
        "--manifest", type=Path, required=True, help="list of downloads, CSV: path,url,revision,sha256,bytes,licence"
    )
    options.add_argument("--output", type=Path, required=True, help="destination of the file")
    options.add_argument(
        "--mirror", type=Path, help="folder with the files under the same paths, used instead of the network"
    )
    arguments = options.parse_args(argv)

    entries = read_entries(arguments.manifest)
    if arguments.path not in entries:
        raise UserError(
            f"{arguments.manifest}: has no row for path {arguments.path!r}; add one, or name a path that it has"
        )
    entry = entries[arguments.path]
    output: Path = arguments.output
    # Named by content, so that the partial download of another revision is never resumed.
    partial = output.with_name(f".{output.name}.{entry.sha256[:12]}.partial")
    fetch(entry, output, arguments.mirror, partial)


if __name__ == "__main__":
    run(main)
