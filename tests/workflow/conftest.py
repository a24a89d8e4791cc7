"""The tiny experiment, run once to the end for tests to look at and to copy."""

import shutil
from pathlib import Path

import pytest
from checkout import Workflow, copy_sources, write_tiny_model


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The workflow as it is checked out, with the tiny model and configuration; nothing has run."""
    folder = tmp_path_factory.mktemp("pristine")
    copy_sources(folder)
    write_tiny_model(folder / "tiny_model")
    workflow = Workflow(folder)
    workflow.configure()
    return workflow


@pytest.fixture(scope="session")
def finished(pristine: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The workflow after a whole run. For looking at only: a test that changes a file takes `rerun`."""
    folder = tmp_path_factory.mktemp("finished") / "copy"
    shutil.copytree(pristine.folder, folder)
    workflow = Workflow(folder)
    workflow.succeed()
    return workflow


@pytest.fixture
def fresh(pristine: Workflow, tmp_path: Path) -> Workflow:
    """A copy of the workflow in which nothing has run."""
    shutil.copytree(pristine.folder, tmp_path / "copy")
    return Workflow(tmp_path / "copy")


@pytest.fixture
def rerun(finished: Workflow, tmp_path: Path) -> Workflow:
    """A copy of the finished run; the times of its files are kept."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    return Workflow(tmp_path / "copy")
