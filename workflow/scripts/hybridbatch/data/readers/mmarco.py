"""mMARCO (Bonifacio et al., 2021): passages and queries in one file per language, joined by id triples that all languages share.

The triples (query, relevant passage, other passage) repeat a query and its passage with many others; here each (query, relevant
passage) is one pair, with the first of the others. A ``pair_id`` is ``<query id>-<passage id>``, so languages align.
"""

import sqlite3
import tempfile
from collections.abc import Iterator, Set
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from hybridbatch.common.errors import UserError
from hybridbatch.config.sources import Source
from hybridbatch.data.benchmark import Files
from hybridbatch.data.pairs import Pair
from hybridbatch.data.tabular import read_texts
from hybridbatch.download.hub import fetched_files

# Arrow reads up to 32 blocks ahead.
BLOCK = 2**20


def pairs(files: Files, _source: Source, _language: str) -> Iterator[Pair]:
    """Yield the pairs of one language; ``files["manifest"]`` lists its collection, its queries and the triples, in this order."""
    return join(*fetched_files(files["manifest"][0]))


def join(collection: Path, queries: Path, triples: Path) -> Iterator[Pair]:
    """Yield the pairs in the order in which the triples first name them.

    The passages that the triples name are kept in a database in the system's folder of temporary files.

    Args:
        collection: TSV without header: passage id, text.
        queries: TSV without header: query id, text.
        triples: TSV without header: query id, id of a relevant passage, id of another passage.

    Raises:
        UserError: if a line is malformed, or the triples name an id that has no text.
    """
    ids = distinct_triples(triples)
    with (
        tempfile.TemporaryDirectory(prefix=".mmarco.") as folder,
        closing(sqlite3.connect(Path(folder) / "texts.sqlite")) as database,
    ):
        # Nothing in it needs to survive a crash.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        _store(database, "passages", collection, set(ids[:, 1:].ravel().tolist()))
        _store(database, "queries", queries, set(ids[:, 0].tolist()))
        for query, passage, other in ids.tolist():
            yield Pair(
                f"{query}-{passage}",
                _text(database, "queries", query, queries, triples),
                _text(database, "passages", passage, collection, triples),
                _text(database, "passages", other, collection, triples),
            )


def distinct_triples(file: Path) -> np.ndarray:
    """Return the first triple of every (query, relevant passage): int64, shape (pairs, 3).

    Raises:
        UserError: if a line is not three whole numbers.
    """
    names = ["query", "passage", "other"]
    seen: set[int] = set()
    found: list[np.ndarray] = []
    try:
        reader = pa_csv.open_csv(
            file,
            pa_csv.ReadOptions(column_names=names, block_size=BLOCK),
            pa_csv.ParseOptions(delimiter="\t", quote_char=False),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.int32()), null_values=[]),
        )
        for batch in reader:
            rows = np.stack([batch[name].to_numpy() for name in names], axis=1).astype(np.int64)
            keys, first = np.unique((rows[:, 0] << 32) | rows[:, 1], return_index=True)
            new = np.array([key not in seen for key in keys.tolist()], dtype=bool)
            found.append(rows[np.sort(first[new])])
            seen.update(keys[new].tolist())
    except (OSError, pa.ArrowInvalid) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{file}: is not a file of three ids per line ({reason}); fetch it again") from error
    return np.concatenate(found) if found else np.zeros((0, 3), dtype=np.int64)


def _store(database: sqlite3.Connection, table: str, file: Path, wanted: Set[int]) -> None:
    """Put the texts of the ``wanted`` ids into a table of the database."""
    database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    statement = f"INSERT OR REPLACE INTO {table} VALUES (?, ?)"  # noqa: S608 - table is a constant of this module
    database.executemany(statement, (row for row in _numbered_texts(file) if row[0] in wanted))
    database.commit()


def _numbered_texts(file: Path) -> Iterator[tuple[int, str]]:
    for place, name, text in read_texts(file):
        if not name.strip().isdecimal():
            raise UserError(f"{place}: {name!r} is not a number; fetch the file again")
        yield int(name), text.strip()


def _text(database: sqlite3.Connection, table: str, number: int, file: Path, triples: Path) -> str:
    query = f"SELECT text FROM {table} WHERE id = ?"  # noqa: S608 - table is a constant of this module
    for (text,) in islice(database.execute(query, (number,)), 1):
        return str(text)
    raise UserError(f"{triples}: names id {number}, which is not in {file}; fetch both again at one revision")
