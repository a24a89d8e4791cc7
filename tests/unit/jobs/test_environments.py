"""The locks serve every platform; conda environments have the packages of their programs in its versions, and CUDA builds for GPUs."""

import ast
import os
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
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from hybridbatch.common.errors import UserError
from hybridbatch.jobs.code import modules
from hybridbatch.jobs.environments import check_cuda_build, cuda_variant, needed, pip_pins, read_locks
from hybridbatch.jobs.environments import pinned as with_pins

ROOT = Path(__file__).parents[3]
RULES = ROOT / "workflow" / "rules"
# Imported only for types, or inside functions that the programs of this environment never call.
UNUSED = {
    "report": {"sacrebleu"},
    "clean": {"torch", "sentence-transformers", "transformers"},
    "data": {"torch", "sentence-transformers", "transformers"},
}


MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"}


def version(pin: Requirement) -> str:
    return next(iter(pin.specifier)).version


FILES = sorted((ROOT / "envs").glob("*.yaml"))
LOCK = [ROOT / "requirements.lock", ROOT / "requirements-torch.txt"]
LOCK_DEV = ROOT / "requirements-dev.lock"
EXCLUDED = ROOT / "requirements-excluded.txt"
# Not in the lock: the first is only for GPUs, and the others are for the target mteb.
UNLOCKED = {"nvidia-cublas-cu12": "12.9.3.13"}
UNLOCKED |= {key: version(pin) for key, pin in read_locks(ROOT / "requirements-mteb.txt").items()}


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
    options = [line for line in pip["pip"] if line.startswith("--")]
    pins = [Requirement(line) for line in pip["pip"] if line not in options]
    assert all(re.fullmatch(r"={2,3}[\w.+]+", str(pin.specifier)) for pin in pins)
    on_cpu = "torch" in pip_pins(file.read_text(encoding="utf-8")) and not file.stem.endswith("-cuda")
    assert options == (["--extra-index-url https://download.pytorch.org/whl/cpu"] if on_cpu else [])
    on_mac = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(MACOS)]
    locked = version(read_locks(*LOCK)["torch"])
    assert [version(pin) for pin in on_mac if pin.name == "torch"] == [locked] * ("torch" in {pin.name for pin in pins})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_versions_are_those_of_the_lock(file: Path) -> None:
    locked = {key: version(pin) for key, pin in read_locks(*LOCK).items()} | UNLOCKED
    pins = pip_pins(file.read_text(encoding="utf-8"))
    assert pins
    assert {key: version.removesuffix("+cpu") for key, version in pins.items()} == {key: locked[key] for key in pins}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_requirements_of_packages_are_pinned(file: Path) -> None:
    pins = set(pip_pins(file.read_text(encoding="utf-8")))
    # The CUDA libraries of torch's builds are in no lock.
    cuda = needed({"torch"}) - read_locks(*LOCK).keys()
    assert needed(pins) - cuda <= pins


def test_every_locked_package_has_hashes_and_one_version() -> None:
    for lock in (LOCK[0], LOCK_DEV):
        content = lock.read_text(encoding="utf-8")
        pins = re.findall(r"(?m)^([\w-]+)==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}\b", content)
        assert len(pins) == len(read_locks(lock))
        assert "://" not in content


def test_tests_and_linters_are_locked_apart() -> None:
    run_time, development = read_locks(*LOCK), read_locks(LOCK_DEV)
    assert not run_time.keys() & development.keys()
    assert {"snakemake", "torch", "datasets"} <= run_time.keys()
    assert {"pytest", "ruff", "mypy", "uv"} <= development.keys()
    assert needed(development) <= run_time.keys() | development.keys()


# It has no wheel; pip builds it, from pure Python.
BUILT = "connection-pool"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("python", "platform", "system", "machine"),
    [
        ("3.11", "x86_64-unknown-linux-gnu", "linux", "x86_64"),
        ("3.11", "aarch64-unknown-linux-gnu", "linux", "aarch64"),
        ("3.11", "aarch64-apple-darwin", "darwin", "arm64"),
        ("3.13", "aarch64-apple-darwin", "darwin", "arm64"),
    ],
)
def test_a_platform_has_wheels_of_exactly_the_locked_packages(
    python: str, platform: str, system: str, machine: str
) -> None:
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "uv",
                "pip",
                "compile",
                "--quiet",
                "--python-platform",
                platform,
                "--python-version",
                python,
            ),
            *("--only-binary", ":all:", "--no-binary", BUILT),
            *("--excludes", EXCLUDED, *LOCK, LOCK_DEV),
        ],
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "Failed to fetch" in done.stderr:
        pytest.skip(f"uv reaches no package index: {done.stderr}")
    assert done.returncode == 0, done.stderr
    found = {name(line.partition("==")[0]) for line in done.stdout.splitlines() if line[:1].isalnum()}
    variables = {"sys_platform": system, "platform_machine": machine}
    assert found == {
        key
        for key, pin in read_locks(*LOCK, LOCK_DEV).items()
        if pin.marker is None or pin.marker.evaluate({**variables, "python_full_version": f"{python}.0"})
    }


@pytest.mark.parametrize(
    "file", [file for file in FILES if not file.stem.endswith("-cuda")], ids=lambda file: file.stem
)
def test_files_are_as_make_envs_writes_them(file: Path) -> None:
    content = file.read_text(encoding="utf-8")
    assert content == with_pins(content, read_locks(*LOCK)), "make envs"
    variant = file.with_stem(f"{file.stem}-cuda")
    assert variant.exists() == ("torch" in pip_pins(content))
    if variant.exists():
        assert variant.read_text(encoding="utf-8") == cuda_variant(content), "make envs"


@pytest.mark.parametrize("stage", ["clean", "encoder", "translate"])
def test_variants_differ_in_torch_and_cublas_alone(stage: str) -> None:
    cpu, cuda = pip_pins(text(stage)), pip_pins(text(f"{stage}-cuda"))
    different = {"torch"} | ({"nvidia-cublas-cu12"} if "ctranslate2" in cpu else set())
    assert {key for key in cpu | cuda if cpu.get(key) != cuda.get(key)} == different
    assert f"- torch=={cpu['torch']}; platform_system" in text(stage)
    assert cpu["torch"].endswith("+cpu")
    assert f"- torch==={cuda['torch']}\n" in text(f"{stage}-cuda")
    assert "+" not in cuda["torch"]


def test_the_pin_for_gpus_does_not_match_a_cpu_build() -> None:
    pin = re.search(r"- torch(=+\S+)", text("encoder-cuda"))
    assert pin
    torch_version = pip_pins(text("encoder-cuda"))["torch"]
    assert SpecifierSet(pin[1]).contains(torch_version)
    assert not SpecifierSet(pin[1]).contains(f"{torch_version}+cpu")
    assert SpecifierSet(f"=={torch_version}").contains(f"{torch_version}+cpu")


def test_new_versions_come_from_the_lock() -> None:
    head = "name: x\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n      - pandas==1.0\n      - torch==1.0\n"
    pins = ['pandas==2.0; sys_platform != "emscripten"', "numpy==3.0", "torch==4.0", "ruff==5.0"]
    made = with_pins(head, {pin.name: pin for pin in map(Requirement, pins)})
    assert f"- {pins[0]}\n" in made
    assert pip_pins(made) == {"pandas": "2.0", "torch": "4.0+cpu", "numpy": "3.0"}
    assert with_pins(made, read_locks(*LOCK)) != made
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
