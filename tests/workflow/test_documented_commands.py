"""Every command in the documentation works as it is written there."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from checkout import OVERLAY, ROOT, Workflow, environment, merged, tiny_config

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = "snakemake|make|python|pip|pre-commit|conda|docker"
TYPED = re.compile(rf"`((?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?:{PROGRAMS}) [^`\n]+)`")
# Commands that are not typed here, and why.
NOT_TYPED = {
    "pip install .": "installs; tests/unit/tools builds the package",
    "pip install nvidia-cublas-cu12": "network",
    "pip install --target FOLDER -r requirements-conda-test.txt": "network",
    "python -m pip install -r requirements-slurm.txt": "network",
    "python -m pip install -r requirements-kubernetes.txt": "network",
    "python -m pip install -r requirements-mteb.txt": "network",
    "export HF_TOKEN=hf_...": "with the next",
    "snakemake --cores 1 push": "network; test_publish.py runs it with a local hub",
    "snakemake --cores all mteb": "network; test_publish.py runs it with a local hub",
    "python -m pytest -q tests/unit/search": "these tests run anyway",
    "WHOLE_PAPER=1 python -m pytest tests/workflow/test_paper.py": "takes hours",
    "pre-commit install": "changes the repository",
    "conda env create -f envs/workflow.yaml": "network, conda",
    "conda list": "conda",
    "docker build -f envs/cuda.Dockerfile -t registry.example.org/hybridbatch:1 .": "Docker",
    "snakemake --cores all --use-conda": "conda",
    "snakemake --cores 8 --use-conda --configfile config/xquad_zeroshot.yaml": "conda",
    "snakemake --containerize apptainer --cores 1": "conda",
    "snakemake --containerize": "conda",
    "snakemake --sdm conda apptainer": "conda, Apptainer",
    "snakemake --archive": "conda",
    "snakemake --use-conda --conda-create-envs-only --cores 4 --configfile config/paper.yaml --config device=cuda": "conda; test_conda.py",
    "snakemake --snakefile /path/to/checkout/Snakefile --directory elsewhere --configfile mine.yaml --cores 8": "a placeholder; test_other_folders.py",
    "snakemake --cores 1 pin --configfile my.yaml": "network; test_pin.py runs it",
    "snakemake --workflow-profile profiles/slurm --config device=cuda": "SLURM; test_profiles.py and test_slurm.py use the profile",
    "snakemake --workflow-profile profiles/slurm --configfile config/paper.yaml --config device=cuda": "SLURM",
    "snakemake --workflow-profile profiles/kubernetes --configfile config/paper.yaml --config device=cuda": "Kubernetes; test_profiles.py",
    "snakemake --cores 2 --configfile config/domain_shift.yaml --config mirror=<folder with the files of config/data.csv>": "a placeholder",
    "snakemake --cores 2 --configfile config/xquad.yaml --config mirror=<folder with the files of config/data.csv>": "a placeholder",
    "snakemake --cores 2 --configfile config/xquad_zeroshot.yaml --config mirror=<folder with the files of config/data.csv>": "a placeholder",
    "mkdir -p results/domain_shift": "with the next two",
    "for file in docs/results/domain_shift/runs/*.tar.xz; do tar -xJf $file -C results/domain_shift; done": "results of a study",
    "snakemake --cores 2 --configfile config/domain_shift.yaml --allowed-rules write_tables compare_strategies -- results/domain_shift/tables/multi.csv results/domain_shift/statistics/claim.json": "results of a study",
}  # fmt: skip
# What a user types to look at a finished experiment, whether or not a page names it.
INSPECT = ["--unlock", "--report report.zip", "--rulegraph", "--summary", "--list-rules"]


def blocks(text: str) -> Iterator[str]:
    """Yield the commands of code blocks of a shell."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if language in ("", "sh", "bash", "console"):
            yield from (line for line in block.replace("\\\n", " ").splitlines() if line.strip())


