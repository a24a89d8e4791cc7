"""The whole comparison with the paper: the content of ``verdicts.json``, and what is said of it in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from hybridbatch.compare.published_cells import ColumnKey, Names, Ours, PublishedCell
from hybridbatch.compare.published_effects import effects, effects_of_hybrid, orientation, published_means
from hybridbatch.compare.published_verdicts import (
    ABOVE,
    BELOW,
    NOT_RUN,
    WITHIN,
    Verdict,
    count,
    flat,
    judge,
    judge_averages,
)
from hybridbatch.evaluate.names import decimals


def verdicts_document(
    cells: Sequence[PublishedCell],
    summary: pd.DataFrame,
    names: Names,
    tolerances: Mapping[str, float],
    comparisons: pd.DataFrame,
    pairs: Iterable[tuple[str, str, str]],
) -> dict[str, Any]:
    """Return the content of ``verdicts.json``.

    Args:
        cells: the result of :func:`read_published`.
        summary: the numbers of the experiment.
        names: our names of what the paper has.
        tolerances: by measure; see :func:`judge`.
        comparisons: the tests of the experiment; see :func:`effects_of_hybrid`.
        pairs: the strategies whose differences are compared with the paper's; see :func:`effects_of_hybrid`.

    Returns:
        ``counts`` of the cells by verdict; ``sentence``, the same in words; ``readings``, our benchmark and its candidates by
        published benchmark; ``tolerances``; ``cells``, one for each published number in the paper's order; ``averages`` over
        languages likewise; ``summary``, counts per column of the paper's tables; ``effects``; ``means`` of the paper; ``effects_of_hybrid``; ``orientation``.
    """
    ours = Ours(summary, names)
    verdicts = judge(cells, ours, tolerances)
    means = published_means(cells, ours, names)
    grouped: dict[ColumnKey, list[Verdict]] = {}
    for verdict in verdicts:
        grouped.setdefault(verdict.cell.key, []).append(verdict)
    document = {
        "counts": count(verdicts),
        "readings": {
            published: {"benchmark": here, "candidates": names.candidates[here]}
            for published, here in names.benchmarks.items()
            if here in names.candidates
        },
        "tolerances": dict(tolerances),
        "cells": [flat(verdict) for verdict in verdicts],
        "averages": [flat(verdict) for verdict in judge_averages(cells, ours, tolerances)],
        "summary": [
            {"table": column[0].cell.table, **key._asdict(), **count(column)} for key, column in grouped.items()
        ],
        "effects": effects(verdicts),
        "means": means,
        "effects_of_hybrid": effects_of_hybrid(means, comparisons, pairs),
        "orientation": orientation(cells, ours),
    }
    return {**document, "sentence": verdict_banner(document)}


def verdict_banner(verdicts: Mapping[str, Any]) -> str:
    """Return in words how many published numbers the experiment meets, and with which candidates.

    Args:
        verdicts: the content of verdicts.json.
    """
    counts = verdicts["counts"]
    if not counts["covered"]:
        return f"This experiment covers none of the paper's {counts['published']} numbers: nothing is reproduced."
    readings = [
        f"{published} with {reading['benchmark']} (candidates: {reading['candidates']})"
        for published, reading in verdicts["readings"].items()
    ]
    return (
        f"Of the paper's {counts['published']} numbers, {counts['covered']} are covered here: {counts[WITHIN]} within tolerance, "
        f"{counts[ABOVE]} above, {counts[BELOW]} below; {counts[NOT_RUN]} are not run."
        f"{' Compared are ' + ', '.join(readings) + '.' if readings else ''}"
    )


def outside_tolerance(verdicts: Mapping[str, Any]) -> list[str]:
    """Return a line for each covered cell outside its tolerance, those furthest outside first."""
    outside = [cell for cell in verdicts["cells"] if cell["verdict"] in (ABOVE, BELOW)]
    outside.sort(key=lambda cell: -abs(cell["difference"]) / (cell["allowed"] or 1e-9))
    return [_line(cell) for cell in outside]


def _line(cell: Mapping[str, Any]) -> str:
    digits = decimals(cell["metric"])
    key = " ".join(cell[name] for name in (*ColumnKey._fields, "language"))
    return (
        f"{cell['verdict']}: table {cell['table']}, {key}: ours {cell['ours']:.{digits}f}, "
        f"published {cell['published']:.{digits}f}, difference {cell['difference']:+.{digits}f}, allowed {cell['allowed']:.{digits}f}"
    )
