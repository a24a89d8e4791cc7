"""Search each language of a benchmark with BM25."""

from pathlib import Path

from tokenizers import Tokenizer

from hybridbatch.common import cli
from hybridbatch.config.search import BM25
from hybridbatch.search.bm25 import search_bm25


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="folder with <language>/{queries,passages,qrels}.parquet"
    )
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of an encoder")
    parser.add_argument("--languages", nargs="+", required=True, help="languages to search, each separately")
    parser.add_argument("--settings", type=cli.section(BM25), required=True, help="the section bm25, as JSON")
    parser.add_argument("--depth", type=int, required=True, help="passages kept for a query")
    parser.add_argument("--output", type=Path, required=True, help="folder to write topk.parquet and ranks.parquet to")
    arguments = parser.parse_args(argv)
    search_bm25(
        arguments.benchmark,
        arguments.languages,
        Tokenizer.from_file(str(arguments.tokenizer)),
        arguments.settings.k1,
        arguments.settings.b,
        arguments.depth,
        arguments.output,
    )


if __name__ == "__main__":
    cli.run(main)
