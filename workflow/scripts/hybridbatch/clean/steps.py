"""Cleaning of training pairs: named steps over batches of a file; each pair dropped counts under what dropped it."""

import logging
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hybridbatch.clean.decontamination import EvaluationTexts, Match, contains, digest, evaluation_texts, key
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path, write_json
from hybridbatch.config.cleaning import Cleaning, Quality

if TYPE_CHECKING:
    from hybridbatch.clean.translation_quality import QualityControl

LOG = logging.getLogger(__name__)
ROWS_AT_ONCE = 10_000
EXAMPLES = 3
EXAMPLE_CHARACTERS = 300
COLUMNS = ("query", "passage")


@dataclass(frozen=True)
class Batch:
    """Some pairs; ``sources`` holds for each of them the texts that its query and passage were translated from."""

    table: pa.Table
    texts: Mapping[str, list[str]]
    sources: Mapping[str, list[str]] | None = None

    def select(self, rows: Sequence[int]) -> "Batch":
        """Return the pairs at ``rows``."""
        if len(rows) == self.table.num_rows:
            return self
        sources = (
            None if self.sources is None else {name: [texts[r] for r in rows] for name, texts in self.sources.items()}
        )
        return Batch(
            self.table.take(pa.array(rows, pa.int64())),
            {name: [texts[row] for row in rows] for name, texts in self.texts.items()},
            sources,
        )


@dataclass(frozen=True)
class Drop:
    """Why a pair is dropped; ``detail`` says more of this pair where there is more to say."""

    reason: str
    detail: str = ""


class CleaningStep(Protocol):
    """One step of cleaning."""

    @property
    def reasons(self) -> Sequence[str]:
        """What it can drop a pair for, in the order of the table."""

    def __call__(self, batch: Batch) -> tuple[Batch, list[Drop | None]]:
        """Return the batch, maybe with other texts, and for each of its pairs why it is dropped, or None."""


@dataclass
class Normalise:
    """NFC, each run of white space one space, none at the ends; drops nothing."""

    reasons: Sequence[str] = ()
    changed: int = 0

    def __call__(self, batch: Batch) -> tuple[Batch, list[Drop | None]]:
        """See :class:`CleaningStep`."""
        texts = {name: [normalise(text) for text in batch.texts[name]] for name in COLUMNS}
        pairs = zip(*(zip(texts[name], batch.texts[name], strict=True) for name in COLUMNS), strict=True)
        self.changed += sum(any(new != old for new, old in pair) for pair in pairs)
        return replace(batch, texts=texts), [None] * batch.table.num_rows


@dataclass
class Empty:
    """Drops a pair whose query or passage has no letter and no digit."""

    reasons: Sequence[str] = ("empty",)

    def __call__(self, batch: Batch) -> tuple[Batch, list[Drop | None]]:
        """See :class:`CleaningStep`."""
        pairs = zip(*(batch.texts[name] for name in COLUMNS), strict=True)
        return batch, [None if all(map(_says_something, pair)) else Drop("empty") for pair in pairs]


@dataclass
class Length:
    """Drops a pair whose query or passage has more characters than allowed."""

    longest: Mapping[str, int]
    reasons: Sequence[str] = ("length",)

    def __call__(self, batch: Batch) -> tuple[Batch, list[Drop | None]]:
        """See :class:`CleaningStep`."""
        drops: list[Drop | None] = [None] * batch.table.num_rows
        for name in COLUMNS:
            for row, text in enumerate(batch.texts[name]):
                if len(text) > self.longest[name] and drops[row] is None:
                    drops[row] = Drop("length", f"{name} of {len(text)} characters")
        return batch, drops


@dataclass
class Duplicates:
    """Drops a pair that has the texts of an earlier one in all ``columns``, case and form of characters aside."""

    columns: Sequence[str]
    reason: str
    # Sorted: eight bytes a pair, where a set of Python's would take a hundred.
    seen: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    @property
    def reasons(self) -> Sequence[str]:
        """See :class:`CleaningStep`."""
        return (self.reason,)

    def __call__(self, batch: Batch) -> tuple[Batch, list[Drop | None]]:
        """See :class:`CleaningStep`."""
        rows = zip(*(batch.texts[name] for name in self.columns), strict=True)
        digests = np.array([digest("\0".join(map(key, texts))) for texts in rows], np.uint64)
        distinct, first = np.unique(digests, return_index=True)
        new = ~contains(self.seen, distinct)
        kept = set(first[new].tolist())
        self.seen = np.sort(np.concatenate([self.seen, distinct[new]]), kind="stable")
        return batch, [None if row in kept else Drop(self.reason) for row in range(len(digests))]


