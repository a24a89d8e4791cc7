"""Language bias of a ranking over the pool of all languages, beyond rank distance.

Rank distance and PEER use the ranks of relevant passages, the others the best k passages of the pool, relevant or not.
"""

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hybridbatch.common.errors import UserError

QUERY = ["query_language", "query_id"]
NORMALISED_DISTANCE = "normalised_rank_distance"
SHARES = ["query_language", "passage_language", "share_in_top", "share_in_pool"]
NO_PASSAGE = -1


def pooled_top(topk: Path, k: int) -> pd.DataFrame:
    """Merge the blocks of each query into the best ``k`` passages of the pool.

    Passages are ordered by score and, if scores are equal, by id. The scores are those of the file, in
    float32: scores that differ only beyond float32 count as equal here. Only rows of rank ``k`` and better are read, as
    no other can be among the best ``k`` of the pool.

    Args:
        topk: a ``topk.parquet`` file.
        k: passages kept for a query.

    Returns:
        ``query_language, query_id, passage_language, passage_id`` (categories), ``position`` (int64, from 1), in the order of
        queries and positions. A query has fewer than ``k`` rows where fewer passages were found.

    Raises:
        UserError: if the file is missing, cut short or no parquet file.
    """
    columns = [*QUERY, "passage_language", "passage_id", "score"]
    try:
        table = pq.read_table(topk, columns=columns, filters=[("rank", "<=", k)])
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{topk}: cannot be read as parquet ({error}); delete it and run again") from error
    top = table.to_pandas()
    codes = {}
    for column in (*QUERY, "passage_id"):
        top[column] = top[column].astype("category")
        top[column] = top[column].cat.reorder_categories(sorted(top[column].cat.categories))
        codes[column] = top[column].cat.codes.to_numpy()
    order = np.lexsort((codes["passage_id"], -top["score"].to_numpy(), codes["query_id"], codes["query_language"]))
    top = top.iloc[order].reset_index(drop=True)
    top["position"] = top.groupby(QUERY, observed=True, sort=False).cumcount() + 1
    return top.loc[top["position"] <= k, [*QUERY, "passage_language", "passage_id", "position"]].reset_index(drop=True)


def normalised_rank_distance(distance: NDArray[np.float64], pool: int) -> NDArray[np.float64]:
    """Divide rank distances by the largest that the pool allows: d / (N - 1), from 0 to 1, lower is better.

    The rank distance d is that of Elmahdy et al. (arXiv 2408.10536): the largest minus the smallest rank of a query's parallel
    relevant passages. It grows with the pool of N passages; the quotient can be compared between pools.

    Degenerate: 0 for a query with one relevant passage, whatever its rank. With r relevant passages it cannot fall below
    (r - 1) / (N - 1), so the best possible value depends on the number of languages. NaN for a pool of one passage.

    Args:
        distance: shape (queries,).
        pool: passages of all languages.
    """
    return distance / (pool - 1) if pool > 1 else np.full(len(distance), np.nan)


