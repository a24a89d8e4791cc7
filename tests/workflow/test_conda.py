"""`--use-conda` with the environments, tested with a channel in a folder and a stand-in for conda.

The stand-in installs python and pip from that channel, as conda does from conda-forge; pip itself is real. Not tested: how conda
solves and activates environments, and whether conda-forge and PyPI have the pinned versions.
"""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkout import OVERLAY, ROOT, TIMEOUT, Workflow, environment
from local_channel import PYTHON, make_channel

from hybridbatch.jobs.environments import pip_pins

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

# A variable with the folder of the solver, made by `pip install --target`, if it is not installed.
SOLVER_FOLDER = "PY_RATTLER"
with_solver = pytest.mark.skipif(
    importlib.util.find_spec("rattler") is None and SOLVER_FOLDER not in os.environ,
    reason=f"py-rattler is not installed: requirements-conda-test.txt, or {SOLVER_FOLDER}",
)
RAW = "results/tiny/raw/demo_facts/en.parquet"
TRAINED = "results/tiny/models/tiny/hybrid/seed1/manifest.json"
HEAD = "channels: [conda-forge, nodefaults]\ndependencies: [python={}, pip, {{pip: {}}}]\n"


@dataclass(frozen=True)
class StandIn:
    """The stand-in for conda and its channel."""

    folder: Path
    packages: list[str]

    def run(self, command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command with the stand-in as `conda`; ``stdout`` has standard error too."""
        chosen = {
            "PATH": os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]]),
            "CONDA_CHANNEL_ALIAS": (self.folder / "channels").as_uri(),
            "CONDA_PKGS_DIRS": str(self.folder / "cache"),
        }
        return subprocess.run(
            command,
            cwd=folder,
            env=environment() | chosen | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def snakemake(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake with a conda environment for each job."""
        command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "1", "--use-conda"]
        return self.run(command, folder)


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    folder = tmp_path_factory.mktemp("conda")
    (folder / "bin").mkdir()
    program = Path(__file__).parent / "stand_in_conda.py"
    solver = Path(os.environ.get(SOLVER_FOLDER, ROOT)).resolve()
    scripts = {
        "conda": f'#!/bin/sh\nPYTHONPATH="{solver}" CONDA_FOLDER="{folder}" exec "{sys.executable}" "{program}" "$@"\n',
        "activate": 'export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n',
    }
    for name, text in scripts.items():
        (folder / "bin" / name).write_text(text, encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    return StandIn(folder, make_channel(folder / "channels/conda-forge"))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A workflow of one job, which lists the packages of its environment."""
    rule = 'rule:\n    output: "list.json"\n    conda: "small.yaml"\n    shell: "python -m pip list --format json > {output}"\n'
    (tmp_path / "Snakefile").write_text(rule, encoding="utf-8")
    write_wheel(tmp_path / "wheels", "torch", "2.13.0", {"torch/version.py": "__version__ = '2.13.0'\ncuda = None\n"})
    pins = f"[--no-index, --find-links {tmp_path}/wheels, torch===2.13.0]"
    (tmp_path / "small.yaml").write_text(HEAD.format(PYTHON, pins), encoding="utf-8")
    return tmp_path


def write_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    about = f"{name}-{version}.dist-info"
    content = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **files,
    }
    content[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in [*content, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in content.items():
            wheel.writestr(path, text)


def installed(listed: Path) -> dict[str, str]:
    return {entry["name"]: entry["version"] for entry in json.loads(listed.read_text(encoding="utf-8"))}


@with_solver
def test_a_rule_runs_in_the_environment_of_its_yaml(fresh: Workflow, conda: StandIn) -> None:
    program = fresh.folder / "workflow/scripts/prepare_pairs.py"
    start = 'if __name__ == "__main__":\n'
    logged = f"{start}    import sys\n\n    print('runs in', sys.prefix, file=sys.stderr)\n"
    program.write_text(program.read_text(encoding="utf-8").replace(start, logged), encoding="utf-8")
    # First on a machine with a network, then without installing anything.
    made = conda.snakemake(fresh.folder, RAW, "--conda-create-envs-only", "--configfile", OVERLAY)
    if "NewConnectionError" in made.stdout:
        pytest.skip("pip reaches no package index")
    assert made.returncode == 0, made.stdout
    assert not fresh.results.exists()
    done = conda.snakemake(fresh.folder, RAW, "--configfile", OVERLAY)
    assert done.returncode == 0, done.stdout
    assert "Creating conda environment" in made.stdout
    assert "Creating conda environment" not in done.stdout
    (prefix,) = [path for path in (fresh.folder / ".snakemake/conda").iterdir() if path.is_dir()]
    log = (fresh.results / "logs/prepare_pairs/demo_facts/en.log").read_text(encoding="utf-8")
    assert f"runs in {prefix}" in log
    pins = pip_pins((ROOT / "envs/data.yaml").read_text(encoding="utf-8"))
    listed = conda.run([f"{prefix}/bin/python", "-m", "pip", "list", "--format", "json"], fresh.folder)
    found = {entry["name"].lower().replace("_", "-"): entry["version"] for entry in json.loads(listed.stdout)}
    # Every package is pinned, apart from those that come with Python.
    assert {name: version for name, version in found.items() if name not in ("pip", "setuptools")} == pins


@with_solver
def test_a_pin_file_replaces_the_yaml_without_its_pip_part(small: Path, conda: StandIn) -> None:
    (small / "small.linux-64.pin.txt").write_text("\n".join(["@EXPLICIT", *conda.packages]), encoding="utf-8")
    done = conda.snakemake(small)
    assert done.returncode == 0, done.stdout
    assert "Using pinnings from" in done.stdout
    assert "torch" not in installed(small / "list.json")
    assert "pip" in installed(small / "list.json")


@with_solver
def test_an_environment_that_cannot_be_created_stops_the_run_before_any_job(small: Path, conda: StandIn) -> None:
    text = (small / "small.yaml").read_text(encoding="utf-8").replace("torch===2.13.0", "nowhere==1.0")
    (small / "small.yaml").write_text(text, encoding="utf-8")
    done = conda.snakemake(small)
    assert done.returncode == 1
    assert "Could not create conda environment" in done.stdout
    assert "No matching distribution found for nowhere==1.0" in done.stdout
    assert not (small / "list.json").exists()


@with_solver
def test_a_cpu_build_of_torch_in_an_environment_stops_a_run_on_gpus_before_any_job(
    fresh: Workflow, small: Path, conda: StandIn
) -> None:
    for file in (fresh.folder / "envs").glob("*.yaml"):
        file.write_bytes((small / "small.yaml").read_bytes())
    fresh.configure(device="cuda")
    done = conda.snakemake(fresh.folder, TRAINED, "--configfile", OVERLAY)
    assert done.returncode == 1, done.stdout
    assert "device: jobs are to run on a GPU, but torch 2.13.0 in" in done.stdout
    assert ".snakemake/conda/" in done.stdout
    assert not list(fresh.folder.glob("results/tiny/logs/**/*.log"))


def test_a_cpu_build_of_torch_without_environments_stops_a_run_on_gpus_before_any_job(fresh: Workflow) -> None:
    torch = pytest.importorskip("torch")
    if torch.version.cuda is not None:
        pytest.skip("torch is built for CUDA here")
    fresh.configure(device="cuda")
    assert "is a CPU build; install a CUDA build, or set device to cpu" in fresh.fail(TRAINED)
    assert not list(fresh.folder.glob("results/tiny/logs/**/*.log"))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_container_definitions_are_those_of_the_environments(device: str, conda: StandIn) -> None:
    command = [sys.executable, "-m", "snakemake", "--containerize", "dockerfile", "--cores", "1"]
    done = conda.run([*command, "--config", f"device={device}"], ROOT)
    assert done.returncode == 0, done.stdout
    written = (ROOT / f"envs/{device}.Dockerfile").read_text(encoding="utf-8")
    # Snakemake names the base image without a version, and mixes its messages with the output.
    made = [line for line in written.splitlines() if not line.startswith("FROM ")]
    assert not set(made) - set(done.stdout.splitlines()), "make containers"
    assert "miniforge3:latest" not in written
