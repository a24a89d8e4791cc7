"""The paper's numbers, and summaries of experiments that come close to them."""

from pathlib import Path
from typing import Any

import pandas as pd

from hybridbatch.compare.published_cells import Names, PublishedCell
from hybridbatch.compare.published_comparison import verdicts_document
from hybridbatch.compare.published_effects import COMPARED, SIZES
from hybridbatch.config.published import TOLERANCES
from hybridbatch.evaluate.names import TABLES
from hybridbatch.evaluate.summary import SUMMARY_COLUMNS

FILE = Path(__file__).parents[1] / "config" / "published.csv"
NAMES = Names({"xquad_r": "xquad_r", "mlqa_r": "mlqa_r", "miracl": "miracl"}, {"xlm-r": "xlm-r", "labse": "labse"})


def summary_of(cells: list[PublishedCell], shift: float = 0.0, seeds: tuple[int, ...] = (1,)) -> pd.DataFrame:
    """Return a summary that has the published numbers, shifted, as the mean over seeds."""
    rows = []
    for cell in cells:
        for number, seed in enumerate(seeds):
            apart = 0.001 * (number - (len(seeds) - 1) / 2)
            value = cell.value * (1 + shift) if cell.key.metric == "rank_distance" else cell.value + shift
            benchmark, table, metric, backbone, strategy = cell.key
            setting = TABLES[table].setting
            rows.append((benchmark, setting, metric, backbone, strategy, seed, cell.language, value + apart))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


PAIRS = [("hybrid", name, name) for name in ("monolingual", "crosslingual")]
UNTESTED = pd.DataFrame(columns=[*COMPARED, "backbone", *SIZES])


def judged(
    cells: list[PublishedCell],
    summary: pd.DataFrame,
    names: Names = NAMES,
    comparisons: pd.DataFrame = UNTESTED,
    pairs: list[tuple[str, str, str]] = PAIRS,
) -> dict[str, Any]:
    """Return the verdicts with the default tolerances."""
    return verdicts_document(cells, summary, names, {**TOLERANCES}, comparisons, pairs)
