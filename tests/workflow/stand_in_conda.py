"""A stand-in for the part of conda's command line that Snakemake uses; it solves and links with py-rattler.

Channels are in CONDA_CHANNEL_ALIAS and packages in CONDA_PKGS_DIRS. CONDA_FOLDER has bin/activate.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

# The oldest version that Snakemake accepts.
VERSION = "24.7.1"


def main() -> None:
    """Run the program."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"conda {VERSION}\n")
    elif arguments == ["info", "--json"]:
        sys.stdout.write(json.dumps({"conda_prefix": os.environ["CONDA_FOLDER"], "platform": "linux-64"}))
    elif arguments[:2] == ["config", "--get"]:
        sys.stdout.write(json.dumps({"get": {"channel_priority": "strict"}}))
    elif arguments[:2] == ["env", "create"]:
        create_from_yaml(parsed(arguments[2:]))
    elif arguments[:1] == ["create"]:
        create_from_list(parsed(arguments[1:]))
    elif arguments[:1] != ["clean"]:
        sys.exit(f"the stand-in for conda does not know: {' '.join(arguments)}")


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--prefix", type=Path, required=True)
    for flag in ("--quiet", "--yes", "--no-default-packages"):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args(arguments)


def create_from_yaml(options: argparse.Namespace) -> None:
    """Solve and link the conda part, then install the pip part with the environment's pip."""
    content = yaml.safe_load(options.file.read_text(encoding="utf-8"))
    parts = content["dependencies"]
    channels = [name for name in content["channels"] if name != "nodefaults"]
    asyncio.run(solve_and_link([part for part in parts if isinstance(part, str)], channels, options.prefix))
    pip = [line for part in parts if isinstance(part, dict) for line in part["pip"]]
    if pip:
        listed = options.prefix / "pip.txt"
        listed.write_text("\n".join(pip), encoding="utf-8")
        command = [options.prefix / "bin/python", "-m", "pip", "install", "-U", "--requirement", listed]
        # The packages of the stand-in itself must not be visible in the environment.
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if subprocess.run(command, env=variables, check=False).returncode != 0:
            sys.exit("Pip failed")


async def solve_and_link(specs: list[str], channels: list[str], prefix: Path) -> None:
    from rattler import Channel, Gateway, VirtualPackage, install, solve  # noqa: PLC0415 (not needed by the other commands)

    alias = os.environ["CONDA_CHANNEL_ALIAS"].rstrip("/")
    packages = Path(os.environ["CONDA_PKGS_DIRS"])
    found = await solve(
        [Channel(f"{alias}/{name}") for name in channels],
        specs,
        gateway=Gateway(cache_dir=packages / "index"),
        platforms=["linux-64", "noarch"],
        virtual_packages=VirtualPackage.detect(),
    )
    await install(found, prefix, cache_dir=packages / "packages", show_progress=False)


def create_from_list(options: argparse.Namespace) -> None:
    """Link the packages of an explicit list without solving."""
    from rattler import PackageRecord, RepoDataRecord, install  # noqa: PLC0415 (not needed by the other commands)

    lines = [line.strip() for line in options.file.read_text(encoding="utf-8").splitlines()]
    records = []
    for address in [line for line in lines if line and line[0] not in "#@"]:
        folder, _, name = address.rpartition("/")
        index = json.loads(Path(unquote(urlsplit(f"{folder}/repodata.json").path)).read_text(encoding="utf-8"))
        entry = index["packages"][name]
        described = options.prefix.with_suffix(".json")
        described.write_text(json.dumps(entry), encoding="utf-8")
        package = PackageRecord.from_index_json(described, entry["size"], entry["sha256"], entry["md5"])
        described.unlink()
        records.append(RepoDataRecord(package, name, address, folder))
    cache = Path(os.environ["CONDA_PKGS_DIRS"]) / "packages"
    asyncio.run(install(records, options.prefix, cache_dir=cache, show_progress=False))


if __name__ == "__main__":
    status = 0
    try:
        main()
    except SystemExit as error:
        sys.stderr.write(f"{error.code}\n")
        status = 1
    except Exception:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # The threads of py-rattler can abort the interpreter at its normal end.
    os._exit(status)
