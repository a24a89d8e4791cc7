"""Passages centred by language: the offset of each language from the others is subtracted from its vectors."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridbatch.common.files import atomic_path, sha256
from hybridbatch.encode.vectors import Vectors, shard_name

BLOCK = 65_536


def centre_passages(passages: Mapping[str, Vectors], folder: Path) -> dict[str, str]:
    """Write the vectors of each language, less its mean, plus the mean of the means of all languages, at unit length.

    After Jang et al., "Shift: Semantic Harmonization via Index-side Feature Transformation for Multilingual Information Retrieval"
    (arXiv 2606.18801), with two differences: they estimate the offset of a language from translated sentences, relative to one
    language. Where a corpus has other topics in each language, its means differ by topic, too, and this is removed as well.

    Args:
        passages: L2-normalised vectors by language, shape (passages, dimension).
        folder: where to write one ``.npy`` file per language, float32.

    Returns:
        The SHA-256 of each file, by name.
    """
    means = {language: _mean(vectors) for language, vectors in passages.items()}
    centre = np.mean([*means.values()], axis=0)
    files = {}
    for language, vectors in passages.items():
        file = folder / shard_name(language, "passages", 0)
        with atomic_path(file) as aside:
            centred = np.lib.format.open_memmap(aside, mode="w+", dtype=np.float32, shape=vectors.shape)
            for start, block in vectors.blocks(BLOCK):
                moved = block.astype(np.float64) - (means[language] - centre)
                centred[start : start + len(block)] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
            centred.flush()
        files[file.name] = sha256(file)
    return files


def _mean(vectors: Vectors) -> NDArray[np.float64]:
    total = sum(block.sum(axis=0, dtype=np.float64) for _, block in vectors.blocks(BLOCK))
    return np.asarray(total / len(vectors), dtype=np.float64)
