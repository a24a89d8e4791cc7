"""Indexes find what they should, in one file or several, are reproducible, and survive a killed job."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray
from vector_files import unit_vectors, write_index, write_indexes, write_vectors

import build_index
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, sha256
from hybridbatch.config.search import Search
from hybridbatch.encode.vectors import open_vectors
from hybridbatch.search import faiss_index
from hybridbatch.search.faiss_index import Index

ROWS, DIMENSION, K = 600, 16, 20


@pytest.fixture(scope="module")
def matrix() -> NDArray[np.float32]:
    return unit_vectors(np.random.default_rng(0), ROWS, DIMENSION)


def recall(
    matrix: NDArray[np.float32], folder: Path, index: str, parameters: str = "", index_rows: int = ROWS
) -> float:
    passages = write_index(folder, matrix, 2, index=index, parameters=parameters, index_rows=index_rows)
    assert len(list(folder.glob("indexes/*.faiss"))) == -(-ROWS // index_rows)
    queries, tie_order = unit_vectors(np.random.default_rng(1), 40, DIMENSION), np.arange(ROWS)
    found = passages.search(queries, tie_order, K)
    wanted = np.argsort(-(queries @ matrix.T), axis=1)[:, :K]
    assert np.array_equal(passages.exact_search(queries, tie_order, K).rows, wanted) or index == "SQfp16"
    assert (np.diff(found.scores, axis=1) <= 0).all()
    return float(np.mean([np.isin(w, f).mean() for w, f in zip(wanted, found.rows, strict=True)]))


@pytest.mark.slow
@pytest.mark.parametrize("index_rows", [ROWS, 250])
@pytest.mark.parametrize(
    ("index", "parameters", "least"),
    [
        ("Flat", "", 1.0),
        ("SQfp16", "", 0.999),
        ("SQ8", "", 0.99),
        ("HNSW16", "efSearch=200", 0.95),
        ("IVF8,Flat", "nprobe=8", 1.0),
        ("IVF8,SQ8", "nprobe=8", 0.99),
        ("IVF4,PQ8x6", "nprobe=4", 0.5),
    ],
)
def test_recall(matrix, tmp_path: Path, index: str, parameters: str, least: float, index_rows: int) -> None:
    assert recall(matrix, tmp_path, index, parameters, index_rows) >= least


def test_parameters_change_the_search(matrix: NDArray[np.float32], tmp_path: Path) -> None:
    one, eight = (recall(matrix, tmp_path / number, "IVF16,Flat", f"nprobe={number}") for number in "18")
    assert one < eight


@pytest.mark.parametrize("index", ["HNSW16", "IVF8,SQ8"])
def test_files_do_not_depend_on_the_number_of_threads(matrix: NDArray[np.float32], tmp_path: Path, index: str) -> None:
    before = faiss.omp_get_max_threads()
    sums = []
    for threads in (1, 4):
        faiss.omp_set_num_threads(threads)
        write_index(tmp_path / str(threads), matrix, index=index, index_rows=250)
        assert faiss.omp_get_max_threads() == threads
        sums.append(read_json(tmp_path / str(threads) / "indexes/manifest.json")["files"])
    faiss.omp_set_num_threads(before)
    assert len(sums[0]) == 3
    assert sums[0] == sums[1]


def test_an_index_is_trained_on_a_sample(
    matrix: NDArray[np.float32], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = recall(matrix, tmp_path / "whole", "IVF8,Flat", "nprobe=8")
    monkeypatch.setattr(faiss_index, "TRAINING_SAMPLE", 400)
    assert recall(matrix, tmp_path / "sample", "IVF8,Flat", "nprobe=8") == whole == 1
    names = [sha256(tmp_path / name / "indexes/en.00000.faiss") for name in ("whole", "sample")]
    assert names[0] != names[1]


def test_an_impossible_index_is_refused(matrix: NDArray[np.float32], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^search\.index: FAISS cannot build 'Nonsense' over 600 vectors in en: "):
        write_index(tmp_path, matrix, index="Nonsense")
    assert not list(tmp_path.glob("indexes/*.faiss"))


def test_an_unknown_parameter_is_refused(matrix: NDArray[np.float32], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^search\.parameters: FAISS rejects 'nprobes=2' for this index: "):
        recall(matrix, tmp_path, "IVF8,Flat", "nprobes=2")


def test_a_missing_index_is_named(matrix: NDArray[np.float32], tmp_path: Path) -> None:
    write_index(tmp_path, matrix)
    with pytest.raises(UserError, match="lists no index of de"):
        Index(tmp_path / "indexes", tmp_path / "vectors", "de", Search())
    (tmp_path / "indexes/en.00000.faiss").unlink()
    with pytest.raises(UserError, match=r"no index of en that exists; delete .*indexes and run again"):
        Index(tmp_path / "indexes", tmp_path / "vectors", "en", Search())
    with pytest.raises(UserError, match=r"passages\.00000\.npy: is missing, and so is an index"):
        write_indexes(tmp_path / "vectors", tmp_path / "indexes", ["en"])


@pytest.mark.parametrize(("index", "dtype"), [("Flat", np.float32), ("SQfp16", np.float16)])
def test_an_exact_index_replaces_the_vectors(
    matrix: NDArray[np.float32], tmp_path: Path, index: str, dtype: type
) -> None:
    write_vectors(tmp_path / "vectors", "en", "queries", matrix[:3])
    passages = write_index(tmp_path, matrix, 3, index=index, index_rows=250)
    assert [file.name for file in (tmp_path / "vectors").glob("*.npy")] == ["en.queries.00000.npy"]
    assert passages.vectors.dtype == dtype
    np.testing.assert_allclose(passages.vectors[:], matrix, atol=0 if index == "Flat" else 2**-11)
    manifest = read_json(tmp_path / "indexes/manifest.json")
    assert manifest["files"] == {file.name: sha256(file) for file in sorted((tmp_path / "indexes").glob("*.faiss"))}
    assert manifest["rows"] == {"en.00000.faiss": 250, "en.00001.faiss": 250, "en.00002.faiss": 100}


def test_an_approximate_index_leaves_the_vectors(matrix: NDArray[np.float32], tmp_path: Path) -> None:
    passages = write_index(tmp_path, matrix, 3, index="HNSW8")
    assert np.array_equal(passages.vectors[:], matrix)
    assert len(list((tmp_path / "vectors").glob("en.passages.*.npy"))) == 3


def test_another_index_needs_the_vectors_again(matrix: NDArray[np.float32], tmp_path: Path) -> None:
    write_index(tmp_path, matrix)
    before = (tmp_path / "indexes/manifest.json").read_bytes()
    with pytest.raises(UserError, match=r"passages\.00000\.npy: is missing, and so is an index .* delete .* and run"):
        write_indexes(tmp_path / "vectors", tmp_path / "indexes", ["en"], index="SQfp16")
    assert (tmp_path / "indexes/manifest.json").read_bytes() == before
    passages = write_index(tmp_path, matrix[:500], index="SQfp16", index_rows=300)
    assert passages.vectors.shape == (500, DIMENSION)
    assert write_index(tmp_path, matrix[:200]).vectors.shape == (200, DIMENSION)
    assert [file.name for file in (tmp_path / "indexes").glob("*.faiss")] == ["en.00000.faiss"]


def test_other_code_rebuilds_only_an_approximate_index(matrix: NDArray[np.float32], tmp_path: Path) -> None:
    for index in ("Flat", "HNSW8"):
        folder = tmp_path / index
        write_vectors(folder / "vectors", "en", "passages", matrix)
        words = ["--embeddings", str(folder / "vectors"), "--languages", "en", "--output", str(folder / "indexes")]
        words += ["--settings", json.dumps({"index": index})]
        times = []
        for code in ("one", "one", "two"):
            build_index.main([*words, "--code", code])
            times.append((folder / "indexes/en.00000.faiss").stat().st_mtime_ns)
        assert times[0] == times[1]
        assert (times[1] == times[2]) == (index == "Flat")


@pytest.mark.slow
@pytest.mark.parametrize("index", ["Flat", "HNSW8"])
def test_a_killed_job_goes_on(tmp_path: Path, index: str) -> None:
    languages = [f"l{number}" for number in range(12)]
    vectors, indexes = tmp_path / "vectors", tmp_path / "indexes"
    matrices = {code: unit_vectors(np.random.default_rng(n), 3000) for n, code in enumerate(languages)}
    for code, rows in matrices.items():
        write_vectors(vectors, code, "passages", rows, 2)
    settings = {"index": index, "index_rows": 500}
    words = ["--embeddings", str(vectors), "--languages", *languages, "--output", str(indexes)]
    command = [sys.executable, str(build_index.__file__), *words, "--settings", json.dumps(settings)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as job:
        while job.poll() is None and len(list(indexes.glob("*.json"))) < 3:
            time.sleep(0.001)
        job.send_signal(signal.SIGKILL)
    done = {
        record.stem: (indexes / f"{record.stem}.00000.faiss").stat().st_mtime_ns for record in indexes.glob("*.json")
    }
    assert 3 <= len(done) < 12
    assert not (indexes / "manifest.json").exists()
    for code in set(languages) - set(done):
        assert np.array_equal(open_vectors(vectors, code, "passages")[:], matrices[code])
    opened = write_indexes(vectors, indexes, languages, **settings)
    assert done.items() <= {code: (indexes / f"{code}.00000.faiss").stat().st_mtime_ns for code in languages}.items()
    assert all(np.array_equal(opened[code].vectors[:], matrices[code]) for code in languages)
    assert len(read_json(indexes / "manifest.json")["files"]) == len(list(indexes.glob("*.faiss"))) == 12 * 6
    assert len(list(vectors.glob("*.npy"))) == (0 if index == "Flat" else 24)
