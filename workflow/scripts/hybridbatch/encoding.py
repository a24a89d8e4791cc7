"""Turn the queries and passages of a benchmark into vectors, in bounded memory; finished languages survive a kill."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from hybridbatch.errors import UserError
from hybridbatch.files import MANIFEST, atomic_path, fingerprint, read_json, sha256, write_json

logger = logging.getLogger(__name__)

Kind = Literal["queries", "passages"]
KINDS: tuple[Kind, ...] = ("queries", "passages")


def encode_benchmark(
    model_folder: Path,
    texts: Mapping[str, Mapping[Kind, Path]],
    output: Path,
    batch_size: int,
    shard_size: int,
    dtype: str,
    device: str,
    code: Mapping[str, str],
) -> None:
    """Encode a benchmark, language by language.

    Writes ``<language>.{queries,passages}.npy``, L2-normalised rows of shape (texts, dimension) in the order of the
    parquet file, and at the end ``manifest.json``. A language that an earlier, killed job finished is kept if model,
    texts, type and code are the same.

    Args:
        model_folder: a sentence-transformers folder with a manifest.
        texts: the parquet files (column ``text``) of each language.
        output: folder to write.
        batch_size: texts encoded at once.
        shard_size: texts held in memory at once.
        dtype: ``float32`` or ``float16``.
        device: ``cpu`` or ``cuda``.
        code: the SHA-256 of each source file that the vectors depend on.

    Raises:
        UserError: if a vector is not finite.
    """
    settings = {"model": sha256(model_folder / MANIFEST), "dtype": dtype}
    model: SentenceTransformer | None = None
    files: dict[str, str] = {}
    for language, sources in texts.items():
        identity = fingerprint({**settings, "code": dict(code), **{kind: sha256(sources[kind]) for kind in KINDS}})
        record = output / f"{language}.json"
        if not _finished(record, identity):
            if model is None:
                model = load_encoder(model_folder, device)
            for kind in KINDS:
                path = output / f"{language}.{kind}.npy"
                _encode_file(model, sources[kind], kind, path, batch_size, shard_size, dtype)
            written = [f"{language}.{kind}.npy" for kind in KINDS]
            write_json(record, {"identity": identity, "files": {name: sha256(output / name) for name in written}})
        files.update(read_json(record)["files"])
    write_json(output / MANIFEST, {**settings, "files": files})


def load_encoder(folder: Path, device: str) -> SentenceTransformer:
    """Load an encoder with float32 weights."""
    model: SentenceTransformer = SentenceTransformer(
        str(folder), device=device, model_kwargs={"dtype": torch.float32}
    ).eval()
    return model


def _finished(record: Path, identity: str) -> bool:
    if not record.exists():
        return False
    known: dict[str, Any] = read_json(record)
    whole = known["identity"] == identity and all((record.parent / name).exists() for name in known["files"])
    if whole:
        logger.info("%s: done before, kept", record.stem)
    return whole


def _encode_file(
    model: SentenceTransformer, texts: Path, kind: Kind, path: Path, batch_size: int, shard_size: int, dtype: str
) -> None:
    source = pq.ParquetFile(texts)
    rows = source.metadata.num_rows
    dimension: int = model.get_embedding_dimension() or 0
    with atomic_path(path) as aside:
        matrix = open_memmap(aside, mode="w+", dtype=np.dtype(dtype), shape=(rows, dimension))
        start = 0
        for shard in _shards(source, shard_size):
            vectors = encode_texts(model, shard, kind, batch_size)
            if not np.isfinite(vectors).all():
                raise UserError(
                    f"{texts}: a vector is not finite; the model is broken or overflows, retrain it in fp32"
                )
            matrix[start : start + len(shard)] = vectors
            start += len(shard)
            logger.info("%s: %d of %d texts", path.name, start, rows)
        matrix.flush()


def encode_texts(model: SentenceTransformer, texts: list[str], kind: Kind, batch_size: int) -> NDArray[np.float32]:
    """Return the L2-normalised vectors of texts, shape (texts, dimension); equal texts are encoded once."""
    distinct = sorted(set(texts))
    encode = model.encode_query if kind == "queries" else model.encode_document
    vectors = encode(distinct, batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False)
    position = {text: index for index, text in enumerate(distinct)}
    result: NDArray[np.float32] = np.asarray(vectors, dtype=np.float32)[[position[text] for text in texts]]
    return result


def _shards(source: pq.ParquetFile, size: int) -> Iterator[list[str]]:
    for batch in source.iter_batches(batch_size=size, columns=["text"]):
        yield batch.column("text").to_pylist()
