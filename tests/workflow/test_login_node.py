"""A login node needs the packages of envs/workflow.yaml only: no torch, nothing that jobs import in their own environments."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from checkout import ROOT, environment
from packaging.utils import canonicalize_name

from hybridbatch.jobs.environments import pip_pins

pytestmark = pytest.mark.workflow

CONFIGS = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))
# Python runs this file when it starts.
BLOCKER = """
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {blocked} else super().find_spec(name, path, target)

sys.meta_path[:] = [Finder if finder is PathFinder else finder for finder in sys.meta_path]
"""


def unpinned_modules() -> set[str]:
    """Return the modules of installed packages that envs/workflow.yaml lacks."""
    pins = pip_pins((ROOT / "envs/workflow.yaml").read_text(encoding="utf-8"))
    return {
        module
        for module, packages in packages_distributions().items()
        if not {canonicalize_name(package) for package in packages} & pins.keys()
        and module not in ("pip", "setuptools")
    }


@pytest.fixture(scope="module")
def blocker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("login")
    blocked = unpinned_modules()
    assert {"torch", "transformers", "datasets", "faiss", "ranx"} <= blocked
    (folder / "sitecustomize.py").write_text(BLOCKER.format(blocked=blocked), encoding="utf-8")
    program = Path(__file__).with_name("stand_in_conda.py")
    (folder / "conda").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$@"\n', encoding="utf-8")
    (folder / "conda").chmod(0o755)
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shipped_experiment_is_planned_without_torch(name: str, blocker: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "4", "--use-conda", "--quiet", "rules"]
    variables = environment()
    done = subprocess.run(
        [*command, "--configfile", f"config/{name}", "--config", "device=cuda", f"results_dir={blocker}/results"],
        cwd=ROOT,
        env={
            **variables,
            "PYTHONPATH": str(blocker),
            "PATH": f"{blocker}:{variables['PATH']}",
            "CONDA_FOLDER": str(blocker),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "write_report" in done.stdout


def test_the_blocker_blocks(blocker: Path) -> None:
    command = [sys.executable, "-c", "import snakemake, torch"]
    done = subprocess.run(command, env={"PYTHONPATH": str(blocker)}, capture_output=True, text=True, check=False)
    assert "No module named 'torch'" in done.stderr
