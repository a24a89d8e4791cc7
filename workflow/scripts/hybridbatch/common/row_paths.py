"""Places in nested rows, such as ``positive_passages[0].text``, and the texts that stand there."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

STEP = re.compile(r"([^.\[\]]+)(?:\[(\d+|\*)\])?")
PLACE = re.compile(rf"{STEP.pattern}(?:\.{STEP.pattern})*")


def check_place(place: str) -> None:
    """Check the form of a place.

    Raises:
        ValueError: unless it is made of ``name``, ``name[0]`` and ``name[*]``, joined by dots.
    """
    if not PLACE.fullmatch(place):
        raise ValueError(f"{place!r} is no place in a row; allowed: column, column.field, list[0].field, list[*].field")


def values(row: Any, place: str) -> list[Any]:
    """Return what stands at ``place``: one value, several where it goes through ``[*]``, none where a list is too short.

    Nulls are left out.

    Raises:
        KeyError: if the row has no such column or field; its argument names it.
        TypeError: if a part of the place is no list, or no object with fields.
    """
    found = [row]
    for name, index in STEP.findall(place):
        found = [element for value in found for element in _step(value, name, index)]
    return [value for value in found if value is not None]


def text(row: Any, places: str | Sequence[str]) -> str:
    """Return the texts at ``places``, joined with a space; the empty string where there is none.

    Raises:
        KeyError, TypeError: see :func:`values`; the latter also if something else than texts and numbers stands there.
    """
    found = [value for place in ([places] if isinstance(places, str) else places) for value in values(row, place)]
    flat = [part for value in found for part in (value if isinstance(value, list) else [value])]
    for part in flat:
        if not isinstance(part, str | int | float):
            raise TypeError(f"{places} holds {type(part).__name__}, not text; name a field of it")
    return " ".join(str(part) for part in flat)


def matches(row: Any, where: Mapping[str, Any]) -> bool:
    """Return whether the row has at every place of ``where`` the value wanted, or one of those wanted."""
    return all(
        any(value in (wanted if isinstance(wanted, list) else [wanted]) for value in values(row, place))
        for place, wanted in where.items()
    )


def explode(row: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    """Return a row for each element of the list at ``place``; the element takes the place of the list."""
    rows = []
    for element in (part for value in values(row, place) for part in _as_list(value, place)):
        copy: dict[str, Any] = dict(row)
        inner = copy
        *parents, last = place.split(".")
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
        raise TypeError(
            f"{name!r} is looked for in {type(value).__name__}, which has no fields; add [0] or [*] before it"
        )
    if name not in value:
        raise KeyError(f"{name!r} is missing; there are: {', '.join(map(str, value))}")
    inner = value[name]
    if not index or inner is None:
        return [inner]
    elements = _as_list(inner, name)
    return elements if index == "*" else elements[int(index) : int(index) + 1]


def _as_list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{name!r} is no list")
    return value
