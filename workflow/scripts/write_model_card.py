"""Write the card of a fine-tuned model, the `README.md` in its folder."""

from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.files import read_json
from hybridbatch.config.load import read_config
from hybridbatch.evaluate.names import parse_run
from hybridbatch.publish.model_card import write_model_card


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = parser(__doc__)
    arguments.add_argument("--run", required=True, help="run of the model: backbone/strategy/seed<N>")
    arguments.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the resolved configuration (YAML)"
    )
    arguments.add_argument("--manifest", type=Path, required=True, metavar="FILE", help="manifest.json of the model")
    arguments.add_argument("--summary", type=Path, required=True, metavar="FILE", help="summary.csv of the tables")
    arguments.add_argument("--pairs", type=Path, required=True, metavar="FOLDER", help="<source>/<language>.parquet")
    arguments.add_argument(
        "--data-files", type=Path, required=True, metavar="FILE", help="list of downloads with their licences"
    )
    arguments.add_argument("--output", type=Path, required=True, metavar="FILE", help="README.md to write")
    options = arguments.parse_args(argv)
    write_model_card(
        options.output,
        config=read_config(options.config),
        run=parse_run(options.run),
        manifest=read_json(options.manifest),
        summary=options.summary,
        pairs=options.pairs,
        data_files=options.data_files,
    )


if __name__ == "__main__":
    run(main)
