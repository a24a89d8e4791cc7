"""Machine translation of training pairs: any engine, each distinct text once, nothing lost when a job is killed."""

import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import fingerprint, sha256
from hybridbatch.data.pairs import PAIRS
from hybridbatch.data.tmx import read_tmx
from hybridbatch.translate.sentences import join_pieces

LOG = logging.getLogger(__name__)
SECONDS_BETWEEN_LOGS = 10.0
# What a job that translates a part of the texts hands on; an empty translation is one that the engine did not find.
TRANSLATIONS = pa.schema([("text", pa.string()), ("translation", pa.string())])
# Below the number of variables that every SQLite takes in one statement.
KEYS_PER_QUERY = 500


class Engine(Protocol):
    """Something that translates. Name, revision and options together say which translations it gives."""

    @property
    def name(self) -> str:
        """What kind of engine it is."""

    @property
    def revision(self) -> str:
        """Which version of its model or its data."""

    @property
    def options(self) -> Mapping[str, str | int | float | bool | None]:
        """The settings that change its translations."""

    def split(self, text: str, source: str) -> list[str]:
        """Return the pieces of a text that are translated one by one; together they are the text."""

    def length(self, text: str) -> int:
        """Return the length of a piece in the unit in which batches are measured."""

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """Translate one batch from language ``source`` to ``target``: a translation for each text, in their order.

        An empty translation says that the engine found none.
        """


class WholeTexts:
    """For engines that take a text of any length whole and have no tokens: lengths are characters."""

    def split(self, text: str, source: str) -> list[str]:  # noqa: ARG002
        """Return the text alone."""
        return [text]

    def length(self, text: str) -> int:
        """Return the number of characters."""
        return len(text)


class MemoryEngine(WholeTexts):
    """Looks texts up in a translation memory (TMX); its revision is the file's SHA-256."""

    name = "memory"

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f"{path}: does not exist; name a TMX file")
        self.path = path
        self.revision = sha256(path)
        self.options: Mapping[str, str | int | float | bool | None] = {}
        self._entries: dict[tuple[str, str], dict[str, str]] = {}

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """Return the translations of ``texts`` that the memory holds.

        Raises:
            UserError: if the memory is unreadable or lacks a text.
        """
        if (source, target) not in self._entries:
            self._entries[source, target] = read_tmx(self.path, target, source)
        entries = self._entries[source, target]
        for text in texts:
            if text not in entries:
                raise UserError(f"{self.path}: has no {target} translation of {shorten(text)!r}; add it")
        return [entries[text] for text in texts]


class Cache:
    """The translations of one engine, kept in an open database; see :func:`open_cache`."""

    def __init__(self, connection: sqlite3.Connection, engine: Engine) -> None:
        self._connection = connection
        self._engine = [engine.name, engine.revision, dict(engine.options)]

    def get(self, texts: Sequence[str]) -> dict[str, str]:
        """Return the translations of those of ``texts`` that have one."""
        found: dict[str, str] = {}
        for batch in _batches(texts, KEYS_PER_QUERY):
            keys = {self._key(text): text for text in batch}
            marks = ",".join("?" * len(keys))
            query = f"SELECT key, translation FROM translations WHERE key IN ({marks})"  # noqa: S608 - only marks
            found.update((keys[key], translation) for key, translation in self._connection.execute(query, list(keys)))
        return found

    def add(self, translations: Mapping[str, str]) -> None:
        """Store translations by text: all of them or, if the program is killed meanwhile, none."""
        rows = [(self._key(text), translation) for text, translation in translations.items()]
        with self._connection:
            self._connection.executemany("INSERT INTO translations VALUES (?, ?)", rows)

    def _key(self, text: str) -> str:
        return fingerprint([*self._engine, text])


@contextmanager
def open_cache(folder: Path, engine: Engine, source: str, target: str) -> Iterator[Cache]:
    """Open, or create, the cache of a language pair: ``folder/<source>-<target>.sqlite``, for one program at a time.

    Raises:
        UserError: if the file cannot be written, is no cache, or is in use by another program.
    """
    path = folder / f"{source}-{target}.sqlite"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=1.0)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{path}: cannot be opened ({error}); choose a writable state folder") from error
    try:
        # The lock of this mode is taken by the first write and kept until the connection is closed.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS translations (key TEXT PRIMARY KEY, translation TEXT NOT NULL) WITHOUT ROWID"
        )
        connection.commit()
        yield Cache(connection, engine)
    except sqlite3.OperationalError as error:
        raise UserError(f"{path}: {error}; let another job that uses it end, or make its folder writable") from error
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path}: {error}; it is no sound translation cache, delete it and run again") from error
    finally:
        connection.close()


