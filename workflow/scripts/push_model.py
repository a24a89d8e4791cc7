"""Upload a fine-tuned model and its card to the Hugging Face hub, with the token of the environment (HF_TOKEN)."""

from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.common.files import MANIFEST, read_json, write_json
from hybridbatch.config.load import read_config
from hybridbatch.publish.licences import check_licences
from hybridbatch.publish.lineage import model_parts, read_downloads
from hybridbatch.publish.push import push_model


def main(argv: list[str] | None) -> None:
    """Run the program."""
    arguments = parser(__doc__)
    arguments.add_argument("--run", required=True, help="run of the model: backbone/strategy/seed<N>")
    arguments.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="the resolved configuration (YAML)"
    )
    arguments.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="folder of the model")
    arguments.add_argument(
        "--data-files", type=Path, required=True, metavar="FILE", help="list of downloads with their licences"
    )
    arguments.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON file to write")
    options = arguments.parse_args(argv)
    config = read_config(options.config)
    manifest = read_json(options.model / MANIFEST)
    parts = model_parts(config, options.run.partition("/")[0], manifest["pairs"], read_downloads(options.data_files))
    check_licences(parts, config.push.despite_licence)
    repository = f"{config.push.owner}/{config.experiment}-{options.run.replace('/', '-')}"
    write_json(options.output, push_model(options.model, manifest, repository, config.push.private))


if __name__ == "__main__":
    run(main)
