"""Reading an experiment's configuration, with errors of one line each."""

import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from hybridbatch.common.errors import UserError
from hybridbatch.config.base import suggestion
from hybridbatch.config.experiment import Config
from hybridbatch.config.revisions import Reference, with_commits


def load_config(values: dict[str, Any], lock: Mapping[Reference, str] = MappingProxyType({})) -> Config:
    """Validate raw configuration values and prune them to what the experiment uses.

    Args:
        values: the values.
        lock: the commits of branches and tags.

    Raises:
        UserError: naming every unknown key, bad value or impossible combination, on one line.
    """
    try:
        return Config.model_validate(with_commits(values, lock)).pruned()
    except ValidationError as error:
        raise UserError("; ".join(_explain(error))) from None


def read_config(path: Path) -> Config:
    """Read the resolved configuration of an experiment, ``config.yaml`` in its folder of results.

    Raises:
        UserError: if it is missing, not YAML or not a configuration.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read as YAML ({reason}); delete it and run again") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: a configuration is a mapping of keys; delete it and run again")
    return load_config(values)


def _explain(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        keys = [str(part) for part in problem["loc"] if part != "[key]"]
        section = _section(keys[:-1])
        if problem["type"] == "extra_forbidden":
            allowed = list(section.model_fields)
            message = f"unknown key{suggestion(keys[-1], allowed)}; allowed here: {', '.join(allowed)}"
        elif problem["type"] == "missing":
            field = section.model_fields.get(keys[-1])
            message = f"is missing ({field.description if field else 'a value'}); see config/README.md"
        elif problem["type"] == "value_error":
            message = str(problem["ctx"]["error"])
        elif problem["type"] == "too_short":
            message = "is empty; give at least one value, or remove the section that needs it"
        elif problem["type"] in ("model_type", "dict_type"):
            message = f"must hold keys and values, found {reprlib.repr(problem['input'])}"
        else:
            message = f"{problem['msg']}, found {reprlib.repr(problem['input'])}"
        yield ": ".join([*([".".join(keys)] if keys else []), message])


def _section(keys: list[str]) -> type[BaseModel]:
    """Return the model of the section that keys lead to, or of the innermost section that contains their value."""
    model: type[BaseModel] = Config
    waiting = list(keys)
    while waiting and (field := model.model_fields.get(waiting.pop(0))):
        parts = [field.annotation, *get_args(field.annotation)]
        inner = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        if not inner:
            break
        model = inner[0]
        if get_origin(field.annotation) is dict:
            waiting = waiting[1:]  # the name that the user gave
    return model
