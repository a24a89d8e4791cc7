"""What the report says in short: verdicts, the claim, the tested comparisons, the domain shift, the main numbers."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.config.experiment import Config
from hybridbatch.report.score_tables import BASELINES, MEAN, RANK_DISTANCE, SETTINGS

UNTUNED = "none"
COLUMNS = ["benchmark", "setting", "strategy", "baseline", "sentence"]


@dataclass(frozen=True)
class Banner:
    """How the published numbers are met: a sentence, and ``none``, ``within`` or ``outside``."""

    sentence: str
    state: str


@dataclass(frozen=True)
class Sentences:
    """What the tests say on a benchmark: sentences by setting; first those that matter, then the others."""

    benchmark: str
    first: list[tuple[str, str]]
    others: list[tuple[str, str]]


@dataclass(frozen=True)
class Overview:
    """The main numbers: macro-averages over languages, means over seeds, of each setting's first measure.

    ``columns`` are (benchmark, title of the setting, measure); ``rows`` are backbone, strategy and a value per column.
    """

    columns: list[tuple[str, str, str]]
    rows: list[tuple[str, str, list[float | None]]]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The benchmarks, each with the number of its columns."""
        names = [benchmark for benchmark, _, _ in self.columns]
        return [(name, names.count(name)) for name in dict.fromkeys(names)]


def read_banner(file: Path) -> Banner:
    """Read how the published numbers are met.

    Raises:
        UserError: if the file is missing or is no verdicts.
    """
    document = read_json(file)
    try:
        counts, sentence = document["counts"], str(document["sentence"])
        outside = int(counts["covered"]) - int(counts["within"])
        state = "none" if not counts["covered"] else "outside" if outside else "within"
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: holds no verdicts ({error!r}); delete it and run again") from error
    return Banner(sentence, state)


def read_sentence(file: Path, key: str) -> str:
    """Return a sentence of ``claim.json`` or ``shift.json``.

    Raises:
        UserError: if the file is missing or lacks it.
    """
    document = read_json(file)
    if not isinstance(document.get(key), str):
        raise UserError(f"{file}: lacks {key}; delete it and run again")
    return str(document[key])


def read_sentences(file: Path) -> list[str]:
    """Return the sentences of ``shift.json``, one for each comparison.

    Raises:
        UserError: if the file is missing or lacks them.
    """
    document = read_json(file)
    if not isinstance(document.get("sentences"), list):
        raise UserError(f"{file}: lacks sentences; delete it and run again")
    return [str(sentence) for sentence in document["sentences"]]


def read_comparisons(file: Path) -> pd.DataFrame:
    """Read what the tests between strategies say: ``benchmark, setting, strategy, baseline, sentence``.

    Raises:
        UserError: if the file is missing or lacks a column.
    """
    try:
        comparisons = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as comparisons ({error}); delete it and run again") from error
    absent = [column for column in COLUMNS if column not in comparisons.columns]
    if absent:
        raise UserError(f"{file}: lacks the column {', '.join(absent)}; delete it and run again")
    return comparisons[COLUMNS]


def sort_comparisons(comparisons: pd.DataFrame, config: Config) -> list[Sentences]:
    """Sort what the tests say by benchmark and setting; benchmarks without a comparison are left out.

    First come the comparisons that the claim is about, strategy against baselines. Without any of them it is those with the
    untuned encoder.

    Args:
        comparisons: what :func:`read_comparisons` returns.
        config: the resolved configuration.
    """
    claim = config.statistics.claim
    pairs = [
        {strategy, baseline}
        for strategy, baseline in zip(comparisons["strategy"], comparisons["baseline"], strict=True)
    ]
    of_claim = [any(pair == {claim.strategy, baseline} for baseline in claim.baselines) for pair in pairs]
    matters = of_claim if any(of_claim) else [UNTUNED in pair for pair in pairs]
    found = []
    for benchmark in config.runs.benchmarks:
        split: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
        for row, first in zip(comparisons.to_dict("records"), matters, strict=True):
            if row["benchmark"] == benchmark:
                split[first].append((SETTINGS[row["setting"]][0], row["sentence"]))
        if split[True] or split[False]:
            found.append(Sentences(benchmark, split[True], split[False]))
    return found


def overview(summary: pd.DataFrame, config: Config) -> Overview:
    """Return the main numbers of the strategies that are compared and of the baselines.

    Args:
        summary: what :func:`hybridbatch.report.score_tables.read_summary` returns.
        config: the resolved configuration.
    """
    first = {str(setting): metrics[0] for setting, metrics in config.evaluation.tables.items() if metrics}
    first["bias"] = RANK_DISTANCE
    means = summary[
        (summary["language"] == MEAN)
        & summary["value"].notna()
        & summary["strategy"].isin([*config.runs.strategies, *BASELINES])
        & (summary["setting"].map(first) == summary["metric"])
    ]
    values = means.groupby(["backbone", "strategy", "benchmark", "setting"], sort=False)["value"].mean().to_dict()
    places = [
        (benchmark, setting)
        for benchmark in config.runs.benchmarks
        for setting in SETTINGS
        if any(key[2:] == (benchmark, setting) for key in values)
    ]
    systems = means[["backbone", "strategy"]].drop_duplicates().itertuples(index=False, name=None)
    return Overview(
        [(benchmark, SETTINGS[setting][0], first[setting]) for benchmark, setting in places],
        [(*system, [values.get((*system, *place)) for place in places]) for system in systems],
    )
