"""Data sets of the Hugging Face hub: rows of their files, filtered, and the texts that the configuration names."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.common.row_paths import explode, matches, text, values
from hybridbatch.config.hub_data import Columns, HubData
from hybridbatch.config.sources import Source
from hybridbatch.data.benchmark import Files
from hybridbatch.data.pairs import Pair
from hybridbatch.data.tabular import read_rows, suffix
from hybridbatch.download.hub import fetched_files

# About 225 tokens of English, so that 256 have room for the prompt and for a somewhat longer translation.
EXCERPT_CHARACTERS = 900
SENTENCE_BREAK = re.compile(r"(?<=[.!?])\s+|\n+")
SPACE = re.compile(r"\s+")


def pairs(files: Files, source: Source, _language: str) -> Iterator[Pair]:
    """Yield the pairs of a data set; ``files["manifest"]`` lists its files.

    The id is the row's own or the number of the row in all files, from 0; elements of an exploded list add ``-<number>``. It does
    not depend on what is filtered out. Cells of CSV and TSV are text, so ``where`` is compared with them as text.

    Raises:
        UserError: if a file is damaged, or a row has no such place as the configuration names; the row is named.
    """
    hub = source.hub
    if hub is None or hub.columns is None:
        raise UserError(f"{source.path}: hub.columns is missing; say where a row holds query and passage")
    numbers = itertools.count()
    for file in fetched_files(files["manifest"][0]):
        where = _as_text(hub.where) if suffix(file) in (".csv", ".tsv") else hub.where
        for place, row in read_rows(file, quoted_tsv=True):
            try:
                yield from _pairs_of(row, next(numbers), hub, hub.columns, where)
            except (KeyError, TypeError) as error:
                raise UserError(f"{place}: {error.args[0]}; correct hub.columns, hub.explode or hub.where") from error


def _pairs_of(row: dict[str, Any], number: int, hub: HubData, columns: Columns, where: dict[str, Any]) -> list[Pair]:
    found = []
    for index, part in enumerate([row] if hub.explode is None else explode(row, hub.explode)):
        if not matches(part, where):
            continue
        name = f"{number:09d}" if columns.id is None else text(part, columns.id)
        if hub.explode is not None:
            name = f"{name}-{index}" if name else ""
        passage = text(part, columns.passage)
        if columns.answer_start is not None:
            passage = _around_answer(passage, values(part, columns.answer_start))
        negative = text(part, columns.negative) if columns.negative is not None else ""
        found.append(Pair(name, text(part, columns.query), passage, negative or None))
    return found


def _around_answer(passage: str, positions: list[Any]) -> str:
    if not positions:
        return passage
    start = positions[0]
    if not isinstance(start, int) or not 0 <= start < max(1, len(passage)):
        raise TypeError(f"{start!r} is not a position in a passage of {len(passage)} characters")
    return excerpt(passage, start)


def excerpt(passage: str, start: int) -> str:
    """Return the part of a passage around the character ``start``, at most ``EXCERPT_CHARACTERS`` long.

    It consists of whole sentences, or of whole words on a side on which no sentence ends.
    """
    if len(passage) <= EXCERPT_CHARACTERS:
        return passage
    low = min(max(0, start - EXCERPT_CHARACTERS // 2), len(passage) - EXCERPT_CHARACTERS)
    high = low + EXCERPT_CHARACTERS
    if low > 0:
        low = next((m.end() for kind in (SENTENCE_BREAK, SPACE) for m in kind.finditer(passage, low, start)), low)
    if high < len(passage):
        ends = ([m.start() for m in kind.finditer(passage, start, high + 1)] for kind in (SENTENCE_BREAK, SPACE))
        high = next((found[-1] for found in ends if found), high)
    return passage[low:high]


def _as_text(where: dict[str, Any]) -> dict[str, Any]:
    return {
        path: [str(value) for value in (values if isinstance(values, list) else [values])]
        for path, values in where.items()
    }
