"""Measure time and peak memory of cleaning made-up pairs: every step, near-duplicates of 5,000 evaluation passages among them."""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from hybridbatch.common.cli import parser, run  # noqa: E402
from hybridbatch.common.files import read_json, write_table  # noqa: E402
from hybridbatch.config.cleaning import Cleaning  # noqa: E402
from hybridbatch.data import benchmark  # noqa: E402
from hybridbatch.data.pairs import PAIRS  # noqa: E402

EVALUATION_PASSAGES = 5000
ROWS_AT_ONCE = 10_000
# One pair in so many is taken from the evaluation set: half of them with a word changed.
PLANTED_EVERY = 1000


def main(argv: list[str] | None = None) -> None:
    """Clean files of several sizes, each in a process of its own, and write a line for each to standard output."""
    options = parser(__doc__)
    options.add_argument(
        "--pairs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes of the files"
    )
    options.add_argument("--words", type=int, default=60, help="words of a passage; 60 is a passage of MS MARCO")
    options.add_argument("--seed", type=int, default=1, help="seed of the texts")
    arguments = options.parse_args(argv)
    generator = random.Random(arguments.seed)  # noqa: S311 (texts, no secrets)
    words = [
        "".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=generator.randint(2, 10))) for _ in range(20_000)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        passages = [_text(generator, words, arguments.words) for _ in range(EVALUATION_PASSAGES)]
        _write_evaluation(folder / "made-up" / "en", passages)
        sys.stdout.write("pairs\tMB\tseconds\tpeak MiB\tkept\tplanted\tfound\n")
        for size in arguments.pairs:
            _write_pairs(folder / "raw.parquet", size, generator, words, passages, arguments.words)
            seconds, peak = _clean(folder)
            record = read_json(folder / "record.json")
            found = sum(row["pairs"] for row in record["removed"] if row["reason"].endswith("contaminated"))
            megabytes = (folder / "raw.parquet").stat().st_size / 1e6
            planted = len(range(0, size, PLANTED_EVERY))
            sys.stdout.write(
                f"{size}\t{megabytes:.0f}\t{seconds:.1f}\t{peak / 2**20:.0f}\t{record['pairs_kept']}\t{planted}\t{found}\n"
            )
            sys.stdout.flush()


def _text(generator: random.Random, words: list[str], length: int) -> str:
    return " ".join(generator.choices(words, k=length))


def _write_evaluation(folder: Path, passages: list[str]) -> None:
    ids = [str(number) for number in range(len(passages))]
    queries = {"query_id": ids, "text": [f"what is said of number {number}" for number in ids]}
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
        for start in range(0, size, ROWS_AT_ONCE):
            part = [next(rows) for _ in range(min(ROWS_AT_ONCE, size - start))]
            writer.write_table(pa.table([pa.array(column) for column in zip(*part, strict=True)], schema=PAIRS))


def _clean(folder: Path) -> tuple[float, int]:
    """Run the program; return its seconds and the largest resident set in bytes."""
    command = [sys.executable, str(SCRIPTS / "clean_pairs.py"), "--pairs", "raw.parquet", "--source", "made-up"]
    command += ["--language", "en", "--settings", Cleaning().model_dump_json(), "--evaluation", "made-up/en"]
    command += ["--output", "clean.parquet", "--record", "record.json"]
    start = time.monotonic()
    with subprocess.Popen(command, cwd=folder, env={**os.environ, "LOGLEVEL": "WARNING"}) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.monotonic() - start, usage.ru_maxrss * 1024


if __name__ == "__main__":
    run(main)
