"""Transfer to languages that training did not have: scores by seen and unseen languages, by script and by family."""

from collections.abc import Collection

import pandas as pd

from hybridbatch.compare.language_groups import groups
from hybridbatch.evaluate.names import MEAN
from hybridbatch.evaluate.summary import over_seeds

KEYS = ["benchmark", "setting", "metric", "backbone", "strategy", "grouping", "group"]
COLUMNS = [*KEYS, "languages", "seeds", "mean", "sd"]


def group_means(scores: pd.DataFrame, unseen: Collection[str]) -> pd.DataFrame:
    """Average scores over the query languages of each group.

    Args:
        scores: the result of :func:`hybridbatch.evaluate.summary.main_rows`.
        unseen: the languages that no training source has.

    Returns:
        :data:`COLUMNS`: ``grouping`` is ``training``, ``script`` or ``family``; ``languages`` are the codes of the group, separated
        by spaces; mean and sample standard deviation are over seeds, of the mean over the group's languages.
    """
    languages = sorted({*scores["language"]} - {MEAN})
    members = pd.DataFrame(
        [(code, grouping, group) for code in languages for grouping, group in groups(code, unseen).items()],
        columns=["language", "grouping", "group"],
    )
    rows = scores.merge(members, on="language").dropna(subset="value")
    by_seed = rows.groupby([*KEYS, "seed"], sort=False).agg(
        value=("value", "mean"), languages=("language", lambda codes: " ".join(sorted(codes)))
    )
    return over_seeds(by_seed, [*KEYS, "languages"])[COLUMNS]
