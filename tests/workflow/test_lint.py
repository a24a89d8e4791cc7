"""The form of the workflow: Snakemake's own rules, the formatter's, and pinned environments."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT, Workflow, environment

pytestmark = pytest.mark.workflow

RULE_FILES = sorted((ROOT / "workflow/rules").glob("*.smk"))
RULES = [
    pytest.param(block, id=block.partition(" ")[2].partition(":")[0])
    for file in [ROOT / "Snakefile", *RULE_FILES]
    for block in re.split(r"^(?=rule \w+:$)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
]
# Rules that name what is made and run nothing.
TARGETS = ("rule all:", "rule downloads:")
PIN = re.compile(r"^([\w.-]+)==(\S+)$")


def normal(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines: list[str]) -> dict[str, str]:
    found = [PIN.match(line.split(";")[0].strip()) for line in lines]
    return {normal(match[1]): match[2] for match in found if match}


def test_snakemake_lint(pristine: Workflow) -> None:
    pristine.succeed("--lint")


def test_formatted() -> None:
    pytest.importorskip("snakefmt")
    if shutil.which("shfmt", path=str(Path(sys.executable).parent)) is None and shutil.which("shfmt") is None:
        pytest.skip("snakefmt needs shfmt, which is not installed")
    search = f"{Path(sys.executable).parent}:{environment().get('PATH', '')}"
    done = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow/rules"],
        cwd=ROOT,
        env={**environment(), "PATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", RULES)
def test_rule_is_documented_and_has_log_and_environment(block: str) -> None:
    head, docstring, *body = block.split("\n")
    assert re.fullmatch(r'    """\S.*\."""', docstring)
    if head in TARGETS:
        return
    assert "    log:" in body
    assert "    conda:" in body


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.name)
def test_rule_file_says_what_it_is_for(file: Path) -> None:
    assert file.read_text(encoding="utf-8").startswith('"""')


@pytest.mark.parametrize("file", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda file: file.name)
def test_environment_has_the_locked_versions(file: Path) -> None:
    lock = ROOT / "requirements.lock"
    if not lock.exists():
        pytest.skip("requirements.lock is not there")
    # What is installed without its dependencies stands in the Makefile.
    apart = (ROOT / "Makefile").read_text(encoding="utf-8").split()
    locked = pins([*lock.read_text(encoding="utf-8").splitlines(), *apart])
    pinned = pins([line.strip().removeprefix("- ") for line in file.read_text(encoding="utf-8").splitlines()])
    assert pinned
    differing = {name: (version, locked.get(name)) for name, version in pinned.items() if locked.get(name) != version}
    assert not differing
