"""Write a benchmark in one language as queries.parquet, passages.parquet, qrels.parquet and record.json, which has the counts."""

from pathlib import Path

from hybridbatch.common.cli import named_file, parser, run, section
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.data.benchmark_writer import write_benchmark
from hybridbatch.data.readers.registry import READERS, find_files


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument(
        "--benchmark", type=section(Benchmark), required=True, help="an entry of the section benchmarks, as JSON"
    )
    options.add_argument("--language", required=True, help="language of queries and passages")
    options.add_argument(
        "--files",
        type=named_file,
        nargs="*",
        required=True,
        metavar="NAME=FILE",
        help="files or patterns that the reader reads; none for ir_datasets",
    )
    options.add_argument(
        "--sample", type=int, metavar="ROWS", help="write a hundredth, but at least this many rows (default: all)"
    )
    options.add_argument("--output", type=Path, required=True, help="folder to write")
    arguments = options.parse_args(argv)
    benchmark, language = arguments.benchmark, arguments.language

    data = READERS[benchmark.reader].benchmark(find_files(arguments.files), benchmark, language)
    write_benchmark(arguments.output, language, data, benchmark.keep, arguments.sample)


if __name__ == "__main__":
    run(main)
