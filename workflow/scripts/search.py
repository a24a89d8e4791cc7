"""Search every language of a benchmark with the queries of every language, or with its own, and rank the relevant passages."""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.config.search import Search
from hybridbatch.encode.vectors import open_vectors
from hybridbatch.search.faiss_index import Index
from hybridbatch.search.search_benchmark import search_benchmark


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="folder with <language>/{queries,passages,qrels}.parquet"
    )
    parser.add_argument("--embeddings", type=Path, required=True, help="folder of vectors with a manifest.json")
    parser.add_argument("--indexes", type=Path, required=True, help="folder of indexes with a manifest.json")
    parser.add_argument("--settings", type=cli.section(Search), required=True, help="the section search, as JSON")
    parser.add_argument("--languages", nargs="+", required=True, help="languages of the pool")
    parser.add_argument(
        "--monolingual", action="store_true", help="search each language with its own queries only, without a pool"
    )
    parser.add_argument(
        "--only-found",
        action="store_true",
        help="with --monolingual: do not rank relevant passages below the depth, which no measure needs",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder to write topk.parquet, ranks.parquet and recall.csv to"
    )
    arguments = parser.parse_args(argv)
    languages, settings = arguments.languages, arguments.settings
    search_benchmark(
        arguments.benchmark,
        languages,
        {code: open_vectors(arguments.embeddings, code, "queries") for code in languages},
        {code: Index(arguments.indexes, arguments.embeddings, code, settings) for code in languages},
        settings,
        arguments.output,
        monolingual=arguments.monolingual,
        only_found=arguments.only_found,
    )


if __name__ == "__main__":
    cli.run(main)
