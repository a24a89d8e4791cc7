"""The report shows the numbers of the summary, loads nothing from elsewhere, and escapes what it is given."""

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from example_measures import LANGUAGES, arguments, write_measures

import figures
import report
import tables
from hybridbatch.config import load_config
from hybridbatch.errors import UserError
from hybridbatch.files import write_table, write_text
from hybridbatch.report import (
    compare,
    count_benchmarks,
    count_pairs,
    duration,
    inline_svg,
    revision,
    sum_costs,
    table_body,
)

NOTICE = "Not <b>a</b> reproduction & no result"
VALUES = {
    "experiment": "tiny",
    "notice": NOTICE,
    "runs": {
        "backbones": ["small_e5"],
        "strategies": ["monolingual", "hybrid"],
        "seeds": [1, 2],
        "benchmarks": ["quiz_r"],
    },
    "backbones": {"small_e5": {"path": "a/model"}},
    "sources": {
        "facts": {"reader": "table", "path": "facts.{language}.tsv", "languages": ["de", "en"]},
        "checks": {"reader": "table", "path": "checks.{language}.tsv", "languages": ["en", "fr"]},
    },
    "benchmarks": {"quiz_r": {"reader": "lareqa", "path": "lareqa/quiz-r", "languages": list(LANGUAGES)}},
    "training": {"sources": ["facts"], "validation": "checks"},
}
CONFIG = load_config(VALUES)
VOID = ("meta", "br", "hr", "img", "link", "input")


class Page(HTMLParser):
    """Collects attributes and text; fails on a tag that is closed without being open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & {*self.open}:
            self.text += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]


def write_rows(file: Path, number: int) -> None:
    write_table(file, pa.table({"id": [str(row) for row in range(number)]}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results of an experiment, with its report."""
    folder = tmp_path_factory.mktemp("results")
    measures = ["--measures", *arguments(write_measures(folder / "measures")), "--benchmarks", "quiz_r"]
    curve = folder / "curves.csv"
    curve.write_text("step,loss,learning_rate,validation_loss\n1,2.0,1e-5,\n2,1.5,2e-5,1.25\n")
    tables.main([*measures, "--notice", NOTICE, "--unseen", "el", "--output", str(folder / "tables")])
    figures.main([*measures, "--curves", f"small_e5/hybrid/seed1={curve}", "--output", str(folder / "figures")])
    for number, language in enumerate(LANGUAGES, start=1):
        write_rows(folder / f"benchmarks/quiz_r/{language}/queries.parquet", number)
        write_rows(folder / f"benchmarks/quiz_r/{language}/passages.parquet", 1000 * number)
    for source in ("facts", "checks"):
        for language in CONFIG.sources[source].all_languages:
            write_rows(folder / f"pairs/{source}/{language}.parquet", 7)
    write_text(folder / "config.yaml", CONFIG.to_yaml())
    write_costs(folder)
    make(folder, folder / "report.html")
    return folder


def write_costs(folder: Path) -> None:
    write_text(folder / "a.jsonl", json.dumps({"s": 60.5, "max_rss": 100.25}) + "\n")
    write_text(folder / "b.tsv", "s\th:m:s\tmax_rss\n3.5\t0:00:03\t900.5\n")
    write_text(folder / "c.tsv", "s\th:m:s\tmax_rss\n0.25\t0:00:00\tNA\n")


