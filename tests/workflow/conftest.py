"""The tiny experiment, run once for tests to read and to copy."""

import shutil
from pathlib import Path

import pytest
from checkout import Workflow, copy_sources, write_tiny_model


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A fresh checkout of the workflow with the tiny model and configuration."""
    folder = tmp_path_factory.mktemp("pristine")
    copy_sources(folder)
    write_tiny_model(folder / "tiny_model")
    workflow = Workflow(folder)
    workflow.configure()
    return workflow


@pytest.fixture(scope="session")
def finished(pristine: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The workflow after a whole run; read-only, as tests that change files use `rerun`."""
    folder = tmp_path_factory.mktemp("finished") / "copy"
    shutil.copytree(pristine.folder, folder)
    workflow = Workflow(folder)
    workflow.succeed()
    return workflow


@pytest.fixture
def fresh(pristine: Workflow, tmp_path: Path) -> Workflow:
    """A copy of the workflow before any run."""
    shutil.copytree(pristine.folder, tmp_path / "copy")
    return Workflow(tmp_path / "copy")


@pytest.fixture
def rerun(finished: Workflow, tmp_path: Path) -> Workflow:
    """A copy of the finished run that keeps modification times."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    return Workflow(tmp_path / "copy")
