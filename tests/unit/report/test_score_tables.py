"""The tables of scores: means, deviations and marks, in every format."""

import html
import io
import statistics
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from example_measures import arguments, layout, write_measures
from hypothesis import given
from hypothesis import strategies as st

import write_tables as tables
from hybridbatch.evaluate.summary import SUMMARY_COLUMNS, block_means, summarise, to_csv
from hybridbatch.report.score_tables import score_blocks, score_data, score_page
from hybridbatch.report.table import Cell, Page

FORMATS = ("csv", "md", "tex", "html")
NOTICE = "No <reproduction> of 100% & more_"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_measures(tmp_path_factory.mktemp("measures"))


@pytest.fixture(scope="module")
def summary(files: dict[str, Path]) -> pd.DataFrame:
    return summarise(block_means(files))


@pytest.fixture(scope="module")
def folder(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    write(files, folder, unseen=["el"], notice=NOTICE)
    return folder


def write(files: dict[str, Path], folder: Path, **values: object) -> None:
    tables.main(["--measures", *arguments(files), *layout(**values), "--output", str(folder)])


def page(summary: pd.DataFrame, setting: str, metric: str) -> Page:
    blocks = score_blocks(summary[summary["setting"] == setting], [metric])
    return score_page(setting, "", blocks, score_data(blocks))


def rows(summary: pd.DataFrame, setting: str, metric: str) -> dict[str, list[Cell]]:
    """Return the rows of the first table by strategy."""
    return {row[1].text: list(row) for row in page(summary, setting, metric).tables[0].rows}


def test_mean_and_sd_over_seeds(summary: pd.DataFrame) -> None:
    (table, _) = page(summary, "mono", "map").tables
    assert table.title == "quiz_r"
    assert [column.heading for column in table.columns] == ["backbone", "strategy", "seeds", "de", "el", "en", "mean"]
    found = rows(summary, "mono", "map")
    assert {name: row[2].value for name, row in found.items()} == {"bm25": 1, "none": 1, "monolingual": 2, "hybrid": 2}
    assert found["monolingual"][3].value == pytest.approx(0.52)
    assert found["monolingual"][3].spread == f"{statistics.stdev([0.5, 0.54]):.4f}"
    assert found["hybrid"][3].spread == "0.0000"
    assert found["none"][3].spread == ""


@pytest.mark.parametrize(("setting", "metric"), [("mono", "map"), ("multi", "rank_distance")])
def test_best_is_within_the_backbone_and_lowest_for_rank_distance(
    summary: pd.DataFrame, setting: str, metric: str
) -> None:
    for table in page(summary, setting, metric).tables:
        assert {row[1].text for row in table.rows if any(cell.mark for cell in row)} == {"hybrid"}


def test_equal_as_printed_are_all_best_and_missing_is_never(summary: pd.DataFrame) -> None:
    found = rows(summary, "mono", "recall@1")
    assert all(cell.mark == "best" for name in ("monolingual", "hybrid") for cell in found[name][3:])
    assert all((cell.value, cell.mark, cell.link) == (None, "", "") for cell in found["none"][3:])
    assert found["none"][2].value == 0


def test_csv_leaves_missing_cells_empty(folder: Path) -> None:
    frame = pd.read_csv(folder / "mono.csv")
    assert list(frame.columns[:9]) == ["benchmark", "metric", "backbone", "strategy", "seeds", "de", "el", "en", "mean"]
    assert list(frame.columns[9:]) == ["de_sd", "el_sd", "en_sd", "mean_sd"]
    missing = frame[(frame["strategy"] == "none") & (frame["metric"] == "recall@1")]
    assert missing[["de", "mean", "mean_sd"]].isna().all(axis=None)
    hybrid = frame[(frame["strategy"] == "hybrid") & (frame["metric"] == "map")].iloc[0]
    assert (hybrid["de"], hybrid["mean"]) == (pytest.approx(0.6), pytest.approx(0.6))


def test_markdown_cells(folder: Path) -> None:
    text = (folder / "mono.md").read_text(encoding="utf-8")
    assert text.startswith("> **No \\<reproduction\\> of 100% & more\\_**\n")
    assert "## a\\<b\\_r: mAP" in text
    assert "| backbone | strategy | seeds | de | el\\* | en | mean |" in text
    assert "| small\\_e5 | monolingual | 2 | 0.5200 ± 0.0283 |" in text
    assert "| small\\_e5 | hybrid | 2 | **0.6000 ± 0.0000** |" in text
    assert "| small\\_e5 | none | 0 | – | – | – | – |" in text
    assert "0.0000 ±" not in text
    bias = (folder / "bias.md").read_text(encoding="utf-8")
    assert "| small\\_e5 | monolingual | 2 | 50.0 ± 14.1 |" in bias


def test_latex_is_escaped_and_balanced(folder: Path) -> None:
    text = (folder / "mono.tex").read_text(encoding="utf-8")
    assert "\\textbf{No \\textless{}reproduction\\textgreater{} of 100\\% \\& more\\_}" in text
    assert "% No <reproduction> of 100% & more_" in text
    assert "small\\_e5 & hybrid & 2 & \\textbf{0.6000}$_{\\pm 0.0000}$" in text
    assert "backbone & strategy & seeds & de & el* & en & mean \\\\" in text
    assert text.count("\\begin{") == text.count("\\end{")
    for line in text.splitlines():
        assert line.startswith("%") or "_" not in line.replace("\\_", "").replace("$_{", "").replace(
            "\\label{tab:mono:quiz_r", ""
        ).replace("a<b_r:", "")


class Checker(HTMLParser):
    """Collects the cells of tables; fails on a tag that is closed without being open."""

    VOID = ("meta", "base", "br", "link", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.cells[-1] += data


@pytest.mark.parametrize("setting", ["mono", "cross", "multi", "bias"])
def test_html_is_well_formed_and_shows_what_markdown_shows(folder: Path, setting: str) -> None:
    text = (folder / f"{setting}.html").read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    assert not checker.open
    lines = (folder / f"{setting}.md").read_text(encoding="utf-8").splitlines()
    shown = [
        cell.strip() for line in lines if line.startswith("|") and ":--" not in line for cell in line[1:-1].split("|")
    ]
    assert checker.cells == [cell.replace("**", "").replace("\\", "") for cell in shown]
    assert html.escape(NOTICE) in text
    assert "a&lt;b_r" in text
    assert "<b_r" not in text


def test_numbers_link_to_the_entries_of_the_report(folder: Path) -> None:
    text = (folder / "mono.html").read_text(encoding="utf-8")
    assert '<base href="../report.html">' in text
    # Two benchmarks, two measures, three languages and their mean.
    assert text.count('<a href="#run-small_e5-hybrid">') == 2 * 2 * 4
    assert text.count('<a href="#run-small_e5-none">') == 2 * 1 * 4


@pytest.mark.slow
def test_metrics_are_chosen(files: dict[str, Path], tmp_path: Path) -> None:
    write(files, tmp_path, metrics={"mono": ["recall@10"]})
    assert set(pd.read_csv(tmp_path / "mono.csv")["metric"]) == {"recall@10"}
    assert set(pd.read_csv(tmp_path / "cross.csv")["metric"]) == {"map", "recall@1"}


@pytest.mark.slow
def test_strategies_are_chosen(files: dict[str, Path], tmp_path: Path) -> None:
    write(files, tmp_path, strategies=["hybrid"])
    assert set(pd.read_csv(tmp_path / "mono.csv")["strategy"]) == {"bm25", "none", "hybrid"}
    assert "monolingual" in set(pd.read_csv(tmp_path / "summary.csv")["strategy"])


@pytest.mark.slow
def test_two_runs_write_the_same_bytes(files: dict[str, Path], folder: Path, tmp_path: Path) -> None:
    write(files, tmp_path, unseen=["el"], notice=NOTICE)
    names = {f"{table}.{form}" for table in ("mono", "cross", "multi", "bias") for form in FORMATS} | {"summary.csv"}
    assert {file.name for file in folder.iterdir()} == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_settings_without_data_say_so(files: dict[str, Path], tmp_path: Path) -> None:
    write({"bm25/bm25/seed0": files["bm25/bm25/seed0"]}, tmp_path)
    assert "No data." in (tmp_path / "cross.md").read_text(encoding="utf-8")
    assert "No data." in (tmp_path / "cross.html").read_text(encoding="utf-8")
    assert (tmp_path / "cross.tex").read_text(encoding="utf-8").endswith("% Cross-lingual: no data\n")
    assert (tmp_path / "cross.csv").read_text(encoding="utf-8") == (
        "benchmark,metric,backbone,strategy,seeds,mean,mean_sd\n"
    )
    assert "**" not in (tmp_path / "mono.md").read_text(encoding="utf-8")


@pytest.mark.slow
@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_mean_over_seeds_is_the_arithmetic_mean(values: list[float]) -> None:
    measured = [
        ("b", "mono", "map", "e", "hybrid", seed, language, x)
        for seed, x in enumerate(values)
        for language in ("de", "mean")
    ]
    (block,) = score_blocks(pd.DataFrame(measured, columns=SUMMARY_COLUMNS), ["map"])
    written = pd.read_csv(io.StringIO(to_csv(score_data([block]))))
    assert written["mean"][0] == pytest.approx(statistics.fmean(values), abs=1e-12)
    assert written["mean_sd"][0] == pytest.approx(statistics.stdev(values), abs=1e-9)
    assert written["seeds"][0] == len(values)
