"""Write a benchmark whose passages are too many for memory: they are read, checked and written one block after the other."""

import logging
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path, write_table
from hybridbatch.data.benchmark import PASSAGES, QRELS, QUERIES, remove_old, write_record
from hybridbatch.data.qrels import Judged

LOG = logging.getLogger(__name__)
# Passages of one row group: some ten megabytes.
ROW_GROUP = 20_000
LOG_EVERY = 50 * ROW_GROUP


@dataclass(frozen=True)
class Passage:
    """A passage as its file gives it; ``place`` says where."""

    place: str
    passage_id: str
    title: str
    text: str


def passage_text(passage: Passage, with_title: bool) -> str:
    """Return what is encoded: the text, after the title and a blank line if wanted and there is one, as Pyserini does."""
    return f"{passage.title}\n\n{passage.text}" if with_title and passage.title else passage.text


def write_streamed(
    folder: Path, language: str, passages: Iterable[Passage], judged: Judged, with_title: bool
) -> dict[str, int]:
    """Write ``queries.parquet``, ``passages.parquet``, ``qrels.parquet`` and a record of counts to ``folder``.

    A passage's id becomes ``<language>/<id>``. Passages without any text are left out and counted. Memory: one row group,
    the queries and judgements, and 8 bytes for each passage.

    Args:
        folder: where to.
        language: of queries and passages.
        passages: read once; their ids must be unique.
        judged: queries and their relevant passages.
        with_title: whether a passage's title is put before its text.

    Returns:
        The counts of the record.

    Raises:
        UserError: if a passage's id is empty or repeated, there are no passages, or a relevant one is not among them.
            Nothing has been written or removed then.
    """
    awaited = {judgement.passage_id: judgement.place for judgement in judged.relevant}
    with atomic_path(folder / "passages.parquet") as aside:
        counts = _write_passages(aside, language, passages, awaited, with_title)
        if awaited:
            passage_id, place = next(iter(awaited.items()))
            raise UserError(
                f"{place}: passage {passage_id!r} is judged relevant, but is not among the {counts['passages']} passages "
                f"({len(awaited)} such); fetch passages and judgements of the same version, and all their files"
            )
        remove_old(folder)
    queries = [{"query_id": query.query_id, "text": query.text} for query in judged.queries]
    qrels = [
        {"query_id": j.query_id, "passage_id": f"{language}/{j.passage_id}", "relevance": j.relevance}
        for j in judged.relevant
    ]
    write_table(folder / "queries.parquet", pa.Table.from_pylist(queries, QUERIES))
    write_table(folder / "qrels.parquet", pa.Table.from_pylist(qrels, QRELS))
    counts = {"queries": len(queries), "qrels": len(qrels), **counts, **judged.counts}
    write_record(folder, counts)
    return counts


def _write_passages(
    path: Path, language: str, passages: Iterable[Passage], awaited: dict[str, str], with_title: bool
) -> dict[str, int]:
    """Write the passages; what they hold is removed from ``awaited``."""
    hashes = array("q")
    counts = {"passages": 0, "passages_without_text_dropped": 0}
    rows = _sound(passages, counts)
    with pq.ParquetWriter(path, PASSAGES, compression="zstd") as writer:
        while block := list(islice(rows, ROW_GROUP)):
            hashes.extend(hash(passage.passage_id) for passage in block)
            for passage in block:
                awaited.pop(passage.passage_id, None)
            writer.write_table(_table(block, language, with_title), row_group_size=ROW_GROUP)
            counts["passages"] += len(block)
            if counts["passages"] % LOG_EVERY == 0:
                LOG.info("%s: %d passages", language, counts["passages"])
    if not counts["passages"]:
        raise UserError(f"language {language!r}: there is no passage with text; name files that hold some")
    _check_unique(path, hashes, language)
    return counts


def _sound(passages: Iterable[Passage], counts: dict[str, int]) -> Iterator[Passage]:
    for passage in passages:
        if not passage.passage_id.strip():
            raise UserError(f"{passage.place}: the id of the passage is empty; give it one or remove the passage")
        if passage.text.strip() or passage.title.strip():
            yield passage
        else:
            counts["passages_without_text_dropped"] += 1


def _table(rows: list[Passage], language: str, with_title: bool) -> pa.Table:
    columns = [
        pa.array([f"{language}/{passage.passage_id}" for passage in rows], pa.string()),
        pa.array([passage_text(passage, with_title) for passage in rows], pa.string()),
        pa.array([passage.title or None for passage in rows], pa.string()),
        pa.nulls(len(rows), pa.string()),
    ]
    return pa.table(columns, schema=PASSAGES)


def _check_unique(path: Path, hashes: "array[int]", language: str) -> None:
    values = np.frombuffer(hashes, dtype=np.int64)
    values.sort()
    suspects = set(values[1:][values[1:] == values[:-1]].tolist())
    if not suspects:
        return
    # Different ids can have the same hash, so those are compared themselves.
    seen: set[str] = set()
    for batch in pq.ParquetFile(path).iter_batches(columns=["passage_id"]):
        for name in batch.column(0).to_pylist():
            passage_id = name.partition("/")[2]
            if hash(passage_id) in suspects:
                if passage_id in seen:
                    raise UserError(
                        f"language {language!r}: passage {passage_id!r} stands more than once in the files; ids must be unique"
                    )
                seen.add(passage_id)
