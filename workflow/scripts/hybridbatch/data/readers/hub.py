"""Pairs of data sets of the Hugging Face hub: rows of their files, filtered, and the texts that the settings name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.common.row_paths import explode, matches, text
from hybridbatch.config.hub_data import Columns, HubData
from hybridbatch.data.dataset_rows import read_rows
from hybridbatch.data.pair_writer import Pair


def read_pairs(files: list[Path], settings: HubData, name: str, scratch: Path | None = None) -> Iterator[Pair]:
    """Yield the pairs of a data set.

    An id is the row's own or the number of the row in the files, from 0; elements of an exploded list add ``-<number>``.
    It depends on nothing that is filtered out.

    Args:
        files: the data set's files, in their order.
        settings: what of them is read; ``columns`` must be given.
        name: what error messages call the data set.
        scratch: see :func:`~hybridbatch.data.dataset_rows.read_rows`.

    Raises:
        UserError: if a file is damaged or a place that the settings name is missing.
    """
    if settings.columns is None:
        raise UserError(f"{name}: columns are not given; say where a row holds query and passage")
    number = 0
    try:
        for number, row in enumerate(read_rows(files, streaming=True, scratch=scratch)):
            yield from _pairs_of(row, number, settings, settings.columns)
    except KeyError as error:
        raise UserError(
            f"{name}: row {number}: {error.args[0]}; correct hub.columns, hub.explode or hub.where"
        ) from error
    except TypeError as error:
        raise UserError(f"{name}: row {number}: {error}; correct hub.columns, hub.explode or hub.where") from error


def _pairs_of(row: dict[str, Any], number: int, settings: HubData, columns: Columns) -> Iterator[Pair]:
    rows = [row] if settings.explode is None else explode(row, settings.explode)
    for index, part in enumerate(rows):
        if not matches(part, settings.where):
            continue
        name = f"{number:09d}" if columns.id is None else text(part, columns.id)
        if settings.explode is not None:
            name = f"{name}-{index}" if name else ""
        negative = text(part, columns.negative) if columns.negative is not None else ""
        yield Pair(name, text(part, columns.query), text(part, columns.passage), negative or None)
