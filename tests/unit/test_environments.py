"""Every conda environment has what the programs import that run in it."""

import ast
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import yaml

from hybridbatch.imports import code_files

ROOT = Path(__file__).parents[2]
RULES = ROOT / "workflow" / "rules"
# Imported by a module on behalf of programs that run elsewhere: for types, or inside functions which these never call.
ELSEWHERE = {
    "report": {"sacrebleu"},
    "clean": {"torch", "sentence-transformers", "transformers"},
    "data": {"torch", "sentence-transformers", "transformers"},
}


def name(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


@cache
def needed(distribution: str) -> frozenset[str]:
    """The distribution and what it installs, directly or not, without extras."""
    found, waiting = set(), [distribution]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        try:
            lines = requires(current) or []
        except PackageNotFoundError:
            continue
        waiting += [name(re.split(r"[\s\[;<>=!~(]", line)[0]) for line in lines if "extra ==" not in line]
    return frozenset(found)


def pinned(environment: str) -> frozenset[str]:
    parts = yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text(encoding="utf-8"))["dependencies"]
    pins = [name(pin.split("==")[0]) for part in parts if isinstance(part, dict) for pin in part["pip"]]
    return frozenset().union(*(needed(pin) for pin in pins))


def imported(files: list[Path], *, functions: bool) -> set[str]:
    """The distributions that files import, inside functions too if asked for."""
    modules = set()
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree) if functions else tree.body:
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                modules.add(node.module.split(".")[0])
    known = packages_distributions()
    return {name(known[m][0]) for m in modules - set(sys.stdlib_module_names) if m != "hybridbatch" and m in known}


def programs() -> list[tuple[str, str]]:
    """Each program with the environment of the rule that starts it."""
    found = []
    for file in sorted(RULES.glob("*.smk")):
        for rule in re.split(r"(?m)^rule ", file.read_text(encoding="utf-8"))[1:]:
            started, environment = re.search(r'program=program\("(\w+)"\)', rule), re.search(r"envs/(\w+)\.yaml", rule)
            if started and environment:
                found.append((started[1], environment[1]))
    return found


def test_programs_are_found() -> None:
    assert {("train", "encoder"), ("search", "search"), ("download", "data")} <= set(programs())


@pytest.mark.parametrize(("program", "environment"), programs())
def test_environment_has_what_its_program_imports(program: str, environment: str) -> None:
    files = list(code_files(ROOT / "workflow" / "scripts" / f"{program}.py"))
    elsewhere = ELSEWHERE.get(environment, set())
    missing = imported(files, functions=False) - pinned(environment) - elsewhere
    assert not missing, f"envs/{environment}.yaml lacks what {program}.py imports"
    later = imported(files, functions=True) - pinned(environment) - elsewhere
    assert not later, f"envs/{environment}.yaml lacks what {program}.py imports inside functions"


def test_the_workflow_environment_has_what_the_snakefile_imports() -> None:
    roots = re.findall(r"(?m)^from hybridbatch\.(\w+) import", (RULES / "common.smk").read_text(encoding="utf-8"))
    code = "import sys; sys.path.insert(0, 'workflow/scripts'); " + "".join(f"import hybridbatch.{r}; " for r in roots)
    code += "print(*{module.split('.')[0] for module in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    known = packages_distributions()
    loaded = {name(known[module][0]) for module in done.stdout.split() if module in known}
    # pyarrow takes cloudpickle where it is installed and does without it elsewhere; setuptools hooks into every start.
    assert loaded - pinned("workflow") <= {"cloudpickle", "setuptools"}
