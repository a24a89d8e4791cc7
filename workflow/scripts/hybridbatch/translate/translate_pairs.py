"""Translation of training pairs: each distinct text once, with any engine, in one job or in several."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from hybridbatch.common.errors import UserError
from hybridbatch.data.pairs import PAIRS, PAIRS_WITH_NEGATIVES, text_columns
from hybridbatch.translate.cache import Cache, open_cache
from hybridbatch.translate.engines import Engine
from hybridbatch.translate.sentences import join_pieces

LOG = logging.getLogger(__name__)
SECONDS_BETWEEN_LOGS = 10.0
# The output of a job that translates part of the texts; a translation is empty if the engine found none.
TRANSLATIONS = pa.schema([("text", pa.string()), ("translation", pa.string())])


def translate_texts(
    texts: Sequence[str], engine: Engine, cache: Cache, *, batch_size: int, batch_tokens: int | None = None
) -> dict[str, str]:
    """Translate texts: each distinct piece once, and only pieces that are not in the cache.

    Args:
        texts: may repeat.
        engine: translates the pieces.
        cache: stores every batch as soon as it is translated.
        batch_size: the maximum number of pieces in a batch.
        batch_tokens: the maximum of the longest piece of a batch times their number, in the engine's unit of length.

    Returns:
        The translation of each distinct text; empty if the engine found none for one of its pieces.

    Raises:
        UserError: if the engine does not return one translation for each piece.
    """
    pieces = {text: engine.split(text) for text in dict.fromkeys(texts)}
    distinct = list(dict.fromkeys(_core(piece, parts) for parts in pieces.values() for piece in parts))
    done = cache.get(distinct)
    lengths = {text: engine.length(text) for text in distinct if text not in done}
    # Similar lengths need little padding; with the longest first, a batch that exceeds the memory fails at once.
    missing = sorted(lengths, key=lambda text: (-lengths[text], text))
    LOG.info(
        "%s to %s: %d distinct texts in %d distinct pieces, %d of them cached",
        engine.source,
        engine.target,
        len(pieces),
        len(distinct),
        len(done),
    )
    progress = _Progress(lengths)
    for batch in sorted_batches(missing, lengths, batch_size, batch_tokens):
        translations = _translate_batch(batch, engine)
        cache.add(translations)
        done.update(translations)
        progress.add(batch)
    result = {}
    for text, parts in pieces.items():
        translated = [done[_core(piece, parts)] for piece in parts]
        result[text] = join_pieces(parts, translated, engine.target) if all(translated) else ""
    return result


def sorted_batches(
    texts: Sequence[str], lengths: Mapping[str, int], size: int, tokens: int | None = None
) -> Iterator[Sequence[str]]:
    """Cut texts into batches.

    Args:
        texts: sorted by length, longest first.
        lengths: the length of each text.
        size: the maximum number of texts in a batch.
        tokens: the maximum of a batch's number of texts times its longest; a single text may exceed it.
    """
    start = 0
    while start < len(texts):
        room = size if tokens is None else min(size, tokens // max(1, lengths[texts[start]]))
        end = start + max(1, room)
        yield texts[start:end]
        start = end


def translate_part(
    table: pa.Table,
    engine: Engine,
    *,
    state: Path,
    batch_size: int,
    batch_tokens: int | None = None,
    shard: int = 0,
    shards: int = 1,
) -> tuple[pa.Table, dict[str, object]]:
    """Translate one of several equal parts of the distinct texts of a table of pairs.

    The parts are slices of the distinct texts in order of first occurrence, so no text is in two parts.

    Args:
        table: pairs, perhaps with negatives, in the engine's source language.
        engine: translates the texts.
        state: the folder of the caches; see :func:`~hybridbatch.translate.cache.open_cache`.
        batch_size: see :func:`translate_texts`.
        batch_tokens: see :func:`translate_texts`.
        shard: the number of the part, from 0.
        shards: the number of parts.

    Returns:
        A table of the schema ``TRANSLATIONS``, and a record of the engine and the languages.

    Raises:
        UserError: if ``shard`` is out of range, or the cache or the engine fails.
    """
    if not 0 <= shard < shards:
        raise UserError(f"shard: {shard} does not exist among {shards}; it must be from 0 to {shards - 1}")
    texts = distinct_texts(table)
    texts = texts[len(texts) * shard // shards : len(texts) * (shard + 1) // shards]
    with open_cache(state if shards == 1 else state / f"{shard}of{shards}", engine) as cache:
        done = translate_texts(texts, engine, cache, batch_size=batch_size, batch_tokens=batch_tokens)
    record: dict[str, object] = {
        "engine": engine.name,
        "revision": engine.revision,
        "options": dict(engine.options),
        "source_language": engine.source,
        "target_language": engine.target,
    }
    return pa.table([list(done), list(done.values())], schema=TRANSLATIONS), record


def gather(
    table: pa.Table, parts: Sequence[tuple[pa.Table, Mapping[str, object]]]
) -> tuple[pa.Table, dict[str, object]]:
    """Replace the texts of a table of pairs by their translations.

    Args:
        table: the pairs that were translated.
        parts: what :func:`translate_part` returned for each part.

    Returns:
        The translated pairs in order, without those whose query, passage or negative the engine could not translate;
        and the record of the parts, with counts.

    Raises:
        UserError: if the parts differ in engine or options or lack a text, or if nothing was translated.
    """
    first = dict(parts[0][1])
    if any(dict(record) != first for _, record in parts):
        raise UserError("translations: the parts come from different engines or options; delete them and run again")
    done: dict[str, str] = {}
    for part, _ in parts:
        done.update(zip(part["text"].to_pylist(), part["translation"].to_pylist(), strict=True))
    rows = []
    columns = text_columns(table)
    for pair_id, *texts in zip(*(table[name].to_pylist() for name in ("pair_id", *columns)), strict=True):
        if any(text not in done for text in texts):
            raise UserError(f"translations: the parts lack a text of pair {pair_id!r}; delete them and run again")
        translated = [done[text] for text in texts]
        if all(translated):
            rows.append({"pair_id": pair_id, **dict(zip(columns, translated, strict=True))})
    if table.num_rows and not rows:
        raise UserError(
            f"engine {first['engine']!r}: translated none of {table.num_rows} pairs; check its model and languages"
        )
    if lost := table.num_rows - len(rows):
        LOG.warning("%d of %d pairs are left out: they have no translation", lost, table.num_rows)
    record = {**first, "pairs": len(rows), "pairs_without_translation": lost, "distinct_texts": len(done)}
    schema = PAIRS_WITH_NEGATIVES if "negative" in columns else PAIRS
    return pa.Table.from_pylist(rows, schema=schema), record


def distinct_texts(table: pa.Table) -> list[str]:
    """Return the distinct texts of a table of pairs, in order of first occurrence."""
    rows = zip(*(table[name].to_pylist() for name in text_columns(table)), strict=True)
    return list(dict.fromkeys(text for row in rows for text in row))


def _translate_batch(batch: Sequence[str], engine: Engine) -> dict[str, str]:
    translations = engine.translate(batch)
    if len(translations) != len(batch):
        raise UserError(
            f"engine {engine.name!r}: returned {len(translations)} translations of {len(batch)} texts ({engine.source} to "
            f"{engine.target}); it must return one for each, check its model and version"
        )
    return {text: translation.strip() and translation for text, translation in zip(batch, translations, strict=True)}


def _core(piece: str, parts: Sequence[str]) -> str:
    """Return what is translated of a piece: a whole text unchanged, a part without the white space around it."""
    return piece if len(parts) == 1 else piece.strip()


class _Progress:
    """Logs the rate and the remaining time, estimated from the lengths of the texts."""

    def __init__(self, lengths: Mapping[str, int]) -> None:
        self._lengths = lengths
        self._total = sum(lengths.values())
        self._texts = 0
        self._done = 0
        self._start = self._logged = time.monotonic()

    def add(self, batch: Sequence[str]) -> None:
        self._texts += len(batch)
        self._done += sum(self._lengths[text] for text in batch)
        now = time.monotonic()
        if now - self._logged < SECONDS_BETWEEN_LOGS and self._done < self._total:
            return
        self._logged = now
        elapsed = max(now - self._start, 1e-9)
        left = elapsed * (self._total - self._done) / max(1, self._done)
        percent = 100 * self._texts / len(self._lengths)
        LOG.info("%.0f %% translated, %.1f texts/s, %.0f s left", percent, self._texts / elapsed, left)
