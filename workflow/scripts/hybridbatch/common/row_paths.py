"""Paths into nested rows, such as ``positive_passages[0].text``, and the values there."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

STEP = re.compile(r"([^.\[\]]+)(?:\[(\d+|\*)\])?")
PATH = re.compile(rf"{STEP.pattern}(?:\.{STEP.pattern})*")


def check_path(path: str) -> None:
    """Check the form of a path.

    Raises:
        ValueError: unless it consists of ``name``, ``name[0]`` and ``name[*]``, joined by dots.
    """
    if not PATH.fullmatch(path):
        raise ValueError(
            f"{path!r} is not a path in a row; allowed: column, column.field, list[0].field, list[*].field"
        )


def values(row: Any, path: str) -> list[Any]:
    """Return the values at ``path``: one, several if it contains ``[*]``, or none if a list is too short; nulls are left out.

    Raises:
        KeyError: if a column or field is missing; its argument names it.
        TypeError: if a step of the path expects a list or an object and finds another value.
    """
    found = [row]
    for name, index in STEP.findall(path):
        found = [element for value in found for element in _step(value, name, index)]
    return [value for value in found if value is not None]


def text(row: Any, paths: str | Sequence[str]) -> str:
    """Return the texts at ``paths``, joined by spaces; the empty string if there are none.

    Raises:
        KeyError, TypeError: see :func:`values`; TypeError also if a value is neither text nor a number.
    """
    found = [value for path in ([paths] if isinstance(paths, str) else paths) for value in values(row, path)]
    flat = [part for value in found for part in (value if isinstance(value, list) else [value])]
    for part in flat:
        if not isinstance(part, str | int | float):
            raise TypeError(f"{paths} holds {type(part).__name__}, not text; name one of its fields")
    return " ".join(str(part) for part in flat)


def matches(row: Any, where: Mapping[str, Any]) -> bool:
    """Return whether the row has, at every path of ``where``, the value given there or one of those given."""
    return all(
        any(value in (wanted if isinstance(wanted, list) else [wanted]) for value in values(row, path))
        for path, wanted in where.items()
    )


def explode(row: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
    """Return one row for each element of the list at ``path``, with the element in place of the list."""
    rows = []
    for element in (part for value in values(row, path) for part in _as_list(value, path)):
        copy: dict[str, Any] = dict(row)
        inner = copy
        *parents, last = path.split(".")
        for name in parents:
            inner[name] = dict(inner[name])
            inner = inner[name]
        inner[last] = element
        rows.append(copy)
    return rows


def _step(value: Any, name: str, index: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise TypeError(f"{name!r} is not a field of {type(value).__name__}, which has none; add [0] or [*] before it")
    if name not in value:
        raise KeyError(f"{name!r} is missing; there are: {', '.join(map(str, value))}")
    inner = value[name]
    if not index or inner is None:
        return [inner]
    elements = _as_list(inner, name)
    return elements if index == "*" else elements[int(index) : int(index) + 1]


def _as_list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{name!r} is not a list")
    return value
