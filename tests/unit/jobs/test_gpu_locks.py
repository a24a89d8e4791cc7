"""Every job gets its own devices, waits while all are taken, and releases them however it ends."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import launch
from hybridbatch.common.errors import UserError
from hybridbatch.jobs.gpu_locks import VISIBLE, claim_devices, has_gpu, machine_devices

# Claims, becomes another program as the launcher does, and holds its devices until its input ends.
JOB = """
import os, sys
from pathlib import Path
from hybridbatch.jobs.gpu_locks import claim_devices
names = claim_devices(int(sys.argv[1]), sys.argv[2].split(","), Path(sys.argv[3]), wait=0.01)
os.execv(sys.executable, [sys.executable, "-c", "import sys; print(sys.argv[1], flush=True); sys.stdin.read()", ",".join(names)])
"""


def job(count: int, devices: str, folder: Path) -> subprocess.Popen[str]:
    library = str(Path(launch.__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", JOB, str(count), devices, str(folder)],
        env={**os.environ, "PYTHONPATH": library},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def claimed(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().strip().split(",")


def end(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_jobs_get_different_devices_and_wait_until_another_job_is_killed(tmp_path: Path) -> None:
    first, second = (job(1, "0,MIG-a/1", tmp_path / "locks") for _ in range(2))
    assert sorted(claimed(first) + claimed(second)) == ["0", "MIG-a/1"]
    third = job(1, "0,MIG-a/1", tmp_path / "locks")
    time.sleep(1)
    assert third.poll() is None
    end(first)
    freed = claimed(third)
    assert len(freed) == 1
    end(second, third)


@pytest.mark.slow
def test_a_job_locks_all_its_devices_or_none(tmp_path: Path) -> None:
    one = job(1, "0,1,2", tmp_path)
    assert claimed(one) == ["0"]
    three = job(3, "0,1,2", tmp_path)
    time.sleep(1)
    two = job(2, "0,1,2", tmp_path)
    assert claimed(two) == ["1", "2"]
    end(one, two)
    assert claimed(three) == ["0", "1", "2"]
    end(three)


def test_waiting_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = job(1, "0", tmp_path)
    claimed(other)
    caplog.set_level("INFO")
    release = threading.Timer(0.5, other.kill)
    release.start()
    held = claim_devices(1, ["0"], tmp_path, wait=0.05)
    assert list(held) == ["0"]
    os.close(held["0"])
    assert [record.message for record in caplog.records] == ["waiting for 1 of the GPUs 0, which other jobs use"]
    end(other)


def test_too_few_devices(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^training\.gpus: a job needs 3 GPUs, but this machine has 2 \(4, 5\)"):
        claim_devices(3, ["4", "5"], tmp_path)


def test_devices_of_a_machine(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia7", "nvidiactl", "null"):
        (tmp_path / name).touch()
    assert machine_devices({}, tmp_path) == ["0", "1"]
    assert machine_devices({VISIBLE: "3, GPU-5f"}, tmp_path) == ["3", "GPU-5f"]
    assert machine_devices({VISIBLE: ""}, tmp_path) == []


# One system call a line, as several processes write to the same pipe.
SHOW = """
import os, sys

words = [os.environ.get("CUDA_VISIBLE_DEVICES", ""), os.environ.get("OMP_NUM_THREADS", ""), *sys.argv[1:]]
os.write(1, (" ".join(words) + "\\n").encode())
"""


def launched(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a program that prints its devices, threads and arguments."""
    program = folder / "show.py"
    program.write_text(SHOW)
    return subprocess.run(
        [sys.executable, str(launch.__file__), *(word.format(program=program) for word in words)],
        env={**os.environ, "TMPDIR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_sees_only_its_devices(tmp_path: Path) -> None:
    alone = launched(tmp_path, "{program}", "--device", "a b", CUDA_VISIBLE_DEVICES="6,7", OMP_NUM_THREADS="4")
    assert alone.stdout == "6,7 4 --device a b\n"
    one = launched(tmp_path, "--gpus", "1", "{program}", "x", CUDA_VISIBLE_DEVICES="6,7", OMP_NUM_THREADS="4")
    assert one.stdout == "6 4 x\n"


@pytest.mark.slow
def test_several_processes_share_threads_and_devices(tmp_path: Path) -> None:
    words = ["--gpus", "2", "--processes", "2", "{program}"]
    both = launched(tmp_path, *words, CUDA_VISIBLE_DEVICES="5,6,7", OMP_NUM_THREADS="4")
    assert both.stdout == "5,6 2\n5,6 2\n"


def test_fewer_devices_than_processes(tmp_path: Path) -> None:
    refused = launched(tmp_path, "--gpus", "1", "--processes", "2", "{program}", CUDA_VISIBLE_DEVICES="0,1")
    assert refused.returncode == 1
    assert "error: training.gpus: 2 processes cannot share 1 GPUs" in refused.stderr.splitlines()[-1]


# What a program sees of the GPUs, and when it used them; one system call a line, as above.
USE = """
import os, time, torch

start = time.time()
torch.ones(1000, 1000, device="cuda").sum().item()
uuid = torch.cuda.get_device_properties(0).uuid
time.sleep(2)
os.write(1, f"{torch.cuda.device_count()} {uuid} {start} {time.time()}\\n".encode())
"""


@pytest.mark.gpu
@pytest.mark.slow
def test_jobs_use_different_gpus_or_one_after_the_other(tmp_path: Path) -> None:
    program = tmp_path / "use.py"
    program.write_text(USE)
    command = [sys.executable, str(launch.__file__), "--gpus", "1", str(program)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    jobs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    seen = sorted([job.communicate()[0].split() for job in jobs], key=lambda words: words[2])
    (count, first, _, ended), (other_count, second, started, _) = seen
    assert count == other_count == "1"
    assert first != second or float(started) > float(ended)


@pytest.mark.parametrize(
    ("file", "found"),
    [("dev/nvidia0", True), ("usr/lib/wsl/lib/libcuda.so.1", True), ("dev/nvidiactl", False), ("dev/dxg", False)],
)
def test_a_gpu_of_linux_or_of_wsl2_is_found_without_torch(tmp_path: Path, file: str, found: bool) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert has_gpu(tmp_path) is found
