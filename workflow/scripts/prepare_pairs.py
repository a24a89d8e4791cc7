"""Write the raw pairs of a source in one language: pair_id, query, passage and, if the source has negatives, negative."""

import tempfile
from pathlib import Path

from hybridbatch.common.cli import named_file, parser, run, section
from hybridbatch.config.sources import Source
from hybridbatch.data.pairs import write_pairs
from hybridbatch.data.readers.registry import READERS, find_files


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument(
        "--source", type=section(Source), required=True, help="an entry of the section sources, as JSON"
    )
    options.add_argument("--language", required=True, help="language of the pairs")
    options.add_argument(
        "--files",
        type=named_file,
        nargs="+",
        required=True,
        metavar="NAME=FILE",
        help="files or patterns that the reader reads",
    )
    options.add_argument(
        "--sample", type=int, metavar="ROWS", help="write a hundredth, but at least this many rows (default: all)"
    )
    options.add_argument("--output", type=Path, required=True, help="parquet file to write")
    arguments = options.parse_args(argv)
    source, output = arguments.source, arguments.output

    output.parent.mkdir(parents=True, exist_ok=True)
    # The temporary files of a reader may be as large as the source.
    tempfile.tempdir = str(output.parent)
    pairs = READERS[source.reader].pairs(find_files(arguments.files), source, arguments.language)
    name = f"{source.path}: language {arguments.language!r}"
    rows = arguments.sample
    write_pairs(output, pairs, source.keep, name, negatives=source.has_negatives, sampled_rows=rows)


if __name__ == "__main__":
    run(main)
