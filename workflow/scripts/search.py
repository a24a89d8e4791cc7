"""Search every language of a benchmark with the queries of every language, or with its own, and rank the relevant passages."""

from collections.abc import Mapping
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.config.search import Search
from hybridbatch.encode.vectors import open_vectors
from hybridbatch.search.judged_pool import Collection
from hybridbatch.search.search_benchmark import Candidates, Method, open_products, search_benchmark, search_monolingual


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="folder with <language>/{queries,passages,qrels}.parquet"
    )
    parser.add_argument("--embeddings", type=Path, required=True, help="folder of vectors with a manifest.json")
    parser.add_argument(
        "--indexes", type=Path, help="folder with <language>.<00000>.faiss; default: compare every vector"
    )
    parser.add_argument("--settings", type=cli.section(Search), required=True, help="the section search, as JSON")
    parser.add_argument("--languages", nargs="+", required=True, help="languages of the pool")
    parser.add_argument(
        "--monolingual", action="store_true", help="search each language with its own queries only, without a pool"
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], required=True, help="device that compares vectors")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder to write topk.parquet, ranks.parquet and recall.csv to"
    )
    arguments = parser.parse_args(argv)
    languages = arguments.languages
    queries = {language: open_vectors(arguments.embeddings, language, "queries") for language in languages}
    passages = {language: open_vectors(arguments.embeddings, language, "passages") for language in languages}
    settings = arguments.settings
    indexes = _indexes(arguments.indexes, languages, settings.parameters)
    method = Method(settings.depth, open_products(arguments.device), indexes)
    if arguments.monolingual:
        search_monolingual(arguments.benchmark, languages, queries, passages, method, arguments.output)
        return
    search_benchmark(Collection(arguments.benchmark, languages), queries, passages, method, arguments.output)


def _indexes(folder: Path | None, languages: list[str], parameters: str) -> Mapping[str, Candidates] | None:
    if folder is None:
        return None
    # FAISS and torch load different OpenMP libraries; exact search does without FAISS.
    from hybridbatch.search.faiss_index import open_index  # noqa: PLC0415

    return {language: open_index(folder, language, parameters) for language in languages}


if __name__ == "__main__":
    cli.run(main)
