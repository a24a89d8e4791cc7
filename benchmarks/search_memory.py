"""Search and evaluation of one run against FAISS flat called directly: seconds and peak memory, for corpora of several sizes.

Random unit vectors; each program runs in a process of its own, ours and FAISS in turns. Our seconds are those of `search.py` and
`evaluate.py` together, which start Python twice, read ids and judgements, and rank every relevant passage; FAISS reads the same
vectors, adds them to an IndexFlatIP and searches it.
"""

import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "benchmarks")]

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
from processes import SCRIPTS, Usage, machine, run_measured  # noqa: E402

from hybridbatch.common.cli import parser, run  # noqa: E402
from hybridbatch.common.files import MANIFEST, write_json, write_table  # noqa: E402
from hybridbatch.data import benchmark  # noqa: E402
from hybridbatch.encode.vectors import shard_name  # noqa: E402

SHARD = 50_000
MEASURES = ["map", "recall@1", "recall@10", "recall@100", "ndcg@10"]

FAISS = """
import sys
from pathlib import Path
import faiss
import numpy as np
folder, depth = Path(sys.argv[1]), int(sys.argv[2])
queries = np.load(folder / "en.queries.00000.npy")
index = faiss.IndexFlatIP(queries.shape[1])
for file in sorted(folder.glob("en.passages.*.npy")):
    index.add(np.load(file))
scores, rows = index.search(queries, depth)
"""


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="sizes")
    options.add_argument("--queries", type=int, default=1000, help="queries, each with one relevant passage")
    options.add_argument("--dimension", type=int, default=384, help="numbers in a vector")
    options.add_argument("--depth", type=int, default=100, help="passages kept for a query")
    options.add_argument("--repeats", type=int, default=3, help="measurements of each")
    arguments = options.parse_args(argv)
    out = sys.stdout
    out.write(f"{machine()}\n\n")
    out.write(
        "| passages | search, s | evaluate, s | FAISS, s | ratio | ratio of CPU seconds | search, MiB | evaluate, MiB | FAISS, MiB |\n"
    )
    out.write("|---|---|---|---|---|---|---|---|---|\n")
    for size in arguments.passages:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_collection(folder, size, arguments.queries, arguments.dimension)
            rounds = [_round(folder, arguments.depth) for _ in range(arguments.repeats)]
        search, evaluation, faiss = (
            statistics.median(usage.seconds for usage in column) for column in zip(*rounds, strict=True)
        )
        cpu = [statistics.median(usage.cpu for usage in column) for column in zip(*rounds, strict=True)]
        peaks = " | ".join(f"{max(usage.peak for usage in column) / 2**20:.0f}" for column in zip(*rounds, strict=True))
        out.write(
            f"| {size:,} | {search:.1f} | {evaluation:.1f} | {faiss:.1f} | {(search + evaluation) / faiss:.2f} "
            f"| {(cpu[0] + cpu[1]) / cpu[2]:.2f} | {peaks} |\n"
        )
        out.flush()


def write_collection(folder: Path, passages: int, queries: int, dimension: int) -> None:
    """Write a benchmark of one language and its vectors, as the workflow's stages would."""
    rng = np.random.default_rng(1)
    relevant = rng.choice(passages, queries, replace=passages < queries)
    passage_ids = [f"en/{number}" for number in range(passages)]
    query_ids = [str(number) for number in range(queries)]
    nothing = pa.nulls(passages, pa.string())
    texts = {"passage_id": passage_ids, "text": passage_ids, "title": nothing, "context": nothing}
    judged = {
        "query_id": query_ids,
        "passage_id": [passage_ids[row] for row in relevant],
        "relevance": pa.array([1] * queries, pa.int32()),
    }
    home = folder / "benchmark" / "en"
    write_table(home / "passages.parquet", pa.table(texts, schema=benchmark.PASSAGES))
    write_table(
        home / "queries.parquet", pa.table({"query_id": query_ids, "text": query_ids}, schema=benchmark.QUERIES)
    )
    write_table(home / "qrels.parquet", pa.table(judged, schema=benchmark.QRELS))
    vectors = folder / "vectors"
    vectors.mkdir()
    names = []
    for kind, total in (("queries", queries), ("passages", passages)):
        for number, start in enumerate(range(0, total, SHARD)):
            rows = rng.standard_normal((min(SHARD, total - start), dimension), dtype=np.float32)
            names.append(shard_name("en", kind, number))  # type: ignore[arg-type]
            np.save(vectors / names[-1], rows / np.linalg.norm(rows, axis=1, keepdims=True))
    write_json(vectors / MANIFEST, {"files": dict.fromkeys(names, "")})


def _round(folder: Path, depth: int) -> tuple[Usage, Usage, Usage]:
    """Run search, evaluation and FAISS."""
    search = [sys.executable, str(SCRIPTS / "search.py"), "--benchmark", str(folder / "benchmark")]
    search += ["--embeddings", str(folder / "vectors"), "--languages", "en", "--depth", str(depth), "--monolingual"]
    search += ["--output", str(folder / "search")]
    evaluation = [sys.executable, str(SCRIPTS / "evaluate.py"), "--ranks", f"made-up={folder / 'search/ranks.parquet'}"]
    evaluation += ["--measures", *MEASURES, "--settings", "made-up=mono", "--output", str(folder / "measures.parquet")]
    faiss = [sys.executable, "-c", FAISS, str(folder / "vectors"), str(depth)]
    return run_measured(search, folder), run_measured(evaluation, folder), run_measured(faiss, folder)


if __name__ == "__main__":
    run(main)
