"""The cache of translations: every batch is stored as soon as it is translated, so interrupted jobs resume."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import fingerprint
from hybridbatch.common.locks import locked
from hybridbatch.translate.engines import Engine

# Fewer than the variables that any SQLite accepts in one statement.
KEYS_PER_QUERY = 500


class Cache:
    """The translations of one engine, in an open database; see :func:`open_cache`."""

    def __init__(self, connection: sqlite3.Connection, engine: Engine) -> None:
        self._connection = connection
        self._engine = [engine.name, engine.revision, dict(engine.options)]

    def get(self, texts: Sequence[str]) -> dict[str, str]:
        """Return the cached translations of ``texts``, by text."""
        found: dict[str, str] = {}
        for start in range(0, len(texts), KEYS_PER_QUERY):
            keys = {self._key(text): text for text in texts[start : start + KEYS_PER_QUERY]}
            marks = ",".join("?" * len(keys))
            query = f"SELECT key, translation FROM translations WHERE key IN ({marks})"  # noqa: S608 - only marks
            found.update((keys[key], translation) for key, translation in self._connection.execute(query, list(keys)))
        return found

    def add(self, translations: Mapping[str, str]) -> None:
        """Store translations by text, all of them or, if the program is killed, none."""
        rows = [(self._key(text), translation) for text, translation in translations.items()]
        with self._connection:
            self._connection.executemany("INSERT INTO translations VALUES (?, ?)", rows)

    def _key(self, text: str) -> str:
        return fingerprint([*self._engine, text])


@contextmanager
def open_cache(folder: Path, engine: Engine) -> Iterator[Cache]:
    """Open or create the cache of an engine's language pair, ``folder/<source>-<target>.sqlite``; wait while a program uses it.

    Raises:
        UserError: if the file cannot be written, or is not a cache.
    """
    path = folder / f"{engine.source}-{engine.target}.sqlite"
    with locked(path):
        try:
            connection = sqlite3.connect(path)
        except sqlite3.Error as error:
            raise UserError(f"{path}: cannot be opened ({error}); choose a writable state folder") from error
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS translations (key TEXT PRIMARY KEY, translation TEXT NOT NULL) WITHOUT ROWID"
            )
            yield Cache(connection, engine)
        except sqlite3.OperationalError as error:
            raise UserError(f"{path}: {error}; make its folder writable") from error
        except sqlite3.DatabaseError as error:
            raise UserError(f"{path}: {error}; it is not a valid translation cache, delete it and run again") from error
        finally:
            connection.close()
