"""CPU time and peak memory of preparing synthetic pairs, for several sizes and formats: memory must not grow with the pairs."""

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from processes import Usage, machine, run_program

from hybridbatch.common.cli import parser, run
from hybridbatch.common.files import write_json
from hybridbatch.data.pairs import PAIRS

REVISION = "0" * 40
ROWS_AT_ONCE = 10_000
WORDS = [f"word{number}" for number in range(5000)]
CASES = ["hub, parquet", "hub, JSON lines", "table, JSON lines"]


def main(argv: list[str] | None = None) -> None:
    """Prepare files of each format and size, each in its own process, and print a table."""
    options = parser(__doc__)
    options.add_argument("--pairs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes")
    options.add_argument("--cases", nargs="+", choices=CASES, default=CASES, help="readers and formats")
    arguments = options.parse_args(argv)
    out = sys.stdout
    out.write(f"{machine()}\n\n| input | pairs | file, MiB | peak, MiB | CPU seconds |\n|---|---|---|---|---|\n")
    for case in arguments.cases:
        for number in arguments.pairs:
            with tempfile.TemporaryDirectory() as folder:
                size, usage = measure(case, Path(folder), number)
            out.write(f"| {case} | {number:,} | {size / 2**20:.0f} | {usage.mebibytes:.0f} | {usage.cpu:.0f} |\n")
            out.flush()


def rows(number: int) -> Iterator[dict[str, str]]:
    """Yield synthetic pairs with ids: queries of 8 words, passages of 60."""
    rng = random.Random(1)  # noqa: S311 (texts, no secrets)
    for index in range(number):
        query, passage = rng.choices(WORDS, k=8), rng.choices(WORDS, k=60)
        yield {"pair_id": f"p{index}", "query": " ".join(query), "passage": " ".join(passage)}


def write_input(path: Path, number: int) -> None:
    """Write synthetic pairs as parquet or JSON lines."""
    if path.suffix == ".jsonl":
        with path.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows(number))
        return
    pairs = rows(number)
    with pq.ParquetWriter(path, PAIRS) as writer:
        while part := list(islice(pairs, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(part, PAIRS))


def measure(case: str, folder: Path, number: int) -> tuple[int, Usage]:
    """Prepare ``number`` synthetic pairs; return the size of their file in bytes, and the resources used."""
    reader = case.split(",", maxsplit=1)[0]
    name = "pairs.parquet" if "parquet" in case else "pairs.jsonl"
    data = folder / f"datasets--synthetic--pairs/snapshots/{REVISION}" / name
    data.parent.mkdir(parents=True)
    write_input(data, number)
    source = {"reader": "table", "path": str(folder / "{language}.jsonl"), "languages": ["en"]}
    file = f"pairs={data}"
    if reader == "hub":
        manifest = folder / "manifests" / "pairs.json"
        origin = {"kind": "dataset", "repository": "synthetic/pairs", "revision": REVISION}
        write_json(manifest, {**origin, "files": {name: ""}})
        columns = {"query": "query", "passage": "passage", "id": "pair_id"}
        hub = {"revision": REVISION, "data_files": name, "columns": columns}
        source = {"reader": "hub", "path": "synthetic/pairs", "languages": ["en"], "hub": hub}
        file = f"manifest={manifest}"
    output = folder / "out.parquet"
    arguments = ["--source", json.dumps(source), "--language", "en", "--files", file, "--output", output]
    usage = run_program("prepare_pairs", *arguments)
    found = pq.read_metadata(output).num_rows
    if found != number:
        raise RuntimeError(f"{case}: wrote {found} of {number} pairs")
    return data.stat().st_size, usage


if __name__ == "__main__":
    run(main)
