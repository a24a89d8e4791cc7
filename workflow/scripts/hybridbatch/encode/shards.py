"""Encode the queries and passages of a benchmark in shards, in bounded memory; finished shards survive a kill."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hybridbatch.backbone.encoder import Precision, Task, encode_texts, load_encoder
from hybridbatch.common.devices import check_precision
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, atomic_path, fingerprint, read_json, sha256, write_json
from hybridbatch.encode.vectors import KINDS, Kind, shard_name

logger = logging.getLogger(__name__)

TASKS: dict[Kind, Task] = {"queries": "query", "passages": "document"}


@dataclass(frozen=True)
class Shard:
    """Consecutive rows of a file of texts, and the file of their vectors.

    Attributes:
        source: parquet file with a column ``text``.
        kind: what the texts are.
        number: position among the shards of ``source``, from 0.
        name: file name of the vectors.
        identity: fingerprint of everything that the vectors depend on.
        moves: whether an index takes over the vectors, and the file is deleted then.
    """

    source: Path
    kind: Kind
    number: int
    name: str
    identity: str
    moves: bool


def plan_shards(
    model_folder: Path,
    texts: Mapping[str, Mapping[Kind, Path]],
    *,
    shard_size: int,
    precision: Precision,
    truncate_dim: int | None = None,
    code: str,
    index: str,
) -> list[Shard]:
    """Return the shards of a benchmark by language, queries before passages, in row order.

    Args:
        model_folder: a sentence-transformers folder with a manifest.
        texts: the parquet files of each language.
        shard_size: texts in memory at once, and rows of a file.
        precision: of the encoder's matrix products.
        truncate_dim: dimensions that are kept of each vector; None: all.
        code: fingerprint of the code that the vectors depend on.
        index: the exact index that takes over the vectors of passages; empty if they stay. Another index needs them again.
    """
    settings = {
        "model": sha256(model_folder / MANIFEST),
        "precision": precision,
        "truncate_dim": truncate_dim,
        "shard_size": shard_size,
        "code": code,
    }
    shards = []
    for language, sources in texts.items():
        for kind in KINDS:
            source = sources[kind]
            mover = index if kind == "passages" else ""
            identity = fingerprint({**settings, "texts": sha256(source), "index": mover})
            rows = pq.read_metadata(source).num_rows
            shards += [
                Shard(source, kind, number, shard_name(language, kind, number), identity, bool(mover))
                for number in range(-(-rows // shard_size))
            ]
    return shards


def encode_shards(
    model_folder: Path,
    shards: Sequence[Shard],
    output: Path,
    *,
    batch_size: int,
    shard_size: int,
    precision: Precision,
    truncate_dim: int | None = None,
    device: str,
) -> dict[str, str]:
    """Encode shards into L2-normalised matrices of shape (texts, dimension), rows in the order of the parquet file.

    A shard that an earlier, killed job finished is kept if nothing that its vectors depend on has changed. Which texts share a
    batch changes a vector by no more than the rounding of ``precision``.

    Args:
        model_folder: a sentence-transformers folder with a manifest.
        shards: what to encode.
        output: folder to write.
        batch_size: texts encoded at once.
        shard_size: rows of a file.
        precision: of the encoder's matrix products; its weights and the normalisation stay in float32.
        truncate_dim: dimensions that are kept of each vector; None: all.
        device: ``cpu`` or ``cuda``.

    Returns:
        The SHA-256 of each shard's file, by name.

    Raises:
        UserError: if a vector is not finite, or the device does not support the precision.
    """
    missing = [shard for shard in shards if stored_sha256(output, shard) is None]
    if missing:
        check_precision("encoding.precision", precision, device)
        model = load_encoder(model_folder, device, truncate_dim)
        for source, group in groupby(missing, key=lambda shard: shard.source):
            wanted = {shard.number: shard for shard in group}
            for number, texts in enumerate(read_texts(source, shard_size)):
                if number in wanted:
                    shard = wanted[number]
                    vectors = encode_texts(model, texts, TASKS[shard.kind], batch_size, precision)
                    _write(output, shard, vectors)
    return {shard.name: str(stored_sha256(output, shard)) for shard in shards}


def stored_sha256(output: Path, shard: Shard) -> str | None:
    """Return the SHA-256 of a shard's file if it is complete and has the shard's identity, else None.

    The file of a shard that moves into an index may be gone already; its record stays.
    """
    record = output / f"{shard.name}.json"
    if not record.exists() or not (shard.moves or (output / shard.name).exists()):
        return None
    stored = read_json(record)
    return str(stored["sha256"]) if stored["identity"] == shard.identity else None


def _write(output: Path, shard: Shard, vectors: NDArray[np.float32]) -> None:
    if not np.isfinite(vectors).all():
        raise UserError(f"{shard.source}: a vector is not finite; the model is broken or overflows, retrain it in fp32")
    path, record = output / shard.name, output / f"{shard.name}.json"
    # Removed first: a job that is killed here must not leave a record of other vectors.
    record.unlink(missing_ok=True)
    with atomic_path(path) as aside, aside.open("wb") as stream:
        np.save(stream, vectors)
    write_json(record, {"identity": shard.identity, "sha256": sha256(path)})
    logger.info("%s: %d texts", path, len(vectors))


def read_texts(source: Path, size: int) -> Iterator[list[str]]:
    """Yield the column ``text`` of a parquet file in lists of ``size``; the last one may be shorter."""
    texts: list[str] = []
    for batch in pq.ParquetFile(source).iter_batches(batch_size=size, columns=["text"]):
        texts += batch.column("text").to_pylist()
        while len(texts) >= size:
            yield texts[:size]
            texts = texts[size:]
    if texts:
        yield texts
