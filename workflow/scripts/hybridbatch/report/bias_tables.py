"""The table of language bias beyond rank distance: a row per backbone and strategy, a column per measure."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hybridbatch.evaluate.language_bias import SHARES, share_divergence
from hybridbatch.evaluate.names import MEAN, parse_run
from hybridbatch.evaluate.summary import block_means, over_seeds, read_csv, summarise
from hybridbatch.report.score_tables import notes, score_rows, wide
from hybridbatch.report.table import Page, data_page

EXPLANATION = (
    "Queries of one language search the pool of the passages of all languages; measures @k look at the best k passages, relevant "
    "or not; means over query languages. Normalised rank distance: rank distance by the size of the pool less one. Own-language "
    "share: part of the best k in the query's language; own-language preference: that less the language's share of the pool "
    "(0: none). Share divergence: total variation distance between the languages of the best k and of the pool (0: alike). Rank "
    "consistency: Spearman correlation of the best k between the languages of a question, over the union of both lists (1: the "
    "same; without a common passage below 0, -0.86 at k = 10). PEER: p-value of the test that relevant passages have the same ranks in "
    "all languages, beyond k all alike (1: fairest); where each language has one relevant passage, it only counts queries without any "
    "among the best k. Language probe: balanced accuracy of a linear classifier of the "
    "language of query vectors, on unseen questions, next to chance. Centroid distance: mean cosine distance between the "
    "centroids of two languages. Offset share: part of the squared distance between translations that a constant offset between "
    "languages makes up. Language variance: part of the variance of query vectors that lies between languages."
)
LABELS = {
    "normalised_rank_distance": "Norm. rank distance",
    "own_language_share": "Own-language share",
    "own_language_preference": "Own-language preference",
    "share_divergence": "Share divergence",
    "rank_consistency": "Rank consistency (MRC)",
    "peer": "PEER",
    "probe_accuracy": "Language probe",
    "probe_chance": "Probe by chance",
    "centroid_distance": "Centroid distance",
    "offset_share": "Offset share",
    "language_variance": "Language variance",
}
ROW = ["benchmark", "backbone", "strategy"]
DIGITS = 4
NAME = "language_bias"


def read_shares(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the shares of languages of each run.

    Args:
        files: ``<run>.shares.csv`` by the run's name.

    Returns:
        ``benchmark, query_language, passage_language, share_in_top, share_in_pool, backbone, strategy, seed``.

    Raises:
        UserError: if a file is missing or lacks a column.
    """
    return _read(files, ["benchmark", *SHARES], ["share_in_top", "share_in_pool"])


def read_identifiability(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read how well the vectors of each run tell their language: ``benchmark, metric, value, backbone, strategy, seed``.

    Raises:
        UserError: if a file is missing or lacks a column.
    """
    return _read(files, ["benchmark", "measure", "value"], ["value"]).rename(columns={"measure": "metric"})


def _read(files: Mapping[str, Path], columns: list[str], numbers: list[str]) -> pd.DataFrame:
    frames = [read_csv(file, columns, numbers).assign(**parse_run(name)._asdict()) for name, file in files.items()]
    return pd.concat(frames, ignore_index=True)


def bias_values(
    queries: Mapping[str, Path], shares: pd.DataFrame, identifiability: pd.DataFrame, k: int
) -> pd.DataFrame:
    """Return one value for each run, benchmark and measure.

    Measures of queries are averaged over queries and then over query languages; the divergence is averaged over query languages.

    Args:
        queries: ``<run>.parquet`` by the run's name.
        shares: the result of :func:`read_shares`.
        identifiability: the result of :func:`read_identifiability`.
        k: depth of the shares, for the name of their divergence.

    Returns:
        ``benchmark, metric, backbone, strategy, seed, value``, benchmarks and runs in the order of ``queries``.
    """
    summary = summarise(block_means(queries))
    means = summary[summary["language"] == MEAN]
    run = [*ROW, "seed"]
    divergence = pd.DataFrame(
        [(*key, share_divergence(frame).mean()) for key, frame in shares.groupby(run, sort=False)],
        columns=[*run, "value"],
    ).assign(metric=f"share_divergence@{k}")
    columns = [*run, "metric", "value"]
    values = pd.concat([frame[columns] for frame in (means, divergence, identifiability)], ignore_index=True)
    return values.astype({"value": "float64"})


def bias_page(values: pd.DataFrame) -> Page:
    """Lay values out, averaged over seeds. Nothing is marked as best: no single value of these measures is.

    Args:
        values: the result of :func:`bias_values`.
    """
    order = list(LABELS)
    metrics = sorted(values["metric"].unique(), key=lambda metric: order.index(metric.partition("@")[0]))
    systems = values.groupby(["backbone", "strategy"], sort=False)["seed"].nunique().rename("seeds").reset_index()
    rows = values[["benchmark"]].drop_duplicates().merge(systems, how="cross")
    means = over_seeds(values.rename(columns={"metric": "column"}), [*ROW, "column"]).drop(columns="seeds")
    scores = rows.merge(means, how="left").assign(best=False)
    cells = score_rows(scores, ROW, metrics, DIGITS)
    headings = [*ROW, "seeds", *map(label, metrics)]
    return data_page(NAME, EXPLANATION, headings, cells, notes(cells), data=wide(scores, ROW, metrics))


def label(metric: str) -> str:
    """Return a measure's name as it is printed."""
    name, at, depth = metric.partition("@")
    return LABELS[name] + at + depth


def mean_shares(shares: pd.DataFrame) -> pd.DataFrame:
    """Average the shares of languages over seeds.

    Args:
        shares: the result of :func:`read_shares`.

    Returns:
        ``benchmark, backbone, strategy, seeds, query_language, passage_language, share_in_top, share_in_top_sd,
        share_in_pool``; the sample standard deviation is empty for a single seed.
    """
    means = shares.groupby([*ROW, "query_language", "passage_language"], sort=False).agg(
        seeds=("seed", "nunique"),
        share_in_top=("share_in_top", "mean"),
        share_in_top_sd=("share_in_top", "std"),
        share_in_pool=("share_in_pool", "first"),
    )
    columns = ["query_language", "passage_language", "share_in_top", "share_in_top_sd", "share_in_pool"]
    return means.reset_index()[[*ROW, "seeds", *columns]]
