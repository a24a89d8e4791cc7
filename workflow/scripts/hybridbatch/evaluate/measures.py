"""Measures of every query, from the ranks of its relevant passages, computed by ranx."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import ranx
from numpy.typing import NDArray

from hybridbatch.common.files import read_table
from hybridbatch.config.base import SETTINGS

# Bytes of the arrays handed to ranx at once.
CHUNK = 256 * 2**20
# Ids of no passage: in a ranking, and for queries with fewer relevant passages than others.
FILLER = -1.0
NO_PASSAGE = -2.0


def measure_benchmark(
    ranks: Path,
    benchmark: str,
    measures: Sequence[str],
    depth: int,
    settings: Collection[str] = SETTINGS,
) -> pd.DataFrame:
    """Return the measures of every query of a benchmark in every setting.

    Args:
        ranks: a ``ranks.parquet`` file.
        benchmark: name put into the first column.
        measures: ranx's names.
        depth: a passage at a greater rank counts as not found.
        settings: what is measured.

    Returns:
        The columns of the measures table of docs/reference/results.md. A query has a row in ``mono`` and ``cross`` for each passage
        language in which it has a relevant passage, and one in ``multi``.
    """
    table = read_table(ranks).to_pandas()
    own = table["query_language"].astype(str) == table["passage_language"].astype(str)
    block = ["query_language", "passage_language", "query_id"]
    parts = [
        _measure_setting(table[own], "mono", block, "rank_in_language", measures, depth),
        _measure_setting(table[~own], "cross", block, "rank_in_language", measures, depth),
    ]
    if table["exact_rank_in_pool"].notna().any() and not own.all():
        pooled = ["query_language", "query_id"]
        multi = _measure_setting(table, "multi", pooled, "rank_in_pool", measures, depth)
        exact = table.groupby(pooled, observed=True, sort=False)["exact_rank_in_pool"]
        parts.append(multi.join((exact.max() - exact.min()).astype("float64").rename("rank_distance"), on=pooled))
    result = pd.concat([part for part in parts if len(part)], ignore_index=True)
    result = result[result["setting"].isin(list(settings))].reset_index(drop=True)
    numbers = [*measures, "rank_distance"]
    result = result.assign(benchmark=benchmark).reindex(columns=["benchmark", "setting", *block, *numbers])
    return result.astype({**dict.fromkeys(block, "str"), **dict.fromkeys(numbers, "float64")})


def _measure_setting(
    table: pd.DataFrame, setting: str, keys: list[str], column: str, measures: Sequence[str], depth: int
) -> pd.DataFrame:
    group = table.groupby(keys, observed=True, sort=False).ngroup().to_numpy()
    queries = table.loc[~table.duplicated(keys), keys].reset_index(drop=True)
    ranks = table[column].fillna(0).to_numpy(dtype=np.int64)
    values = measure_ranks(group, ranks, table["relevance"].to_numpy(dtype=np.float64), measures, depth)
    return queries.assign(setting=setting, **values)


def measure_ranks(
    query: NDArray[np.int64],
    rank: NDArray[np.int64],
    relevance: NDArray[np.float64],
    measures: Sequence[str],
    depth: int,
) -> dict[str, NDArray[np.float64]]:
    """Return measures of queries whose relevant passages have known ranks.

    ranx gets, for each query, a ranking with the relevant passages at their ranks and fillers elsewhere:
    the measures depend on nothing else, and ties are already broken. All relevant passages count, found or not.

    Args:
        query: numbers of queries, 0 to n - 1, each present; shape (pairs,).
        rank: rank of a relevant passage of that query, 0 if it was not found; shape (pairs,).
        relevance: its relevance, at least 1; shape (pairs,).
        measures: ranx's names.
        depth: a passage at a greater rank counts as not found.

    Returns:
        An array of shape (n,) for each measure.
    """
    total = int(query.max()) + 1 if len(query) else 0
    result = {name: np.zeros(total) for name in measures}
    found = np.where((rank > 0) & (rank <= depth), rank, 0)
    order = np.lexsort((-relevance, query))
    query, found, relevance = query[order], found[order], relevance[order]
    counts = np.bincount(query, minlength=total)
    number = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts)
    deepest = np.zeros(total, dtype=np.int64)
    np.maximum.at(deepest, query, found)
    for chunk in _chunks(deepest):
        place = np.full(total, -1)
        place[chunk] = np.arange(len(chunk))
        inside = place[query] >= 0
        row, column = place[query[inside]], number[inside]
        qrels = np.zeros((len(chunk), counts[chunk].max(), 2))
        qrels[:, :, 0] = NO_PASSAGE
        qrels[row, column, 0] = column
        qrels[row, column, 1] = relevance[inside]
        width = max(1, int(deepest[chunk].max()))
        run = np.full((len(chunk), width, 2), FILLER)
        run[:, :, 1] = np.arange(width, 0, -1)
        seen = found[inside] > 0
        run[row[seen], found[inside][seen] - 1, 0] = column[seen]
        # ranx 0.3.21 looks up a single measure under a truncated name; giving the first one twice avoids this.
        scores = ranx.evaluate(qrels, run, [measures[0], *measures], return_mean=False)
        for name in measures:
            result[name][chunk] = scores[name]
    return result


def _chunks(deepest: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Split the queries into groups of similar depth whose rankings fit into :data:`CHUNK` bytes."""
    order = np.argsort(deepest, kind="stable")
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop + 1 - start) * int(deepest[order[stop]]) * 16 <= CHUNK:
            stop += 1
        yield order[start:stop]
        start = stop
