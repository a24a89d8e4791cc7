"""Approximate FAISS indexes of the vectors of one language, built and searched file by file."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path
from hybridbatch.encode.vectors import Vectors
from hybridbatch.search.ranking import Matrix

logger = logging.getLogger(__name__)

ADD_BLOCK = 65_536
SEED = 1
# Vectors that an index which needs training is trained on.
TRAINING_SAMPLE = 100_000


def build_indexes(vectors: Vectors, factory: str, index_rows: int, folder: Path, language: str) -> None:
    """Write the FAISS indexes of a language, ``<language>.<00000>.faiss``, each of the next ``index_rows`` vectors.

    On one thread, because HNSW links and trained clusters depend on the number of threads.

    Args:
        vectors: L2-normalised rows, shape (passages, dimension); read in blocks.
        factory: FAISS factory string; the metric is the inner product.
        index_rows: vectors in one index file.
        folder: folder of the files.
        language: beginning of their names.

    Raises:
        UserError: if FAISS cannot build such an index of these vectors.
    """
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        for number, start in enumerate(range(0, len(vectors), index_rows)):
            rows = range(start, min(start + index_rows, len(vectors)))
            output = folder / f"{language}.{number:05d}.faiss"
            try:
                index = _build(vectors, rows, factory)
            except RuntimeError as error:
                raise UserError(
                    f"search.index: FAISS cannot build {factory!r} over {len(rows)} vectors in {language}: {_reason(error)}"
                ) from error
            with atomic_path(output) as aside:
                faiss.write_index(index, str(aside))
            logger.info("%s: %d vectors, %s", output, index.ntotal, factory)
    finally:
        faiss.omp_set_num_threads(threads)


def _build(vectors: Vectors, rows: range, factory: str) -> faiss.Index:
    index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        rng = np.random.default_rng(SEED)
        sample = np.sort(rng.choice(len(rows), size=min(TRAINING_SAMPLE, len(rows)), replace=False))
        index.train(_matrix(vectors.take(rows.start + sample)))
    for start in range(rows.start, rows.stop, ADD_BLOCK):
        index.add(_matrix(vectors[start : min(start + ADD_BLOCK, rows.stop)]))
    return index


class ApproximateIndex:
    """The index files of one language.

    Args:
        files: in the order of the vectors.
        parameters: FAISS search parameters such as ``nprobe=16``; empty for its defaults.
    """

    def __init__(self, files: Sequence[Path], parameters: str) -> None:
        self._files = list(files)
        self._parameters = parameters

    def candidates(self, queries: Matrix, k: int) -> Iterator[NDArray[np.int64]]:
        """Yield, for each file, the rows of up to ``k`` passages per query, shape (queries, found); -1 for none.

        Raises:
            UserError: if the index has no such parameter.
        """
        start = 0
        for file in self._files:
            index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
            if self._parameters:
                self._set_parameters(index)
            _, rows = index.search(_matrix(queries), min(k, index.ntotal))
            yield np.where(rows >= 0, rows + start, -1)
            start += index.ntotal

    def _set_parameters(self, index: faiss.Index) -> None:
        space: Any = faiss.ParameterSpace()  # its stub has only one of the overloads
        try:
            space.set_index_parameters(index, self._parameters)
        except RuntimeError as error:
            raise UserError(
                f"search.parameters: FAISS rejects {self._parameters!r} for this index: {_reason(error)}"
            ) from error


def open_index(folder: Path, language: str, parameters: str = "") -> ApproximateIndex:
    """Return the index of a language; search memory-maps its files one at a time.

    Raises:
        UserError: if there is none.
    """
    files = sorted(folder.glob(f"{language}.[0-9]*.faiss"))
    if not files:
        raise UserError(f"{folder}: has no index for {language}; delete the folder and run again")
    return ApproximateIndex(files, parameters)


def _matrix(vectors: Matrix) -> NDArray[np.float32]:
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _reason(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]
