"""Tiny pairs to train on."""

import pytest
from tiny import tiny_pairs


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the options that name pairs to train on, held-out ones and the cache of both."""
    folder = tmp_path_factory.mktemp("pairs")
    options = {"--pairs": ("facts", tiny_pairs(folder / "train", start=0, count=60))}
    options["--validation-pairs"] = ("held_out", tiny_pairs(folder / "validation", start=60, count=20))
    named = {
        option: [f"{source}:{language}={file}" for language, file in files.items()]
        for option, (source, files) in options.items()
    }
    return {**named, "--cache": [str(folder / "cache")]}
