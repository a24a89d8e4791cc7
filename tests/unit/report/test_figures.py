"""Figures show the numbers of the measures, are the same bytes each time, and never fail for want of data."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from drawings import texts
from example_measures import BENCHMARKS, arguments, write_measures

import draw_figures as figures
from hybridbatch.evaluate.summary import block_means
from hybridbatch.report.figures import cross_matrix, strategy_colours

TRAINED = [f"small_e5/{strategy}/seed{seed}" for strategy in ("monolingual", "hybrid") for seed in (1, 2)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_measures(tmp_path_factory.mktemp("measures"))


def write_curves(folder: Path) -> dict[str, Path]:
    curves = {}
    for run in TRAINED:
        curves[run] = folder / f"{run.replace('/', '.')}.csv"
        curves[run].write_text("step,loss,learning_rate,validation_loss\n1,2.0,1e-5,\n2,1.5,2e-5,1.25\n3,1.0,1e-5,\n")
    return curves


def draw(files: dict[str, Path], output: Path, curves: dict[str, Path]) -> None:
    options = ["--curves", *arguments(curves)] if curves else []
    figures.main(["--measures", *arguments(files), "--benchmarks", *BENCHMARKS, *options, "--output", str(output)])


@pytest.mark.slow
def test_files_are_the_declared_ones_and_the_same_bytes_twice(files: dict[str, Path], tmp_path: Path) -> None:
    curves = write_curves(tmp_path)
    for name in ("first", "second"):
        draw(files, tmp_path / name, curves)
    stems = [*(f"cross_{name}" for name in BENCHMARKS), "multi", "bias", "curves"]
    expected = {f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "pdf")}
    assert {file.name for file in (tmp_path / "first").iterdir()} == expected
    for name in expected:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_matrix_is_the_mean_over_seeds_with_mono_on_the_diagonal(files: dict[str, Path]) -> None:
    blocks = block_means(files, ["quiz_r"])
    matrix = cross_matrix(blocks[blocks["strategy"] == "monolingual"])
    assert list(matrix.index) == list(matrix.columns) == ["de", "el", "en"]
    # Seeds 0.50 and 0.54; query languages 0, -0.1, +0.1; other passage languages -0.1, -0.2, 0.
    expected = np.array([[0.52, 0.32, 0.52], [0.32, 0.42, 0.42], [0.52, 0.42, 0.62]])
    np.testing.assert_allclose(matrix.to_numpy(), expected, atol=1e-12)


@pytest.mark.slow
def test_cells_and_panels_are_printed(files: dict[str, Path], tmp_path: Path) -> None:
    draw(files, tmp_path, {})
    shown = texts(tmp_path / "cross_quiz_r.svg")
    assert [title for title in shown if " · " in title] == [
        "small_e5 · none",
        "small_e5 · monolingual",
        "small_e5 · hybrid",
    ]
    assert sum(text.startswith(".") for text in shown) == 3 * 9
    assert ".62" in shown
    assert "<image" not in (tmp_path / "cross_quiz_r.svg").read_text()


@pytest.mark.slow
def test_bars_print_the_means(files: dict[str, Path], tmp_path: Path) -> None:
    draw(files, tmp_path, {})
    bias = texts(tmp_path / "bias.svg")
    assert [bias.count(value) for value in ("100.0", "50.0", "30.0")] == [2, 2, 2]
    multi = texts(tmp_path / "multi.svg")
    assert [multi.count(value) for value in ("0.1500", "0.2600", "0.3000")] == [2, 2, 2]
    assert not any("bm25" in text for text in multi)
    assert not (tmp_path / "curves.svg").exists()


@pytest.mark.slow
def test_missing_cells_are_dashes(tmp_path: Path) -> None:
    files = {run: file for run, file in write_measures(tmp_path).items() if run == "small_e5/hybrid/seed1"}
    frame = pd.read_parquet(files["small_e5/hybrid/seed1"])
    frame.loc[(frame["query_language"] == "de") & (frame["passage_language"] == "el"), "map"] = None
    frame.to_parquet(files["small_e5/hybrid/seed1"])
    draw(files, tmp_path / "figures", {})
    shown = texts(tmp_path / "figures" / "cross_quiz_r.svg")
    assert shown.count("–") == 1
    assert ".00" not in shown


def test_no_data_is_said(files: dict[str, Path], tmp_path: Path) -> None:
    draw({"bm25/bm25/seed0": files["bm25/bm25/seed0"]}, tmp_path, {})
    for name in ("cross_quiz_r", "multi", "bias"):
        assert texts(tmp_path / f"{name}.svg") == ["no data"]


def test_drawing_leaves_the_settings_of_matplotlib_alone(files: dict[str, Path], tmp_path: Path) -> None:
    before = mpl.rcParams["svg.fonttype"]
    draw({"bm25/bm25/seed0": files["bm25/bm25/seed0"]}, tmp_path, {})
    assert mpl.rcParams["svg.fonttype"] == before


def test_a_centred_strategy_has_the_colour_of_its_strategy() -> None:
    names = ["none", "hybrid", "own", "other", "none-centred", "own-centred"]
    colours = strategy_colours(names)
    assert colours["none-centred"] == colours["none"]
    assert colours["own-centred"] == colours["own"]
    assert len({colours[name] for name in names}) == 4
