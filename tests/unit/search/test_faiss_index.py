"""Approximate indexes find what they should, in one file or several, and are reproducible."""

from pathlib import Path

import faiss
import numpy as np
import pytest
from vector_files import unit_vectors, write_vectors

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import sha256
from hybridbatch.encode.vectors import Vectors
from hybridbatch.search.exact import NO_TARGETS, exact_search
from hybridbatch.search.faiss_index import build_indexes, open_index
from hybridbatch.search.products import NumpyProducts
from hybridbatch.search.search_benchmark import search_index

ROWS, DIMENSION, K = 600, 16, 20


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    return write_vectors(
        tmp_path_factory.mktemp("v"), "en", "passages", unit_vectors(np.random.default_rng(0), ROWS, DIMENSION), 2
    )


def recall(vectors: Vectors, folder: Path, factory: str, parameters: str = "", index_rows: int = ROWS) -> float:
    build_indexes(vectors, factory, index_rows, folder, "en")
    assert len(list(folder.glob("*.faiss"))) == -(-ROWS // index_rows)
    queries, tie_order = unit_vectors(np.random.default_rng(1), 40, DIMENSION), np.arange(ROWS)
    found = search_index(queries, vectors, open_index(folder, "en", parameters), tie_order, K)
    wanted, _ = exact_search(queries, vectors, tie_order, K, NO_TARGETS, NumpyProducts())
    assert (np.diff(found.scores, axis=1) <= 0).all()
    return float(np.mean([np.isin(w, f).mean() for w, f in zip(wanted.rows, found.rows, strict=True)]))


@pytest.mark.slow
@pytest.mark.parametrize("index_rows", [ROWS, 250])
@pytest.mark.parametrize(
    ("factory", "parameters", "least"),
    [
        ("Flat", "", 1.0),
        ("SQfp16", "", 1.0),
        ("SQ8", "", 0.99),
        ("HNSW16", "efSearch=200", 0.95),
        ("IVF8,Flat", "nprobe=8", 1.0),
        ("IVF8,SQ8", "nprobe=8", 0.99),
        ("IVF4,PQ8x6", "nprobe=4", 0.5),
    ],
)
def test_recall(vectors, tmp_path: Path, factory: str, parameters: str, least: float, index_rows: int) -> None:
    assert recall(vectors, tmp_path, factory, parameters, index_rows) >= least


def test_parameters_change_the_search(vectors: Vectors, tmp_path: Path) -> None:
    one, eight = (recall(vectors, tmp_path / number, "IVF16,Flat", f"nprobe={number}") for number in "18")
    assert one < eight


@pytest.mark.parametrize("factory", ["HNSW16", "IVF8,SQ8"])
def test_files_do_not_depend_on_the_number_of_threads(vectors: Vectors, tmp_path: Path, factory: str) -> None:
    before = faiss.omp_get_max_threads()
    sums = []
    for threads in (1, 4):
        faiss.omp_set_num_threads(threads)
        build_indexes(vectors, factory, 250, tmp_path / str(threads), "en")
        assert faiss.omp_get_max_threads() == threads
        sums.append([sha256(file) for file in sorted((tmp_path / str(threads)).iterdir())])
    faiss.omp_set_num_threads(before)
    assert len(sums[0]) == 3
    assert sums[0] == sums[1]


def test_an_index_is_trained_on_a_sample(vectors: Vectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = recall(vectors, tmp_path / "whole", "IVF8,Flat", "nprobe=8")
    monkeypatch.setattr("hybridbatch.search.faiss_index.TRAINING_SAMPLE", 400)
    assert recall(vectors, tmp_path / "sample", "IVF8,Flat", "nprobe=8") == whole == 1
    names = [sha256(next((tmp_path / name).iterdir())) for name in ("whole", "sample")]
    assert names[0] != names[1]


def test_an_impossible_index_is_refused(vectors: Vectors, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^search\.index: FAISS cannot build 'Nonsense' over 600 vectors in en: "):
        build_indexes(vectors, "Nonsense", ROWS, tmp_path, "en")
    assert not list(tmp_path.iterdir())


def test_an_unknown_parameter_is_refused(vectors: Vectors, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^search\.parameters: FAISS rejects 'nprobes=2' for this index: "):
        recall(vectors, tmp_path, "IVF8,Flat", "nprobes=2")


def test_a_missing_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no index for de"):
        open_index(tmp_path, "de")
