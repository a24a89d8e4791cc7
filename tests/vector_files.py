"""Vectors and indexes on disk, in the layout of encoding and of building indexes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from build_index import main as build_index
from hybridbatch.common.files import write_manifest
from hybridbatch.config.search import Search
from hybridbatch.encode.vectors import Vectors, open_vectors
from hybridbatch.search.faiss_index import Index


def unit_vectors(rng: np.random.Generator, rows: int, dimension: int = 8) -> NDArray[np.float32]:
    """Random L2-normalised rows."""
    vectors = rng.standard_normal((rows, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_vectors(folder: Path, language: str, kind: str, vectors: NDArray[np.float32], shards: int = 1) -> Vectors:
    """Write a matrix in several shards and open them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(np.array_split(vectors, shards)):
        np.save(folder / f"{language}.{kind}.{number:05d}.npy", part)
    write_manifest(folder, {})
    return open_vectors(folder, language, kind)


def write_indexes(embeddings: Path, output: Path, languages: list[str], **settings: Any) -> dict[str, Index]:
    """Index vectors and open the indexes."""
    arguments = ["--embeddings", str(embeddings), "--languages", *languages, "--output", str(output)]
    build_index([*arguments, "--settings", json.dumps(settings)])
    return {code: Index(output, embeddings, code, Search(**settings)) for code in languages}


def write_index(folder: Path, vectors: NDArray[np.float32], shards: int = 1, **settings: Any) -> Index:
    """Index a matrix as the passages in English, and open the index."""
    write_vectors(folder / "vectors", "en", "passages", vectors, shards)
    return write_indexes(folder / "vectors", folder / "indexes", ["en"], **settings)["en"]
