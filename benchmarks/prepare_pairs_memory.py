"""Show the peak memory of preparing 10 thousand, 100 thousand and 1 million synthetic pairs: it must not grow with them."""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

PROGRAM = Path(__file__).parents[1] / "workflow" / "scripts" / "prepare_pairs.py"
REVISION = "0" * 40
WORDS = [f"word{number}" for number in range(5000)]
CASES = ["hub, parquet", "hub, JSON lines", "table, JSON lines"]

# A process counts the memory of the one that started it among its own, so a small one starts the program.
LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def rows(number: int, seed: int = 1) -> Iterator[dict[str, str]]:
    """Yield synthetic pairs with ids: queries of 8 words, passages of 60."""
    rng = random.Random(seed)  # noqa: S311 (texts, no secrets)
    for index in range(number):
        query, passage = rng.choices(WORDS, k=8), rng.choices(WORDS, k=60)
        yield {"pair_id": f"p{index}", "query": " ".join(query), "passage": " ".join(passage)}


def write_input(path: Path, number: int) -> None:
    """Write synthetic pairs as parquet or JSON lines, in parts of 10,000."""
    if path.suffix == ".jsonl":
        with path.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows(number))
        return
    names = ["pair_id", "query", "passage"]
    with pq.ParquetWriter(path, pa.schema([(name, pa.string()) for name in names])) as writer:
        part: list[dict[str, str]] = []
        for row in rows(number):
            part.append(row)
            if len(part) == 10_000:
                writer.write_table(pa.Table.from_pylist(part))
                part = []
        if part:
            writer.write_table(pa.Table.from_pylist(part))


def measure(case: str, folder: Path, number: int) -> dict[str, Any]:
    """Run the program on ``number`` synthetic pairs; return its peak resident memory in MB and its time in seconds."""
    reader = case.split(",", maxsplit=1)[0]
    name = "pairs.parquet" if "parquet" in case else "pairs.jsonl"
    data = folder / f"datasets--synthetic--pairs/snapshots/{REVISION}" / name
    data.parent.mkdir(parents=True, exist_ok=True)
    write_input(data, number)
    command = ["--reader", reader, "--language", "en", "--input", str(data)]
    if reader == "hub":
        manifest = folder / "manifests" / "pairs.json"
        manifest.parent.mkdir(exist_ok=True)
        facts = {"kind": "dataset", "repository": "synthetic/pairs", "revision": REVISION, "files": {name: ""}}
        manifest.write_text(json.dumps(facts), encoding="utf-8")
        columns = {"query": "query", "passage": "passage", "id": "pair_id"}
        settings = {"revision": REVISION, "columns": columns}
        command = ["--reader", reader, "--language", "en", "--input", str(manifest), "--settings", json.dumps(settings)]
    output = folder / "out.parquet"
    start = time.monotonic()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "LOGLEVEL": "WARNING"}
    launcher = [sys.executable, "-c", LAUNCHER, sys.executable, PROGRAM, *command, "--output", output]
    done = subprocess.run(launcher, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        raise RuntimeError(f"{case}: the program failed: {done.stderr}")
    found = pq.ParquetFile(output).metadata.num_rows
    if found != number:
        raise RuntimeError(f"{case}: wrote {found} of {number} pairs")
    # In kilobytes on Linux, in bytes on macOS.
    peak = int(done.stdout) / (2**20 if sys.platform == "darwin" else 2**10)
    return {"case": case, "pairs": number, "input_mb": data.stat().st_size / 2**20, "peak_mb": peak, "seconds": seconds}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    arguments = parser.parse_args()
    print("| input | pairs | file, MB | peak memory, MB | seconds |\n|---|---|---|---|---|")  # noqa: T201
    for case in arguments.cases:
        for number in arguments.pairs:
            with tempfile.TemporaryDirectory() as folder:
                row = measure(case, Path(folder), number)
            print(  # noqa: T201
                f"| {case} | {number:,} | {row['input_mb']:.0f} | {row['peak_mb']:.0f} | {row['seconds']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
