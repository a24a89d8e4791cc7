"""mMARCO: passages and queries in a file per language, joined by the triples of ids that all languages share.

The triples (query, relevant passage, other passage) repeat a query and its passage with many others; here each (query,
relevant passage) is one pair, with the first of the others. A ``pair_id`` is `<query id>-<passage id>`, so languages align.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from hybridbatch.common.errors import UserError
from hybridbatch.data.pair_writer import Pair

# Arrow reads up to 32 blocks ahead.
BLOCK = 2**20
BATCH = 10_000


def read_pairs(collection: Path, queries: Path, triples: Path, scratch: Path | None = None) -> Iterator[Pair]:
    """Yield the pairs of one language, in the order in which the triples first name them.

    Args:
        collection: TSV without header: passage id, text.
        queries: TSV without header: query id, text.
        triples: TSV without header: query id, id of a relevant passage, id of another.
        scratch: an existing folder for a database of the passages that the triples name; None takes the system's.

    Raises:
        UserError: if a line is malformed, or the triples name an id that has no text.
    """
    ids = distinct_triples(triples)
    with (
        tempfile.TemporaryDirectory(dir=scratch, prefix=".mmarco.") as folder,
        closing(sqlite3.connect(Path(folder) / "texts.sqlite")) as database,
    ):
        # Nothing of it is kept, so nothing needs to survive a crash.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        _store(database, "passages", collection, np.unique(ids[:, 1:]))
        _store(database, "queries", queries, np.unique(ids[:, 0]))
        for query, passage, other in ids.tolist():
            yield Pair(
                f"{query}-{passage}",
                _text(database, "queries", query, queries, triples),
                _text(database, "passages", passage, collection, triples),
                _text(database, "passages", other, collection, triples),
            )


def distinct_triples(file: Path) -> np.ndarray:
    """Return the first triple of every (query, relevant passage), an int64 matrix of 3 columns.

    Raises:
        UserError: if the file is not made of three whole numbers a line.
    """
    names = ["query", "passage", "other"]
    known = np.zeros(0, dtype=np.int64)
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
            new = np.isin(keys, known, invert=True)
            found.append(rows[np.sort(first[new])])
            known = np.concatenate([known, keys[new]])
    except (OSError, pa.ArrowInvalid) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{file}: is no file of three ids a line ({reason}); fetch it again") from error
    return np.concatenate(found) if found else np.zeros((0, 3), dtype=np.int64)


def _store(database: sqlite3.Connection, table: str, file: Path, wanted: np.ndarray) -> None:
    """Put the texts of ``wanted`` ids (sorted) into a table of the database."""
    database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    statement = f"INSERT OR REPLACE INTO {table} VALUES (?, ?)"  # noqa: S608 - table is a constant of this module
    source = _lines(file)
    while lines := list(islice(source, BATCH)):
        ids = np.array([number for number, _ in lines], dtype=np.int64)
        chosen = np.isin(ids, wanted, assume_unique=False)
        database.executemany(statement, [line for line, keep in zip(lines, chosen, strict=True) if keep])
    database.commit()


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    # Only "\n" ends a line: texts hold other characters that Python's text mode takes for line ends.
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            name, tab, text = line.partition(b"\t")
            if not tab or not name.strip().isdigit():
                raise UserError(f"{file}: line {number}: is not an id, a tab and a text; fetch the file again")
            try:
                yield int(name), text.decode().strip()
            except UnicodeDecodeError as error:
                raise UserError(f"{file}: line {number}: is not UTF-8 ({error}); fetch the file again") from error


def _text(database: sqlite3.Connection, table: str, number: int, file: Path, triples: Path) -> str:
    query = f"SELECT text FROM {table} WHERE id = ?"  # noqa: S608 - table is a constant of this module
    for (text,) in islice(database.execute(query, (number,)), 1):
        return str(text)
    raise UserError(f"{triples}: names id {number}, which {file} does not hold; fetch both again at one revision")