@dataclass
class Contamination:
    """Drops a pair whose query or passage is a text of an evaluation set, or nearly one."""

    texts: EvaluationTexts
    reasons: Sequence[str] = ("contaminated", "near_contaminated")

    def __call__(self, batch: Batch) -> tuple[Batch, list[Drop | None]]:
        """See :class:`CleaningStep`."""
        drops: list[Drop | None] = [None] * batch.table.num_rows
        for find, reason in ((self.texts.exact, "contaminated"), (self.texts.near, "near_contaminated")):
            for name in COLUMNS:
                waiting = [row for row, drop in enumerate(drops) if drop is None]
                found = find([key(batch.texts[name][row]) for row in waiting])
                for row, match in zip(waiting, found, strict=True):
                    if match is not None:
                        drops[row] = Drop(reason, _describe(match))
        return batch, drops


def _says_something(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _describe(match: Match) -> str:
    return f"{match.place}, similarity {match.similarity:.3f}: {_shorten(match.text)}"


def _shorten(text: str) -> str:
    return text if len(text) <= EXAMPLE_CHARACTERS else text[: EXAMPLE_CHARACTERS - 1] + "…"


def normalise(text: str) -> str:
    """Return a text in NFC, each run of white space one space, none at the ends."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


@dataclass(frozen=True)
class Translated:
    """Where translated pairs come from: the engine, the pairs that it translated, and the encoder that compares the two."""

    engine: str
    source_pairs: Path
    source_language: str
    encoder: Path | None = None


@dataclass
class QualityStep:
    """Drops a pair whose query or passage fails a check of its translation."""

    control: "QualityControl"

    @property
    def reasons(self) -> Sequence[str]:
        """See :class:`CleaningStep`."""
        return self.control.checks

    def __call__(self, batch: Batch) -> tuple[Batch, list[Drop | None]]:
        """See :class:`CleaningStep`."""
        if batch.sources is None:
            raise ValueError("quality control needs the texts that were translated")
        drops: list[Drop | None] = [None] * batch.table.num_rows
        for name in COLUMNS:
            waiting = [row for row, drop in enumerate(drops) if drop is None]
            texts, sources = ([side[name][row] for row in waiting] for side in (batch.texts, batch.sources))
            for row, source, failure in zip(waiting, sources, self.control.failed(texts, sources, name), strict=True):
                if failure is not None:
                    drops[row] = Drop(failure, f"{name} translated from: {_shorten(source)}")
        return batch, drops


def clean(
    pairs: Path,
    output: Path,
    record: Path,
    settings: Cleaning,
    *,
    source: str,
    language: str,
    evaluation: Sequence[Path] = (),
    translated: Translated | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Clean a file of pairs, in batches: what is kept has the ids, the order and the further columns that it had.

    Args:
        pairs: parquet file with ``pair_id, query, passage``.
        output: the parquet file of the pairs kept.
        record: the JSON file of what was removed.
        settings: the steps, in their order.
        source: the name of the source, for the record.
        language: the language of the pairs.
        evaluation: folders of evaluation texts; see :func:`hybridbatch.clean.decontamination.evaluation_texts`.
        translated: for translations, what they are translations of.
        device: where an encoder runs.

    Returns:
        The record: ``pairs_in = pairs_kept + the sum of removed``.

    Raises:
        UserError: if a file is unreadable, a translation has no source, or no pair is left.
    """
    with ExitStack() as stack:
        near = settings.near_duplicates
        texts = stack.enter_context(evaluation_texts(evaluation, settings.passages, near))
        steps = _steps(settings, texts, _control(pairs, language, settings.quality, translated, device))
        removed = {reason: 0 for step in steps for reason in step.reasons}
        examples: dict[str, list[dict[str, str]]] = {reason: [] for reason in removed}
        kept = total = 0
        with atomic_path(output) as aside, pq.ParquetWriter(aside, _schema(pairs), compression="zstd") as writer:
            for batch in _batches(pairs, translated):
                total += batch.table.num_rows
                rest = _apply(steps, batch, removed, examples)
                kept += rest.table.num_rows
                writer.write_table(_with_texts(rest))
                LOG.info("%d pairs read, %d kept", total, kept)
            if not kept:
                raise UserError(
                    f"{pairs}: cleaning leaves none of {total} pairs ({_list(removed)}); loosen the config key cleaning"
                )
    facts = {
        "source": source,
        "language": language,
        "engine": translated.engine if translated else None,
        "source_language": translated.source_language if translated else None,
        "pairs_in": total,
        "pairs_kept": kept,
        "normalised": sum(step.changed for step in steps if isinstance(step, Normalise)),
        "evaluation_texts": len(texts),
        "removed": [
            {"reason": reason, "pairs": count, "examples": examples[reason]} for reason, count in removed.items()
        ],
    }
    write_json(record, facts)
    return facts


def _steps(settings: Cleaning, texts: EvaluationTexts, control: "QualityControl | None") -> list[CleaningStep]:
    longest = {"query": settings.max_query_characters, "passage": settings.max_passage_characters}
    known: dict[str, CleaningStep | None] = {
        "normalise": Normalise(),
        "empty": Empty(),
        "length": Length(longest),
        "duplicates": Duplicates(COLUMNS, "duplicate"),
        "duplicate_queries": Duplicates(["query"], "duplicate_query"),
        "contamination": Contamination(texts),
        "quality": QualityStep(control) if control else None,
    }
    return [step for name in settings.steps if (step := known[name]) is not None]


def _control(
    pairs: Path, language: str, settings: Quality, translated: Translated | None, device: str
) -> "QualityControl | None":
    if translated is None or translated.engine in settings.trusted_engines:
        return None
    # The language identifier takes a second to load, and most files need none.
    from hybridbatch.clean.translation_quality import QualityControl, encoder_similarity  # noqa: PLC0415

    similarity = encoder_similarity(translated.encoder, device) if translated.encoder else None
    control = QualityControl(settings, language, _median_ratios(pairs, translated), similarity)
    for check in settings.checks:
        if check not in control.checks:
            LOG.warning("%s: the check %s is left out: it does not know this language", language, check)
    return control


def _median_ratios(pairs: Path, translated: Translated) -> dict[str, float]:
    from hybridbatch.clean.translation_quality import length_ratio  # noqa: PLC0415

    ratios: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for batch in _batches(pairs, translated):
        for name in COLUMNS:
            both = zip(batch.texts[name], (batch.sources or {})[name], strict=True)
            ratios[name].append(np.array([length_ratio(text, source) for text, source in both], np.float32))
    return {name: float(np.median(np.concatenate(parts))) if parts else 0.0 for name, parts in ratios.items()}


def _apply(
    steps: Sequence[CleaningStep],
    batch: Batch,
    removed: dict[str, int],
    examples: Mapping[str, list[dict[str, str]]],
) -> Batch:
    for step in steps:
        batch, drops = step(batch)
        for row, drop in enumerate(drops):
            if drop is not None:
                removed[drop.reason] += 1
                if len(examples[drop.reason]) < EXAMPLES:
                    examples[drop.reason].append(_example(batch, row, drop))
        batch = batch.select([row for row, drop in enumerate(drops) if drop is None])
    return batch


def _example(batch: Batch, row: int, drop: Drop) -> dict[str, str]:
    pair_id = str(batch.table["pair_id"][row].as_py())
    return {"pair_id": pair_id, **{name: _shorten(batch.texts[name][row]) for name in COLUMNS}, "detail": drop.detail}


def _batches(pairs: Path, translated: Translated | None) -> Iterator[Batch]:
    sources = _rows(translated.source_pairs) if translated else None
    for table in _tables(pairs):
        texts = {name: [text or "" for text in table[name].to_pylist()] for name in COLUMNS}
        beside = None
        if translated and sources is not None:
            rows = [_find(pair_id, sources, pairs, translated) for pair_id in table["pair_id"].to_pylist()]
            beside = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS, 1)}
        yield Batch(table, texts, beside)


