"""A fingerprint of the code of a program, which changes with its statements and not with comments or layout."""

import ast
import csv
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = "hybridbatch"
EQUIVALENTS = "equivalent_code.csv"


class Module(NamedTuple):
    """A source file: its normalised source, and the dotted names that it imports."""

    source: str
    imports: frozenset[str]


@cache
def fingerprint(program: Path) -> str:
    """Return the SHA-256 of the normalised source of a program and of every module of the package that it imports.

    Comments, docstrings, layout and the descriptions of configuration keys do not count: a job with this fingerprint in its parameters
    reruns only when a statement changes. Where `equivalent_code.csv` beside the program says that this code computes the same as
    earlier code, the fingerprint is that of the earlier code, so nothing reruns.
    """
    own = own_fingerprint(program)
    return read_equivalents(program.parent / EQUIVALENTS).get((program.stem, own), own)


def own_fingerprint(program: Path) -> str:
    """Return the same whatever `equivalent_code.csv` says."""
    sources = [(str(file.relative_to(program.parent)), _read(file).source) for file in modules(program)]
    return hashlib.sha256(repr(sources).encode()).hexdigest()


@cache
def modules(program: Path) -> tuple[Path, ...]:
    """Return a program and the modules of the package that it imports directly, indirectly or inside functions, sorted."""
    found: set[Path] = set()
    waiting = [program]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_files(_read(file).imports, program.parent))
    return tuple(sorted(found))


def parse(source: str) -> Module:
    """Return a module's imports, and its source in a fixed layout without comments, docstrings and ``description=`` arguments."""
    tree = ast.parse(source)
    imports: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                imports |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                imports |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
            case ast.Call():
                node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]
    return Module(ast.unparse(tree), frozenset(imports))


def read_equivalents(file: Path) -> dict[tuple[str, str], str]:
    """Return the fingerprint of the earlier code by program and fingerprint."""
    if not file.exists():
        return {}
    with file.open(encoding="utf-8", newline="") as stream:
        return {(row["program"], row["code"]): row["computes_as"] for row in csv.DictReader(stream)}


@cache
def _read(file: Path) -> Module:
    return parse(file.read_text(encoding="utf-8"))


def _files(imports: frozenset[str], folder: Path) -> set[Path]:
    """Return the files of the package that these imports run: modules and their parent packages."""
    files: set[Path] = set()
    for parts in (name.split(".") for name in imports):
        if parts[0] == PACKAGE:
            paths = [folder.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
            files |= {path / "__init__.py" for path in paths} | {paths[-1].with_suffix(".py")}
    return {file for file in files if file.is_file()}
