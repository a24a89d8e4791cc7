"""The numbers of the pages of results are aggregates of the CSV files next to them."""

import csv
import json
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "docs/results"
SHIFT = RESULTS / "domain_shift"
STRATEGIES = {"untuned": "none", "monolingual": "monolingual", "hybrid": "hybrid", "cross-lingual": "crosslingual"}
READINGS = {"untuned": "none", "by batch": "hybrid", "by example": "hybrid_example"}
STRATEGIES |= {"hybrid, by example": "hybrid_example", "cross-lingual, by example": "crosslingual_example"}
STRATEGIES |= {"mixed": "mixed", "mixed, symmetric": "mixed_symmetric"}
STRATEGIES |= {f"{label}, centred": f"{name}-centred" for label, name in STRATEGIES.items()}
BENCHMARKS = {"XQuAD-R": "xquad_r", "bitcoin.org": "bitcoin_faq", "Python": "python_faq"}
TABLES = ["mono", "cross", "multi", "bias"]


def rows_below(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the table with this first line, without marks of emphasis."""
    text = page.read_text("utf-8")
    assert text.count(heading) == 1
    table = re.match(r"(\|.*\n)+", text.partition(heading + "\n")[2])
    assert table
    lines = [line.replace("*", "").strip("|").split("|") for line in table[0].splitlines()[1:]]
    return [[cell.strip() for cell in line] for line in lines]


def printed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".removeprefix("0")


@pytest.mark.parametrize("name", ["xquad"])
def test_scores_are_those_of_the_tables(name: str) -> None:
    heading = "| batches | mono mAP | cross mAP | multi mAP | rank distance |"
    expected = defaultdict(list)
    for table in TABLES:
        digits = 1 if table == "bias" else 4
        with (RESULTS / name / f"tables/{table}.csv").open(encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                if (row["benchmark"], row["metric"]) in (("xquad_r", "map"), ("xquad_r", "rank_distance")):
                    spread = f" ± {printed(float(row['mean_sd']), digits)}" if row["mean_sd"] else ""
                    expected[row["strategy"]].append(printed(float(row["mean"]), digits) + spread)
    rows = {
        STRATEGIES[label.split(" (")[0]]: cells for label, *cells in rows_below(RESULTS / name / "README.md", heading)
    }
    assert {*rows} == {*expected} & {*STRATEGIES.values()}
    assert rows == {strategy: expected[strategy] for strategy in rows}


def read(name: str, **wanted: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file of the domain shift that have these values."""
    with (SHIFT / name).open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if all(row[key] == value for key, value in wanted.items()):
                yield row


def difference(row: dict[str, str]) -> str:
    """Print a difference and its interval: points of mAP, or ranks."""
    scale, digits = (1, 0) if row["metric"] == "rank_distance" else (100, 1)
    value, low, high = (f"{scale * float(row[key]):+.{digits}f}" for key in ("difference", "low", "high"))
    return f"{value} ({low} to {high})".replace("-", "−")


def test_scores_of_the_domain_shift_are_those_of_its_tables() -> None:
    found = rows_below(
        SHIFT / "README.md", "| benchmark | batches | seeds | mono mAP | cross mAP | multi mAP | rank distance |"
    )
    assert len(found) >= len(BENCHMARKS) * 10
    for benchmark, batches, seeds, *cells in found:
        for table, cell in zip(TABLES, cells, strict=True):
            metric, digits = ("rank_distance", 1) if table == "bias" else ("map", 4)
            names = {"benchmark": BENCHMARKS[benchmark], "strategy": STRATEGIES[batches], "metric": metric}
            (row,) = read(f"tables/{table}.csv", **names)
            assert row["seeds"] == seeds
            spread = f" ± {printed(float(row['mean_sd']), digits)}" if row["mean_sd"] else ""
            assert cell == printed(float(row["mean"]), digits) + spread


@pytest.mark.parametrize(
    ("strategy", "crosslingual"), [("hybrid", "crosslingual"), ("hybrid_example", "crosslingual_example")]
)
def test_comparisons_are_those_of_the_tests(strategy: str, crosslingual: str) -> None:
    names = {value: key for key, value in STRATEGIES.items()}
    heading = f"| {names[strategy]} minus | measure | monolingual | p | {names[crosslingual]} | p |"
    found = rows_below(SHIFT / "README.md", heading)
    assert len(found) == len(BENCHMARKS) * len(TABLES)
    for benchmark, measure, *cells in found:
        setting, metric = ("bias", "rank_distance") if measure == "rank distance" else (measure.split()[0], "map")
        expected = []
        for baseline in ("monolingual", crosslingual):
            pair = {"benchmark": BENCHMARKS[benchmark], "setting": setting, "metric": metric, "baseline": baseline}
            (row,) = read("statistics/comparisons.csv", strategy=strategy, **pair)
            p_holm = float(row["p_holm"])
            expected += [difference(row), "<.001" if p_holm < 0.0005 else printed(p_holm, 3)]
        assert cells == expected


@pytest.mark.parametrize("page", [ROOT / "README.md", SHIFT / "README.md"], ids=["readme", "page"])
def test_drops_are_those_of_the_domain_shift(page: Path) -> None:
    found = rows_below(page, "| batches | mono mAP, in → out | cross mAP, in → out | multi mAP, in → out |")
    assert len(found) >= 4
    for batches, *cells in found:
        for setting, cell in zip(("mono", "cross", "multi"), cells, strict=True):
            (row,) = read("statistics/shift.csv", design="benchmarks", setting=setting, strategy=STRATEGIES[batches])
            inside, outside = (printed(float(row[key]), 3) for key in ("in_domain", "out_of_domain"))
            assert cell == f"{inside} → {outside}, −{100 * float(row['drop']):.1f} %"


def test_sentences_of_the_readme_are_those_of_the_tests() -> None:
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    (worse,), (better,), (other,) = (
        [
            *read(
                "statistics/comparisons.csv", benchmark="xquad_r", setting="multi", metric="map", strategy=s, baseline=b
            )
        ]
        for s, b in (("hybrid", "crosslingual"), ("hybrid", "monolingual"), ("hybrid_example", "monolingual"))
    )
    points = [f"{abs(100 * float(row['difference'])):.1f}" for row in (worse, better, other)]
    p_worse, p_better = (printed(float(row["p_holm"]), 3) for row in (worse, better))
    assert f"{points[0]} points of mAP worse than cross-lingual (p = {p_worse}, Holm" in text
    assert f"It is {points[1]} points better than monolingual (p = {p_better}); the paper has 4.5 and 3.0." in text
    effects = (SHIFT / "tables/published.md").read_text("utf-8")
    assert r"| xquad\_r | Multilingual mAP | hybrid - monolingual | +4.5 | +3.0 |" in effects
    assert f"hybrid, now {points[2]} points above monolingual" in text
    claim = json.loads((SHIFT / "statistics/claim.json").read_text("utf-8"))
    (example,) = claim["other_readings"]
    verdicts = [part["backbones"]["me5-small"]["verdict"] for part in (claim, example)]
    assert [*verdicts, claim["out_of_domain"]["verdict"]] == ["refuted", "undecided", "undecided"]
    assert all(test["significantly_worse"] is False for test in example["tests"])
    within = read("statistics/comparisons.csv", benchmark="xquad_r", setting="mono", family="claim")
    assert {row["significant"] for row in within} == {"False"}
    drops = read("statistics/shift.csv", design="benchmarks")
    assert {row["strategy"] for row in drops if row["untuned_significant"] == "True"} == {"none-centred"}


def test_the_settings_of_the_domain_shift_are_those_with_the_best_mean() -> None:
    values = defaultdict(list)
    with (RESULTS / "domain_shift/tuning.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["language"] == "mean" and row["metric"] in ("map", "rank_distance"):
                values[row["strategy"], row["setting"]].append(float(row["value"]))
    heading = "| pairs of languages | mono | cross | multi | mean | rank distance |"
    means = {}
    for label, *cells in rows_below(RESULTS / "domain_shift/README.md", heading):
        *scores, bias = (statistics.fmean(values[READINGS[label], table]) for table in TABLES)
        means[label] = statistics.fmean(scores)
        assert cells == [*(printed(score, 4) for score in [*scores, means[label]]), printed(bias, 1)]
    assert {*means} == {*READINGS}
    assert max(means, key=lambda label: means[label]) == "by batch"


def test_the_recipes_are_those_of_their_tuning() -> None:
    values = defaultdict(list)
    for row in read("recipes.csv", language="mean"):
        if row["metric"] in ("map", "rank_distance"):
            values[row["strategy"], row["setting"]].append(float(row["value"]))
    means = {}
    for label, *cells in rows_below(SHIFT / "README.md", "| recipe | mono | cross | multi | mean | rank distance |"):
        *scores, bias = (statistics.fmean(values[STRATEGIES[label], table]) for table in TABLES)
        means[label] = statistics.fmean(scores)
        assert cells == [*(printed(score, 4) for score in [*scores, means[label]]), printed(bias, 1)]
    assert {STRATEGIES[label] for label in means} == {strategy for strategy, _ in values}
    assert means["mixed, symmetric"] > means["mixed"]
