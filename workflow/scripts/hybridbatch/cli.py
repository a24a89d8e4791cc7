"""What every program of the workflow shares: argument types, logging, and how errors end a program."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from hybridbatch.errors import UserError


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return an argument parser whose ``--help`` shows the program's docstring and every default."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)


def run(main: Callable[[list[str] | None], None]) -> NoReturn:
    """Run ``main`` as a program: log to standard error; a :class:`UserError` ends it with one line and status 1."""
    logging.basicConfig(
        level=os.environ.get("LOGLEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    try:
        main(None)
    except UserError as error:
        sys.exit(f"error: {error}")
    sys.exit(0)
