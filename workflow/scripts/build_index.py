"""Build the approximate FAISS indexes of each language of encoded passages."""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import atomic_folder
from hybridbatch.config.search import Search
from hybridbatch.encode.vectors import open_vectors
from hybridbatch.search.faiss_index import build_indexes


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--embeddings", type=Path, required=True, help="folder of vectors with a manifest.json")
    parser.add_argument("--languages", nargs="+", required=True, help="languages to index")
    parser.add_argument("--settings", type=cli.section(Search), required=True, help="the section search, as JSON")
    parser.add_argument("--output", type=Path, required=True, help="folder to write <language>.<00000>.faiss to")
    arguments = parser.parse_args(argv)
    settings = arguments.settings
    with atomic_folder(arguments.output) as folder:
        for language in arguments.languages:
            vectors = open_vectors(arguments.embeddings, language, "passages")
            build_indexes(vectors, settings.index, settings.index_rows, folder, language)


if __name__ == "__main__":
    cli.run(main)
