"""Search every query language of a benchmark against every passage language, and rank the relevant passages."""

from pathlib import Path

import numpy as np

from hybridbatch import cli
from hybridbatch.collection import Collection
from hybridbatch.indexing import open_index
from hybridbatch.searching import search_benchmark


def main(argv: list[str] | None) -> None:
    """Search as the command line says."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="folder with <language>/{queries,passages,qrels}.parquet"
    )
    parser.add_argument("--embeddings", type=Path, required=True, help="folder with <language>.{queries,passages}.npy")
    parser.add_argument("--indexes", type=Path, required=True, help="folder with <language>.faiss")
    parser.add_argument("--languages", nargs="+", required=True, help="languages of the pool")
    parser.add_argument("--depth", type=int, default=100, help="passages kept for a query in each language")
    parser.add_argument("--output", type=Path, required=True, help="folder for topk.parquet and ranks.parquet")
    arguments = parser.parse_args(argv)
    folder, languages = arguments.embeddings, arguments.languages
    search_benchmark(
        Collection(arguments.benchmark, languages),
        {language: np.load(folder / f"{language}.queries.npy", mmap_mode="r") for language in languages},
        {language: np.load(folder / f"{language}.passages.npy", mmap_mode="r") for language in languages},
        {language: open_index(arguments.indexes / f"{language}.faiss") for language in languages},
        arguments.depth,
        arguments.output,
    )


if __name__ == "__main__":
    cli.run(main)
