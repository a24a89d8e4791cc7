"""The ablation: its rows, table and figure."""

import json
from pathlib import Path

import pandas as pd
import pytest
from example_measures import layout

import write_ablation as program
from hybridbatch.common.errors import UserError
from hybridbatch.config.derived_strategies import Point
from hybridbatch.report.ablation import KEYS, NUMBERS, ablation_page, ablation_rows

POINTS = [
    Point("alpha", "0", "crosslingual"),
    Point("alpha", "0.25", "hybrid-alpha0.25"),
    Point("alpha", "1", "monolingual"),
]
SCORES = {"crosslingual": 0.5, "hybrid-alpha0.25": 0.7, "monolingual": 0.6}


@pytest.fixture
def intervals(tmp_path: Path) -> Path:
    rows = []
    for strategy, score in SCORES.items():
        for setting, metric, value in (("multi", "map", score), ("bias", "rank_distance", 100 * score)):
            for language in ("de", "mean"):
                rows.append(("b", setting, metric, "e", strategy, language, 3, value, 0.01, value - 0.02, value + 0.02))
    file = tmp_path / "intervals.csv"
    pd.DataFrame(rows, columns=[*KEYS, *NUMBERS]).to_csv(file, index=False)
    return file


def test_a_column_per_value_in_their_order_and_the_best_marked(intervals: Path) -> None:
    multi, bias = ablation_page(ablation_rows(intervals, POINTS)).tables
    assert (multi.title, multi.measure) == ("b, multilingual", "mAP")
    assert [column.heading for column in multi.columns] == ["backbone", "strategy", "seeds", "0", "0.25", "1"]
    assert [cell.text for cell in multi.rows[0]] == ["e", "alpha", "3", "0.5000", "0.7000", "0.6000"]
    assert [cell.mark for cell in multi.rows[0][3:]] == ["", "best", ""]
    assert [cell.link for cell in multi.rows[0][3:]] == [
        "run-e-crosslingual",
        "run-e-hybrid-alpha0.25",
        "run-e-monolingual",
    ]
    assert bias.title == "b, language bias"
    assert [cell.mark for cell in bias.rows[0][3:]] == ["best", "", ""]


def test_a_point_without_results_is_shown_as_missing(intervals: Path) -> None:
    known = pd.read_csv(intervals)
    two = pd.concat([known, known[known["strategy"] != "monolingual"].assign(backbone="f")])
    two.to_csv(intervals, index=False)
    multi = ablation_page(ablation_rows(intervals, POINTS)).tables[0]
    assert [row[0].text for row in multi.rows] == ["e", "f"]
    assert multi.rows[1][5].value is None


@pytest.mark.slow
def test_the_program_writes_table_and_figure_alike_twice(intervals: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        argv = [
            "--intervals",
            str(intervals),
            "--points",
            json.dumps(POINTS),
            *layout(),
            "--tables",
            str(tmp_path / folder),
        ]
        program.main([*argv, "--figures", str(tmp_path / folder)])
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert written == [f"ablation.{suffix}" for suffix in ("csv", "html", "md", "pdf", "svg", "tex")]
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_file_without_intervals_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("benchmark,setting\n", encoding="utf-8")
    with pytest.raises(UserError, match="lacks the column metric"):
        ablation_rows(tmp_path / "x.csv", POINTS)