def _find(
    pair_id: str, sources: Iterator[tuple[str, str, str]], pairs: Path, translated: Translated
) -> tuple[str, str, str]:
    for row in sources:
        if row[0] == pair_id:
            return row
    raise UserError(
        f"{pairs}: pair_id {pair_id!r} is not in {translated.source_pairs}, or not in this order; delete both and run again"
    )


def _rows(pairs: Path) -> Iterator[tuple[str, str, str]]:
    for table in _tables(pairs):
        yield from zip(*(table[name].to_pylist() for name in ("pair_id", *COLUMNS)), strict=True)


def _tables(pairs: Path) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(pairs) as file:
            # One row group after the other: asked for all of them, the reader buffers the file.
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group]):
                    yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{pairs}: cannot be read as parquet ({error}); delete it and run again") from error


def _schema(pairs: Path) -> pa.Schema:
    try:
        return pq.read_schema(pairs)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{pairs}: cannot be read as parquet ({error}); delete it and run again") from error


def _with_texts(batch: Batch) -> pa.Table:
    table = batch.table
    for name in COLUMNS:
        place = table.schema.get_field_index(name)
        table = table.set_column(
            place, table.schema.field(name), pa.array(batch.texts[name], table.schema.field(name).type)
        )
    return table


def _list(removed: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in removed.items() if count) or "there was none"
