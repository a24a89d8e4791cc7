"""Programs and rules agree: one kind of parser, no default that the configuration has, and the options that the rules pass."""

import argparse
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

ROOT = Path(__file__).parents[3]
PROGRAMS = sorted(file.stem for file in (ROOT / "workflow/scripts").glob("*.py"))
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
HEAD = re.compile(r"(?m)^(?:use )?rule (?:(\w+) as )?(\w+)(?: with)?:$")


class Parsed(Exception):  # noqa: N818 - it ends a program early
    """Carries the parser of a program out of its ``main``."""


@pytest.fixture
def parser(program: str, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """Return the parser of a program."""

    def stop(self: argparse.ArgumentParser, *_: Any) -> None:
        raise Parsed(self)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(Parsed) as caught:
        importlib.import_module(program).main([])
    found = caught.value.args[0]
    assert isinstance(found, argparse.ArgumentParser)
    return found


def section_of(action: argparse.Action) -> type[BaseModel] | None:
    """Return the section of the configuration that an argument takes as JSON."""
    if not inspect.isfunction(action.type):
        return None
    model = inspect.getclosurevars(action.type).nonlocals.get("model")
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def rules() -> list[tuple[str, str, bool]]:
    """Return program, text and completeness of every rule that starts a program; a rule that inherits is incomplete."""
    found, programs = [], {}
    for file in sorted((ROOT / "workflow/rules").glob("*.smk")):
        _, *parts = HEAD.split(file.read_text(encoding="utf-8"))
        for base, name, rest in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            body = rest.partition("\n\n\n")[0]
            started = re.search(r'\bprogram=program\("(\w+)"\)', body)
            programs[name] = started[1] if started else programs.get(base, "")
            if programs[name]:
                found.append((programs[name], body, started is not None))
    return found


RULES = rules()


def test_rules_are_found() -> None:
    assert {*PROGRAMS} - {program for program, _, _ in RULES} == {"ask", "launch"}
    assert len(RULES) > len(PROGRAMS) - 2


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_explains_every_argument(parser: argparse.ArgumentParser, program: str) -> None:
    assert parser.formatter_class is argparse.ArgumentDefaultsHelpFormatter
    assert parser.description == importlib.import_module(program).__doc__
    assert not [action.dest for action in parser._actions if not action.help]


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_default_is_in_the_configuration_too(parser: argparse.ArgumentParser) -> None:
    sections = [section for action in parser._actions if (section := section_of(action))]
    keys = {key for section in sections for key in section.model_fields}
    defaults = {action.dest for action in parser._actions if action.default not in (None, False, [])}
    assert not defaults & keys


@pytest.mark.parametrize("program", sorted({program for program, _, _ in RULES}))
def test_rules_pass_the_options_of_their_program(parser: argparse.ArgumentParser, program: str) -> None:
    known = {option for action in parser._actions for option in action.option_strings} | {"--gpus", "--processes"}
    required = {action.option_strings[0] for action in parser._actions if action.required and action.option_strings}
    for name, body, is_complete in RULES:
        if name == program:
            passed = set(OPTION.findall(body))
            assert passed <= known
            assert required <= passed or not is_complete


@pytest.mark.parametrize("program", ["launch"])
def test_the_launcher_has_the_options_that_rules_pass(parser: argparse.ArgumentParser) -> None:
    assert {"--gpus", "--processes"} <= {option for action in parser._actions for option in action.option_strings}


def test_options_of_input_functions_exist() -> None:
    rule_files, programs = (
        "".join(file.read_text(encoding="utf-8") for file in (ROOT / "workflow").glob(pattern))
        for pattern in ("rules/*.smk", "scripts/*.py")
    )
    quoted = set(re.findall(r'"(--[a-z-]+)"', rule_files)) - {"--configfile"}
    assert {"--encoder", "--mirror", "--part"} <= quoted
    assert not {option for option in quoted if f'"{option}"' not in programs}
