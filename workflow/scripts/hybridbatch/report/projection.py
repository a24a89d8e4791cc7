"""Vectors of parallel questions in two dimensions: are they closer to their translations or to their language?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table
from hybridbatch.encode.vectors import open_vectors
from hybridbatch.evaluate.names import parse_run
from hybridbatch.report.figures import no_data

Floats = NDArray[np.float64]
# Nine shapes and seven colours: 63 languages before a combination repeats.
MARKERS = "os^vDP*X<"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


@dataclass(frozen=True)
class Projection:
    """Questions of one encoder in two dimensions.

    ``points`` has the shape (languages, questions, 2), float64; ``explained`` are the shares of the variance of its two axes.
    """

    points: Floats
    explained: tuple[float, float]


def parallel_questions(benchmark: Path, languages: Sequence[str], number: int) -> dict[str, NDArray[np.int64]]:
    """Return the rows, in each language, of the first questions that all languages share, in the order of their ids.

    Args:
        benchmark: folder of ``<language>/queries.parquet``.
        languages: which languages.
        number: how many questions at most.

    Raises:
        UserError: if a file is missing or unreadable.
    """
    rows: dict[str, dict[str, int]] = {}
    for language in languages:
        ids = read_table(benchmark / language / "queries.parquet", ["query_id"])["query_id"].to_pylist()
        rows[language] = {identifier: row for row, identifier in enumerate(ids)}
    common = sorted(set.intersection(*({*places} for places in rows.values())))[:number]
    return {
        language: np.array([places[identifier] for identifier in common], dtype=np.int64)
        for language, places in rows.items()
    }


def project(vectors: Floats) -> Projection:
    """Project vectors on their first two principal components.

    The components are the right singular vectors of the centred matrix; the share of the variance of a component is its
    squared singular value by the sum of all (Jolliffe, Principal Component Analysis, 2002, section 3.5). Their signs are
    free: the largest coefficient is made positive.

    Args:
        vectors: shape (languages, questions, dimension), float64.

    Raises:
        UserError: if there are fewer than three vectors or two dimensions.
    """
    flat = vectors.reshape(-1, vectors.shape[-1])
    if min(len(flat) - 1, flat.shape[1]) < 2:
        raise UserError(
            f"{len(flat)} vectors of dimension {flat.shape[1]} cannot be projected; at least three of dimension two are needed"
        )
    centred = flat - flat.mean(axis=0)
    _, values, components = np.linalg.svd(centred, full_matrices=False)
    plane = components[:2]
    plane *= np.sign(plane[np.arange(2), np.abs(plane).argmax(axis=1)])[:, None]
    total = float((values**2).sum())
    shares = values[:2] ** 2 / total if total else np.zeros(2)
    points = (centred @ plane.T).reshape(*vectors.shape[:-1], 2)
    return Projection(points, (float(shares[0]), float(shares[1])))


def read_projections(
    embeddings: Mapping[str, Path], rows: Mapping[str, NDArray[np.int64]]
) -> dict[str, Projection | None]:
    """Return the projection of each run; None if there are too few questions for a plane.

    Args:
        embeddings: the folder of the vectors of the benchmark, by the run's name.
        rows: the result of :func:`parallel_questions` returns.

    Raises:
        UserError: if vectors are missing or unreadable.
    """
    enough = sum(map(len, rows.values())) > 2
    return {
        run: project(
            np.stack([open_vectors(folder, language, "queries").take(rows[language]) for language in rows]).astype(
                np.float64
            )
        )
        if enough
        else None
        for run, folder in embeddings.items()
    }


def projection_figure(projections: Mapping[str, Projection | None], languages: Sequence[str]) -> Figure:
    """Draw projections: a panel per backbone (rows) and strategy (columns), a point per question and language.

    Thin lines join a question with the mean of its translations. Each panel has axes of its own.

    Args:
        projections: by the run's name; None: left out.
        languages: the languages, in the order of the points.
    """
    panels = {parse_run(run): projection for run, projection in projections.items() if projection is not None}
    if not panels:
        return no_data()
    backbones = list(dict.fromkeys(run.backbone for run in panels))
    strategies = list(dict.fromkeys(run.strategy for run in panels))
    figure = Figure(figsize=(2.7 * len(strategies) + 1.0, 2.9 * len(backbones) + 0.2))
    axes = figure.subplots(len(backbones), len(strategies), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for run, projection in panels.items():
        axis = axes[backbones.index(run.backbone), strategies.index(run.strategy)]
        first, second = (100 * share for share in projection.explained)
        axis.set_title(f"{run.backbone} · {run.strategy}\n{first:.0f} % + {second:.0f} % of the variance", loc="left")
        _draw(axis, projection.points)
    handles = [
        mpl.lines.Line2D([], [], linestyle="", markersize=5, label=language, **_look(number))
        for number, language in enumerate(languages)
    ]
    figure.legend(handles=handles, loc="outside right upper", frameon=False)
    return figure


def _draw(axis: Any, points: Floats) -> None:
    axis.set_axis_on()
    axis.set_aspect("equal", adjustable="datalim")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(True)
    axis.spines[:].set_color("#cccccc")
    means = np.broadcast_to(points.mean(axis=0), points.shape)
    for question in range(points.shape[1]):
        # One line through all of them, which returns to the mean each time.
        path = np.stack([means[:, question], points[:, question]], axis=1).reshape(-1, 2)
        axis.plot(*path.T, color="#bbbbbb", linewidth=0.35, zorder=1)
    for number, own in enumerate(points):
        axis.plot(*own.T, linestyle="", markersize=3.8, zorder=2, **_look(number))


def _look(number: int) -> dict[str, Any]:
    return {
        "marker": MARKERS[number % len(MARKERS)],
        "color": COLOURS[number % len(COLOURS)],
        "markeredgewidth": 0,
    }
