"""Conda environments of jobs: their pins, and their build of torch."""

import re
import runpy
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from types import MappingProxyType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hybridbatch.common.errors import UserError

# pin_environments.py writes the pins below this line of an environment's YAML.
NEEDED = "      # Dependencies of the packages above."
_PIN = re.compile(r"^      - ([\w.-]+)={2,3}(\S+)$")

# CPU and CUDA builds of torch have the same version, and `==2.13.0` matches both. Only the index of CPU builds adds +cpu, which `===`
# does not match; the builds for Linux on PyPI, which do not add it, are CUDA builds.
CPU_INDEX = "      - --extra-index-url https://download.pytorch.org/whl/cpu"
CPU_TORCH = "      - torch=={version}+cpu"
CUDA_TORCH = "      - torch==={version}"
# The builds of CTranslate2 on PyPI are for CUDA 12, and torch brings the libraries of CUDA 13.
CUBLAS = "      - nvidia-cublas-cu12==12.9.3.13"


def read_lock(lock: Path) -> dict[str, str]:
    """Return the line ``name==version`` of every package of a lock file, by canonical name."""
    lines = [line.strip() for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line]
    return {canonicalize_name(line.partition("==")[0]): line for line in lines}


def needed(names: Iterable[str], platform: Mapping[str, str] = MappingProxyType({})) -> set[str]:
    """Return the canonical names of packages and of their direct and indirect requirements.

    The requirements of packages that are not installed here are unknown and left out.

    Args:
        names: the packages.
        platform: variables of environment markers, such as ``sys_platform``, where they differ from this machine's.
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
            if requirement.marker is None or requirement.marker.evaluate({**platform, "extra": extra}):
                waiting += [(canonicalize_name(requirement.name), wanted) for wanted in ("", *requirement.extras)]
    return {str(name) for name, _ in found}


def pip_pins(environment: str) -> dict[str, str]:
    """Return the versions pinned in the pip part of an environment's YAML, by canonical name."""
    pins = [match for match in map(_PIN.match, environment.splitlines()) if match]
    return {canonicalize_name(match[1]): match[2] for match in pins}


def pinned(environment: str, lock: Mapping[str, str]) -> str:
    """Return an environment's YAML with the versions of the lock, and with pins of everything that its packages require.

    The lines above :data:`NEEDED` change only in their versions; torch becomes the CPU build.

    Args:
        environment: text of a YAML file whose last part is ``pip``.
        lock: the result of :func:`read_lock`; packages that are not in it keep their versions.
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
    """Return an environment's YAML with the CUDA build of torch, cuBLAS for CTranslate2, and the suffix ``-cuda`` in its name."""
    text = environment.replace(f"{CPU_INDEX}\n", "")
    text = re.sub(r"(?m)^      - ctranslate2==.*$", rf"\g<0>\n{CUBLAS}", text)
    text = re.sub(r"(?m)^      - torch==(\S+)\+cpu$", lambda match: CUDA_TORCH.format(version=match[1]), text)
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
