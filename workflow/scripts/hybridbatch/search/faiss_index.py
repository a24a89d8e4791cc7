"""FAISS indexes of the passages of one language: built file by file, opened memory-mapped, and searched by float64 scores."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, atomic_path, fingerprint, read_json, sha256, write_json
from hybridbatch.config.search import Search
from hybridbatch.encode.vectors import Vectors, discard_passages, open_vectors, vector_files
from hybridbatch.search.exact_ranks import error_bound, pair_scores
from hybridbatch.search.ranking import Matrix, Order, Top, blocks, sort_top

logger = logging.getLogger(__name__)

ADD_BLOCK = 65_536
SEED = 1
# Vectors that an index which needs training is trained on.
TRAINING_SAMPLE = 100_000
# Candidates that FAISS is asked for at once, over all queries: some 30 bytes each.
CELLS = 2**22


def build_index(embeddings: Path, language: str, settings: Search, code: str, folder: Path) -> dict[str, Any]:
    """Write the index files of a language, ``<language>.<00000>.faiss``, and the record ``<language>.json``.

    Files that an earlier, killed job finished are kept if nothing that they depend on has changed. An exact index replaces the
    passages' vectors, which are then deleted. Each file is built in memory, on one thread, because HNSW links and trained clusters
    depend on the number of threads.

    Args:
        embeddings: folder of vectors with their manifest.
        language: language of the passages.
        settings: ``index`` and ``index_rows``.
        code: fingerprint of the code, which an index that is not exact depends on.
        folder: folder to write.

    Returns:
        The record: ``files`` has the SHA-256 of each file, ``rows`` its vectors.

    Raises:
        UserError: if FAISS cannot build such an index, or the vectors have been deleted.
    """
    record = folder / f"{language}.json"
    depends = {**settings.model_dump(include={"index", "index_rows"}), "code": "" if settings.is_exact else code}
    identity = fingerprint({**depends, "vectors": vector_files(embeddings, language, "passages")})
    done = read_json(record) if record.exists() else {}
    if done.get("identity") != identity or not all((folder / name).exists() for name in done["files"]):
        record.unlink(missing_ok=True)
        files: dict[str, str] = {}
        rows: dict[str, int] = {}
        vectors = open_vectors(embeddings, language, "passages")
        for number, part in enumerate(blocks(len(vectors), settings.index_rows)):
            file = folder / f"{language}.{number:05d}.faiss"
            with atomic_path(file) as aside:
                faiss.write_index(_build(vectors, part, settings.index, language), str(aside))
            files[file.name], rows[file.name] = sha256(file), part.stop - part.start
            logger.info("%s: %d vectors, %s", file, part.stop - part.start, settings.index)
        done = {"identity": identity, "files": files, "rows": rows}
        write_json(record, done)
    if settings.is_exact:
        discard_passages(embeddings, language)
    return done


def _build(vectors: Vectors, part: slice, factory: str, language: str) -> faiss.Index:
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            rows = np.arange(part.start, part.stop)
            sample = np.random.default_rng(SEED).choice(rows, size=min(TRAINING_SAMPLE, len(rows)), replace=False)
            index.train(vectors.take(np.sort(sample)))
        for block in blocks(part.stop - part.start, ADD_BLOCK):
            index.add(vectors[part.start + block.start : part.start + block.stop])
    except RuntimeError as error:
        raise UserError(
            f"search.index: FAISS cannot build {factory!r} over {part.stop - part.start} vectors in {language}: {_reason(error)}"
        ) from error
    finally:
        faiss.omp_set_num_threads(threads)
    return index


class Index:
    """The index of one language, memory-mapped.

    Args:
        folder: holds the index files and ``manifest.json``, which lists them.
        embeddings: folder of vectors; read only if the index is not exact.
        language: language of the passages.
        settings: ``index`` and ``parameters``.

    Attributes:
        vectors: the passages' vectors, from an exact index or else from ``embeddings``; shape (passages, dimension).

    Raises:
        UserError: if the manifest lists no index of this language, or a file is missing.
    """

    def __init__(self, folder: Path, embeddings: Path, language: str, settings: Search) -> None:
        names = sorted(read_json(folder / MANIFEST)["files"])
        self._files = [folder / name for name in names if name.rsplit(".", 2)[0] == language]
        if not self._files or not all(file.exists() for file in self._files):
            raise UserError(
                f"{folder / MANIFEST}: lists no index of {language} that exists; delete {folder} and run again"
            )
        self._settings = settings
        self._open = [self._read(file) for file in self._files] if settings.is_exact else []
        stored = Vectors([np.asarray(_Stored(index)) for index in self._open]) if self._open else None
        self.vectors = stored or open_vectors(embeddings, language, "passages")

    def search(self, queries: Matrix, tie_order: Order, k: int) -> Top:
        """Return the best ``k`` of the passages that the index finds, by float64 score, ties by id.

        Args:
            queries: L2-normalised, shape (queries, dimension).
            tie_order: position of each passage when sorted by id, shape (passages,).
            k: passages kept.

        Raises:
            UserError: if the index has no such search parameter.
        """
        indexes = self._open or map(self._read, self._files)
        return self._search(indexes, queries, tie_order, k, exact=self._settings.is_exact)

    def exact_search(self, queries: Matrix, tie_order: Order, k: int) -> Top:
        """Return the best ``k`` of all passages, as :meth:`search` does with an exact index; for a sample of queries."""
        return self._search(_flat(self.vectors), queries, tie_order, k, exact=True)

    def _search(self, indexes: Iterable[faiss.Index], queries: Matrix, tie_order: Order, k: int, *, exact: bool) -> Top:
        """Search indexes of consecutive rows one after the other, and merge what they find."""
        top = Top(np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0)))
        start = 0
        for index in indexes:
            found = _top_of_index(index, start, self.vectors, queries, tie_order, k, exact=exact)
            top = sort_top(np.hstack([top.rows, found.rows]), np.hstack([top.scores, found.scores]), tie_order, k)
            start += index.ntotal
        return top

    def _read(self, file: Path) -> faiss.Index:
        index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
        if self._settings.parameters:
            space: Any = faiss.ParameterSpace()  # its stub has only one of the overloads
            try:
                space.set_index_parameters(index, self._settings.parameters)
            except RuntimeError as error:
                raise UserError(
                    f"search.parameters: FAISS rejects {self._settings.parameters!r} for this index: {_reason(error)}"
                ) from error
        return index


class _Stored:
    """The vectors in an exact index, shape (rows, dimension): numpy reads them without a copy, and keeps the index open."""

    def __init__(self, index: Any) -> None:
        self._index = index
        dtype = np.float32 if isinstance(index, faiss.IndexFlat) else np.float16
        codes = faiss.rev_swig_ptr(index.codes.data(), index.ntotal * index.sa_code_size())
        self.__array_interface__ = codes.view(dtype).reshape(index.ntotal, index.d).__array_interface__


def _flat(vectors: Vectors) -> Iterator[faiss.Index]:
    for _, block in vectors.blocks(ADD_BLOCK):
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(block)
        yield index


def _top_of_index(
    index: faiss.Index, start: int, vectors: Vectors, queries: Matrix, tie_order: Order, k: int, *, exact: bool
) -> Top:
    """Search one index, whose first vector is row ``start``.

    FAISS orders float32 scores, and ties as it likes. So it is asked for more than ``k``, and these are ordered by float64 scores. A
    passage that it did not list scores at most its last score plus the error of float32. If that is not below the ``k``-th float64
    score, an exact search asks for twice as many.
    """
    depth = min(k, index.ntotal)
    top = Top(np.full((len(queries), depth), -1), np.full((len(queries), depth), -np.inf))
    error = error_bound(index.d)
    waiting = np.arange(len(queries))
    # A fixed margin would not do: the deeper the cut, the closer the scores.
    width = k + max(32, k // 8)
    while len(waiting):
        width = min(width, index.ntotal)
        unsure = [waiting[:0]]
        for block in blocks(len(waiting), max(1, CELLS // width)):
            rows = waiting[block]
            found, candidates = index.search(queries[rows], width)
            query, column = np.nonzero(candidates >= 0)
            candidates[query, column] += start
            values = np.full(candidates.shape, -np.inf)
            values[query, column] = pair_scores(queries[rows], vectors, query, candidates[query, column])
            best = sort_top(candidates, values, tie_order, depth)
            top.rows[rows], top.scores[rows] = best
            if exact and width < index.ntotal:
                unsure.append(rows[best.scores[:, -1] <= found[:, -1].astype(np.float64) + error])
        waiting = np.concatenate(unsure)
        width *= 2
    return top


def _reason(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]
