"""Memory of the training pairs and their sampler: synthetic aligned pairs in 9 languages, for several numbers of rows.

The pairs are in memory-mapped files, whose pages the system can reclaim at any time. The table therefore shows the private memory of
the process (RssAnon in /proc/<pid>/status, Linux only): the peak while files are opened and aligned, and the memory held while
batches are drawn, both without that of the libraries. With --forms gaps, every language lacks some ids, as after cleaning.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from processes import machine

from hybridbatch.common.cli import parser, run
from hybridbatch.data.pairs import PAIRS

LANGUAGES = ["ar", "de", "en", "es", "hi", "ru", "th", "tr", "zh"]
ROWS_AT_ONCE = 500_000
# With gaps, the i-th language lacks the rows whose number is i modulo this.
GAP = 20


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000], help="aligned rows")
    options.add_argument("--batch-size", type=int, default=100, help="pairs in a batch")
    options.add_argument("--batches", type=int, default=200, help="batches to draw")
    options.add_argument(
        "--forms",
        nargs="+",
        choices=["whole", "gaps"],
        default=["whole", "gaps"],
        help="ids of the languages: all the same, or with gaps",
    )
    options.add_argument("--folder", type=Path, help="folder for temporary files; default: the system's")
    options.add_argument("--measure", type=Path, help="measure the pairs in this folder in this process")
    arguments = options.parse_args(argv)
    if arguments.measure:
        measure(arguments.measure, arguments.batch_size, arguments.batches)
        return
    out = sys.stdout
    out.write(f"{machine()}\n\n")
    out.write(
        "| rows | ids | opened in, CPU s | libraries, MiB | peak, MiB | held, MiB | bytes per row | CPU ms per batch |\n"
    )
    out.write("|---|---|---|---|---|---|---|---|\n")
    for rows in arguments.rows:
        for form in arguments.forms:
            with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
                write_sources(Path(name), rows, form == "gaps")
                marks = _watch(Path(name), arguments.batch_size, arguments.batches)
            base, peak, held = marks["loaded"]["held"], marks["peak"], marks["drawn"]["held"]
            cells = [marks["opened"]["seconds"], base / 2**20, (peak - base) / 2**20, (held - base) / 2**20]
            numbers = " | ".join(f"{cell:.0f}" for cell in cells)
            batch = marks["drawn"]["seconds"] / arguments.batches * 1e3
            out.write(f"| {rows:,} | {form} | {numbers} | {(held - base) / rows:.0f} | {batch:.1f} |\n")
            out.flush()


def write_sources(folder: Path, rows: int, gaps: bool) -> None:
    """Write a file of short pairs for each language."""
    for number, language in enumerate(LANGUAGES):
        with pq.ParquetWriter(folder / f"{language}.parquet", PAIRS, compression="zstd") as writer:
            for part in _parts(rows, language, number if gaps else None):
                writer.write_table(part)


def _parts(rows: int, language: str, left_out: int | None) -> Iterator[pa.Table]:
    for start in range(0, rows, ROWS_AT_ONCE):
        number = pa.array(range(start, min(start + ROWS_AT_ONCE, rows)))
        if left_out is not None:
            rest = pc.subtract(number, pc.multiply(pc.divide(number, GAP), GAP))
            number = number.filter(pc.not_equal(rest, left_out))
        text = number.cast(pa.string())
        query = pc.binary_join_element_wise(f"{language} question", text, " ")
        passage = pc.binary_join_element_wise(f"{language} the answer that was given to question", text, " ")
        yield pa.table([text, query, passage], schema=PAIRS)


def measure(folder: Path, batch_size: int, batches: int) -> None:
    """Open the pairs and draw batches; write a line of JSON after each step, for the process that watches this one."""
    from hybridbatch.train.aligned_pairs import AlignedPairs  # noqa: PLC0415 - the watching process does not load torch
    from hybridbatch.train.hybrid_batches import HybridBatchSampler, PairDataset  # noqa: PLC0415

    files = {file.stem: file for file in folder.glob("*.parquet")}
    _mark("loaded", 0.0)
    start = time.process_time()
    source = AlignedPairs(files, "synthetic", folder / "cache")
    sampler = HybridBatchSampler([source], batch_size, batches, 0.5, 1)
    dataset = PairDataset([source])
    _mark("opened", time.process_time() - start)
    start = time.process_time()
    for batch in sampler:
        dataset.__getitems__(batch)
    _mark("drawn", time.process_time() - start)


def _mark(name: str, seconds: float) -> None:
    line = {"step": name, "seconds": seconds, "held": _private("self")}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _private(process: int | str) -> int:
    """Return the private memory of a process in bytes, 0 once it has ended."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def _watch(folder: Path, batch_size: int, batches: int) -> dict[str, Any]:
    """Measure in another process, and sample its memory 50 times per second."""
    command = [sys.executable, __file__, "--measure", str(folder), "--batch-size", str(batch_size)]
    command += ["--batches", str(batches)]
    peak = 0
    with (folder / "marks.jsonl").open("w+", encoding="utf-8") as marks:
        process = subprocess.Popen(command, stdout=marks, stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            peak = max(peak, _private(process.pid))
            time.sleep(0.02)
        if process.returncode:
            raise RuntimeError(process.communicate()[1])
        marks.seek(0)
        steps = {line["step"]: line for line in map(json.loads, marks)}
    return {**steps, "peak": peak}


if __name__ == "__main__":
    run(main)
