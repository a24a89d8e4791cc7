"""Training pairs of one language: a row, and the parquet file that holds them, written and checked in parts."""

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path, read_table
from hybridbatch.data.ids import Interval, first_repeated, in_interval, sample
from hybridbatch.data.tabular import read_rows, text_of

PAIRS = pa.schema([("pair_id", pa.string()), ("query", pa.string()), ("passage", pa.string())])
PAIRS_WITH_NEGATIVES = PAIRS.append(pa.field("negative", pa.string()))
LOG = logging.getLogger(__name__)
ROW_GROUP = 20_000


class Pair(NamedTuple):
    """A query and a passage that answers it; ``negative`` is a passage that does not, where the source has one."""

    pair_id: str
    query: str
    passage: str
    negative: str | None = None


def read(path: Path) -> pa.Table:
    """Read the pairs of a parquet file as a table of the schema ``PAIRS`` or ``PAIRS_WITH_NEGATIVES``."""
    return read_table(path)


def text_columns(table: pa.Table) -> list[str]:
    """Return the columns of a table of pairs that hold texts: ``query``, ``passage`` and, if there are negatives, ``negative``."""
    return [name for name in PAIRS_WITH_NEGATIVES.names if name != "pair_id" and name in table.column_names]


def read_pairs(path: Path) -> Iterator[Pair]:
    """Yield the pairs of a file with the columns ``pair_id``, ``query`` and ``passage``; other columns are ignored.

    Raises:
        UserError: if the file is unreadable or has an unknown suffix (see :func:`~hybridbatch.data.tabular.read_rows`), or
            a column is missing, null or holds no text.
    """
    for place, row in read_rows(path):
        yield Pair(*(text_of(row, place, name) for name in PAIRS.names))


def write_pairs(
    output: Path,
    pairs: Iterable[Pair],
    keep: Interval,
    source: str,
    *,
    negatives: bool = False,
    sampled_rows: int | None = None,
) -> int:
    """Write pairs to a parquet file, one row group at a time; return how many.

    Blank texts are written too: cleaning counts and removes them.

    Args:
        output: the file: ``pair_id``, ``query``, ``passage`` and, with ``negatives``, ``negative`` (null where there is none).
        pairs: what to write.
        keep: the pairs whose ids are in this interval (see :func:`~hybridbatch.data.ids.in_interval`) are written.
        source: what error messages call the source.
        negatives: whether the file has the column ``negative``.
        sampled_rows: of these pairs, write a hundredth, but at least this many; None: all.

    Raises:
        UserError: if there are no pairs, or an id is blank or repeated. Nothing has been written then.
    """
    schema = PAIRS_WITH_NEGATIVES if negatives else PAIRS
    kept = sample(
        (pair for pair in pairs if in_interval(pair.pair_id, keep)), attrgetter("pair_id"), sampled_rows, keep
    )
    written = 0
    with atomic_path(output) as aside:
        with pq.ParquetWriter(aside, schema, compression="zstd") as writer:
            while group := list(islice(kept, ROW_GROUP)):
                if not all(pair.pair_id.strip() for pair in group):
                    raise UserError(
                        f"{source}: a pair_id is blank; give every pair one, or name a column that is filled"
                    )
                columns = [[getattr(pair, name) for pair in group] for name in schema.names]
                writer.write_table(pa.table(columns, schema=schema))
                written += len(group)
                LOG.info("%d pairs", written)
        if written == 0:
            raise UserError(f"{source}: there are no pairs; select more or name another file")
        if (repeated := first_repeated(aside, "pair_id")) is not None:
            raise UserError(f"{source}: pair_id {repeated!r} occurs more than once; ids must be unique")
    return written


def check(table: pa.Table, source: str, language: str) -> None:
    """Check that a table from :func:`read` can be translated; ``source`` is what error messages call it.

    Raises:
        UserError: if there are no pairs, or a text is blank.
    """
    if table.num_rows == 0:
        raise UserError(f"{source}: language {language!r}: there are no pairs; select more or name another file")
    for column in text_columns(table):
        blank = table["pair_id"].filter(pc.fill_null(pc.equal(pc.utf8_trim_whitespace(table[column]), ""), True))
        if len(blank):
            raise UserError(
                f"{source}: language {language!r}: pair_id {blank[0].as_py()!r} has a blank {column}; "
                "clean the pairs with the step 'empty'"
            )
