"""CPU time and peak memory of preparing mMARCO in one language, from synthetic files of its size.

The files have mMARCO's form, and by default its size: every passage and question of MS MARCO, and a line of ids for each triple of a
question, a relevant passage and another passage. The triples are in random order, as published.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from processes import machine, run_program

from hybridbatch.common.cli import parser, run
from hybridbatch.common.files import write_json
from hybridbatch.config.hub_data import mmarco_files

REVISION = "0" * 40
ROWS_AT_ONCE = 1_000_000
WORDS = [f"word{number}" for number in range(5000)]
QUERY_CHARACTERS, PASSAGE_CHARACTERS = 35, 340
# Of MS MARCO: its passages, its questions for training, the questions among its triples, and relevant passages for each of them.
PASSAGES = 8_841_823
QUESTIONS = 808_731
USED_QUESTIONS = 400_000
PAIRS_PER_QUESTION = 1.06


def main(argv: list[str] | None = None) -> None:
    """Prepare the pairs in a process of its own, and print a table."""
    options = parser(__doc__)
    options.add_argument("--lines", type=int, default=39_780_811, help="triples")
    options.add_argument("--share", type=float, default=1.0, help="share of the passages and questions of MS MARCO")
    options.add_argument("--folder", type=Path, help="folder for temporary files, 7 GB; default: the system's")
    arguments = options.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        data = folder / f"datasets--synthetic--mmarco/snapshots/{REVISION}"
        collection, queries, triples = (data / file for file in mmarco_files("en"))
        passages, questions = int(arguments.share * PASSAGES), int(arguments.share * QUESTIONS)
        write_texts(collection, passages, PASSAGE_CHARACTERS)
        write_texts(queries, questions, QUERY_CHARACTERS)
        write_triples(triples, arguments.lines, int(arguments.share * USED_QUESTIONS), passages)
        size = sum(file.stat().st_size for file in (collection, queries, triples))
        origin = {"kind": "dataset", "repository": "synthetic/mmarco", "revision": REVISION}
        manifest = folder / "manifests" / "mmarco.json"
        write_json(manifest, {**origin, "files": dict.fromkeys(mmarco_files("en"), "")})
        source = {"reader": "mmarco", "path": "synthetic/mmarco", "languages": ["en"], "hub": {"revision": REVISION}}
        output = folder / "out.parquet"
        words = ["--source", json.dumps(source), "--language", "en", "--files", f"manifest={manifest}"]
        usage = run_program("prepare_pairs", *words, "--output", output)
        pairs = pq.read_metadata(output).num_rows
    out = sys.stdout
    out.write(
        f"{machine()}\n\n| triples | passages | files, MiB | pairs | peak, MiB | CPU seconds |\n|---|---|---|---|---|---|\n"
    )
    cells = [f"{size / 2**20:,.0f}", f"{pairs:,}", f"{usage.mebibytes:,.0f}", f"{usage.cpu:.0f}"]
    out.write(f"| {arguments.lines:,} | {passages:,} | {' | '.join(cells)} |\n")


def write_texts(file: Path, number: int, characters: int) -> None:
    """Write ids and texts: parts of a long random text, of about a number of characters."""
    rng = np.random.default_rng(1)
    words = " ".join(rng.choice(WORDS, size=200_000))
    for first in range(0, number, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, number - first)
        starts = rng.integers(0, len(words) - 2 * characters, size=count)
        ends = starts + rng.integers(characters // 2, characters * 3 // 2, size=count)
        texts = [words[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        _append(file, [pa.array(np.arange(first, first + count)), pa.array(texts)])


def write_triples(file: Path, number: int, questions: int, passages: int) -> None:
    """Write triples of ids in random order; each question has one or two relevant passages."""
    rng = np.random.default_rng(2)
    pairs = int(questions * PAIRS_PER_QUESTION)
    question = np.concatenate([np.arange(questions), rng.integers(0, questions, size=pairs - questions)])
    relevant = rng.integers(0, passages, size=pairs)
    for first in range(0, number, ROWS_AT_ONCE):
        drawn = rng.integers(0, pairs, size=min(ROWS_AT_ONCE, number - first))
        others = rng.integers(0, passages, size=len(drawn))
        _append(file, [pa.array(question[drawn]), pa.array(relevant[drawn]), pa.array(others)])


def _append(file: Path, columns: list[pa.Array]) -> None:
    """Append tab-separated rows to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns, names=[str(number) for number in range(len(columns))])
    form = pa_csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    with file.open("ab") as stream:
        pa_csv.write_csv(table, stream, form)


if __name__ == "__main__":
    run(main)