def translate_texts(
    texts: Sequence[str],
    engine: Engine,
    source: str,
    target: str,
    *,
    cache: Cache,
    batch_size: int,
    batch_tokens: int | None = None,
) -> dict[str, str]:
    """Translate texts that may repeat: each distinct piece of them once, and none that the cache holds.

    Args:
        texts: what to translate.
        engine: what translates it.
        source: the language of ``texts``.
        target: the language wanted.
        cache: gets every batch as soon as it is translated.
        batch_size: the largest number of pieces that the engine gets at once.
        batch_tokens: the largest size of a batch, its longest piece times their number, in the engine's unit of length.

    Returns:
        The translation of each distinct text; empty where the engine found none for the text or for a piece of it.

    Raises:
        UserError: if the engine gives another number of translations than it got texts.
    """
    pieces = {text: engine.split(text, source) for text in dict.fromkeys(texts)}
    distinct = list(dict.fromkeys(_core(piece, parts) for parts in pieces.values() for piece in parts))
    done = cache.get(distinct)
    lengths = {text: engine.length(text) for text in distinct if text not in done}
    # Texts of like length fill a batch without padding; the longest go first, so that memory fails at once or never.
    missing = sorted(lengths, key=lambda text: (-lengths[text], text))
    LOG.info(
        "%s to %s: %d distinct texts in %d distinct pieces, %d of them in the cache",
        source,
        target,
        len(pieces),
        len(distinct),
        len(done),
    )
    progress = _Progress(lengths)
    for batch in sorted_batches(missing, lengths, batch_size, batch_tokens):
        translations = _translate_batch(batch, engine, source, target)
        cache.add(translations)
        done.update(translations)
        progress.add(batch)
    return {
        text: _joined(parts, [done[_core(piece, parts)] for piece in parts], target) for text, parts in pieces.items()
    }


