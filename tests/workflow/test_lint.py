"""The style of the workflow: Snakemake's lint and the formatter."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT, environment

pytestmark = pytest.mark.workflow

RULE_FILES = sorted((ROOT / "workflow/rules").glob("*.smk"))
RULES = [
    pytest.param(block, id=block.partition(" ")[2].partition(":")[0])
    for file in [ROOT / "workflow/Snakefile", *RULE_FILES]
    for block in re.split(r"^(?=rule \w+:$)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
]
# Target rules without a job.
TARGETS = ("rule all:", "rule downloads:", "rule trec:", "rule mteb:", "rule push:")


def test_snakemake_lint() -> None:
    command = [sys.executable, "tools/lint_workflow.py"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_formatted() -> None:
    pytest.importorskip("snakefmt")
    if shutil.which("shfmt", path=str(Path(sys.executable).parent)) is None and shutil.which("shfmt") is None:
        pytest.skip("snakefmt needs shfmt, which is not installed")
    search = f"{Path(sys.executable).parent}:{environment().get('PATH', '')}"
    done = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"],
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
def test_rule_file_has_a_docstring(file: Path) -> None:
    assert file.read_text(encoding="utf-8").startswith('"""')
