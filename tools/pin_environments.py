"""Pin the conda environments to lock files, including indirect requirements, and write variants with CUDA builds of torch."""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_text
from hybridbatch.jobs.environments import cuda_variant, pinned, pip_pins, read_locks

CUDA = "-cuda"


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--locks", type=Path, nargs="+", required=True, help="requirements files with `name==version` for every package"
    )
    parser.add_argument("--environments", type=Path, required=True, help="folder of YAML files to rewrite")
    arguments = parser.parse_args(argv)
    lock = read_locks(*arguments.locks)
    for file in sorted(arguments.environments.glob("*.yaml")):
        if file.stem.endswith(CUDA):
            continue
        text = pinned(file.read_text(encoding="utf-8"), lock)
        write_text(file, text)
        if "torch" in pip_pins(text):
            write_text(file.with_stem(file.stem + CUDA), cuda_variant(text))


if __name__ == "__main__":
    cli.run(main)
