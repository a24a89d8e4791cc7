"""Centring by language removes the offset of a language, whatever the index, and keeps the queries."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from vector_files import unit_vectors, write_indexes, write_vectors

from centre_passages import main
from hybridbatch.common.files import MANIFEST, read_json, sha256
from hybridbatch.encode.vectors import open_vectors

LANGUAGES = ["de", "en"]


def centred(folder: Path, passages: dict[str, NDArray[np.float32]], index: str) -> dict[str, NDArray[np.float32]]:
    """Write vectors, index them, centre them with the program, and return the centred ones."""
    run, output = folder / "run", folder / "centred"
    for language, vectors in passages.items():
        write_vectors(run, language, "queries", vectors[:3])
        write_vectors(run, language, "passages", vectors, shards=2)
    write_indexes(run, folder / "indexes", LANGUAGES, index=index)
    arguments = ["--embeddings", run, "--indexes", folder / "indexes", "--output", output]
    main([*map(str, arguments), "--languages", *LANGUAGES, "--settings", json.dumps({"index": index})])
    assert read_json(output / MANIFEST)["files"] == {file.name: sha256(file) for file in output.glob("*.npy")}
    for language, vectors in passages.items():
        assert np.array_equal(open_vectors(output, language, "queries")[:], vectors[:3])
    return {language: open_vectors(output, language, "passages")[:] for language in LANGUAGES}


@pytest.mark.parametrize("index", ["Flat", "HNSW8"])
def test_vectors_are_those_of_the_formula(tmp_path: Path, index: str) -> None:
    rng = np.random.default_rng(1)
    passages = {"de": unit_vectors(rng, 30), "en": unit_vectors(rng, 50)}
    found = centred(tmp_path, passages, index)
    middle = (passages["de"].mean(axis=0, dtype=float) + passages["en"].mean(axis=0, dtype=float)) / 2
    for language, vectors in passages.items():
        wanted = vectors - vectors.mean(axis=0, dtype=float) + middle
        assert found[language].dtype == np.float32
        assert_allclose(found[language], wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)


def test_translations_that_differ_by_the_language_alone_become_equal(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    content = 0.2 * unit_vectors(rng, 40)
    offset = np.eye(8, dtype=np.float32)[:2]
    passages = {language: content + offset[number] for number, language in enumerate(LANGUAGES)}
    found = centred(tmp_path, passages, "Flat")
    assert_allclose(found["de"], found["en"], atol=1e-6)
