import html
import io
import math
import statistics
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from example_measures import BENCHMARKS, LANGUAGES, arguments, measures, write_measures
from hypothesis import given
from hypothesis import strategies as st

import write_tables as tables
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_table
from hybridbatch.report.score_tables import (
    block_means,
    layout,
    metric_label,
    named_files,
    parse_metrics,
    parse_run,
    read_summary,
    summarise,
    to_csv,
    write_tables,
)

FORMATS = ("csv", "md", "tex", "html")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_measures(tmp_path_factory.mktemp("measures"))


@pytest.fixture(scope="module")
def summary(files: dict[str, Path]) -> pd.DataFrame:
    return summarise(block_means(files))


@pytest.fixture(scope="module")
def folder(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    options = ["--unseen", "el", "--notice", "No <reproduction> of 100% & more_", "--output", str(folder)]
    tables.main(["--measures", *arguments(files), *options])
    return folder


def value(summary: pd.DataFrame, setting: str, metric: str, strategy: str, seed: int, language: str) -> float:
    keys = {
        "benchmark": "quiz_r",
        "setting": setting,
        "metric": metric,
        "strategy": strategy,
        "seed": seed,
        "language": language,
    }
    rows = summary[(summary[list(keys)] == pd.Series(keys)).all(axis="columns")]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


@pytest.mark.parametrize(
    ("setting", "metric", "strategy", "seed", "language", "expected"),
    [
        ("mono", "map", "hybrid", 1, "de", 0.6),
        ("mono", "map", "monolingual", 2, "el", 0.44),
        ("mono", "map", "bm25", 0, "en", 0.5),
        ("mono", "recall@1", "hybrid", 1, "en", 0.25),
        ("mono", "recall@1", "hybrid", 1, "mean", (1 + 1 / 2 + 1 / 4) / 3),
        # de -> el 0.4, en 0.6; el -> de 0.4, en 0.5; en -> de 0.6, el 0.5
        ("cross", "map", "hybrid", 1, "de", 0.5),
        ("cross", "map", "hybrid", 1, "el", 0.45),
        ("cross", "map", "hybrid", 1, "en", 0.55),
        ("cross", "map", "hybrid", 1, "mean", 0.5),
        ("multi", "map", "monolingual", 1, "en", 0.3),
        ("bias", "rank_distance", "monolingual", 2, "mean", 60.0),
    ],
)
def test_summary_has_the_means_of_the_pencil(
    summary: pd.DataFrame, setting: str, metric: str, strategy: str, seed: int, language: str, expected: float
) -> None:
    assert value(summary, setting, metric, strategy, seed, language) == pytest.approx(expected, abs=1e-12)


def test_summary_order_is_that_of_the_command_line(summary: pd.DataFrame) -> None:
    assert list(summary["benchmark"].unique()) == list(BENCHMARKS)
    first = summary[(summary["benchmark"] == "quiz_r") & (summary["setting"] == "mono") & (summary["metric"] == "map")]
    assert list(first["strategy"].unique()) == ["bm25", "none", "monolingual", "hybrid"]
    assert list(first["language"])[:4] == [*sorted(LANGUAGES), "mean"]
    assert set(summary.loc[summary["strategy"] == "bm25", "setting"]) == {"mono"}


def test_benchmarks_are_chosen_and_ordered(files: dict[str, Path]) -> None:
    assert list(block_means(files, ["a<b_r"])["benchmark"].unique()) == ["a<b_r"]
    assert list(summarise(block_means(files, list(reversed(BENCHMARKS))))["benchmark"].unique()) == list(
        reversed(BENCHMARKS)
    )


def test_summary_file_keeps_every_bit(summary: pd.DataFrame, folder: Path) -> None:
    pd.testing.assert_frame_equal(read_summary(folder / "summary.csv"), summary, check_exact=True, check_dtype=False)


def test_means_over_fewer_languages_or_blocks_are_missing(tmp_path: Path) -> None:
    whole, cut = measures("small_e5/hybrid/seed1"), measures("small_e5/hybrid/seed2")
    cut = cut[~((cut["setting"] == "cross") & (cut["query_language"] == "de") & (cut["passage_language"] == "el"))]
    cut = cut[~((cut["setting"] == "mono") & (cut["query_language"] == "el"))]
    files = {}
    for run, frame in (("e/hybrid/seed1", whole), ("e/hybrid/seed2", cut)):
        files[run] = tmp_path / f"{run.replace('/', '.')}.parquet"
        write_table(files[run], pa.Table.from_pandas(frame, preserve_index=False))
    summary = summarise(block_means(files))
    assert math.isnan(value(summary, "cross", "map", "hybrid", 2, "de"))
    assert value(summary, "cross", "map", "hybrid", 2, "en") == pytest.approx(0.55)
    assert math.isnan(value(summary, "cross", "map", "hybrid", 2, "mean"))
    assert math.isnan(value(summary, "mono", "map", "hybrid", 2, "mean"))
    assert value(summary, "mono", "map", "hybrid", 1, "mean") == pytest.approx(0.6)


def test_layout_mean_and_sd_over_seeds(summary: pd.DataFrame) -> None:
    block = layout(summary, "mono", ["map"])[0]
    assert (block.benchmark, block.columns) == ("quiz_r", ["de", "el", "en", "mean"])
    rows = {row.strategy: row for row in block.rows}
    assert {name: row.seeds for name, row in rows.items()} == {"bm25": 1, "none": 1, "monolingual": 2, "hybrid": 2}
    cell = rows["monolingual"].cells[0]
    assert cell.mean == pytest.approx(0.52)
    assert cell.sd == pytest.approx(statistics.stdev([0.5, 0.54]))
    assert rows["hybrid"].cells[0].sd == pytest.approx(0)
    assert rows["none"].cells[0].sd is None


def test_best_is_within_the_backbone_and_lowest_for_rank_distance(summary: pd.DataFrame) -> None:
    for setting, metric in (("mono", "map"), ("bias", "rank_distance")):
        for block in layout(summary, setting, [metric]):
            best = {row.strategy for row in block.rows if any(cell.best for cell in row.cells)}
            assert best == {"hybrid"}


def test_equal_as_printed_are_all_best_and_missing_is_never(summary: pd.DataFrame) -> None:
    block = layout(summary, "mono", ["recall@1"])[0]
    rows = {row.strategy: row for row in block.rows}
    assert all(cell.best for name in ("monolingual", "hybrid") for cell in rows[name].cells)
    assert all(cell.mean is None and not cell.best for cell in rows["none"].cells)
    assert rows["none"].seeds == 0


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

    VOID = ("meta", "br", "link", "img")

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
    assert html.escape("No <reproduction> of 100% & more_") in text
    assert "a&lt;b_r" in text
    assert "<b_r" not in text


def test_metrics_are_chosen(files: dict[str, Path], tmp_path: Path) -> None:
    tables.main(["--measures", *arguments(files), "--metrics", "mono=recall@10", "--output", str(tmp_path)])
    assert set(pd.read_csv(tmp_path / "mono.csv")["metric"]) == {"recall@10"}
    assert set(pd.read_csv(tmp_path / "cross.csv")["metric"]) == {"map", "recall@1"}


def test_two_runs_write_the_same_bytes(files: dict[str, Path], folder: Path, tmp_path: Path) -> None:
    summary = summarise(block_means(files))
    write_tables(tmp_path, summary, parse_metrics([]), ["el"], "No <reproduction> of 100% & more_")
    names = {f"{setting}.{form}" for setting in ("mono", "cross", "multi", "bias") for form in FORMATS} | {
        "summary.csv"
    }
    assert {file.name for file in folder.iterdir()} == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_settings_without_data_say_so(files: dict[str, Path], tmp_path: Path) -> None:
    bm25 = {"bm25/bm25/seed0": files["bm25/bm25/seed0"]}
    tables.main(["--measures", *arguments(bm25), "--output", str(tmp_path)])
    assert "No data." in (tmp_path / "cross.md").read_text(encoding="utf-8")
    assert "No data." in (tmp_path / "cross.html").read_text(encoding="utf-8")
    assert len((tmp_path / "cross.csv").read_text(encoding="utf-8").splitlines()) == 1
    assert "**" not in (tmp_path / "mono.md").read_text(encoding="utf-8")


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_mean_over_seeds_is_the_arithmetic_mean(values: list[float]) -> None:
    rows = [
        ("b", "mono", "map", "e", "hybrid", seed, language, x)
        for seed, x in enumerate(values)
        for language in ("de", "mean")
    ]
    columns = ["benchmark", "setting", "metric", "backbone", "strategy", "seed", "language", "value"]
    block = layout(pd.DataFrame(rows, columns=columns), "mono", ["map"])[0]
    cell = block.rows[0].cells[-1]
    assert cell.mean == pytest.approx(statistics.fmean(values), abs=1e-12)
    assert cell.sd == pytest.approx(statistics.stdev(values), abs=1e-9)
    written = pd.read_csv(io.StringIO(to_csv([block])))
    assert written["mean"][0] == cell.mean


def test_names_are_parsed() -> None:
    assert parse_run("me5-small/hybrid/seed12") == ("me5-small", "hybrid", 12)
    assert named_files(["a/b/seed1=x=y.parquet"]) == {"a/b/seed1": Path("x=y.parquet")}
    assert [metric_label(name) for name in ("map", "recall@10", "ndcg@10", "rank_distance")] == [
        "mAP",
        "Recall@10",
        "nDCG@10",
        "Rank distance",
    ]


def test_wrong_arguments_and_files_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    write_table(broken, pa.table({"benchmark": ["b"]}))
    with pytest.raises(UserError, match=r"broken\.parquet: lacks the column setting"):
        block_means({"e/hybrid/seed1": broken})
    with pytest.raises(UserError, match="hybrid: is no run name"):
        parse_run("hybrid")
    with pytest.raises(UserError, match="stands twice"):
        named_files(["a=b", "a=c"])
    with pytest.raises(UserError, match="is no NAME=FILE"):
        named_files(["a"])
    with pytest.raises(UserError, match="--metrics dual=map"):
        parse_metrics(["dual=map"])
    with pytest.raises(UserError, match=r"summary\.csv: cannot be read"):
        read_summary(tmp_path / "summary.csv")
