"""Effects: what a strategy gains here and in the paper, and the means of other systems for orientation."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from hybridbatch.compare.published_cells import (
    PAPERS,
    ColumnKey,
    Names,
    Ours,
    PublishedCell,
    by_column,
    spread,
    statistic_of,
)
from hybridbatch.compare.published_verdicts import Verdict
from hybridbatch.evaluate.names import MEAN, decimals, table_name

# Each effect: a strategy and the baseline that it is compared with.
EFFECTS = (("hybrid", "monolingual"), ("hybrid", "crosslingual"), ("crosslingual", "monolingual"))
COMPARED = ["benchmark", "setting", "metric", "strategy", "baseline"]
SIZES = ["difference", "low", "high"]


def effects(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Compare the gain of a strategy over a baseline here and in the paper, over the languages that both were run in.

    ``ratio`` is the effect ratio of Breuer et al. (2020), "How to Measure the Reproducibility of System-oriented IR
    Experiments", taken on means over languages: (strategy - baseline) here / (strategy - baseline) in the paper. 1: the same
    effect; above 1: a larger one; below 0: one in the other direction. None where the paper has no effect at all.
    """
    columns: dict[ColumnKey, dict[str, Verdict]] = {}
    for verdict in verdicts:
        if verdict.ours is not None:
            columns.setdefault(verdict.cell.key, {})[verdict.cell.language] = verdict
    found = []
    for group in dict.fromkeys(key[:-1] for key in columns):
        for strategy, baseline in EFFECTS:
            upper, lower = columns.get(ColumnKey(*group, strategy), {}), columns.get(ColumnKey(*group, baseline), {})
            languages = [language for language in upper if language in lower]
            if languages:
                ours = _gain([(upper[code].ours, lower[code].ours) for code in languages])
                published = _gain([(upper[code].cell.value, lower[code].cell.value) for code in languages])
                # The published numbers are sums of printed ones: anything smaller is a rounding error.
                ratio = ours / published if abs(published) > 1e-9 else None
                found.append(
                    {
                        **dict(zip(ColumnKey._fields, group, strict=False)),
                        "strategy": strategy,
                        "baseline": baseline,
                        "languages": len(languages),
                        "ours": ours,
                        "published": published,
                        "ratio": ratio,
                    }
                )
    return found


def _gain(pairs: Sequence[tuple[float | None, float | None]]) -> float:
    return math.fsum((upper or 0.0) - (lower or 0.0) for upper, lower in pairs) / len(pairs)


def orientation(cells: Sequence[PublishedCell], ours: Ours) -> list[dict[str, Any]]:
    """Return means over the paper's languages of systems that are not in the paper, and of the paper's.

    They are other systems, so there is no verdict. A mean is left out where a language was not run; so is a benchmark without
    any system of ours.
    """
    columns = by_column(cells)
    order = list(dict.fromkeys(key[:3] for key in columns))
    languages = {key[:3]: [cell.language for cell in column] for key, column in columns.items()}
    rows = []
    for key in ours.columns():
        if key not in columns and key[:3] in languages and ours.comparable(key, languages[key[:3]]):
            values = ours.averages(key, languages[key[:3]], MEAN)
            if values:
                mean, sd = spread(values)
                rows.append({**key._asdict(), "origin": "ours", "value": mean, "sd": sd, "seeds": len(values)})
    shown = {row["benchmark"] for row in rows}
    for key, column in columns.items():
        if key.benchmark in shown:
            value = round(statistic_of([cell.value for cell in column], MEAN), decimals(key.metric))
            rows.append({**key._asdict(), "origin": "published", "value": value, "sd": None, "seeds": 1})
    return sorted(
        rows, key=lambda row: (order.index((row["benchmark"], row["setting"], row["metric"])), row["origin"] == "ours")
    )


def published_means(cells: Sequence[PublishedCell], ours: Ours, names: Names) -> list[dict[str, Any]]:
    """Return the means of the paper's columns over their languages, unrounded, of benchmarks that were run in these languages.

    ``here`` is our name of the benchmark.
    """
    return [
        {
            **key._asdict(),
            "here": names.benchmarks[key.benchmark],
            "value": statistic_of([c.value for c in column], MEAN),
        }
        for key, column in by_column(cells).items()
        if ours.has_languages(key, [cell.language for cell in column])
    ]


def effects_of_hybrid(
    means: Sequence[Mapping[str, Any]], comparisons: pd.DataFrame, pairs: Iterable[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    """Return how much hybrid batches gain over each baseline, with our encoders and with the paper's.

    Encoders and training data may differ from the paper's; benchmarks and their languages do not.

    Args:
        means: the result of :func:`published_means`.
        comparisons: :data:`COMPARED`, ``backbone`` and :data:`SIZES` of ``comparisons.csv``: differences of macro-averages, with intervals.
        pairs: a strategy and a baseline of ours, and the paper's name of this baseline.

    Returns:
        A record for each published measure, pair and backbone: the names, the :data:`SIZES` of our difference, ``published``, the
        difference of each of the paper's encoders, and ``same_sign``, those of them with the sign of ours.
    """
    ours = comparisons.assign(setting=list(map(table_name, comparisons["setting"], comparisons["metric"])))
    # Of two strategies, either one may be the baseline.
    turned = ours.rename(columns={"strategy": "baseline", "baseline": "strategy", "low": "high", "high": "low"})
    ours = pd.concat([ours, turned.assign(**{name: -turned[name] for name in SIZES})])
    columns: dict[tuple[str, ...], dict[tuple[str, str], float]] = {}
    for mean in means:
        measure = (mean["benchmark"], mean["here"], mean["setting"], mean["metric"])
        columns.setdefault(measure, {})[mean["backbone"], mean["strategy"]] = mean["value"]
    rows = []
    for (benchmark, here, setting, metric), values in columns.items():
        for strategy, baseline, name in pairs:
            published = {
                paper: values[paper, "hybrid"] - values[paper, name]
                for paper in PAPERS
                if {(paper, "hybrid"), (paper, name)} <= {*values}
            }
            key = dict(zip(COMPARED, (here, setting, metric, strategy, baseline), strict=True))
            for own in ours[(ours[COMPARED] == pd.Series(key)).all(axis="columns")].to_dict("records"):
                same_sign = [paper for paper, gain in published.items() if gain * own["difference"] > 0]
                rows.append(
                    {
                        **key,
                        "benchmark": benchmark,
                        "backbone": own["backbone"],
                        **{size: own[size] for size in SIZES},
                        "published": published,
                        "same_sign": same_sign,
                    }
                )
    return rows
