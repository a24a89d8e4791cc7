"""The common form of a retrieval benchmark in one language: queries, passages, relevance; checked before it is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_json, write_table
from hybridbatch.data.column_checks import first_blank, first_repeated, first_unknown
from hybridbatch.data.pairs import check_keep, position

QUERIES = pa.schema([("query_id", pa.string()), ("text", pa.string())])
PASSAGES = pa.schema(
    [("passage_id", pa.string()), ("text", pa.string()), ("title", pa.string()), ("context", pa.string())]
)
QRELS = pa.schema([("query_id", pa.string()), ("passage_id", pa.string()), ("relevance", pa.int32())])
RECORD = "record.json"


@dataclass(frozen=True)
class Benchmark:
    """Tables of the schemas ``QUERIES``, ``PASSAGES`` and ``QRELS``; ``source`` is what error messages call it."""

    source: str
    language: str
    queries: pa.Table
    passages: pa.Table
    qrels: pa.Table


def keep_queries(benchmark: Benchmark, low: float, high: float) -> Benchmark:
    """Return the benchmark with the queries whose id's :func:`~hybridbatch.data.pairs.position` lies in [low, high).

    A source and a benchmark of the same questions with disjoint ranges share no question, in any language.

    Raises:
        UserError: unless 0 <= low < high <= 1.
    """
    check_keep(low, high)

    def kept(table: pa.Table) -> pa.Table:
        return table.filter(
            pa.array([low <= position(query_id) < high for query_id in table["query_id"].to_pylist()], pa.bool_())
        )

    return replace(benchmark, queries=kept(benchmark.queries), qrels=kept(benchmark.qrels))


def check(benchmark: Benchmark) -> None:
    """Check that every query can be answered and every row is sound.

    Raises:
        UserError: if there are no queries or no passages, a text is blank, an id is repeated, relevance names an
            unknown id or is not positive, or a query has no relevant passage.
    """
    fail = _failure(benchmark)
    for kind, table in (("query", benchmark.queries), ("passage", benchmark.passages)):
        ids = f"{kind}_id"
        if table.num_rows == 0:
            raise fail(f"there is no {kind}; name a file that holds some")
        if (repeated := first_repeated(table[ids])) is not None:
            raise fail(f"{ids} {repeated!r} occurs more than once; ids must be unique")
        if (blank := first_blank(table, ids, "text")) is not None:
            raise fail(f"{ids} {blank!r} has an empty text; give it one or remove it")
        if (unknown := first_unknown(benchmark.qrels[ids], table[ids])) is not None:
            raise fail(f"relevance is given for {ids} {unknown!r}, which does not exist; remove it from the relevance")
    judged = benchmark.qrels.filter(pc.fill_null(pc.less_equal(benchmark.qrels["relevance"], 0), True))
    if judged.num_rows:
        raise fail(
            f"query_id {judged['query_id'][0].as_py()!r} has a relevance that is not above 0; leave such rows out"
        )
    if (unanswered := first_unknown(benchmark.queries["query_id"], benchmark.qrels["query_id"])) is not None:
        raise fail(f"query_id {unanswered!r} has no relevant passage; remove it or give it one")


def write(folder: Path, benchmark: Benchmark) -> None:
    """Check the benchmark and write ``queries.parquet``, ``passages.parquet``, ``qrels.parquet`` and a record of counts to ``folder``.

    Raises:
        UserError: see :func:`check`; nothing has been written or removed then.
    """
    check(benchmark)
    tables = {"queries": benchmark.queries, "passages": benchmark.passages, "qrels": benchmark.qrels}
    remove_old(folder)
    for name, table in tables.items():
        write_table(folder / f"{name}.parquet", table)
    write_record(folder, {name: table.num_rows for name, table in tables.items()})


def remove_old(folder: Path) -> None:
    """Remove the files of an earlier preparation, so that an interruption never leaves files of two side by side."""
    for name in ("queries.parquet", "passages.parquet", "qrels.parquet", RECORD):
        (folder / name).unlink(missing_ok=True)


def write_record(folder: Path, counts: Mapping[str, int]) -> None:
    """Write how many rows each file has, and how many were left out and why."""
    write_json(folder / RECORD, dict(counts))


def _failure(benchmark: Benchmark) -> Callable[[str], UserError]:
    return lambda problem: UserError(f"{benchmark.source}: language {benchmark.language!r}: {problem}")
