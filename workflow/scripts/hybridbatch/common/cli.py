"""What every program of the workflow shares: its command line, its log, and how errors end it."""

import argparse
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
Model = TypeVar("Model", bound=BaseModel)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return an argument parser whose ``--help`` shows the program's docstring and every default."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)


def section(model: type[Model]) -> Callable[[str], Model]:
    """Return the ``type`` of an argument that holds a section of the configuration as JSON."""

    def read(text: str) -> Model:
        try:
            return model.model_validate_json(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"no {model.__name__} section: {error}") from error

    return read


def named_file(text: str) -> tuple[str, Path]:
    """Return name and path of an argument ``NAME=FILE``; collect several with ``nargs`` and :class:`dict`."""
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE")
    return name, Path(file)


def run(main: Callable[[list[str] | None], None]) -> NoReturn:
    """Run ``main`` as a program.

    Its log, on standard error, begins with the command unless a person has just typed it; a :class:`UserError` ends it with
    one line and status 1.
    """
    logging.basicConfig(
        level=os.environ.get("LOGLEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    if not sys.stderr.isatty():
        logger.info("command: %s", shlex.join(["python", *sys.argv]))
    try:
        main(None)
    except UserError as error:
        sys.exit(f"error: {error}")
    sys.exit(0)
