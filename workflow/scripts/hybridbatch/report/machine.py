"""What the report says of the machine, the packages and the code that it was made with."""

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

PACKAGES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "tokenizers",
    "faiss-cpu",
    "ranx",
    "bm25s",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "matplotlib",
    "snakemake",
)
PROCESSORS = Path("/proc/cpuinfo")
# Seconds; a driver that hangs must not hold up the report.
PATIENCE = 20


def machine() -> list[tuple[str, str]]:
    """Return what this process runs on: processor, cores, memory, GPUs, operating system."""
    gpus = gpu_names()
    return [
        ("processor", processor()),
        ("cores", str(os.cpu_count())),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"),
        ("GPU", ", ".join(gpus) or "none"),
        ("operating system", operating_system()),
        ("kernel", f"{platform.system()} {platform.release()} {platform.machine()}"),
    ]


def processor() -> str:
    """Return the model of the processor; what the platform says of it where it does not tell the model."""
    text = PROCESSORS.read_text(encoding="utf-8") if PROCESSORS.exists() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()


def gpu_names() -> list[str]:
    """Return the names and memory of the GPUs that NVIDIA's driver lists; none where there is no driver."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, check=True, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def operating_system() -> str:
    """Return the name of the operating system."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def versions() -> list[tuple[str, str]]:
    """Return the version of Python, and of the installed packages that matter."""
    found = [("python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            found.append((package, "not installed"))
    return found


def revision(folder: Path) -> str | None:
    """Return the git commit of the repository that holds ``folder``, marked if files differ from it; None without one."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + (" with uncommitted changes" if _git(folder, "status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
