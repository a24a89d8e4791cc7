"""Environments of jobs: their pins, and whether the torch in one is a build for GPUs."""

import re
import runpy
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hybridbatch.common.errors import UserError

# What stands below this line in the pip part of an environment is written by pin_environments.py.
NEEDED = "      # What these need, and it in turn."
_PIN = re.compile(r"^      - ([\w.-]+)={2,3}(\S+)$")

# CPU and CUDA builds of torch have the same number, and `==2.13.0` takes either. Only the index of CPU builds has +cpu;
# `===` takes no +cpu, and what PyPI has under the plain number are, for Linux, CUDA builds.
CPU_INDEX = "      - --extra-index-url https://download.pytorch.org/whl/cpu"
CPU_TORCH = "      - torch=={version}+cpu"
CUDA_TORCH = "      - torch==={version}"


def read_lock(lock: Path) -> dict[str, str]:
    """Return the line ``name==version`` of every package of a lock file, by canonical name."""
    lines = [line.strip() for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line]
    return {canonicalize_name(line.partition("==")[0]): line for line in lines}


def needed(names: Iterable[str]) -> set[str]:
    """Return the canonical names of what packages need, directly or not, themselves included, on a platform like this one.

    What is not installed here counts, but not what it needs.
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
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(requirement.name), wanted) for wanted in ("", *requirement.extras)]
    return {str(name) for name, _ in found}


def pip_pins(environment: str) -> dict[str, str]:
    """Return the versions that the pip part of an environment's YAML pins, by canonical name."""
    pins = [match for match in map(_PIN.match, environment.splitlines()) if match]
    return {canonicalize_name(match[1]): match[2] for match in pins}


def pinned(environment: str, lock: Mapping[str, str]) -> str:
    """Return an environment's YAML with the versions of the lock, and with all that its packages need pinned too.

    What stands above :data:`NEEDED` is kept, apart from versions; torch becomes the CPU build.

    Args:
        environment: text of a YAML file whose last part is ``pip``.
        lock: what :func:`read_lock` returns; a package that is not in it keeps its version.
    """
    above = environment.partition(NEEDED)[0].rstrip("\n").splitlines()
    named = pip_pins("\n".join(above))
    lines = []
    for line in above:
        match = _PIN.match(line)
        name = canonicalize_name(match[1]) if match else ""
        if name == "torch":
            lines.append(CPU_TORCH.format(version=lock["torch"].partition("==")[2]))
        elif line != CPU_INDEX:
            lines.append(f"      - {lock[name]}" if name in lock else line)
    if "torch" in named:
        lines.insert(lines.index("  - pip:") + 1, CPU_INDEX)
    others = sorted(needed(named) & lock.keys() - named.keys())
    return "\n".join([*lines, NEEDED, *(f"      - {lock[name]}" for name in others), ""])


def cuda_variant(environment: str) -> str:
    """Return an environment's YAML with torch's CUDA build in place of the CPU build, and another name."""
    text = environment.replace(f"{CPU_INDEX}\n", "")
    text = re.sub(r"(?m)^      - torch==(\S+)\+cpu$", lambda match: CUDA_TORCH.format(version=match[1]), text)
    text = re.sub(r"(?m)^name: (.*)$", r"name: \1-cuda", text)
    return f"# Written by `make envs` from the file without -cuda, which has the CPU build of torch.\n{text}"


def check_cuda_build(prefix: Path) -> None:
    """Check that the torch below a Python's prefix is built for CUDA, which needs no GPU and loads no torch.

    Raises:
        UserError: if it is a CPU build. A torch that is not there is no matter of this check.
    """
    for file in prefix.glob("lib/python3.*/site-packages/torch/version.py"):
        facts = runpy.run_path(str(file))
        if facts.get("cuda") is None:
            raise UserError(
                f"device: jobs are to run on a GPU, but torch {facts['__version__']} in {prefix} is a CPU build; "
                "install a CUDA build, or set device to cpu"
            )
