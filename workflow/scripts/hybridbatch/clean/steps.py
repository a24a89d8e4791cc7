"""The steps of cleaning: normalising texts, and finding pairs to drop."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from hybridbatch.clean.decontamination import EvaluationTexts, contains, digest, key

if TYPE_CHECKING:
    from hybridbatch.clean.translation_quality import QualityControl

EXAMPLE_CHARACTERS = 300
COLUMNS = ("query", "passage")
# The negative of a pair is a text like its passage: what drops a pair for its passage drops it for its negative.
COLUMNS_WITH_NEGATIVES = (*COLUMNS, "negative")


@dataclass(frozen=True)
class Batch:
    """Some pairs.

    Attributes:
        table: the rows.
        texts: the queries, the passages and, if they are used, the negatives, by column.
        sources: the texts that were translated, by column; empty unless the pairs are translations.
    """

    table: pa.Table
    texts: Mapping[str, list[str]]
    sources: Mapping[str, list[str]]

    def select(self, rows: Sequence[int]) -> "Batch":
        """Return the pairs at ``rows``."""
        if len(rows) == self.table.num_rows:
            return self
        texts, sources = (
            {name: [column[row] for row in rows] for name, column in columns.items()}
            for columns in (self.texts, self.sources)
        )
        return Batch(self.table.take(pa.array(rows, pa.int64())), texts, sources)


@dataclass(frozen=True)
class Drop:
    """Why a pair is dropped; ``detail`` describes this pair."""

    reason: str
    detail: str = ""


Drops = list[Drop | None]


@dataclass(frozen=True)
class Step:
    """A step that drops pairs.

    Attributes:
        reasons: why it drops pairs, in the order of the record.
        find: returns a drop, or None, for each pair of a batch.
    """

    reasons: Sequence[str]
    find: Callable[[Batch], Drops]


def normalise(text: str) -> str:
    """Return a text in NFC, without white space at its ends, and with single spaces in place of other white space."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def normalise_batch(batch: Batch) -> tuple[Batch, int]:
    """Normalise the texts of a batch; return it and the number of pairs that changed."""
    texts = {name: [normalise(text) for text in column] for name, column in batch.texts.items()}
    changed = np.zeros(batch.table.num_rows, bool)
    for name, column in batch.texts.items():
        changed |= [new != old for new, old in zip(texts[name], column, strict=True)]
    return replace(batch, texts=texts), int(changed.sum())


def find_empty(batch: Batch) -> Drops:
    """Find pairs that have a text with neither a letter nor a digit."""
    texts = batch.texts
    return _first_drops(
        batch, lambda name, rows: [None if any(map(str.isalnum, texts[name][row])) else Drop("empty") for row in rows]
    )


def find_long(batch: Batch, limits: Mapping[str, int]) -> Drops:
    """Find pairs that have a text with more characters than the limit of its column."""

    def check(column: str, rows: list[int]) -> Iterable[Drop | None]:
        for length in (len(batch.texts[column][row]) for row in rows):
            yield Drop("length", f"{column} of {length} characters") if length > limits[column] else None

    return _first_drops(batch, check)


class Duplicates:
    """Finds pairs whose texts in all ``columns`` have the same :func:`key` as those of an earlier pair of the file.

    Where passages are compared, a pair whose negative has the same key as its passage is a duplicate, too.
    """

    def __init__(self, columns: Sequence[str], reason: str) -> None:
        self._columns = columns
        self._reason = reason
        # Sorted hashes take 8 bytes for each pair; a set takes about 100.
        self._seen = np.empty(0, np.uint64)

    def find(self, batch: Batch) -> Drops:
        """Find the duplicates of a batch."""
        rows = zip(*(batch.texts[name] for name in self._columns), strict=True)
        digests = np.array([digest("\0".join(map(key, texts))) for texts in rows], np.uint64)
        distinct, first = np.unique(digests, return_index=True)
        new = ~contains(self._seen, distinct)
        kept = set(first[new].tolist())
        self._seen = np.sort(np.concatenate([self._seen, distinct[new]]), kind="stable")
        drops = [None if row in kept else Drop(self._reason) for row in range(len(digests))]
        negatives = batch.texts.get("negative", []) if "passage" in self._columns else []
        for row, negative in enumerate(negatives):
            if key(negative) == key(batch.texts["passage"][row]):
                drops[row] = drops[row] or Drop(self._reason, "the negative is the passage")
        return drops


def find_contaminated(batch: Batch, evaluation: EvaluationTexts) -> Drops:
    """Find pairs that have an evaluation text, then those that have a near-duplicate of one."""

    def check(exact: bool, column: str, rows: list[int]) -> Iterable[Drop | None]:
        find, reason = (evaluation.exact, "contaminated") if exact else (evaluation.near, "near_contaminated")
        for match in find([key(batch.texts[column][row]) for row in rows]):
            detail = match and f"{match.benchmark}, similarity {match.similarity:.3f}: {shorten(match.text)}"
            yield Drop(reason, detail) if detail else None

    return _first_drops(batch, partial(check, True), partial(check, False))


def find_mistranslated(batch: Batch, control: "QualityControl") -> Drops:
    """Find pairs that have a text that fails a check of its translation."""

    def check(column: str, rows: list[int]) -> Iterable[Drop | None]:
        texts, sources = ([columns[column][row] for row in rows] for columns in (batch.texts, batch.sources))
        for source, failure in zip(sources, control.failures(texts, sources, column), strict=True):
            yield Drop(failure, f"{column} translated from: {shorten(source)}") if failure else None

    return _first_drops(batch, check)


def _first_drops(batch: Batch, *checks: Callable[[str, list[int]], Iterable[Drop | None]]) -> Drops:
    """Return the first drop of each pair. A check sees one column after another, at the rows still without a drop."""
    drops: Drops = [None] * batch.table.num_rows
    for check in checks:
        for column in batch.texts:
            rows = [row for row, drop in enumerate(drops) if drop is None]
            for row, drop in zip(rows, check(column, rows), strict=True):
                drops[row] = drop
    return drops


def shorten(text: str) -> str:
    """Return a text, cut to ``EXAMPLE_CHARACTERS``."""
    return text if len(text) <= EXAMPLE_CHARACTERS else text[: EXAMPLE_CHARACTERS - 1] + "…"
