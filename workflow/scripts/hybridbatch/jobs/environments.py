"""Conda environments of jobs: their pins, and their build of torch."""

import re
import runpy
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hybridbatch.common.errors import UserError

# pin_environments.py writes the pins below this line of an environment's YAML.
NEEDED = "      # Dependencies of the packages above."
# Markers are evaluated for the Python of the environments and for this platform wherever the files are written: no other needs more
# packages.
LINUX = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
}

# CPU and CUDA builds of torch have the same version, and `==2.13.0` matches both. Only the index of CPU builds adds +cpu, which `===`
# does not match; the builds for Linux on PyPI, which do not add it, are CUDA builds. The builds for macOS never add it.
CPU_TORCH = """      - --extra-index-url https://download.pytorch.org/whl/cpu
      - torch=={version}+cpu; platform_system != "Darwin"
      - torch=={version}; platform_system == "Darwin"
"""
CUDA_TORCH = "      - torch==={version}\n"
# The builds of CTranslate2 on PyPI are for CUDA 12, and torch brings the libraries of CUDA 13.
CUBLAS = "      - nvidia-cublas-cu12==12.9.3.13"


def read_locks(*files: Path) -> dict[str, Requirement]:
    """Return the requirements ``name==version``, some with a marker, of requirements files, by canonical name; hashes are left out."""
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line[:1].isalnum()]
    return {canonicalize_name(found.name): found for found in (Requirement(line.rstrip(" \\")) for line in lines)}


def needed(names: Iterable[str]) -> set[str]:
    """Return the canonical names of packages and of their direct and indirect requirements on x86-64 Linux.

    The requirements of packages that are not installed here are unknown and left out.
    """
    found: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(name), "") for name in names]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, lines):
            if requirement.marker is None or requirement.marker.evaluate({**LINUX, "extra": extra}):
                waiting += [(canonicalize_name(requirement.name), wanted) for wanted in ("", *requirement.extras)]
    return {str(name) for name, _ in found}


def pip_pins(environment: str) -> dict[str, str]:
    """Return the versions that the pip part of an environment's YAML pins on x86-64 Linux, by canonical name."""
    lines = yaml.safe_load(environment)["dependencies"][-1]["pip"]
    pins = [Requirement(line) for line in lines if not line.startswith("--")]
    return {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(LINUX)
    }


def pinned(environment: str, lock: Mapping[str, Requirement]) -> str:
    """Return an environment's YAML with the versions of the lock, and with pins of everything that its packages require.

    The packages above :data:`NEEDED` change only in their versions; torch becomes the CPU build.

    Args:
        environment: text of a YAML file whose last part is ``pip``.
        lock: the result of :func:`read_locks`; packages that are not in it keep their versions.
    """
    above = environment.partition(NEEDED)[0]
    named = pip_pins(above)
    lines = [
        CPU_TORCH.format(version=next(iter(lock[name].specifier)).version)
        if name == "torch"
        else f"      - {lock.get(name, f'{name}=={version}')}\n"
        for name, version in named.items()
    ]
    others = [f"      - {lock[name]}\n" for name in sorted(needed(named) & lock.keys() - named.keys())]
    head = "".join(above.partition("  - pip:\n")[:2])
    return f"{head}{''.join(lines)}{NEEDED}\n{''.join(others)}"


def cuda_variant(environment: str) -> str:
    """Return an environment's YAML with the CUDA build of torch, cuBLAS for CTranslate2, and the suffix ``-cuda`` in its name."""
    version = pip_pins(environment)["torch"].removesuffix("+cpu")
    text = environment.replace(CPU_TORCH.format(version=version), CUDA_TORCH.format(version=version))
    text = re.sub(r"(?m)^      - ctranslate2==.*$", rf"\g<0>\n{CUBLAS}", text)
    text = re.sub(r"(?m)^name: (.*)$", r"name: \1-cuda", text)
    return f"# Written by `make envs` from the file without -cuda, which has the CPU build of torch.\n{text}"


def check_cuda_build(prefix: Path) -> None:
    """Check that torch under a Python prefix is a CUDA build; needs no GPU and does not load torch.

    Raises:
        UserError: if it is a CPU build. A prefix without torch passes.
    """
    for file in prefix.glob("lib/python3.*/site-packages/torch/version.py"):
        facts = runpy.run_path(str(file))
        if facts.get("cuda") is None:
            raise UserError(
                f"device: jobs are to run on a GPU, but torch {facts['__version__']} in {prefix} is a CPU build; "
                "install a CUDA build, or set device to cpu"
            )
