"""Shared by the benchmarks: the package on the path, a program's time and peak memory, and a description of the machine."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
# A benchmark imports this module before the package, and the tests' tiny models.
sys.path[:0] = [str(SCRIPTS), str(ROOT / "tests")]
PACKAGES = ("torch", "transformers", "sentence-transformers", "datasets", "numpy", "faiss-cpu", "snakemake")

# A new process inherits the peak memory of the one that forked it, so a small process starts the program.
LAUNCHER = """
import os, re, subprocess, sys, time
process = subprocess.Popen(sys.argv[2:])
private, ended = 0, 0
while not ended:
    try:
        with open(f"/proc/{process.pid}/status") as stream:
            private = max([private, *map(int, re.findall(r"RssAnon:\\s+(\\d+)", stream.read()))])
    except OSError:
        pass
    time.sleep(0.01)
    ended, status, usage = os.wait4(process.pid, os.WNOHANG)
with open(sys.argv[1], "w") as stream:
    stream.write(f"{usage.ru_maxrss} {private} {usage.ru_utime + usage.ru_stime}")
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Usage(NamedTuple):
    """The resources that a process used.

    Attributes:
        seconds: wall clock.
        cpu: CPU seconds of all cores, less sensitive to other processes.
        peak: largest resident set in bytes, mapped files included.
        private: the same without mapped files, which the kernel may drop; sampled, and 0 where there is no /proc.
        output: standard output.
    """

    seconds: float
    cpu: float
    peak: int
    private: int
    output: str

    @property
    def mebibytes(self) -> float:
        """The peak in MiB."""
        return self.peak / 2**20


def run_measured(command: Sequence[object], environment: Mapping[str, str] | None = None) -> Usage:
    """Run a program to its end, offline.

    Args:
        command: the program and its arguments.
        environment: variables that are set in addition to those of this process.

    Raises:
        RuntimeError: if the program fails; the message is its standard error.
    """
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "LOGLEVEL": "WARNING"}
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as record:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", LAUNCHER, record.name, *map(str, command)],
            env={**variables, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            raise RuntimeError(f"{command[:3]} failed: {done.stderr}")
        peak, private, cpu = record.read().split()
    # Linux counts in KiB, macOS in bytes.
    return Usage(
        seconds, float(cpu), int(peak) * (1 if sys.platform == "darwin" else 1024), int(private) * 1024, done.stdout
    )


def run_program(name: str, *arguments: object) -> Usage:
    """Run a program of the workflow, as :func:`run_measured` does."""
    return run_measured([sys.executable, SCRIPTS / f"{name}.py", *arguments])


def machine() -> str:
    """Return processor, cores, memory, load and versions in one line, as a heading for the numbers."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {number}" for name in PACKAGES if (number := _version(name)))
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {versions}"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