def sorted_batches(
    texts: Sequence[str], lengths: Mapping[str, int], size: int, tokens: int | None = None
) -> Iterator[Sequence[str]]:
    """Cut texts, the longest first, into batches.

    Args:
        texts: texts by falling length.
        lengths: the length of each.
        size: the largest number of texts in a batch.
        tokens: the largest product of a batch's number of texts and its longest; a single text may be longer.
    """
    start = 0
    while start < len(texts):
        room = size if tokens is None else min(size, tokens // max(1, lengths[texts[start]]))
        end = start + max(1, room)
        yield texts[start:end]
        start = end


def translate_pairs(
    table: pa.Table,
    engine: Engine,
    source: str,
    target: str,
    *,
    state: Path,
    batch_size: int,
    batch_tokens: int | None = None,
) -> tuple[pa.Table, dict[str, object]]:
    """Translate the queries and passages of a table of pairs; see :func:`translate_part` and :func:`gather`."""
    part, record = translate_part(
        table, engine, source, target, state=state, batch_size=batch_size, batch_tokens=batch_tokens
    )
    return gather(table, [(part, record)])


def translate_part(
    table: pa.Table,
    engine: Engine,
    source: str,
    target: str,
    *,
    state: Path,
    batch_size: int,
    batch_tokens: int | None = None,
    shard: int = 0,
    shards: int = 1,
) -> tuple[pa.Table, dict[str, object]]:
    """Translate one of several equal parts of the distinct texts of a table of pairs.

    The parts are contiguous slices of the distinct texts in the order of their first pair, so no text is in two of them.

    Args:
        table: pairs of the schema ``PAIRS``, in language ``source``.
        engine: what translates.
        source: the language of the pairs.
        target: the language wanted.
        state: the folder of the caches; see :func:`open_cache`.
        batch_size: the largest number of texts that the engine gets at once.
        batch_tokens: see :func:`translate_texts`.
        shard: the number of the part, from 0.
        shards: how many parts there are.

    Returns:
        A table of the schema ``TRANSLATIONS``, and a record of how it came about.

    Raises:
        UserError: see :func:`translate_texts` and :func:`open_cache`; whatever the engine raises.
    """
    if batch_size < 1:
        raise UserError(f"batch size: {batch_size} is too small; it must be 1 or more")
    if not 0 <= shard < shards:
        raise UserError(f"shard: {shard} is no part of {shards}; it must be from 0 to {shards - 1}")
    texts = distinct_texts(table)
    texts = texts[len(texts) * shard // shards : len(texts) * (shard + 1) // shards]
    folder = state if shards == 1 else state / f"{shard}of{shards}"
    with open_cache(folder, engine, source, target) as cache:
        done = translate_texts(
            texts, engine, source, target, cache=cache, batch_size=batch_size, batch_tokens=batch_tokens
        )
    record: dict[str, object] = {
        "engine": engine.name,
        "revision": engine.revision,
        "options": dict(engine.options),
        "source_language": source,
        "target_language": target,
    }
    return pa.table([list(done), list(done.values())], schema=TRANSLATIONS), record


def gather(
    table: pa.Table, parts: Sequence[tuple[pa.Table, Mapping[str, object]]]
) -> tuple[pa.Table, dict[str, object]]:
    """Put the translations of all parts in the place of the texts of a table of pairs.

    Args:
        table: the pairs that were translated.
        parts: what :func:`translate_part` returned for each part.

    Returns:
        The pairs, in their order, in the other language, without those that the engine found no translation for; and a
        record of how they came about.

    Raises:
        UserError: if the parts were made in different ways or lack a text, or if nothing was translated.
    """
    first = dict(parts[0][1])
    if any(dict(record) != first for _, record in parts):
        raise UserError("translations: the parts come from different engines or options; delete them and run again")
    done: dict[str, str] = {}
    for part, _ in parts:
        done.update(zip(part["text"].to_pylist(), part["translation"].to_pylist(), strict=True))
    rows = []
    for pair_id, query, passage in zip(*(table[name].to_pylist() for name in PAIRS.names), strict=True):
        if query not in done or passage not in done:
            raise UserError(f"translations: the parts lack a text of pair {pair_id!r}; delete them and run again")
        if done[query] and done[passage]:
            rows.append((pair_id, done[query], done[passage]))
    if table.num_rows and not rows:
        raise UserError(
            f"engine {first['engine']!r}: gave no translation for any of {table.num_rows} pairs; check its model and languages"
        )
    if lost := table.num_rows - len(rows):
        LOG.warning("%d of %d pairs are left out: their translation is empty", lost, table.num_rows)
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(len(PAIRS.names))]
    record: dict[str, object] = {
        **first,
        "pairs": len(rows),
        "pairs_without_translation": lost,
        "distinct_texts": len(done),
    }
    return pa.table(columns, schema=PAIRS), record


def distinct_texts(table: pa.Table) -> list[str]:
    """Return the distinct queries and passages of a table of pairs, in the order of the first pair that has them."""
    rows = zip(table["query"].to_pylist(), table["passage"].to_pylist(), strict=True)
    return list(dict.fromkeys(text for row in rows for text in row))


def shorten(text: str, length: int = 60) -> str:
    """Return a text on one line, cut to ``length`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _translate_batch(batch: Sequence[str], engine: Engine, source: str, target: str) -> dict[str, str]:
    translations = engine.translate(batch, source, target)
    if len(translations) != len(batch):
        raise UserError(
            f"engine {engine.name!r}: gave {len(translations)} translations for {len(batch)} texts "
            f"({source} to {target}); it must give one for each, check its model and version"
        )
    return {text: translation.strip() and translation for text, translation in zip(batch, translations, strict=True)}


def _core(piece: str, parts: Sequence[str]) -> str:
    """Return what is translated of a piece: a text in one piece as it is, else without the white space around it."""
    return piece if len(parts) == 1 else piece.strip()


def _joined(parts: Sequence[str], translations: Sequence[str], target: str) -> str:
    return join_pieces(parts, translations, target) if all(translations) else ""


def _batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


class _Progress:
    """Logs the rate and the time left, which it tells from lengths: texts differ in length."""

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
