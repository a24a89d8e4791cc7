"""Writing a file of raw pairs batch by batch, so that a source of any size needs the memory of one batch."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path
from hybridbatch.data.pairs import PAIRS, position

LOG = logging.getLogger(__name__)
ROW_GROUP = 20_000


@dataclass
class Pair:
    """One pair; ``negative`` is a passage that does not answer the query, where the source has one."""

    pair_id: str
    query: str
    passage: str
    negative: str | None = None


def write_pairs(
    output: Path, pairs: Iterable[Pair], keep: tuple[float, float], source: str, *, negatives: bool = False
) -> int:
    """Write pairs to a parquet file, a row group at a time; return how many.

    Empty texts are written as they are: cleaning counts and removes them.

    Args:
        output: the file: ``pair_id``, ``query``, ``passage`` and, with ``negatives``, ``negative`` (null where there is none).
        pairs: what to write.
        keep: the pairs whose :func:`~hybridbatch.data.pairs.position` lies in this interval [low, high) are written.
        source: what error messages call the source.
        negatives: whether the file has the column ``negative``.

    Raises:
        UserError: if there are no pairs, or an id is empty or occurs more than once.
    """
    schema = PAIRS.append(pa.field("negative", pa.string())) if negatives else PAIRS
    ids = UniqueIds()
    written = 0
    with atomic_path(output) as aside:
        with pq.ParquetWriter(aside, schema, compression="zstd") as writer:
            for batch in _batches(pairs, keep):
                names = [pair.pair_id for pair in batch]
                if not all(names):
                    raise UserError(f"{source}: a pair_id is empty; name a column that is filled, or none")
                ids.add(names)
                columns = [[getattr(pair, field.name) for pair in batch] for field in schema]
                arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
                writer.write_table(pa.table(arrays, schema=schema))
                written += len(batch)
                LOG.info("%d pairs", written)
        if written == 0:
            raise UserError(f"{source}: there are no pairs; widen what is selected or name another file")
        if (repeated := _repeated(ids, aside)) is not None:
            raise UserError(f"{source}: pair_id {repeated!r} occurs more than once; ids must be unique")
    return written


class UniqueIds:
    """Finds out whether ids are unique, in 8 bytes each."""

    def __init__(self) -> None:
        self._hashes: list[np.ndarray] = []

    def add(self, ids: Iterable[str]) -> None:
        """Take note of ids."""
        self._hashes.append(np.array([_hash(name) for name in ids], dtype=np.uint64))

    def repeated(self) -> set[int]:
        """Return the hashes that occurred more than once."""
        hashes = np.concatenate(self._hashes) if self._hashes else np.zeros(0, dtype=np.uint64)
        hashes.sort()
        return {int(value) for value in hashes[1:][hashes[1:] == hashes[:-1]]}


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())


def _repeated(ids: UniqueIds, file: Path) -> str | None:
    """Return an id that occurs more than once in ``file``; two ids of one hash are no repetition."""
    suspects = ids.repeated()
    if not suspects:
        return None
    seen: set[str] = set()
    for batch in pq.ParquetFile(file).iter_batches(columns=["pair_id"]):
        for name in batch["pair_id"].to_pylist():
            if _hash(name) in suspects:
                if name in seen:
                    return str(name)
                seen.add(name)
    return None


def _batches(pairs: Iterable[Pair], keep: tuple[float, float]) -> Iterable[list[Pair]]:
    low, high = keep
    batch: list[Pair] = []
    for pair in pairs:
        if (low, high) != (0.0, 1.0) and not low <= position(pair.pair_id) < high:
            continue
        batch.append(pair)
        if len(batch) == ROW_GROUP:
            yield batch
            batch = []
    if batch:
        yield batch
