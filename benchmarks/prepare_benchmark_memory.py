"""Prepare corpora in MIRACL's form of growing size, and show time and peak memory of each run."""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PROGRAM = Path(__file__).parents[1] / "workflow" / "scripts" / "prepare_benchmark.py"
LANGUAGE = "sw"
PER_FILE = 500_000
WORDS = 50_000
# About the mean of MIRACL's passages.
WORDS_IN_PASSAGE = 70
QUERIES = 500


def main() -> None:
    """Write and prepare a corpus of each size, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="passages")
    sizes = parser.parse_args().sizes
    print("passages  gzipped MB  seconds  passages/s  peak MB", flush=True)  # noqa: T201
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            compressed = write_corpus(folder, size)
            seconds, peak = prepare(folder)
            print(  # noqa: T201
                f"{size:8d}  {compressed / 1e6:10.1f}  {seconds:7.1f}  {size / seconds:10.0f}  {peak:7.0f}", flush=True
            )


def write_corpus(folder: Path, size: int) -> int:
    """Write a random corpus, topics and judgements; return the compressed size of the corpus in bytes."""
    rng = np.random.default_rng(1)
    words = np.array([f"neno{number}" for number in range(WORDS)])
    for start in range(0, size, PER_FILE):
        with gzip.open(folder / f"docs-{start // PER_FILE}.jsonl.gz", "wt", compresslevel=1) as stream:
            for number in range(start, min(start + PER_FILE, size)):
                text = " ".join(words[rng.integers(0, WORDS, WORDS_IN_PASSAGE)])
                stream.write(json.dumps({"docid": f"{number}#0", "title": f"Kichwa {number}", "text": text}) + "\n")
    judged = rng.choice(size, QUERIES, replace=False)
    (folder / "topics.tsv").write_text("".join(f"{row}\tSwali {row}?\n" for row in range(QUERIES)))
    (folder / "qrels.tsv").write_text("".join(f"{row}\tQ0\t{number}#0\t1\n" for row, number in enumerate(judged)))
    return sum(file.stat().st_size for file in folder.glob("*.gz"))


def prepare(folder: Path) -> tuple[float, float]:
    """Run the program; return its seconds and its peak resident memory in MB."""
    files = {"corpus": "docs-*.jsonl.gz", "queries": "topics.tsv", "qrels": "qrels.tsv"}
    options = [word for kind, file in files.items() for word in (f"--{kind}", str(folder / file))]
    command = [sys.executable, str(PROGRAM), "--reader", "miracl", "--language", LANGUAGE, *options]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--output-folder", str(folder / "out")], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{PROGRAM.name} failed")
    # Linux counts in KiB, macOS in bytes.
    return seconds, usage.ru_maxrss * (1.024e-3 if sys.platform != "darwin" else 1e-6)


if __name__ == "__main__":
    main()
