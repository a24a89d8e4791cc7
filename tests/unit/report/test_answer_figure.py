"""The figure at the top of the report: its numbers, the paper's markers, and stars only where a test says so."""

import json
from pathlib import Path

import pandas as pd
import pytest
from drawings import texts
from published_numbers import FILE, judged

import draw_answer as program
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_json
from hybridbatch.compare.published_cells import read_published
from hybridbatch.evaluate.summary import SUMMARY_COLUMNS, to_csv

SCORES = {"none": 0.21, "monolingual": 0.53, "hybrid": 0.61, "hybrid-alpha0.25": 0.9}
LANGUAGES = ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]
SETTINGS = [("mono", "map"), ("cross", "map"), ("multi", "map"), ("multi", "rank_distance")]
TESTED = "significantly better than every other"


def write_inputs(folder: Path, significant: bool, languages: list[str]) -> None:
    """Write the statistics of a benchmark with the paper's name, of another encoder, and the verdicts on it."""
    rows, pairs = [], []
    for setting, metric in SETTINGS:
        scale = 1000 if metric == "rank_distance" else 1
        key = ("xquad_r", setting, metric)
        for strategy, score in SCORES.items():
            mean = scale * score if scale == 1 else scale * (1 - score)
            rows.append((*key, "e", strategy, "mean", mean, mean * 0.9, mean * 1.1))
        sign = 1 if scale == 1 else -1
        for strategy, baseline in (("monolingual", "none"), ("hybrid", "none"), ("hybrid", "monolingual")):
            pairs.append((*key, "e", strategy, baseline, sign * scale * 0.1, significant))
    rows.append(("xquad_r", "mono", "map", "bm25", "bm25", "mean", 0.43, 0.35, 0.45))
    columns = ["benchmark", "setting", "metric", "backbone", "strategy"]
    intervals = pd.DataFrame(rows, columns=[*columns, "language", "mean", "low", "high"])
    (folder / "intervals.csv").write_text(to_csv(intervals))
    comparisons = pd.DataFrame(pairs, columns=[*columns, "baseline", "difference", "significant"])
    (folder / "comparisons.csv").write_text(to_csv(comparisons))
    summary = [("xquad_r", *setting, "e", "none", 1, language, 0.5) for setting in SETTINGS for language in languages]
    write_json(folder / "verdicts.json", judged(read_published(FILE), pd.DataFrame(summary, columns=SUMMARY_COLUMNS)))


def draw(folder: Path, **layout: object) -> list[str]:
    values = {"benchmarks": ["xquad_r"], "strategies": ["monolingual", "hybrid"], "notice": "No <b>result</b>"} | layout
    files = [f"--{name}={folder / name}.csv" for name in ("intervals", "comparisons")]
    options = [*files, f"--verdicts={folder / 'verdicts.json'}", "--settings", '{"alpha": 0.01}']
    program.main([*options, "--layout", json.dumps(values), "--output", str(folder)])
    return texts(folder / "answer.svg")


def test_means_are_printed_and_significant_winners_marked(tmp_path: Path) -> None:
    write_inputs(tmp_path, True, LANGUAGES)
    shown = draw(tmp_path)
    numbers = (".210", ".530", ".610", "790", "470", "390", ".430")
    assert [shown.count(number) for number in numbers] == [3, 3, 3, 1, 1, 1, 1]
    assert [name for name in shown if name in ("untuned", "monolingual", "hybrid", "BM25", "hybrid-alpha0.25")] == [
        *("untuned", "monolingual", "hybrid", "BM25")
    ]
    assert f"★ {TESTED} strategy (p < .01, Holm). Further right is better." in shown
    assert "No <b>result</b>" in shown
    bold = texts(tmp_path / "answer.svg", "font-weight: 700")
    assert sorted(text for text in bold if TESTED not in text) == [".610", ".610", ".610", "390", "xquad_r"]


def test_nothing_is_marked_without_a_significant_winner(tmp_path: Path) -> None:
    write_inputs(tmp_path, False, LANGUAGES)
    shown = draw(tmp_path)
    assert f"In no panel is a strategy {TESTED} one (p < .01, Holm). Further right is better." in shown
    assert not any("★" in text for text in shown)


def test_the_paper_is_shown_only_where_its_languages_were_run(tmp_path: Path) -> None:
    write_inputs(tmp_path, False, LANGUAGES)
    assert {"paper, XLM-R", "paper, LaBSE"} <= {*draw(tmp_path)}
    write_inputs(tmp_path, False, LANGUAGES[1:])
    assert not any(text.startswith("paper") for text in draw(tmp_path))


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    write_inputs(tmp_path, True, LANGUAGES)
    files = [tmp_path / f"answer.{suffix}" for suffix in ("svg", "pdf")]
    draw(tmp_path)
    first = [file.read_bytes() for file in files]
    draw(tmp_path)
    assert [file.read_bytes() for file in files] == first


def test_no_data_is_said(tmp_path: Path) -> None:
    write_inputs(tmp_path, True, LANGUAGES)
    assert draw(tmp_path, benchmarks=["other"]) == ["no data"]


def test_verdicts_without_means_are_refused(tmp_path: Path) -> None:
    write_inputs(tmp_path, True, LANGUAGES)
    write_json(tmp_path / "verdicts.json", {})
    with pytest.raises(UserError, match=r"verdicts\.json: has no means"):
        draw(tmp_path)
