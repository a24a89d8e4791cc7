"""Write a benchmark in one language as queries.parquet, passages.parquet and qrels.parquet."""

import argparse
from pathlib import Path

from hybridbatch import lareqa, parallel
from hybridbatch.benchmark import Benchmark, write
from hybridbatch.cli import parser, run
from hybridbatch.errors import UserError


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--reader", choices=["lareqa", "parallel"], required=True, help="form of the input")
    options.add_argument("--input", type=Path, required=True, help="a file; for the reader parallel, its folder")
    options.add_argument("--language", required=True, help="language of queries and passages")
    options.add_argument(
        "--candidates", choices=lareqa.CANDIDATES, default="sentence", help="reader lareqa: the text of a passage"
    )
    options.add_argument("--domain", help="reader parallel: take the pairs of this domain only")
    options.add_argument("--split", default="test", help="reader parallel: take the pairs of this split")
    options.add_argument("--output-folder", type=Path, required=True, help="where the three files go")
    arguments = options.parse_args(argv)

    write(arguments.output_folder, _read(arguments))


def _read(arguments: argparse.Namespace) -> Benchmark:
    if arguments.reader == "parallel":
        return parallel.benchmark(arguments.input, arguments.language, arguments.domain, arguments.split)
    if arguments.domain is not None:
        raise UserError("--domain: reader 'lareqa' knows no domains; leave it out or use reader 'parallel'")
    return lareqa.benchmark(arguments.input, arguments.language, arguments.candidates)


if __name__ == "__main__":
    run(main)
