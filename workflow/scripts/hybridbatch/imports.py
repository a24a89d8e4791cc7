"""The source files that a program's result depends on, read from its import statements."""

import ast
from functools import cache
from pathlib import Path

PACKAGE = "hybridbatch"


@cache
def code_files(program: Path) -> tuple[Path, ...]:
    """Return a program and the modules of the package that it imports, directly or not, in alphabetical order.

    Snakemake compares these small files by content, so editing one of them reruns what depends on it and nothing else.
    Imports are found wherever they stand, inside functions too.
    """
    package = program.parent / PACKAGE
    found: set[Path] = set()
    waiting = [program]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        waiting.extend(_imported(file, package))
    return tuple(sorted(found))


def _imported(file: Path, package: Path) -> list[Path]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    modules = [name.split(".")[1:] for name in names if name.split(".")[0] == PACKAGE]
    places = [package.joinpath(*parts) for parts in modules]
    files = [place.with_suffix(".py") for place in places] + [place / "__init__.py" for place in places]
    return [candidate for candidate in files if candidate.is_file()]
