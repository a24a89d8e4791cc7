"""Write the training pairs of a source in one language as a parquet file: pair_id, query, passage."""

import argparse
from pathlib import Path

import pyarrow as pa

from hybridbatch import lareqa, pairs, parallel
from hybridbatch.cli import parser, run
from hybridbatch.errors import UserError
from hybridbatch.files import write_table


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--reader", choices=["lareqa", "parallel", "table"], required=True, help="form of the input")
    options.add_argument("--input", type=Path, required=True, help="a file; for the reader parallel, its folder")
    options.add_argument("--language", required=True, help="language of the pairs")
    options.add_argument("--domain", help="reader parallel: take the pairs of this domain only")
    options.add_argument("--split", default="train", help="reader parallel: take the pairs of this split")
    options.add_argument(
        "--keep",
        type=float,
        nargs=2,
        default=[0.0, 1.0],
        metavar=("LOW", "HIGH"),
        help="take the pairs whose id falls, by its hash in [0, 1), into [LOW, HIGH)",
    )
    options.add_argument("--output", type=Path, required=True, help="parquet file")
    arguments = options.parse_args(argv)

    table = pairs.keep(_read(arguments), *arguments.keep)
    pairs.check(table, str(arguments.input), arguments.language)
    write_table(arguments.output, table)


def _read(arguments: argparse.Namespace) -> pa.Table:
    if arguments.reader == "parallel":
        return parallel.pairs(arguments.input, arguments.language, arguments.domain, arguments.split)
    if arguments.domain is not None:
        raise UserError(
            f"--domain: reader {arguments.reader!r} knows no domains; leave it out or use reader 'parallel'"
        )
    if arguments.reader == "lareqa":
        return lareqa.pairs(arguments.input)
    return pairs.read(arguments.input)


if __name__ == "__main__":
    run(main)
