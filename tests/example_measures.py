"""Measures of a tiny experiment whose means can be checked by hand."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa

from hybridbatch.common.files import write_table
from hybridbatch.evaluate.summary import SUMMARY_COLUMNS

BENCHMARKS = ("quiz_r", "a<b_r")
LANGUAGES = ("de", "el", "en")
# Languages differ in their number of queries, so that the mean over languages differs from that over queries.
QUERIES = {"de": 1, "el": 2, "en": 4}
OF_QUERY_LANGUAGE = {"de": 0.0, "el": -0.1, "en": 0.1}
OF_PASSAGE_LANGUAGE = {"de": -0.1, "el": -0.2, "en": 0.0}
RUNS = {
    "bm25/bm25/seed0": 0.4,
    "small_e5/none/seed0": 0.3,
    "small_e5/monolingual/seed1": 0.5,
    "small_e5/monolingual/seed2": 0.54,
    "small_e5/hybrid/seed1": 0.6,
    "small_e5/hybrid/seed2": 0.6,
}
RANK_DISTANCES = {
    "small_e5/none/seed0": 100.0,
    "small_e5/monolingual/seed1": 40.0,
    "small_e5/monolingual/seed2": 60.0,
    "small_e5/hybrid/seed1": 30.0,
    "small_e5/hybrid/seed2": 30.0,
}


def measures(run: str) -> pd.DataFrame:
    """Return the per-query measures of a run; the mean over the queries of a block is ``map`` = run + languages."""
    rows = []
    for benchmark in BENCHMARKS:
        for query_language in LANGUAGES:
            level = RUNS[run] + OF_QUERY_LANGUAGE[query_language]
            blocks: list[tuple[str, str | None, float]] = [("mono", query_language, level)]
            if not run.startswith("bm25"):
                others = [language for language in LANGUAGES if language != query_language]
                blocks += [("cross", language, level + OF_PASSAGE_LANGUAGE[language]) for language in others]
                blocks.append(("multi", None, level / 2))
            for setting, passage_language, mean in blocks:
                count = QUERIES[query_language]
                for query in range(count):
                    spread = 0.02 * (query - (count - 1) / 2)
                    recall = None if run == "small_e5/none/seed0" else float(query == 0)
                    distance = RANK_DISTANCES[run] if setting == "multi" else None
                    row = (benchmark, setting, query_language, passage_language, f"q{query}")
                    rows.append((*row, mean + spread, recall, recall, distance))
    keys = ["benchmark", "setting", "query_language", "passage_language", "query_id"]
    frame = pd.DataFrame(rows, columns=[*keys, "map", "recall@1", "recall@10", "rank_distance"])
    return frame.astype(dict.fromkeys(frame.columns[5:], "float64"))


def write_measures(folder: Path) -> dict[str, Path]:
    """Write a measures file for each run and return its path by the run's name."""
    files = {}
    for run in RUNS:
        files[run] = folder / f"{run}.parquet"
        write_table(files[run], pa.Table.from_pandas(measures(run), preserve_index=False))
    return files


def arguments(files: dict[str, Path]) -> list[str]:
    """Return ``NAME=FILE`` arguments."""
    return [f"{name}={file}" for name, file in files.items()]


def layout(**values: object) -> list[str]:
    """Return the option ``--layout`` of the programs that write tables; default: both benchmarks and both strategies."""
    return ["--layout", json.dumps({"benchmarks": BENCHMARKS, "strategies": ["monolingual", "hybrid"], **values})]


# Scores in languages that training had and had not.
TRANSFER = {"de": 0.8, "en": 0.9, "ru": 0.5, "zh": 0.3}
UNSEEN = ["ru", "zh"]


def transfer_summary() -> pd.DataFrame:
    """Return a summary of :data:`TRANSFER`; ``hybrid`` is better than ``none`` by 0.1 and 0.01 for each seed."""
    rows = []
    for strategy, seeds, gain in (("none", [0], 0.0), ("hybrid", [1, 2], 0.1)):
        for seed in seeds:
            for language, value in TRANSFER.items():
                rows.append(("b", "mono", "map", "e", strategy, seed, language, value + gain + 0.01 * seed))
            rows.append(("b", "mono", "map", "e", strategy, seed, "mean", 0.0))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
