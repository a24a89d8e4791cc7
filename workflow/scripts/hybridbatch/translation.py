"""Machine translation of training pairs: any engine, each distinct text once, nothing lost when a job is killed."""

import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from hybridbatch.errors import UserError
from hybridbatch.files import fingerprint, sha256
from hybridbatch.pairs import PAIRS
from hybridbatch.tmx import read_tmx

LOG = logging.getLogger(__name__)
SECONDS_BETWEEN_LOGS = 10.0
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

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        """Translate one batch from language ``source`` to ``target``: a translation for each text, in their order."""


class MemoryEngine:
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
    texts: Sequence[str], engine: Engine, source: str, target: str, *, cache: Cache, batch_size: int
) -> dict[str, str]:
    """Translate texts that may repeat, each distinct one once, and none that the cache holds.

    Args:
        texts: what to translate.
        engine: what translates it.
        source: the language of ``texts``.
        target: the language wanted.
        cache: gets every batch as soon as it is translated.
        batch_size: the largest number of texts that the engine gets at once.

    Returns:
        The translation of each distinct text.

    Raises:
        UserError: if the engine gives another number of texts than it got, or an empty translation.
    """
    distinct = list(dict.fromkeys(texts))
    done = cache.get(distinct)
    # Texts of like length fill a batch without padding; the longest go first, so that memory fails at once or never.
    missing = sorted((text for text in distinct if text not in done), key=lambda text: (-len(text), text))
    LOG.info("%s to %s: %d distinct texts, %d of them in the cache", source, target, len(distinct), len(done))
    progress = _Progress(sum(map(len, missing)))
    for batch in _batches(missing, batch_size):
        translations = _translate_batch(batch, engine, source, target)
        cache.add(translations)
        done.update(translations)
        progress.add(batch)
    return done


def translate_pairs(
    table: pa.Table, engine: Engine, source: str, target: str, *, state: Path, batch_size: int
) -> tuple[pa.Table, dict[str, object]]:
    """Translate the queries and passages of a table of pairs.

    Args:
        table: pairs of the schema ``PAIRS``, in language ``source``.
        engine: what translates.
        source: the language of the pairs.
        target: the language wanted.
        state: the folder of the caches; see :func:`open_cache`.
        batch_size: the largest number of texts that the engine gets at once.

    Returns:
        The same pairs, in their order, in language ``target``; and a record of how they came about.

    Raises:
        UserError: see :func:`translate_texts` and :func:`open_cache`; whatever the engine raises.
    """
    if batch_size < 1:
        raise UserError(f"batch size: {batch_size} is too small; it must be 1 or more")
    queries, passages = table["query"].to_pylist(), table["passage"].to_pylist()
    with open_cache(state, engine, source, target) as cache:
        done = translate_texts([*queries, *passages], engine, source, target, cache=cache, batch_size=batch_size)
    columns = [
        table["pair_id"],
        pa.array([done[text] for text in queries], pa.string()),
        pa.array([done[text] for text in passages], pa.string()),
    ]
    record: dict[str, object] = {
        "engine": engine.name,
        "revision": engine.revision,
        "options": dict(engine.options),
        "source_language": source,
        "target_language": target,
        "pairs": table.num_rows,
        "distinct_texts": len(done),
    }
    return pa.table(columns, schema=PAIRS), record


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
    for text, translation in zip(batch, translations, strict=True):
        if not translation.strip():
            raise UserError(
                f"engine {engine.name!r}: gave an empty translation ({source} to {target}) of {shorten(text)!r}; "
                "remove the pair or use another engine"
            )
    return dict(zip(batch, translations, strict=True))


def _batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


class _Progress:
    """Logs the rate and the time left, which it tells from characters: texts differ in length."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._texts = 0
        self._characters = 0
        self._start = self._logged = time.monotonic()

    def add(self, batch: Sequence[str]) -> None:
        self._texts += len(batch)
        self._characters += sum(map(len, batch))
        now = time.monotonic()
        if now - self._logged < SECONDS_BETWEEN_LOGS and self._characters < self._total:
            return
        self._logged = now
        elapsed = max(now - self._start, 1e-9)
        left = elapsed * (self._total - self._characters) / self._characters
        percent = 100 * self._characters / self._total
        LOG.info("%.0f %% translated, %.1f texts/s, %.0f s left", percent, self._texts / elapsed, left)
