"""Search every query language of a benchmark against every passage language, or its own, and rank the relevant passages."""

from pathlib import Path

import numpy as np

from hybridbatch import cli
from hybridbatch.collection import Collection
from hybridbatch.indexing import open_index
from hybridbatch.searching import search_benchmark, search_monolingual


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
    parser.add_argument(
        "--monolingual", action="store_true", help="search each language with its own queries only; there is no pool"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for topk.parquet and ranks.parquet")
    arguments = parser.parse_args(argv)
    languages = arguments.languages
    queries = {language: arguments.embeddings / f"{language}.queries.npy" for language in languages}
    passages = {language: arguments.embeddings / f"{language}.passages.npy" for language in languages}
    indexes = {language: arguments.indexes / f"{language}.faiss" for language in languages}
    if arguments.monolingual:
        search_monolingual(
            arguments.benchmark, languages, queries, passages, indexes, arguments.depth, arguments.output
        )
        return
    search_benchmark(
        Collection(arguments.benchmark, languages),
        {language: np.load(file, mmap_mode="r") for language, file in queries.items()},
        {language: np.load(file, mmap_mode="r") for language, file in passages.items()},
        {language: open_index(file) for language, file in indexes.items()},
        arguments.depth,
        arguments.output,
    )


if __name__ == "__main__":
    cli.run(main)
