"""The machine, packages and code that the report was made with."""

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

PACKAGES = [
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
]
PROCESSORS = Path("/proc/cpuinfo")
# Seconds; a hanging driver must not block the report.
PATIENCE = 20


def machine() -> list[tuple[str, str]]:
    """Return the hardware and operating system that this process runs on, as names and values."""
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
    """Return the model of the processor, or its architecture if the model is unknown."""
    text = PROCESSORS.read_text(encoding="utf-8") if PROCESSORS.exists() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()


def gpu_names() -> list[str]:
    """Return the names and memory of the GPUs that NVIDIA's driver lists; empty without a driver."""
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
    """Return the versions of Python and of the packages that results depend on."""
    found = [("python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            found.append((package, "not installed"))
    return found


def revision(folder: Path) -> str | None:
    """Return the git commit of the repository that contains ``folder``, marked if files are changed; None outside of git."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + (" with uncommitted changes" if _git(folder, "status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
