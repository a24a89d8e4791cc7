"""Training pairs of one language: their table, its checks, and reading it from a user's own file."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.data.column_checks import first_blank, first_repeated
from hybridbatch.data.text_files import GZIP_ERRORS, check_lines, open_lines, suffix

PAIRS = pa.schema([("pair_id", pa.string()), ("query", pa.string()), ("passage", pa.string())])
SUFFIXES = (".parquet", ".csv", ".tsv", ".jsonl")
BLOCK = 2**24
# A row must fit into a block, and Arrow reads up to 32 of them ahead.
CSV_BLOCK = 2**22


def check(table: pa.Table, source: str, language: str) -> None:
    """Check a table of the schema ``PAIRS``; ``source`` is what error messages call it.

    Raises:
        UserError: if there are no pairs, a ``pair_id`` is missing or repeated, or a text is blank.
    """
    place = f"{source}: language {language!r}"
    if table.num_rows == 0:
        raise UserError(f"{place}: there are no pairs; widen what is selected or name another file")
    if first_blank(table, "pair_id", "pair_id") is not None:
        raise UserError(f"{place}: a pair_id is empty; give every pair one")
    if (repeated := first_repeated(table["pair_id"])) is not None:
        raise UserError(f"{place}: pair_id {repeated!r} occurs more than once; ids must be unique")
    for column in ("query", "passage"):
        if (blank := first_blank(table, "pair_id", column)) is not None:
            raise UserError(f"{place}: pair_id {blank!r} has an empty {column}; give it one or remove the pair")


def position(pair_id: str) -> float:
    """Return a number in [0, 1) that depends on ``pair_id`` alone: the first 53 bits of its SHA-256."""
    return (int.from_bytes(hashlib.sha256(pair_id.encode()).digest()[:8]) >> 11) / 2**53


def keep(table: pa.Table, low: float, high: float) -> pa.Table:
    """Return the pairs whose :func:`position` lies in [low, high).

    Parts with disjoint ranges are disjoint, and the same pairs are kept in every language of a source.

    Raises:
        UserError: unless 0 <= low < high <= 1.
    """
    check_keep(low, high)
    return table.filter(
        pa.array([low <= position(pair_id) < high for pair_id in table["pair_id"].to_pylist()], pa.bool_())
    )


def check_keep(low: float, high: float) -> None:
    """Check the limits of :func:`keep`.

    Raises:
        UserError: unless 0 <= low < high <= 1.
    """
    if not 0 <= low < high <= 1:
        raise UserError(f"keep: {low} {high} is no range; give two numbers with 0 <= LOW < HIGH <= 1")


def read(path: Path) -> pa.Table:
    """Read the columns ``pair_id``, ``query`` and ``passage`` of a whole file; see :func:`read_batches`."""
    return pa.concat_tables([PAIRS.empty_table(), *read_batches(path)])


def read_rows(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield ``pair_id``, ``query`` and ``passage`` of a file, row by row; see :func:`read_batches`.

    Raises:
        UserError: also if a text is blank.
    """
    for table in read_batches(path):
        for column in ("query", "passage"):
            if (blank := first_blank(table, "pair_id", column)) is not None:
                raise UserError(f"{path}: pair_id {blank!r} has an empty {column}; give it one or remove the pair")
        yield from zip(*(table[name].to_pylist() for name in PAIRS.names), strict=True)


def read_batches(path: Path) -> Iterator[pa.Table]:
    """Yield the columns ``pair_id``, ``query`` and ``passage`` of a file in parts; its suffix says its format.

    ``.parquet``; ``.csv`` with a header and quoting; ``.tsv`` with a header and without quoting; ``.jsonl`` with an
    object a line; the last three also gzipped (``.csv.gz``). Other columns are ignored. A ``pair_id`` may be an integer in
    all but ``.jsonl``.

    Raises:
        UserError: if the file is unreadable or of another suffix, a column is missing or holds no strings. A malformed line
            of JSON and a truncated gzip are named.
    """
    kind = suffix(path)
    if kind not in SUFFIXES or path.name.endswith(".parquet.gz"):
        raise UserError(f"{path}: suffix {path.suffix!r} is not known; it must be one of {', '.join(SUFFIXES)}")
    try:
        for batch in _read_parquet(path) if kind == ".parquet" else _read_text(path, kind):
            yield _select(pa.Table.from_batches([batch]), path)
    except (OSError, pa.ArrowInvalid, *GZIP_ERRORS) as error:
        if path.is_file() and kind != ".parquet" and (problem := check_lines(path)) is not None:
            raise UserError(problem) from error
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read as {kind[1:]} ({reason}); correct the file") from error


def _read_parquet(path: Path) -> Iterator[pa.RecordBatch]:
    file = pq.ParquetFile(path)
    # A column that is missing is named by _select, which sees the others.
    present = [name for name in PAIRS.names if name in file.schema_arrow.names]
    yield from file.iter_batches(columns=present if len(present) == len(PAIRS) else None)


def _read_text(path: Path, kind: str) -> Iterator[pa.RecordBatch]:
    if kind == ".jsonl":
        options = pa_json.ParseOptions(explicit_schema=PAIRS, unexpected_field_behavior="ignore")
        with open_lines(path) as stream:
            # In blocks of whole lines: Arrow's own streaming reader reads ahead of a slower consumer without bound.
            while lines := stream.readlines(BLOCK):
                if any(map(bytes.strip, lines)):
                    block = pa.BufferReader(b"".join(lines))
                    yield from pa_json.read_json(block, pa_json.ReadOptions(block_size=2 * BLOCK), options).to_batches()
        return
    if kind == ".tsv":
        parse = pa_csv.ParseOptions(delimiter="\t", quote_char=False)
    else:
        parse = pa_csv.ParseOptions(newlines_in_values=True)
    # Without the types a column of dates or numbers would not come back as it was written.
    types = {field.name: field.type for field in PAIRS}
    yield from pa_csv.open_csv(
        path,
        pa_csv.ReadOptions(block_size=CSV_BLOCK),
        parse_options=parse,
        convert_options=pa_csv.ConvertOptions(column_types=types),
    )


def _select(table: pa.Table, path: Path) -> pa.Table:
    columns = []
    for field in PAIRS:
        if field.name not in table.column_names:
            raise UserError(
                f"{path}: column {field.name!r} is missing (there are: {', '.join(table.column_names)}); "
                f"it must have {', '.join(PAIRS.names)}"
            )
        column = table[field.name]
        number = pa.types.is_integer(column.type) and field.name == "pair_id"
        if not number and not _is_text(column.type):
            raise UserError(f"{path}: column {field.name!r} is of type {column.type}; it must hold strings")
        columns.append(column.cast(field.type))
        if column.null_count:
            raise UserError(
                f"{path}: column {field.name!r} is missing or null in {column.null_count} of {len(column)} rows; "
                "give it in every row"
            )
    return pa.table(columns, schema=PAIRS)


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(test(value) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))
