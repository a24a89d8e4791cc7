"""The workflow run from another folder, and as a module of another workflow: its files are found, results are in that folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from checkout import TIMEOUT, Workflow, environment, merged, tiny_config

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

PAIRS = "results/tiny/pairs/demo_facts/de.parquet"
TABLE = "results/tiny/tables/cleaning.html"
MODULE = """
configfile: "config/config.yaml"
module hybridbatch:
    snakefile: {snakefile}
    config: config
use rule * from hybridbatch{names}
"""


def write_config(folder: Path, workflow: Workflow) -> Path:
    """Write the whole tiny configuration to a folder; its model stays in the folder of the workflow."""
    default = yaml.safe_load((workflow.folder / "config/config.yaml").read_text(encoding="utf-8"))
    model = {"path": str(workflow.folder / "tiny_model")}
    file = folder / "config/config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        yaml.safe_dump(merged(merged(default, tiny_config()), {"backbones": {"tiny": model}})), encoding="utf-8"
    )
    return file


def snakemake(folder: Path, *arguments: str, variables: Mapping[str, str] = {}) -> str:
    """Run Snakemake in a folder, expect success and return its output."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_another_working_directory(pristine: Workflow, tmp_path: Path, snakefile: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    config = write_config(tmp_path, pristine)
    before = set(pristine.folder.rglob("*"))
    options = [
        "--snakefile",
        str(pristine.folder / snakefile),
        "--directory",
        str(elsewhere),
        "--configfile",
        str(config),
    ]
    snakemake(tmp_path, PAIRS, TABLE, *options)
    assert (elsewhere / PAIRS).is_file()
    assert (elsewhere / TABLE).is_file()
    assert "report.html" in snakemake(tmp_path, "--dry-run", *options)
    assert {path for path in pristine.folder.rglob("*") if "__pycache__" not in path.parts} <= before


def test_module_of_another_workflow(pristine: Workflow, tmp_path: Path) -> None:
    write_config(tmp_path, pristine)
    own = 'rule all:\n    input: "size.txt"\n'
    use = MODULE.format(snakefile=repr(str(pristine.folder / "Snakefile")), names=" as hybridbatch_*")
    size = f'rule size:\n    input: "{PAIRS}", rules.hybridbatch_write_config.output\n'
    size += '    output: "size.txt"\n    shell: "wc -c {input} > {output}"\n'
    (tmp_path / "Snakefile").write_text(own + use + size, encoding="utf-8")
    output = snakemake(tmp_path)
    # Rules whose names have a prefix are still local, and the other workflow keeps its default target.
    assert "localrule hybridbatch_write_config:" in output
    assert "localrules directive" not in output
    assert "results/tiny/config.yaml" in (tmp_path / "size.txt").read_text(encoding="utf-8")
    assert "hybridbatch_write_report" in snakemake(tmp_path, "--dry-run", "hybridbatch_all")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_hosted_module_as_snakedeploy_writes_it(pristine: Workflow, tmp_path: Path) -> None:
    source, folder, cache = tmp_path / "source", tmp_path / "deployed", tmp_path / "cache"
    shutil.copytree(pristine.folder, source, ignore=shutil.ignore_patterns("__pycache__", ".snakemake"))
    git(source, "init", "--quiet")
    publish(source, "v1")
    (source / "workflow/scripts/prepare_pairs.py").open("a").write("# A comment.\n")
    publish(source, "v2")
    # Snakemake clones the repository from GitHub to this place; without a network it is put there.
    clone = cache / "snakemake/snakemake/source-cache/snakemake-git-cache/github.com/owner/hybridbatch"
    git(tmp_path, "clone", "--quiet", "--bare", str(source), str(clone))
    write_config(folder, pristine)
    variables = {"XDG_CACHE_HOME": str(cache)}
    pairs = "results/tiny/raw/demo_facts/en.parquet"
    outputs = []
    for tag in ("v1", "v2"):
        snakefile = f'github("owner/hybridbatch", path="workflow/Snakefile", tag="{tag}")'
        (folder / "Snakefile").write_text(MODULE.format(snakefile=snakefile, names=""), encoding="utf-8")
        outputs.append(snakemake(folder, pairs, variables=variables))
        assert "write_report" in snakemake(folder, "--dry-run", variables=variables)
    assert (folder / pairs).is_file()
    assert "Nothing to be done" in outputs[1]


def publish(folder: Path, tag: str) -> None:
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", tag)
    git(folder, "tag", tag)


def git(folder: Path, *arguments: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *arguments], cwd=folder, env=kept, check=True)
