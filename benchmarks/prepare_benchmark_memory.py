"""Time and peak memory of preparing corpora in MIRACL's format, for several sizes."""

import gzip
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from processes import machine, run_program

from hybridbatch.common.cli import parser, run

LANGUAGE = "sw"
PER_FILE = 500_000
WORDS = 50_000
# About the mean of MIRACL's passages.
WORDS_IN_PASSAGE = 70
QUERIES = 500


def main(argv: list[str] | None = None) -> None:
    """Write and prepare a corpus of each size, each in its own process."""
    options = parser(__doc__)
    options.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="passages")
    out = sys.stdout
    sizes = options.parse_args(argv).sizes
    out.write(
        f"{machine()}\n\n| passages | gzipped, MB | CPU seconds | passages per CPU second | peak, MiB |\n|---|---|---|---|---|\n"
    )
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            compressed = write_corpus(folder, size)
            benchmark = {"reader": "miracl", "path": name, "languages": [LANGUAGE]}
            files = {"corpus": "docs-*.jsonl.gz", "queries": "topics.tsv", "qrels": "qrels.tsv"}
            named = [f"{kind}={folder / file}" for kind, file in files.items()]
            arguments = ["--benchmark", json.dumps(benchmark), "--language", LANGUAGE, "--files", *named]
            usage = run_program("prepare_benchmark", *arguments, "--output", folder / "out")
        cells = f"{compressed / 1e6:.1f} | {usage.cpu:.1f} | {size / usage.cpu:.0f} | {usage.mebibytes:.0f}"
        out.write(f"| {size:,} | {cells} |\n")
        out.flush()


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


if __name__ == "__main__":
    run(main)
