"""Write into the conda environments the versions of a lock file, all that their packages need, and variants with torch for CUDA."""

from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.files import write_text
from hybridbatch.jobs.environments import cuda_variant, pinned, pip_pins, read_lock

CUDA = "-cuda"


def main(argv: list[str] | None) -> None:
    """Rewrite the YAML files of a folder."""
    parser = cli.parser(__doc__)
    parser.add_argument("--lock", type=Path, required=True, help="file with a line name==version for every package")
    parser.add_argument("--environments", type=Path, required=True, help="folder of the environments' YAML files")
    arguments = parser.parse_args(argv)
    lock = read_lock(arguments.lock)
    for file in sorted(arguments.environments.glob("*.yaml")):
        if file.stem.endswith(CUDA):
            continue
        text = pinned(file.read_text(encoding="utf-8"), lock)
        write_text(file, text)
        if "torch" in pip_pins(text):
            write_text(file.with_stem(file.stem + CUDA), cuda_variant(text))


if __name__ == "__main__":
    cli.run(main)
