"""Time and peak memory of cleaning synthetic pairs with every step, including near-duplicates of 5,000 evaluation passages."""

import random
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from processes import machine, run_program

from hybridbatch.common.cli import parser, run
from hybridbatch.common.files import read_json, write_table
from hybridbatch.config.cleaning import Cleaning
from hybridbatch.data import benchmark
from hybridbatch.data.pairs import PAIRS

EVALUATION_PASSAGES = 5000
ROWS_AT_ONCE = 10_000
# One pair in this many is copied from the evaluation set, half of them with a word changed.
PLANTED_EVERY = 1000


def main(argv: list[str] | None = None) -> None:
    """Clean files of several sizes, each in its own process, and print a table."""
    options = parser(__doc__)
    options.add_argument(
        "--pairs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes of the files"
    )
    options.add_argument("--words", type=int, default=60, help="words in a passage; 60 as in MS MARCO")
    options.add_argument("--seed", type=int, default=1, help="seed of the texts")
    arguments = options.parse_args(argv)
    generator = random.Random(arguments.seed)  # noqa: S311 (texts, no secrets)
    words = [
        "".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=generator.randint(2, 10))) for _ in range(20_000)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        passages = [_text(generator, words, arguments.words) for _ in range(EVALUATION_PASSAGES)]
        _write_evaluation(folder / "synthetic" / "en", passages)
        sys.stdout.write(f"{machine()}\n\n| pairs | file, MB | CPU seconds | peak, MiB | kept | planted | found |\n")
        sys.stdout.write("|---|---|---|---|---|---|---|\n")
        for size in arguments.pairs:
            _write_pairs(folder / "raw.parquet", size, generator, words, passages, arguments.words)
            usage = run_program("clean_pairs", *_arguments(folder))
            record = read_json(folder / "record.json")
            found = sum(row["pairs"] for row in record["removed"] if row["reason"].endswith("contaminated"))
            megabytes = (folder / "raw.parquet").stat().st_size / 1e6
            planted = len(range(0, size, PLANTED_EVERY))
            cells = f"{megabytes:.0f} | {usage.cpu:.1f} | {usage.mebibytes:.0f} | {record['pairs_kept']:,}"
            sys.stdout.write(f"| {size:,} | {cells} | {planted} | {found} |\n")
            sys.stdout.flush()


def _text(generator: random.Random, words: list[str], length: int) -> str:
    return " ".join(generator.choices(words, k=length))


def _write_evaluation(folder: Path, passages: list[str]) -> None:
    ids = [str(number) for number in range(len(passages))]
    queries = {"query_id": ids, "text": [f"what do we know about number {number}" for number in ids]}
    nothing = [None] * len(ids)
    rows = {"passage_id": ids, "text": passages, "title": nothing, "context": nothing}
    write_table(folder / "queries.parquet", pa.table(queries, schema=benchmark.QUERIES))
    write_table(folder / "passages.parquet", pa.table(rows, schema=benchmark.PASSAGES))


def _write_pairs(
    file: Path, size: int, generator: random.Random, words: list[str], passages: list[str], length: int
) -> None:
    def pairs() -> Iterator[tuple[str, str, str]]:
        for number in range(size):
            passage = _text(generator, words, length)
            if number % PLANTED_EVERY == 0:
                passage = generator.choice(passages)
                if number % (2 * PLANTED_EVERY):
                    passage = passage.replace(passage.split()[3], "changed", 1)
            yield str(number), _text(generator, words, 8), passage

    rows = pairs()
    with pq.ParquetWriter(file, PAIRS, compression="zstd") as writer:
        while part := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.table([pa.array(column) for column in zip(*part, strict=True)], schema=PAIRS))


def _arguments(folder: Path) -> list[object]:
    settings = Cleaning().model_dump_json()
    words = ["--pairs", folder / "raw.parquet", "--source", "synthetic", "--language", "en", "--settings", settings]
    words += ["--evaluation", folder / "synthetic" / "en", "--device", "cpu"]
    return [*words, "--output", folder / "clean.parquet", "--record", folder / "record.json"]


if __name__ == "__main__":
    run(main)
