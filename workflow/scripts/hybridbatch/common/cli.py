"""What every program of the workflow shares: argument types, logging, and how errors end a program."""

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Callable
from typing import NoReturn

from hybridbatch.common.errors import UserError

logger = logging.getLogger(__name__)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return an argument parser whose ``--help`` shows the program's docstring and every default."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)


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
