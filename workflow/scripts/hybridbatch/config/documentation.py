"""The documentation of the configuration, generated from its model: a JSON schema and a page of tables."""

import inspect
import json
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hybridbatch.config.experiment import Config

SIMPLE = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "null"}

HEAD = """\
<!-- Made by `make config` from workflow/scripts/hybridbatch/config/; edit the descriptions there. -->
# Configuration

An experiment is described in one YAML file. `config/config.yaml` is read first; files given with `--configfile` override it key
by key, and lists are replaced as a whole. Single values can be set with `--config`, for example `--config mirror=/data/mirror`.
The result, with all defaults, is written to `results/<experiment>/config.yaml`. Unknown keys, invalid values and impossible
combinations are reported in one line before any job starts.

`backbones`, `strategies`, `sources` and `benchmarks` define things by name; `runs` and `training` select which of them are used.

| file | experiment |
|---|---|
"""


def schema() -> str:
    """Return the JSON schema of the configuration."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def readme(experiments: dict[str, str]) -> str:
    """Return the page that explains every key; ``experiments`` gives the first comment line of each file in config/."""
    lines = [HEAD + "".join(f"| `{name}` | {text} |\n" for name, text in sorted(experiments.items()))]
    for path, model in _sections(Config, ""):
        title = f"## `{path}`" if path else "## Top level"
        lines.append(f"\n{title}\n{inspect.getdoc(model)}\n\n| key | value | default | meaning |\n|---|---|---|---|\n")
        lines += [_row(name, field) for name, field in model.model_fields.items()]
    return "".join(lines)


def _sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for name, field in model.model_fields.items():
        for inner, by_name in _models(field.annotation, False):
            yield from _sections(inner, f"{path}.{name}".strip(".") + (".<name>" if by_name else ""))


def _models(annotation: Any, by_name: bool) -> Iterator[tuple[type[BaseModel], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, by_name
    for part in get_args(annotation):
        yield from _models(part, by_name or get_origin(annotation) is dict)


def _row(name: str, field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        default = "required"
    elif isinstance(field.default, BaseModel) or (isinstance(field.default, dict) and field.default):
        default = "see below"
    else:
        default = f"`{json.dumps(field.default)}`"
    meaning = (field.description or "").replace("|", "\\|")
    return f"| `{name}` | {_kind(field.annotation)} | {default} | {meaning} |\n"


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _kind(parts[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    if origin is None:
        return SIMPLE[annotation]
    kinds = [f"`{part}`" if origin is Literal else _kind(part) for part in parts]
    return {
        Union: " or ".join(kinds),
        UnionType: " or ".join(kinds),
        Literal: ", ".join(kinds),
        list: f"list of {kinds[0]}",
        tuple: f"list of {len(kinds)} × {kinds[0]}",
        dict: f"{kinds[-1]} by name",
    }[origin]
