"""A killed run resumes where it stopped."""

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from checkout import Workflow

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

RUN = "tiny/hybrid/seed1"
TARGET = f"results/tiny/models/{RUN}/manifest.json"
LOG = f"results/tiny/logs/train/{RUN}.log"
STATE = f"results/tiny/state/train/{RUN}"
STEPS = 150
SECONDS = 300


@pytest.fixture
def long(rerun: Workflow) -> Workflow:
    """The finished run, with enough additional training steps to allow killing it."""
    rerun.configure(training={"steps": STEPS, "validation_every": 5})
    return rerun


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until the condition holds; fail if Snakemake ends first."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None, "Snakemake ended before it could be killed"
        assert time.monotonic() < end, "no checkpoint was written in time"
        time.sleep(0.02)


def whole_checkpoints(workflow: Workflow) -> list[Path]:
    return list((workflow.folder / STATE).glob("checkpoint-*/complete"))


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def is_training(process: psutil.Process) -> bool:
    command = process.cmdline()
    return len(command) > 1 and command[1].endswith("workflow/scripts/train.py")


def finish_training(workflow: Workflow) -> None:
    """Run again, and expect training to resume from a checkpoint and finish."""
    workflow.succeed(TARGET)
    log = (workflow.folder / LOG).read_text(encoding="utf-8")
    assert "resuming from" in log
    curves = (workflow.results / f"models/{RUN}/curves.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in curves[1:]] == [str(step) for step in range(1, STEPS + 1)]
    assert not list((workflow.folder / STATE).glob("checkpoint-*"))
    assert workflow.planned(TARGET) == set()


def test_killed_training_job(long: Workflow) -> None:
    process = long.start(TARGET)
    wait_for(lambda: bool(whole_checkpoints(long)), process)
    trainings = [child for child in descendants(process) if is_training(child)]
    assert len(trainings) == 1
    trainings[0].kill()
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, output
    assert "Error in rule train" in output
    assert not (long.folder / TARGET).exists()
    assert whole_checkpoints(long)
    finish_training(long)


def test_killed_snakemake(long: Workflow) -> None:
    process = long.start(TARGET)
    wait_for(lambda: bool(whole_checkpoints(long)), process)
    children = descendants(process)
    assert any(is_training(child) for child in children)
    process.kill()
    for child in children:
        child.kill()
    psutil.wait_procs(children, timeout=SECONDS)
    process.communicate(timeout=SECONDS)
    assert not (long.folder / TARGET).exists()
    assert "--unlock" in long.fail(TARGET)
    long.succeed("--unlock")
    finish_training(long)


def test_killed_snakemake_whose_training_goes_on(long: Workflow) -> None:
    process = long.start(TARGET)
    wait_for(lambda: bool(whole_checkpoints(long)), process)
    first = next(child for child in descendants(process) if is_training(child))
    first.suspend()
    process.kill()
    process.wait()
    long.succeed("--unlock")
    again = long.start(TARGET)
    log, model = long.folder / LOG, long.results / f"models/{RUN}/model.safetensors"
    holder = f"is in use by process {first.pid} on {socket.gethostname()}; waiting"
    wait_for(lambda: log.exists() and holder in log.read_text(encoding="utf-8"), again)
    first.resume()
    output, _ = again.communicate(timeout=SECONDS)
    assert again.returncode == 0, output
    assert not first.is_running()
    assert "this training is finished" in log.read_text(encoding="utf-8")
    assert long.planned(TARGET) == set()
    weights = model.read_bytes()
    long.succeed(TARGET, "--forcerun", "train")
    assert "is in use" not in log.read_text(encoding="utf-8")
    assert model.read_bytes() == weights
