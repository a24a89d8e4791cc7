"""Build the FAISS index of each language of encoded passages; an exact one replaces their vectors, which are deleted."""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import MANIFEST, sha256, write_json
from hybridbatch.common.locks import locked
from hybridbatch.config.search import Search
from hybridbatch.search.faiss_index import build_index


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--embeddings", type=Path, required=True, help="folder of vectors with a manifest.json")
    parser.add_argument("--languages", nargs="+", required=True, help="languages to index")
    parser.add_argument("--settings", type=cli.section(Search), required=True, help="the section search, as JSON")
    parser.add_argument(
        "--code", default="", help="fingerprint of the code; approximate indexes made by other code are built again"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to write <language>.<00000>.faiss to")
    arguments = parser.parse_args(argv)
    output: Path = arguments.output
    with locked(output):
        records = [
            build_index(arguments.embeddings, language, arguments.settings, arguments.code, output)
            for language in arguments.languages
        ]
        files, rows = ({k: v for record in records for k, v in record[name].items()} for name in ("files", "rows"))
        # Of more vectors, or of languages that are no longer requested.
        for stale in output.glob("*.faiss"):
            if stale.name not in files:
                stale.unlink()
        encoded = sha256(arguments.embeddings / MANIFEST)
        facts = {"index": arguments.settings.index, "embeddings": encoded, "files": files, "rows": rows}
        write_json(output / MANIFEST, facts)


if __name__ == "__main__":
    cli.run(main)
