"""Checks on columns of text and of ids that pairs and benchmarks share."""

import pyarrow as pa
import pyarrow.compute as pc


def first_blank(table: pa.Table, id_column: str, text_column: str) -> str | None:
    """Return the id of the first row whose text is null, empty or white space only; None if there is none."""
    text = table[text_column]
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(text), ""), True)
    ids = table[id_column].filter(blank)
    return None if len(ids) == 0 else str(ids[0].as_py())


def first_repeated(ids: pa.ChunkedArray) -> str | None:
    """Return an id that occurs more than once, the one that occurs first; None if there is none."""
    counts = pc.value_counts(ids)
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    return None if len(repeated) == 0 else str(repeated[0].as_py())


def first_unknown(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> str | None:
    """Return the first of ``ids`` that is not among ``known``; None if there is none."""
    unknown = ids.filter(pc.invert(pc.is_in(ids, value_set=known)))
    return None if len(unknown) == 0 else str(unknown[0].as_py())
