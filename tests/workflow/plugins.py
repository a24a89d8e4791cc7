"""Snakemake's plugins for clusters, in the environment or in a separate folder."""

import importlib.util
import os
from pathlib import Path

# A variable with a folder made by `pip install --target`: plugins in the environment slow down every start of Snakemake.
FOLDER = "SNAKEMAKE_PLUGINS"


def plugin_environment() -> dict[str, str]:
    """Return the environment variables that let Python find the plugins."""
    folder = os.environ.get(FOLDER)
    return {"PYTHONPATH": str(Path(folder).resolve())} if folder else {}


def missing_plugin(package: str | None) -> str | None:
    """Return why a plugin cannot be used; None if it can, or if none is needed."""
    if package is None or importlib.util.find_spec(package) or (Path(os.environ.get(FOLDER, "")) / package).is_dir():
        return None
    return f"{package.replace('_', '-')} is not installed: requirements-*.txt, here or in the folder {FOLDER}"