def commands() -> dict[str, str]:
    """Return the page of every command; a command of `.venv` is that of the environment which runs the tests."""
    found: dict[str, str] = {}
    for page in PAGES:
        text = page.read_text("utf-8")
        spans = TYPED.findall(re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
        for command in [*blocks(text), *spans]:
            plain = re.sub(r"\s+", " ", re.sub(r"\s+#.*", "", command)).replace(".venv/bin/", "").strip()
            found.setdefault(plain, str(page.relative_to(ROOT)))
    return found


COMMANDS = commands()
TYPED_HERE = {command: page for command, page in COMMANDS.items() if command not in NOT_TYPED}
SNAKEMAKE = [command for command in TYPED_HERE if command.startswith("snakemake ")]
LOOKS = {f"snakemake {options}" for options in INSPECT} | {
    command for command in SNAKEMAKE if {*command.split()} & {"--unlock", "--report"}
}
MAKE = [command for command in TYPED_HERE if command.startswith("make ")]
PROGRAMS_WITH_HELP = [command for command in TYPED_HERE if re.match(r"([A-Z_]+=\S+ )*python \w+/", command)]


@pytest.fixture(scope="module")
def folder(finished: Workflow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished checkout whose default experiment is the tiny one, and whose paper is a part of it."""
    copy = tmp_path_factory.mktemp("documented") / "copy"
    shutil.copytree(finished.folder, copy, symlinks=True)
    (copy / OVERLAY).unlink()
    default = yaml.safe_load((copy / "config/config.yaml").read_text("utf-8"))
    (copy / "config/config.yaml").write_text(yaml.safe_dump(merged(default, tiny_config())), encoding="utf-8")
    paper = yaml.safe_load((copy / "config/paper.yaml").read_text("utf-8"))
    part = merged(paper, {"device": "cpu", "runs": {"seeds": [1], "benchmarks": ["xquad_r"]}})
    (copy / "config/paper.yaml").write_text(yaml.safe_dump(part), encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/tutorial.md").read_text("utf-8"), re.DOTALL)
    assert example
    (copy / "mine.yaml").write_text(example[1], encoding="utf-8")
    return copy


def type_in(folder: Path, command: str) -> str:
    """Type a command in a folder, expect success and return its output."""
    python = Path(sys.executable).parent
    env = environment() | {"PATH": f"{python}:{environment().get('PATH', '')}"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{COMMANDS.get(command, '')}: {command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_every_command_is_typed_or_excepted() -> None:
    assert sorted(NOT_TYPED.keys() - COMMANDS.keys()) == [], "these exceptions are in no page"
    left = TYPED_HERE.keys() - {*SNAKEMAKE, *MAKE, *PROGRAMS_WITH_HELP}
    assert {command: COMMANDS[command] for command in left} == {}, "type these commands in a test, or except them"


@pytest.mark.parametrize("command", sorted(LOOKS))
def test_recovery_and_inspection(folder: Path, command: str) -> None:
    type_in(folder, command)


@pytest.mark.parametrize("command", sorted({*SNAKEMAKE} - LOOKS))
def test_run(folder: Path, command: str) -> None:
    # A dry run needs no number of cores, a run does.
    assert {*command.split()} & {"--cores", "-n"}, f"{COMMANDS[command]}: without --cores, {command} ends at once"
    output = type_in(folder, f"{command} -n")
    assert "This was a dry-run" in output or "Nothing to be done" in output


@pytest.mark.parametrize("command", sorted(MAKE))
def test_make(command: str) -> None:
    type_in(ROOT, f"{command} --dry-run")


@pytest.mark.parametrize("command", sorted(PROGRAMS_WITH_HELP))
def test_program(command: str) -> None:
    program = re.match(r"(?:[A-Z_]+=\S+ )*python \S+", command)
    assert program
    described = type_in(ROOT, f"{program[0]} --help")
    options = [word for word in shlex.split(command.removeprefix(program[0])) if re.match(r"--?[a-z]", word)]
    assert [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", described)] == []
