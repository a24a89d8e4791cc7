"""The command line, log and exit of every program."""

import argparse
import gc
import logging
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel

from hybridbatch.common.errors import UserError

logger = logging.getLogger(__name__)
# The first word of a log, before the command; the report searches for it.
COMMAND = "command: "
Model = TypeVar("Model", bound=BaseModel)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return an argument parser whose ``--help`` shows a description, such as the program's docstring, and every default."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)


def section(model: type[Model]) -> Callable[[str], Model]:
    """Return the ``type`` of an argument that is a section of the configuration as JSON."""

    def read(text: str) -> Model:
        try:
            return model.model_validate_json(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"not a {model.__name__} section: {error}") from error

    return read


def named_file(text: str) -> tuple[str, Path]:
    """Return the name and the path of an argument ``NAME=FILE``."""
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE")
    return name, Path(file)


def named_number(text: str) -> tuple[str, int]:
    """Return the name and the number of an argument ``NAME=N``, a whole number above 0."""
    name, equals, number = text.partition("=")
    if not (name and equals and number.isdecimal() and int(number)):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N with a whole number above 0")
    return name, int(number)


def run(main: Callable[[list[str] | None], None]) -> NoReturn:
    """Run ``main`` as a program and exit.

    The log goes to standard error and begins with the command, unless standard error is a terminal. A :class:`UserError` is printed
    in one line, with exit status 1.
    """
    logging.basicConfig(
        level=os.environ.get("LOGLEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    # Imported modules live until the end. Left out of garbage collection, they let programs with torch exit a second earlier.
    gc.freeze()
    if not sys.stderr.isatty():
        logger.info("%s%s", COMMAND, shlex.join(["python", *sys.argv]))
    try:
        main(None)
    except UserError as error:
        sys.exit(f"error: {error}")
    sys.exit(0)
