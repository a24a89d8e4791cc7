"""Search each language of a benchmark with BM25."""

from pathlib import Path

from tokenizers import Tokenizer

from hybridbatch.common import cli
from hybridbatch.search.bm25 import search_bm25


def main(argv: list[str] | None) -> None:
    """Search as the command line says."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="folder with <language>/{queries,passages,qrels}.parquet"
    )
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json of an encoder")
    parser.add_argument("--languages", nargs="+", required=True, help="languages to search, each by itself")
    parser.add_argument("--k1", type=float, default=0.9, help="saturation of term frequency")
    parser.add_argument("--b", type=float, default=0.4, help="strength of length normalisation")
    parser.add_argument("--depth", type=int, default=100, help="passages kept for a query")
    parser.add_argument("--output", type=Path, required=True, help="folder for topk.parquet and ranks.parquet")
    arguments = parser.parse_args(argv)
    search_bm25(
        arguments.benchmark,
        arguments.languages,
        Tokenizer.from_file(str(arguments.tokenizer)),
        arguments.k1,
        arguments.b,
        arguments.depth,
        arguments.output,
    )


if __name__ == "__main__":
    cli.run(main)
