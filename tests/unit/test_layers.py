"""The package's stages import only those below them, and each stage has its tests and its rules where a reader looks for them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow/scripts/hybridbatch"
STAGES = sorted(folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file())
RULES = {file.stem for file in (ROOT / "workflow/rules").glob("*.smk")}


def test_a_stage_imports_only_those_below_it() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env={"PYTHONPATH": "workflow/scripts", "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_rule_files_are_named_after_stages() -> None:
    # Downloads are the first rules of `data`; the configuration and the jobs themselves need no rules.
    assert {*STAGES} - {"config", "download", "jobs"} == RULES


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_tests(stage: str) -> None:
    assert list((ROOT / "tests/unit" / stage).rglob("test_*.py"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_package_file_holds_only_a_docstring(stage: str) -> None:
    for file in (PACKAGE / stage).rglob("__init__.py"):
        assert len(file.read_text(encoding="utf-8").strip().splitlines()) == 1


def test_programs_are_named_like_their_rules() -> None:
    rules = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "workflow/rules").glob("*.smk"))
    programs = {file.stem for file in (ROOT / "workflow/scripts").glob("*.py")} - {"ask", "launch"}
    assert not [name for name in programs if f"rule {name}:" not in rules]


def test_what_all_rules_share_stays_small() -> None:
    assert len((ROOT / "workflow/rules/common.smk").read_text(encoding="utf-8").splitlines()) < 100
