"""The plane of parallel questions is that of the principal components, and shows the same questions in every language."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from vector_files import unit_vectors, write_vectors

import draw_projection as projection
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_table
from hybridbatch.report.projection import parallel_questions, project


def write_questions(folder: Path, **ids: list[str]) -> None:
    for language, own in ids.items():
        write_table(folder / language / "queries.parquet", pa.table({"query_id": own, "text": own}))


def test_questions_are_the_first_ids_of_all_languages(tmp_path: Path) -> None:
    write_questions(tmp_path, de=["c", "a", "x", "b"], en=["a", "b", "c"])
    rows = parallel_questions(tmp_path, ["de", "en"], 2)
    assert {language: own.tolist() for language, own in rows.items()} == {"de": [1, 3], "en": [0, 1]}


def test_a_plane_in_space_is_found_again() -> None:
    rng = np.random.default_rng(1)
    flat = rng.standard_normal((2, 30, 2)) * [3.0, 1.0]
    basis, _ = np.linalg.qr(rng.standard_normal((5, 2)))
    found = project(flat @ basis.T + 7.0)
    assert sum(found.explained) == pytest.approx(1.0)
    assert found.explained[0] > found.explained[1]
    distances = [np.linalg.norm(points[0, :, None] - points[1, None], axis=-1) for points in (flat, found.points)]
    np.testing.assert_allclose(*distances, atol=1e-9)


def test_a_line_has_no_plane() -> None:
    with pytest.raises(UserError, match="2 vectors of dimension 4 cannot be projected"):
        project(np.ones((2, 1, 4)))


@pytest.mark.slow
def test_figure_is_drawn_and_the_same_twice(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    ids = [f"q{number}" for number in range(6)]
    write_questions(tmp_path / "benchmark", de=ids, en=ids)
    runs = ["tiny/none/seed0", "tiny/hybrid/seed1"]
    for run in runs:
        for language in ("de", "en"):
            write_vectors(tmp_path / run, language, "queries", unit_vectors(rng, 6), shards=2)
    for name in ("first", "second"):
        embeddings = ["--embeddings", *(f"{run}={tmp_path / run / 'manifest.json'}" for run in runs)]
        questions = ["--benchmark", str(tmp_path / "benchmark"), "--languages", "en", "de"]
        projection.main([*embeddings, *questions, "--output", str(tmp_path / f"{name}.svg")])
    text = (tmp_path / "first.svg").read_text(encoding="utf-8")
    assert all(word in text for word in ("tiny · none", "tiny · hybrid", "of the variance", ">de<", ">en<"))
    for suffix in ("svg", "pdf"):
        assert (tmp_path / f"first.{suffix}").read_bytes() == (tmp_path / f"second.{suffix}").read_bytes()


def test_too_few_questions_give_an_empty_figure(tmp_path: Path) -> None:
    write_questions(tmp_path / "benchmark", de=["a"], en=["b"])
    embeddings = ["--embeddings", f"tiny/none/seed0={tmp_path / 'absent' / 'manifest.json'}"]
    questions = ["--benchmark", str(tmp_path / "benchmark"), "--languages", "de", "en"]
    projection.main([*embeddings, *questions, "--output", str(tmp_path / "figure.svg")])
    assert "no data" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
