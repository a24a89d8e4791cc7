"""Time and private memory of index, search and evaluation compared with FAISS called directly, for several sizes of the corpus.

Passages are random unit vectors. A query is its relevant passage plus noise, so that most are found, as with an encoder; with
--unrelated it is random, and its passage is ranked below the depth, which costs most. Each program runs in its own process, ours alternating with FAISS. Our time is that of
`build_index.py`, `search.py` and `evaluate.py` together, which start Python three times, write the index, read ids and judgements, and
rank every relevant passage; FAISS reads the same vectors, adds them to an IndexFlatIP and searches it. Private memory leaves out mapped
files, which the kernel may drop.
"""

import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from processes import Usage, machine, run_measured, run_program

from hybridbatch.common.cli import parser, run
from hybridbatch.common.files import MANIFEST, write_json, write_table
from hybridbatch.config.evaluation import Evaluation
from hybridbatch.config.search import Search
from hybridbatch.data import benchmark
from hybridbatch.encode.vectors import shard_name

SHARD = 50_000
# Length of the noise of a query. With 384 dimensions, about nine in ten relevant passages are among the best 100 of a million.
NOISE = (1.0, 5.5)
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
    options.add_argument("--dimension", type=int, default=384, help="dimension of the vectors")
    options.add_argument("--depth", type=int, default=100, help="passages kept for a query")
    options.add_argument("--unrelated", action="store_true", help="queries are random")
    options.add_argument("--repeats", type=int, default=3, help="measurements of each")
    arguments = options.parse_args(argv)
    out = sys.stdout
    out.write(f"{machine()}\n\n")
    out.write(
        "| passages | index, s | search, s | evaluate, s | FAISS, s | ratio | ratio of CPU seconds "
        "| index, MiB | search, MiB | evaluate, MiB | FAISS, MiB |\n"
    )
    out.write("|---|---|---|---|---|---|---|---|---|---|---|\n")
    for size in arguments.passages:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_collection(folder, size, arguments.queries, arguments.dimension, unrelated=arguments.unrelated)
            rounds = [_round(folder, arguments.depth) for _ in range(arguments.repeats)]
        programs = list(zip(*rounds, strict=True))
        *ours, faiss = (statistics.median(usage.seconds for usage in program) for program in programs)
        *cpu, faiss_cpu = (statistics.median(usage.cpu for usage in program) for program in programs)
        cells = [f"{size:,}", *(f"{seconds:.1f}" for seconds in (*ours, faiss))]
        cells += [f"{sum(ours) / faiss:.2f}", f"{sum(cpu) / faiss_cpu:.2f}"]
        cells += [f"{max(usage.private for usage in program) / 2**20:.0f}" for program in programs]
        out.write(f"| {' | '.join(cells)} |\n")
        out.flush()


def write_collection(folder: Path, passages: int, queries: int, dimension: int, *, unrelated: bool = False) -> None:
    """Write a benchmark in one language and its vectors, in the form that the workflow's stages write."""
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
    language = folder / "benchmark" / "en"
    asked = {"query_id": query_ids, "text": query_ids}
    write_table(language / "passages.parquet", pa.table(texts, schema=benchmark.PASSAGES))
    write_table(language / "queries.parquet", pa.table(asked, schema=benchmark.QUERIES))
    write_table(language / "qrels.parquet", pa.table(judged, schema=benchmark.QRELS))
    vectors = folder / "vectors"
    vectors.mkdir()
    asking = _units(rng, queries, dimension)
    names = [shard_name("en", "queries", 0)]
    for number, start in enumerate(range(0, passages, SHARD)):
        rows = _units(rng, min(SHARD, passages - start), dimension)
        names.append(shard_name("en", "passages", number))
        np.save(vectors / names[-1], rows)
        if not unrelated:
            here = np.flatnonzero((relevant >= start) & (relevant < start + len(rows)))
            asking[here] = rng.uniform(*NOISE, (len(here), 1)) * asking[here] + rows[relevant[here] - start]
    np.save(vectors / names[0], asking / np.linalg.norm(asking, axis=1, keepdims=True))
    write_json(vectors / MANIFEST, {"files": dict.fromkeys(names, "")})


def _units(rng: np.random.Generator, rows: int, dimension: int) -> NDArray[np.float32]:
    vectors = rng.standard_normal((rows, dimension), dtype=np.float32)
    units: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units


def _round(folder: Path, depth: int) -> tuple[Usage, ...]:
    """Run index, search, evaluation and FAISS."""
    # The index replaces the vectors, which the next round needs.
    embeddings, indexes = folder / "embeddings", folder / "indexes"
    shutil.rmtree(indexes, ignore_errors=True)
    shutil.copytree(folder / "vectors", embeddings, copy_function=os.link)
    settings = Search(depth=depth).model_dump_json()
    build = ["--embeddings", embeddings, "--languages", "en", "--settings", settings, "--output", indexes]
    search = ["--benchmark", folder / "benchmark", "--embeddings", embeddings, "--indexes", indexes]
    search += ["--languages", "en", "--settings", settings, "--monolingual"]
    ranks, measures = f"synthetic={folder / 'search/ranks.parquet'}", Evaluation(measures=MEASURES, tables={})
    evaluation = ["--ranks", ranks, "--settings", measures.model_dump_json(), "--measured", '{"synthetic": ["mono"]}']
    usages = (
        run_program("build_index", *build),
        run_program("search", *search, "--output", folder / "search"),
        run_program("evaluate", *evaluation, "--output", folder / "measures.parquet"),
        run_measured([sys.executable, "-c", FAISS, folder / "vectors", depth]),
    )
    shutil.rmtree(embeddings)
    return usages


if __name__ == "__main__":
    run(main)
