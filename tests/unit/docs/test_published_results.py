"""The numbers of the pages of results are aggregates of the CSV files next to them."""

import csv
import re
import statistics
from collections import defaultdict
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[3] / "docs/results"
STRATEGIES = {"untuned": "none", "monolingual": "monolingual", "hybrid": "hybrid", "cross-lingual": "crosslingual"}
READINGS = {"untuned": "none", "by batch": "hybrid", "by example": "hybrid_example"}
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
    assert {*rows} == {*STRATEGIES.values()}
    assert rows == {strategy: expected[strategy] for strategy in rows}


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
