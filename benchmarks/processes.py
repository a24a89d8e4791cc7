"""What several benchmarks share: a program in a process of its own, with its time and peak memory, and the machine in words."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
PACKAGES = ("torch", "transformers", "sentence-transformers", "datasets", "numpy", "faiss-cpu", "snakemake")

# A process counts the memory of the one that started it among its own, so a small one starts the program.
LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as stream:
    stream.write(f"{usage.ru_maxrss} {usage.ru_utime + usage.ru_stime}")
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Usage(NamedTuple):
    """What a process took.

    Attributes:
        seconds: of wall clock.
        cpu: seconds of all its cores, which other processes lengthen less.
        peak: its largest resident set in bytes, mapped files included.
        output: what it wrote to standard output.
    """

    seconds: float
    cpu: float
    peak: int
    output: str


def run_measured(command: Sequence[str], scratch: Path, environment: Mapping[str, str] | None = None) -> Usage:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        scratch: a folder for a small file.
        environment: variables besides those of this process.

    Raises:
        RuntimeError: if the program fails; the message is what it wrote to standard error.
    """
    record = scratch / "peak.txt"
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "LOGLEVEL": "WARNING", **(environment or {})}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, str(record), *command],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{command[:3]} failed: {done.stderr}")
    # In kilobytes on Linux, in bytes on macOS.
    peak, cpu = record.read_text().split()
    return Usage(seconds, float(cpu), int(peak) * (1 if sys.platform == "darwin" else 1024), done.stdout)


def machine() -> str:
    """Return processor, cores, memory, load and versions in one line, to stand above the numbers."""
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
