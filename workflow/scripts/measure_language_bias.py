"""Measure the language bias of a run in its rankings of the pool of all languages, and in its vectors.

Writes `<output>.parquet` (a row for each query), `<output>.shares.csv` (shares of languages in the top and in the pool) and
`<output>.identifiability.csv` (how well the vectors of questions identify their language).
"""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from hybridbatch.common import cli
from hybridbatch.common.files import read_table, write_table, write_text
from hybridbatch.config.evaluation import Evaluation
from hybridbatch.encode.vectors import open_vectors
from hybridbatch.evaluate.language_bias import (
    NORMALISED_DISTANCE,
    QUERY,
    SHARES,
    equal_expected_rank,
    language_shares,
    measure_queries,
    normalised_rank_distance,
    pooled_top,
)
from hybridbatch.evaluate.language_identifiability import Sample, choose_questions, measure_identifiability
from hybridbatch.evaluate.names import KEYS

logger = logging.getLogger(__name__)

# Number of questions whose vectors, in all their languages, are probed.
PROBE_QUESTIONS = 300


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("--run", required=True, help="the run: backbone/strategy/seed<N>")
    parser.add_argument("--results", type=Path, required=True, help="folder of the experiment's results")
    parser.add_argument(
        "--languages", type=json.loads, required=True, help="languages of each benchmark with a pool, as JSON"
    )
    parser.add_argument(
        "--settings", type=cli.section(Evaluation), required=True, help="the section evaluation, as JSON"
    )
    parser.add_argument("--output", type=Path, required=True, help="parquet file to write")
    arguments = parser.parse_args(argv)
    run, results, settings = arguments.run, arguments.results, arguments.settings
    distances = read_distances(results / "measures" / f"{run}.parquet")
    queries, shares, identifiability = [], [], []
    for name, languages in arguments.languages.items():
        folder = results / "benchmarks" / name
        pool = pool_sizes(folder, languages)
        top = pooled_top(results / "search" / run / name / "topk.parquet", settings.bias_depth)
        measured = measure_queries(top, pool, settings.bias_depth).assign(benchmark=name)
        measured = measured.merge(distances, how="left", on=["benchmark", *QUERY])
        distance = measured.pop("rank_distance").to_numpy()
        ranks = read_ranks(results / "search" / run / name / "ranks.parquet")
        peer = equal_expected_rank(ranks, settings.bias_depth).rename(f"peer@{settings.bias_depth}")
        measured = measured.merge(peer.reset_index(), how="left", on=QUERY)
        measured[NORMALISED_DISTANCE] = normalised_rank_distance(distance, sum(pool.values()))
        queries.append(measured)
        shares.append(language_shares(top, pool).assign(benchmark=name))
        values = measure_identifiability(
            read_sample(folder, results / "embeddings" / run / name, list(pool), PROBE_QUESTIONS)
        )
        identifiability += [(name, measure, value) for measure, value in values.items()]
        logger.info("%s: measured", name)
    write_queries(arguments.output, pd.concat(queries, ignore_index=True))
    table = pd.concat(shares, ignore_index=True)[["benchmark", *SHARES]]
    write_csv(arguments.output.with_suffix(".shares.csv"), table)
    columns = ["benchmark", "measure", "value"]
    write_csv(arguments.output.with_suffix(".identifiability.csv"), pd.DataFrame(identifiability, columns=columns))


def read_distances(measures: Path) -> pd.DataFrame:
    """Return ``benchmark, query_language, query_id, rank_distance`` of the queries of the pool."""
    table = read_table(measures, ["benchmark", "setting", *QUERY, "rank_distance"]).to_pandas()
    return table[table["setting"] == "multi"].drop(columns="setting")


def read_ranks(file: Path) -> pd.DataFrame:
    """Return ``query_language, query_id, passage_language`` (text) and ``rank_in_pool`` of each query's relevant passages."""
    names = [*QUERY, "passage_language"]
    return read_table(file, [*names, "rank_in_pool"]).to_pandas().astype(dict.fromkeys(names, "str"))


def pool_sizes(folder: Path, languages: list[str]) -> dict[str, int]:
    """Return the number of passages in each language of a prepared benchmark."""
    return {code: read_table(folder / code / "passages.parquet", ["passage_id"]).num_rows for code in languages}


def read_sample(benchmark: Path, embeddings: Path, languages: list[str], limit: int) -> Sample:
    """Return the vectors of up to ``limit`` questions in all their languages."""
    ids = {
        code: read_table(benchmark / code / "queries.parquet", ["query_id"])["query_id"].to_pylist()
        for code in languages
    }
    chosen = {name: number for number, name in enumerate(choose_questions(ids, limit))}
    vectors, language, question = [], [], []
    for number, code in enumerate(languages):
        rows = np.array([row for row, name in enumerate(ids[code]) if name in chosen], dtype=np.int64)
        vectors.append(open_vectors(embeddings, code, "queries").take(rows).astype(np.float64))
        language.append(np.full(len(rows), number))
        question.append(np.array([chosen[ids[code][row]] for row in rows], dtype=np.int64))
    logger.info("%s: vectors of %d questions in %d languages", benchmark.name, len(chosen), len(languages))
    return Sample(np.concatenate(vectors), np.concatenate(language), np.concatenate(question))


def write_queries(path: Path, measured: pd.DataFrame) -> None:
    """Write the measures of queries with the key columns of measures files."""
    names = [NORMALISED_DISTANCE, *(column for column in measured if "@" in column)]
    measured = measured.assign(setting="multi", passage_language=None)[[*KEYS, *names]]
    measured = measured.astype({**dict.fromkeys(KEYS, "str"), **dict.fromkeys(names, "float64")})
    write_table(path, pa.Table.from_pandas(measured, preserve_index=False))


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV file in full precision."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    cli.run(main)
