"""Which strategy is significantly better than every other one."""

from collections.abc import Sequence

import pandas as pd

from hybridbatch.evaluate.names import RANK_DISTANCE, UNTUNED

PANEL = ["benchmark", "setting", "metric", "backbone"]


def winners(comparisons: pd.DataFrame, strategies: Sequence[str]) -> dict[tuple[str, ...], str]:
    """Return the strategy that is significantly better than every other one, for each benchmark, setting, measure and backbone.

    Args:
        comparisons: :data:`PANEL`, ``strategy``, ``baseline``, ``difference`` (strategy minus baseline) and ``significant`` of
            every two systems.
        strategies: those that are compared, besides the untuned encoder. Others neither win nor must be beaten.

    Returns:
        The winner by :data:`PANEL`; no entry where no strategy beats all others.
    """
    compared = {UNTUNED, *strategies}
    rows = comparisons[comparisons["strategy"].isin(compared) & comparisons["baseline"].isin(compared)]
    found = {}
    for panel, pairs in rows.groupby(PANEL, sort=False):
        beaten: dict[str, set[str]] = {name: set() for name in [*pairs["strategy"], *pairs["baseline"]]}
        for row in pairs[pairs["significant"]].itertuples(index=False):
            is_better = (row.difference < 0) == (row.metric == RANK_DISTANCE)
            better, worse = (row.strategy, row.baseline) if is_better else (row.baseline, row.strategy)
            beaten[better].add(worse)
        for name, others in beaten.items():
            if len(others) == len(beaten) - 1:
                found[panel] = name
    return found
