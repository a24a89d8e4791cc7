"""Writes a benchmark: passages, which may be too many for memory, are read, checked and written in parts."""

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path, write_json, write_table
from hybridbatch.data.benchmark import PASSAGES, QRELS, QUERIES, BenchmarkData, Passage
from hybridbatch.data.ids import Interval, first_repeated, in_interval, sample
from hybridbatch.data.qrels import select_answerable

LOG = logging.getLogger(__name__)
# Passages of one row group: some ten megabytes.
ROW_GROUP = 20_000
LOG_EVERY = 50 * ROW_GROUP


def write_benchmark(
    folder: Path,
    language: str,
    benchmark: BenchmarkData,
    keep: Interval = (0, 1),
    sampled_rows: int | None = None,
) -> dict[str, int]:
    """Write ``queries.parquet``, ``passages.parquet``, ``qrels.parquet`` and ``record.json``, a record of counts, to ``folder``.

    A passage's id becomes ``<language>/<id>``. Blank texts: a passage without text is dropped and counted, for published corpora
    have some; a query without text is an error, since dropping it would change what is measured. Memory: one row group, the
    queries and judgements, and 8 bytes for each passage.

    Args:
        folder: where to.
        language: language of queries and passages.
        benchmark: what to write.
        keep: the queries whose ids are in this interval (see :func:`~hybridbatch.data.ids.in_interval`) are written,
            with their judgements; all passages are.
        sampled_rows: write a hundredth of these queries, but at least this many, with their relevant passages and a hundredth of
            the passages, but at least this many; None: all.

    Returns:
        The counts of the record.

    Raises:
        UserError: if a passage's id is blank or repeated, there are no passages, a relevant one is not among them, or queries
            and judgements are unsound (see :func:`~hybridbatch.data.qrels.select_answerable`). Nothing has been
            written or removed then.
    """
    answerable = select_answerable(
        (query for query in benchmark.queries if in_interval(query.query_id, keep)),
        (judgement for judgement in benchmark.judgements if in_interval(judgement.query_id, keep)),
        benchmark.unjudged_queries,
    )
    sampled = list(sample(answerable.queries, attrgetter("query_id"), sampled_rows, keep))
    query_ids = {query.query_id for query in sampled}
    relevant = [judgement for judgement in answerable.relevant if judgement.query_id in query_ids]
    awaited = {judgement.passage_id: judgement.place for judgement in relevant}
    passages = sample(benchmark.passages, attrgetter("passage_id"), sampled_rows, always=set(awaited))
    with atomic_path(folder / "passages.parquet") as aside:
        counts = _write_passages(aside, language, passages, awaited)
        if awaited:
            passage_id, place = next(iter(awaited.items()))
            raise UserError(
                f"{place}: passage {passage_id!r} is judged relevant but not among the {counts['passages']} passages with text "
                f"({len(awaited)} such); fetch passages and judgements of the same version, and all their files"
            )
        # An interruption must not leave files of two versions next to each other.
        for name in ("queries.parquet", "passages.parquet", "qrels.parquet", "record.json"):
            (folder / name).unlink(missing_ok=True)
    queries = [{"query_id": query.query_id, "text": query.text} for query in sampled]
    qrels = [
        {"query_id": j.query_id, "passage_id": f"{language}/{j.passage_id}", "relevance": j.relevance} for j in relevant
    ]
    write_table(folder / "queries.parquet", pa.Table.from_pylist(queries, QUERIES))
    write_table(folder / "qrels.parquet", pa.Table.from_pylist(qrels, QRELS))
    counts = {"queries": len(queries), "qrels": len(qrels), **counts, **answerable.counts}
    write_json(folder / "record.json", counts)
    return counts


def _write_passages(path: Path, language: str, passages: Iterable[Passage], awaited: dict[str, str]) -> dict[str, int]:
    """Write the passages; remove their ids from ``awaited``."""
    counts = {"passages": 0, "passages_without_text_dropped": 0}
    rows = _with_text(passages, counts)
    with pq.ParquetWriter(path, PASSAGES, compression="zstd") as writer:
        while group := list(islice(rows, ROW_GROUP)):
            for passage in group:
                awaited.pop(passage.passage_id, None)
            ids = [f"{language}/{passage.passage_id}" for passage in group]
            columns = [ids, *([getattr(passage, name) for passage in group] for name in PASSAGES.names[1:])]
            writer.write_table(pa.table(columns, schema=PASSAGES), row_group_size=ROW_GROUP)
            counts["passages"] += len(group)
            if counts["passages"] % LOG_EVERY == 0:
                LOG.info("%s: %d passages", language, counts["passages"])
    if not counts["passages"]:
        raise UserError(f"language {language!r}: no passage has text; name files that have some")
    if (repeated := first_repeated(path, "passage_id")) is not None:
        raise UserError(
            f"language {language!r}: passage {repeated.partition('/')[2]!r} occurs more than once; ids must be unique"
        )
    return counts


def _with_text(passages: Iterable[Passage], counts: dict[str, int]) -> Iterator[Passage]:
    for passage in passages:
        if not passage.passage_id.strip():
            raise UserError(f"{passage.place}: the id of the passage is blank; fill it in or remove the passage")
        if passage.text.strip():
            yield passage
        else:
            counts["passages_without_text_dropped"] += 1
