"""Shared by all tests: no network, one thread, and tiny encoders."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from tiny import tiny_backbone

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"

# Deadlines depend on the machine, not on the code.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, so that the workers of pytest-xdist end at nearly the same time; skip what needs a GPU."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in ("slurm", "workflow")])
    for item in items if not torch.cuda.is_available() else []:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason=f"torch {torch.__version__} finds no GPU"))


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a prepared tiny backbone with dropout; tests only read it."""
    return tiny_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="session")
def still_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a prepared tiny backbone without dropout; tests only read it."""
    return tiny_backbone(tmp_path_factory.mktemp("still_backbone"), dropout=0.0)
