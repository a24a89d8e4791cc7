"""FAISS indexes over the vectors of one language."""

import logging
from pathlib import Path

import faiss
import numpy as np

from hybridbatch.errors import UserError
from hybridbatch.files import atomic_path

logger = logging.getLogger(__name__)

ADD_BLOCK = 65_536
SEED = 1


def build_index(vectors: Path, factory: str, training_sample: int, output: Path) -> None:
    """Write the FAISS index of a vector file.

    Args:
        vectors: a ``.npy`` matrix of L2-normalised rows, shape (passages, dimension); read in blocks.
        factory: FAISS factory string; the metric is the inner product.
        training_sample: rows, drawn with a fixed seed, that an index which needs training is trained on.
        output: the index file.

    Raises:
        UserError: if FAISS cannot build such an index over these vectors.
    """
    matrix = np.load(vectors, mmap_mode="r")
    rows, dimension = matrix.shape
    try:
        index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            rng = np.random.default_rng(SEED)
            sample = np.sort(rng.choice(rows, size=min(training_sample, rows), replace=False))
            index.train(np.ascontiguousarray(matrix[sample], dtype=np.float32))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(
            f"search.index: FAISS cannot build {factory!r} over the {rows} vectors of {vectors}: {reason}"
        ) from error
    for start in range(0, rows, ADD_BLOCK):
        index.add(np.ascontiguousarray(matrix[start : start + ADD_BLOCK], dtype=np.float32))
    with atomic_path(output) as aside:
        faiss.write_index(index, str(aside))
    logger.info("%s: %d vectors, %s", output, index.ntotal, factory)


def open_index(path: Path) -> faiss.Index:
    """Open an index with its vectors memory-mapped where FAISS can."""
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)


def is_exact(index: faiss.Index) -> bool:
    """Tell whether an index compares a query with every vector, unchanged."""
    return isinstance(faiss.downcast_index(index), faiss.IndexFlat)
