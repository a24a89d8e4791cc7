"""Convert a prepared translation model for CTranslate2."""

from pathlib import Path

from hybridbatch.common.cli import parser, run
from hybridbatch.translate.model_files import convert_model


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True, help="folder of the prepared model")
    options.add_argument("--compute-type", required=True, help="type of the stored weights, such as int8 or float16")
    options.add_argument("--output", type=Path, required=True, help="folder to write")
    arguments = options.parse_args(argv)
    convert_model(arguments.model, arguments.output, arguments.compute_type)


if __name__ == "__main__":
    run(main)
