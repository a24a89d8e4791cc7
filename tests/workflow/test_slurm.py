"""The tiny experiment on a real SLURM of one node, with training that is killed, stopped by SIGTERM or requeued."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from checkout import OVERLAY, TIMEOUT, Workflow, environment
from plugins import plugin_environment
from slurm import Query, reason_to_skip, single_node

REASON = reason_to_skip()
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
]

RUN = "tiny/hybrid/seed1"
MODEL = f"results/tiny/models/{RUN}"
TARGET = f"{MODEL}/manifest.json"
LOG = f"results/tiny/logs/train/{RUN}.log"
STATE = f"results/tiny/state/train/{RUN}"
CHANGES = {
    "runs": {"strategies": ["hybrid"], "benchmarks": ["demo_facts"]},
    "training": {"steps": 200, "validation_every": 5},
}
# The last digits of weights depend on the number of threads.
THREADS = ["--set-threads", "train=1"]
# The profile's waiting times are for clusters with accounting, other users and network file systems.
PACE = [
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2"),
    *("--latency-wait", "20"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """A running SLURM."""
    with single_node(tmp_path_factory.mktemp("slurm") / "node") as query:
        yield query


@pytest.fixture(scope="module")
def uninterrupted(finished: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A model that was trained without interruption and without SLURM."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "copy"
    shutil.copytree(finished.folder, folder, symlinks=True)
    workflow = Workflow(folder)
    workflow.configure(**CHANGES)
    workflow.succeed(TARGET, *THREADS)
    return workflow


@pytest.fixture
def untrained(uninterrupted: Workflow, tmp_path: Path) -> Workflow:
    """The inputs of that training, without its model."""
    shutil.copytree(uninterrupted.folder, tmp_path / "copy", symlinks=True)
    shutil.rmtree(tmp_path / "copy" / MODEL)
    return Workflow(tmp_path / "copy")


def submit(workflow: Workflow, *arguments: str) -> subprocess.Popen[str]:
    """Start Snakemake with the profile for SLURM; its output goes to a file."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--workflow-profile", "profiles/slurm", *PACE, *THREADS]
    with (workflow.folder / "snakemake.log").open("w") as log:
        return subprocess.Popen(
            [*command, "--configfile", OVERLAY],
            cwd=workflow.folder,
            env=environment() | plugin_environment(),
            stdout=log,
            stderr=log,
            text=True,
        )


def output_of(workflow: Workflow) -> str:
    return (workflow.folder / "snakemake.log").read_text(encoding="utf-8")


def wait_for_checkpoint(workflow: Workflow, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + TIMEOUT
    while not list((workflow.folder / STATE).glob("checkpoint-*/complete")):
        assert process.poll() is None, output_of(workflow)
        assert time.monotonic() < end, "no checkpoint was written in time"
        time.sleep(0.02)


def kill_training(workflow: Workflow) -> None:
    """Send SIGKILL to the training program, as the kernel does when memory is exhausted."""
    trainings = [
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if "workflow/scripts/train.py" in (process.info["cmdline"] or [])[:2]
        and process.info["cwd"] == str(workflow.folder)
    ]
    assert len(trainings) == 1
    trainings[0].kill()


def training_job(query: Query) -> str:
    """Return the number of the training job."""
    jobs = query("squeue", "--noheader", "--states=RUNNING", "--format=%i %k").splitlines()
    found = [line.split()[0] for line in jobs if line.split()[1].startswith("rule_train")]
    assert len(found) == 1, jobs
    return found[0]


def finish(workflow: Workflow, process: subprocess.Popen[str]) -> str:
    """Wait for Snakemake to succeed and return its output."""
    try:
        process.wait(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.terminate()
        raise
    assert process.returncode == 0, output_of(workflow)
    return output_of(workflow)


def check_model(workflow: Workflow, uninterrupted: Workflow) -> None:
    """Expect resumed training and the weights of uninterrupted training."""
    assert "resuming from" in (workflow.folder / LOG).read_text(encoding="utf-8")
    weights = [(w.folder / MODEL / "model.safetensors").read_bytes() for w in (workflow, uninterrupted)]
    assert weights[0] == weights[1]
    assert not list((workflow.folder / STATE).glob("checkpoint-*"))


def test_whole_experiment_with_a_killed_training(cluster: Query, fresh: Workflow, uninterrupted: Workflow) -> None:
    fresh.configure(**CHANGES)
    process = submit(fresh)
    wait_for_checkpoint(fresh, process)
    kill_training(fresh)
    output = finish(fresh, process)
    check_model(fresh, uninterrupted)
    assert (fresh.results / "report.html").stat().st_size > 0
    assert "Trying to restart job" in output
    jobs = cluster("scontrol", "show", "jobs", "--oneliner").splitlines()
    # Twice the memory for the second attempt.
    trainings = [job for job in jobs if "Comment=rule_train" in job]
    assert [re.search(r"MinMemoryNode=(\S+)", job)[1] for job in trainings] == ["16000M", "32000M"]  # type: ignore[index]
    # The preparations of benchmarks are one job of a group; local rules are not jobs of the cluster.
    names = [re.search(r"Comment=(\w+)", job)[1] for job in jobs]  # type: ignore[index]
    assert len([name for name in names if "prepare_benchmark" in name]) == 1
    assert not [
        name
        for name in names
        if name in ("rule_write_report", "rule_write_tables", "rule_draw_figures", "rule_write_config")
    ]
    # All the threads that a job can use, for any number of jobs: on a cluster, they do not share a node's cores.
    assert {re.search(r"NumCPUs=(\d+)", job)[1] for job in jobs if "Comment=rule_encode" in job} == {"8"}  # type: ignore[index]
    assert fresh.planned() == set()


def test_generic_resources_instead_of_gpus(cluster: Query, fresh: Workflow) -> None:
    """Some clusters know GPUs as generic resources only, and refuse --gpus."""
    process = submit(fresh, "--until", "prepare_backbone", "--set-resources", "prepare_backbone:gres=gpu:1")
    finish(fresh, process)
    jobs = cluster("scontrol", "show", "jobs", "--oneliner").splitlines()
    (prepared,) = [job for job in jobs if "Comment=rule_prepare_backbone" in job and str(fresh.folder) in job]
    assert "TresPerNode=gres:gpu:1" in prepared
    assert "TresPerJob" not in prepared


def stop_by_signal(query: Query, job: str) -> str:
    return query("scancel", "--signal=TERM", job)


def requeue(query: Query, job: str) -> str:
    return query("scontrol", "requeue", job)


@pytest.mark.parametrize(
    ("event", "attempts"),
    [
        # As with --signal before the time limit: the job writes a checkpoint, and Snakemake submits another job.
        (stop_by_signal, 2),
        # As with preemption or a lost node: SLURM restarts the same job, and Snakemake waits.
        (requeue, 1),
    ],
)
def test_interrupted_training(
    cluster: Query, untrained: Workflow, uninterrupted: Workflow, event: Callable[[Query, str], str], attempts: int
) -> None:
    process = submit(untrained, TARGET)
    wait_for_checkpoint(untrained, process)
    assert event(cluster, training_job(cluster)) == ""
    output = finish(untrained, process)
    check_model(untrained, uninterrupted)
    assert output.count("has been submitted with SLURM jobid") == attempts
    assert ("stopped by SIGTERM" in output) == (event is stop_by_signal)
    # The shell of the job waited for its program.
    assert "died with <Signals.SIGTERM" not in output
