"""Build one FAISS index for each language of encoded passages."""

from pathlib import Path

from hybridbatch import cli
from hybridbatch.indexing import build_index


def main(argv: list[str] | None) -> None:
    """Build the indexes that the command line names."""
    parser = cli.parser(__doc__)
    parser.add_argument("--embeddings", type=Path, required=True, help="folder with <language>.passages.npy")
    parser.add_argument("--languages", nargs="+", required=True, help="languages to index")
    parser.add_argument("--index", default="Flat", help="FAISS factory string")
    parser.add_argument(
        "--training-sample", type=int, default=100_000, help="vectors an index is trained on, if it must"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for <language>.faiss")
    arguments = parser.parse_args(argv)
    for language in arguments.languages:
        build_index(
            arguments.embeddings / f"{language}.passages.npy",
            arguments.index,
            arguments.training_sample,
            arguments.output / f"{language}.faiss",
        )


if __name__ == "__main__":
    cli.run(main)
