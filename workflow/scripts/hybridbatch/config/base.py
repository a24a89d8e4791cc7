"""What all sections share: strict parsing, types of values, and checks that several sections need."""

import difflib
from collections.abc import Collection
from datetime import date
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema


class Section(BaseModel):
    """A part of the configuration that rejects unknown keys and values of the wrong type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def distinct(values: list[Any]) -> list[Any]:
    """Return the values; raise ValueError if any is repeated."""
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} is listed more than once; list each value once")
    return values


def number(value: Any) -> Any:
    """Return a string as the number that it spells: YAML reads 3e-5, without a point, as a string."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"must be a number, found {value!r}") from None


def quoted(value: Any) -> Any:
    """Return a value that YAML has not read as a number or a date, as it reads digits without quotes; a leading 0 means octal."""
    if isinstance(value, int | float | date):
        raise ValueError(f"must be in quotes: without them, YAML does not read it as text but as {value!r}")
    return value


# How a query may be matched: with its own language, with one other, with the pool of all.
Setting = Literal["mono", "cross", "multi"]
SETTINGS: tuple[Setting, ...] = ("mono", "cross", "multi")
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Commit = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{40}$"),
    BeforeValidator(quoted),
    # Before the validation, config/revisions.lock replaces branches and tags.
    WithJsonSchema({"type": "string"}),
]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(number)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(number)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(number)]


def suggestion(name: str, known: Collection[str]) -> str:
    """Return a question that names the known name closest to a misspelt one, or nothing if none is close."""
    matches = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def check_defined(key: str, names: Collection[str], defined: Collection[str]) -> None:
    """Raise ValueError unless every name that ``key`` refers to is defined."""
    for name in names:
        if name not in defined:
            raise ValueError(
                f"{key}: {name!r} is not defined{suggestion(name, defined)}; defined: {', '.join(defined) or 'none'}"
            )


def check_origin(section: Section, *keys: str) -> None:
    """Raise ValueError unless exactly one key says where a model comes from, and one from the hub has a commit."""
    given = [key for key in keys if getattr(section, key) is not None]
    if len(given) != 1:
        raise ValueError(
            f"exactly one of {', '.join(keys[:-1])} and {keys[-1]} must be given, found {' and '.join(given) or 'none'}"
        )
    if ("hub" in given) != (getattr(section, "revision", None) is not None):
        raise ValueError("hub and revision go together: a model from the hub is pinned by its commit")


def check_template(key: str, path: str) -> None:
    """Raise ValueError unless ``{language}``, and nothing else, is in braces in a path."""
    if placeholders(path) != {"language"}:
        raise ValueError(
            f"{key} must contain {{language}} and no other braces, as in my/pairs.{{language}}.tsv; found {path!r}"
        )


def placeholders(text: str) -> set[str]:
    """Return the names in braces; the empty string stands for braces that enclose no name or are not closed."""
    try:
        return {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    except ValueError:
        return {""}
