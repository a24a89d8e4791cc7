"""Centre the passages of a run by language: write vectors like those of `encode`, whose queries are the run's own."""

import os
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import MANIFEST, read_json, write_json
from hybridbatch.config.search import Search
from hybridbatch.encode.vectors import vector_files
from hybridbatch.search.centred_passages import centre_passages
from hybridbatch.search.faiss_index import Index


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--embeddings", type=Path, required=True, help="folder of the run's vectors")
    parser.add_argument("--indexes", type=Path, required=True, help="folder of the run's indexes")
    parser.add_argument("--settings", type=cli.section(Search), required=True, help="the section search, as JSON")
    parser.add_argument("--languages", nargs="+", required=True, help="languages of the pool")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args(argv)
    embeddings, output = arguments.embeddings, arguments.output
    passages = {
        code: Index(arguments.indexes, embeddings, code, arguments.settings).vectors for code in arguments.languages
    }
    output.mkdir(parents=True, exist_ok=True)
    files = centre_passages(passages, output)
    for language in arguments.languages:
        for name, digest in vector_files(embeddings, language, "queries").items():
            (output / name).unlink(missing_ok=True)
            os.link(embeddings / name, output / name)
            files[name] = digest
    write_json(output / MANIFEST, {**read_json(embeddings / MANIFEST), "files": files})


if __name__ == "__main__":
    cli.run(main)