def equal_expected_rank(ranks: pd.DataFrame, k: int) -> "pd.Series[float]":
    """Return the probability that all languages have the same expected rank: PEER@k (Yang et al., SIGIR 2024, arXiv 2405.00978).

    The p-value of the Kruskal-Wallis test that the ranks of a query's n relevant passages have the same distribution in each of
    their m languages. A passage beyond rank k has rank k + 1; r is a passage's rank among the n, the mean rank where they tie
    (Kruskal and Wallis 1952, doi 10.1080/01621459.1952.10483441, with their correction for ties)::

        H = (n - 1) * sum_l n_l * (mean_l(r) - (n + 1) / 2)^2 / sum_i (r_i - (n + 1) / 2)^2,    PEER@k = P(chi2(m - 1) > H)

    Every relevance above 0 is one level with weight 1, other passages have weight 0. Higher is fairer.

    Degenerate: 1 where relevant passages are in one language, or none is among the best k. Where each language has one
    relevant passage, as in XQuAD-R and Belebele, H is m - 1 for every ranking with at least one of them among the best k (p = .4405 for
    11 languages), so the mean over queries counts queries that find nothing and says nothing about languages.

    Args:
        ranks: ``query_language, query_id, passage_language, rank_in_pool`` of each relevant passage, from 1, null if not found.
        k: the cutoff.

    Returns:
        A value for each (query language, query id), from 0 to 1.
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - programs that write tables do without

    cut = ranks[[*QUERY, "passage_language"]].assign(rank=ranks["rank_in_pool"].fillna(k + 1).clip(upper=k + 1))
    by_query = cut.groupby(QUERY, observed=True, sort=False)["rank"]
    cut["deviation"] = by_query.rank() - (by_query.transform("size") + 1) / 2
    cut["square"] = cut["deviation"] ** 2
    languages = cut.groupby([*QUERY, "passage_language"], observed=True, sort=False)["deviation"]
    between = (languages.sum() ** 2 / languages.size()).groupby(QUERY, observed=True, sort=False).agg(["sum", "size"])
    total = cut.groupby(QUERY, observed=True, sort=False)["square"].agg(["sum", "size"])
    testable = (total["sum"] > 0) & (between["size"] > 1)
    statistic = (total["size"] - 1) * between["sum"] / total["sum"].where(testable)
    return pd.Series(np.where(testable, chdtrc(between["size"] - 1, statistic), 1.0), total.index)


def own_language_share(top: pd.DataFrame) -> "pd.Series[float]":
    """Return the share of each query's best k passages that are in the query's own language.

    Degenerate: 1 in a pool of one language. Its value without any bias is the language's share of the pool, not 0: see
    :func:`own_language_preference`.

    Args:
        top: the result of :func:`pooled_top` returns.

    Returns:
        A value for each (query language, query id), from 0 to 1.
    """
    own = top["query_language"].astype(str) == top["passage_language"].astype(str)
    return own.groupby([top[column] for column in QUERY], observed=True, sort=False).mean().astype("float64")


def own_language_preference(share: "pd.Series[float]", pool: Mapping[str, int]) -> "pd.Series[float]":
    """Return how much more of a query's best k passages are in its own language than of the pool.

    s - p, with s the share of the language in the best k and p its share of the pool: the difference between the top and the
    whole that rND is made of (Yang and Stoyanovich 2017, arXiv 1610.08559), with its sign kept. Above 0: the own language is
    preferred, below 0: it is avoided. A difference and no ratio s / p: it is bounded (-p to 1 - p), its mean over queries is the
    difference of the mean shares, and a language that is rare in the pool does not dominate the mean over languages.

    Degenerate: 0 in a pool of one language. A random ranking has 0 too: read it together with a measure of relevance.

    Args:
        share: the result of :func:`own_language_share` returns.
        pool: passages of each language.
    """
    expected = (
        share.index.get_level_values("query_language").astype(str).map(pool_shares(pool)).to_numpy(dtype="float64")
    )
    return share - np.nan_to_num(expected)


def pool_shares(pool: Mapping[str, int]) -> dict[str, float]:
    """Return the share of each language in the pool."""
    total = sum(pool.values())
    return {code: count / total for code, count in pool.items()}


def rank_consistency(top: pd.DataFrame, k: int) -> "pd.Series[float]":
    """Return the agreement of the rankings for the same question in different languages: MRC@k.

    The mean Spearman correlation of a query's ranking with those of the same question in every other language, as Yang, Jiang
    and Baldwin measure language fairness (MRL 2024, arXiv 2509.06195). Their definition does not cover passages
    of one list alone; here the correlation is taken over the union of both lists, as :func:`spearman` says.

    Degenerate: 1 where all passages tie, as then ids alone decide the order, in every language alike: a broken encoder is
    consistent. Missing (NaN) for a question that exists in one language. If k is at least the size of the pool, it is the correlation of
    the whole rankings, most of which are irrelevant passages.

    Args:
        top: the result of :func:`pooled_top` returns.
        k: its ``k``.

    Returns:
        A value for each (query language, query id), from -1 to 1.
    """
    languages = list(top["query_language"].cat.categories)
    language, question = (top[column].cat.codes.to_numpy() for column in QUERY)
    lists = np.full((len(languages), len(top["query_id"].cat.categories), k), NO_PASSAGE, dtype=np.int64)
    lists[language, question, top["position"].to_numpy() - 1] = top["passage_id"].cat.codes
    sums = np.zeros(lists.shape[:2])
    counts = np.zeros(lists.shape[:2])
    for a, b in combinations(range(len(languages)), 2):
        both = np.flatnonzero((lists[[a, b], :, 0] != NO_PASSAGE).all(axis=0))
        correlation = spearman(lists[a, both], lists[b, both])
        for own in (a, b):
            sums[own, both] += correlation
            counts[own, both] += 1
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    asked = top[QUERY].drop_duplicates()
    values = means[asked["query_language"].cat.codes, asked["query_id"].cat.codes]
    return pd.Series(values, index=pd.MultiIndex.from_frame(asked))


def spearman(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the Spearman correlation of pairs of lists over their union.

    The passages of the union that a list lacks share one rank after its end, the mean of the ranks they would take
    (fractional ranks); the correlation is Pearson's of these ranks.

    Degenerate: lists without a common passage are below 0 and above -1 (-0.86 for two of 10), as the ties after the end of the
    lists are not broken. 1 for two lists of the same single passage, where Pearson's is undefined.

    Args:
        first: numbers of passages in the order of their ranks, then :data:`NO_PASSAGE` where the list is shorter; shape (pairs, k). A
            list has at least one passage, and none twice.
        second: likewise, shape (pairs, k).

    Returns:
        Shape (pairs,).
    """
    k = first.shape[1]
    position = np.arange(1, k + 1, dtype=np.float64)
    lengths = [(row != NO_PASSAGE).sum(axis=1).astype(np.float64) for row in (first, second)]
    common = (first[:, :, None] == second[:, None, :]) & (first != NO_PASSAGE)[:, :, None]
    union = lengths[0] + lengths[1] - common.sum(axis=(1, 2))
    behind = [(length + 1 + union) / 2 for length in lengths]
    mean = (union + 1) / 2
    products = np.einsum("nij,i,j->n", common.astype(np.float64), position, position)
    variances = []
    for own, other, axis in ((0, 1, 2), (1, 0, 1)):
        held = position <= lengths[own][:, None]
        alone = held & ~common.any(axis=axis)
        products += (alone @ position) * behind[other]
        squares = held @ position**2 + (union - lengths[own]) * behind[own] ** 2
        variances.append(squares - union * mean**2)
    single = union == 1
    spread = np.sqrt(np.where(single, 1, variances[0] * variances[1]))
    correlation: NDArray[np.float64] = np.where(single, 1.0, (products - union * mean**2) / spread)
    return correlation


