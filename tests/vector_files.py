"""Vectors on disk, in the layout of encoding."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridbatch.common.files import write_manifest
from hybridbatch.encode.vectors import Vectors, open_vectors


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
