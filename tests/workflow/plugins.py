"""Where Snakemake's plugins for clusters are: in the environment, or in a folder of their own."""

import importlib.util
import os
from pathlib import Path

# Made by `pip install --target`: in the environment itself a plugin would make every start of Snakemake slower.
FOLDER = "SNAKEMAKE_PLUGINS"


def plugin_environment() -> dict[str, str]:
    """Return the variables with which Python finds the plugins."""
    folder = os.environ.get(FOLDER)
    return {"PYTHONPATH": str(Path(folder).resolve())} if folder else {}


def missing_plugin(package: str | None) -> str | None:
    """Say why a plugin cannot be used; None if it can, or none is needed."""
    if package is None or importlib.util.find_spec(package) or (Path(os.environ.get(FOLDER, "")) / package).is_dir():
        return None
    return f"{package.replace('_', '-')} is not installed: requirements-*.txt, here or in the folder {FOLDER}"
