"""The tiny experiment, run once for tests to read and to copy."""

import os
import shutil
from pathlib import Path

import pytest
from checkout import Workflow, copy_sources, write_tiny_model
from filelock import FileLock


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
    """The workflow after a whole run; read-only, as tests that change files use `rerun`.

    The workers of pytest-xdist share it: the first one runs the workflow, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = root / "finished"
    with FileLock(root / "finished.lock"):
        if not folder.exists():
            shutil.copytree(pristine.folder, root / "unfinished", dirs_exist_ok=True)
            Workflow(root / "unfinished").succeed()
            (root / "unfinished").rename(folder)
    return Workflow(folder)


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