def language_shares(top: pd.DataFrame, pool: Mapping[str, int]) -> pd.DataFrame:
    """Return the share of each passage language in the best k of each query language, and its share of the pool.

    Args:
        top: the result of :func:`pooled_top` returns.
        pool: passages of each language.

    Returns:
        ``query_language, passage_language, share_in_top, share_in_pool``, a row for each pair of a query language and a
        language of the pool, in alphabetical order; each share adds up to 1 within a query language.
    """
    counts = pd.crosstab(top["query_language"].astype(str), top["passage_language"].astype(str))
    counts = counts.reindex(columns=sorted(pool), fill_value=0)
    shares = counts.div(counts.sum(axis="columns"), axis="index").stack().rename("share_in_top").reset_index()
    return shares.assign(share_in_pool=shares["passage_language"].map(pool_shares(pool)))[SHARES]


def share_divergence(shares: pd.DataFrame) -> "pd.Series[float]":
    """Return the distance between the languages of the best k and of the pool, for each query language.

    The total variation distance, half the sum over languages of |share in the top - share in the pool| (Levin and Peres,
    Markov Chains and Mixing Times, 4.1): the part of the positions that would have to go to another language; from 0 to below 1.

    Degenerate: 0 in a pool of one language. Shares are pooled over queries first: a single list of k passages cannot have the
    shares of a pool of more than k languages. Few queries leave a distance above 0 without any bias.

    Args:
        shares: the result of :func:`language_shares` returns.
    """
    gap = (shares["share_in_top"] - shares["share_in_pool"]).abs()
    return gap.groupby(shares["query_language"], sort=False).sum() / 2


def measure_queries(top: pd.DataFrame, pool: Mapping[str, int], k: int) -> pd.DataFrame:
    """Return the measures of every query that use the best k passages of the pool.

    Args:
        top: the result of :func:`pooled_top` returns.
        pool: passages of each language.
        k: its ``k``.

    Returns:
        ``query_language, query_id`` (text) and, in float64, ``own_language_share@k``, ``own_language_preference@k`` and
        ``rank_consistency@k``.
    """
    share = own_language_share(top)
    measures = {
        f"own_language_share@{k}": share,
        f"own_language_preference@{k}": own_language_preference(share, pool),
        f"rank_consistency@{k}": rank_consistency(top, k),
    }
    return pd.DataFrame(measures).reset_index().astype(dict.fromkeys(QUERY, "str"))
