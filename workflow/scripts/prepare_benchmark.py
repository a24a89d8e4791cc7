"""Write a benchmark in one language as queries.parquet, passages.parquet, qrels.parquet and a record of counts."""

import argparse
from glob import glob
from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.data.benchmark import Benchmark, keep_queries, write
from hybridbatch.data.benchmark_writer import write_streamed
from hybridbatch.data.readers import beir, belebele, lareqa, miracl, parallel

STREAMED = {"miracl": miracl, "beir": beir}


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument(
        "--reader", choices=["lareqa", "parallel", "belebele", *STREAMED], required=True, help="form of the input"
    )
    options.add_argument(
        "--input", type=Path, help="readers lareqa and belebele: a file; parallel: its folder; others: see --corpus"
    )
    options.add_argument("--language", required=True, help="language of queries and passages")
    options.add_argument(
        "--candidates", choices=lareqa.CANDIDATES, default="sentence", help="reader lareqa: the text of a passage"
    )
    options.add_argument("--domain", help="reader parallel: take the pairs of this domain only")
    options.add_argument("--split", default="test", help="reader parallel: take the pairs of this split")
    for name in ("corpus", "queries", "qrels"):
        options.add_argument(
            f"--{name}", metavar="PATTERN", help=f"readers {' and '.join(STREAMED)}: the {name} file, or a pattern (*)"
        )
    options.add_argument(
        "--title", action=argparse.BooleanOptionalAction, default=True, help="put a passage's title before its text"
    )
    options.add_argument(
        "--keep",
        type=float,
        nargs=2,
        default=[0.0, 1.0],
        metavar=("LOW", "HIGH"),
        help="take the queries whose id falls, by its hash in [0, 1), into [LOW, HIGH); every passage stays",
    )
    options.add_argument("--output-folder", type=Path, required=True, help="where the files go")
    arguments = options.parse_args(argv)

    if arguments.reader in STREAMED:
        _stream(arguments)
    else:
        write(arguments.output_folder, keep_queries(_read(arguments), *arguments.keep))


def _read(arguments: argparse.Namespace) -> Benchmark:
    if arguments.input is None:
        raise UserError(f"--input: is missing; reader {arguments.reader!r} needs it")
    if arguments.reader == "parallel":
        return parallel.benchmark(arguments.input, arguments.language, arguments.domain, arguments.split)
    if arguments.domain is not None:
        raise UserError(
            f"--domain: reader {arguments.reader!r} knows no domains; leave it out or use reader 'parallel'"
        )
    if arguments.reader == "belebele":
        return belebele.benchmark(arguments.input, arguments.language)
    return lareqa.benchmark(arguments.input, arguments.language, arguments.candidates)


def _stream(arguments: argparse.Namespace) -> None:
    reader = STREAMED[arguments.reader]
    judged = reader.judged(_files(arguments, "queries"), _files(arguments, "qrels"))
    passages = reader.passages(_files(arguments, "corpus"))
    write_streamed(arguments.output_folder, arguments.language, passages, judged, arguments.title)


def _files(arguments: argparse.Namespace, name: str) -> list[Path]:
    pattern = getattr(arguments, name)
    if pattern is None:
        raise UserError(f"--{name}: is missing; reader {arguments.reader!r} needs it")
    files = [Path(file) for file in sorted(glob(pattern))]  # noqa: PTH207 - a pattern may start at the root
    if not files:
        raise UserError(
            f"{pattern}: no file is there; correct the path, or choose a language that the benchmark has, "
            f"not {arguments.language!r}"
        )
    return files


if __name__ == "__main__":
    run(main)