def make(folder: Path, output: Path) -> None:
    paths = {
        "config": "config.yaml",
        "tables": "tables",
        "figures": "figures",
        "summary": "tables/summary.csv",
        "benchmarks-folder": "benchmarks",
        "pairs-folder": "pairs",
    }
    options = [word for name, path in paths.items() for word in (f"--{name}", str(folder / path))]
    costs = [f"train={folder / 'a.jsonl'}", f"train={folder / 'b.tsv'}", f"encode={folder / 'c.tsv'}"]
    report.main([*options, "--costs", *costs, "--command", "snakemake --x '<y>'", "--output", str(output)])


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_page_loads_nothing_from_elsewhere(folder: Path, page: Page) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    references = [*page.values("src"), *page.values("href"), *page.values("xlink:href"), *page.values("srcset")]
    assert references
    assert all(reference.startswith("#") for reference in references)
    assert not {tag for tag, _, _ in page.attributes} & {"link", "iframe", "object", "embed"}
    assert set(re.findall(r"https?://[^\s\"')]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "@import" not in text
    assert (
        "meta",
        "content",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
    ) in page.attributes
    assert len(text) < 1_000_000


def test_ids_are_unique_and_references_lead_somewhere(folder: Path, page: Page) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    text = (folder / "report.html").read_text(encoding="utf-8")
    used = re.findall(r"url\(#([^)]+)\)", text) + [
        reference[1:] for reference in page.values("href") + page.values("xlink:href")
    ]
    assert set(used) <= set(ids)
    assert any(identifier.startswith("cross_quiz_r-") for identifier in ids)


def test_texts_of_the_user_are_escaped(folder: Path, page: Page) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "<b>a</b>" not in text
    assert NOTICE in page.text
    assert "snakemake --x '<y>'" in page.text
    assert "experiment: tiny" in page.text


def test_sentences_are_those_of_the_pencil(page: Page) -> None:
    text = " ".join(page.text.split())
    assert (
        "small_e5, mAP: hybrid has the highest mean, 0.6000; it is 0.0800 above monolingual, 0.3000 above the untuned "
        "encoder, 0.2000 above BM25 (2 seeds each)." in text
    )
    assert (
        "small_e5, Rank distance: hybrid has the lowest mean, 30.0; it is 20.0 below monolingual, 70.0 below the untuned "
        "encoder (2 seeds each)." in text
    )
    assert "none is claimed to be significant" in text


def test_page_holds_tables_figures_and_costs(folder: Path, page: Page) -> None:
    assert page.text.count("0.5200") > 1
    labels = page.values("aria-label")
    assert sum("mean over query languages" in label or "per query language" in label for label in labels) == 3
    assert any("Training and validation loss" in label for label in labels)
    assert "6 runs" in page.text
    assert "Evaluated but in no training source: el." in page.text
    assert "1 min 04 s" in page.text
    assert table_body(folder / "tables/mono.html") in (folder / "report.html").read_text(encoding="utf-8")


def test_two_runs_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("first.html", "second.html"):
        make(folder, tmp_path / name)
    assert (tmp_path / "first.html").read_bytes() == (tmp_path / "second.html").read_bytes()


def systems(values: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame(
        [(name, seed, value) for name, seeds in values.items() for seed, value in enumerate(seeds)],
        columns=["strategy", "seed", "value"],
    )


@pytest.mark.parametrize(
    ("values", "metric", "expected"),
    [
        (
            {"hybrid": [0.5], "monolingual": [0.7, 0.5]},
            "map",
            "e, mAP: monolingual has the highest mean, 0.6000; it is 0.1000 above hybrid (hybrid: 1 seed, monolingual: 2 seeds).",
        ),
        (
            {"none": [0.9], "hybrid": [0.5]},
            "recall@1",
            "e, Recall@1: hybrid is the only strategy trained, 0.5000; it is 0.4000 below the untuned encoder (1 seed).",
        ),
        (
            {"hybrid": [0.5], "crosslingual": [0.50001]},
            "map",
            "e, mAP: crosslingual has the highest mean, 0.5000; it is the same, as printed, as hybrid (1 seed each).",
        ),
        ({"bm25": [0.3], "none": [0.2]}, "map", "e, mAP: the untuned encoder has 0.2000, BM25 has 0.3000."),
        ({"bm25": [0.3]}, "map", None),
        ({}, "map", None),
    ],
)
def test_comparisons(values: dict[str, list[float]], metric: str, expected: str | None) -> None:
    assert compare(systems(values), "e", metric) == expected


def test_counts_of_benchmarks_and_pairs(folder: Path) -> None:
    (benchmark,) = count_benchmarks(CONFIG, folder / "benchmarks")
    assert benchmark.columns == ["de", "el", "en", "all"]
    assert benchmark.rows == [("queries", [1, 2, 3, 6]), ("passages", [1000, 2000, 3000, 6000])]
    pairs = count_pairs(CONFIG, folder / "pairs")
    assert pairs.columns == ["de", "en", "fr", "all"]
    assert pairs.rows == [("facts", [7, 7, None, 14]), ("checks (validation)", [None, 7, 7, 14])]


def test_costs_are_summed_per_rule(tmp_path: Path) -> None:
    write_costs(tmp_path)
    train, encode = sum_costs(
        [("train", tmp_path / "a.jsonl"), ("train", tmp_path / "b.tsv"), ("encode", tmp_path / "c.tsv")]
    )
    assert (train.rule, train.jobs, train.seconds, train.longest, train.memory) == ("train", 2, 64.0, 60.5, 900.5)
    assert (encode.jobs, encode.seconds, encode.memory) == (1, 0.25, None)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.84, "0.8 s"),
        (42.4, "42 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (18_240, "5 h 04 min"),
        (3599.7, "1 h 00 min"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_revision_tells_a_changed_checkout(tmp_path: Path) -> None:
    assert revision(tmp_path) is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example"]
    (tmp_path / "file").write_text("a")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    clean = revision(tmp_path)
    assert clean is not None
    assert re.fullmatch("[0-9a-f]{40}", clean)
    (tmp_path / "file").write_text("b")
    assert revision(tmp_path) == f"{clean} with uncommitted changes"


def test_wrong_files_are_named(tmp_path: Path) -> None:
    for file in ("table.html", "figure.svg", "cost.tsv"):
        write_text(tmp_path / file, "s\n1\n")
    with pytest.raises(UserError, match=r"table\.html: has no <main>"):
        table_body(tmp_path / "table.html")
    with pytest.raises(UserError, match=r"figure\.svg: is no SVG"):
        inline_svg(tmp_path / "figure.svg", "figure", "label")
    with pytest.raises(UserError, match=r"cost\.tsv: is no benchmark file"):
        sum_costs([("train", tmp_path / "cost.tsv")])
    with pytest.raises(UserError, match=r"gone\.tsv: cannot be read"):
        sum_costs([("train", tmp_path / "gone.tsv")])
    with pytest.raises(UserError, match=r"queries\.parquet: cannot be read"):
        count_benchmarks(CONFIG, tmp_path)
