"""Write the documentation of the configuration: a JSON schema and a Markdown page."""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_text
from hybridbatch.config.documentation import readme, schema


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--schema", type=Path, required=True, help="JSON schema to write")
    parser.add_argument(
        "--readme", type=Path, required=True, help="Markdown page to write; it lists the YAML files in its folder"
    )
    arguments = parser.parse_args(argv)
    write_text(arguments.schema, schema())
    write_text(arguments.readme, readme(first_comments(arguments.readme.parent)))


def first_comments(folder: Path) -> dict[str, str]:
    """Return the comment in the first line of every YAML file of a folder."""
    files = sorted(folder.glob("*.yaml"))
    return {file.name: file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ") for file in files}


if __name__ == "__main__":
    cli.run(main)
