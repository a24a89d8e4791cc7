"""The report shows the numbers of the summary, loads nothing from elsewhere, and escapes what it is given."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from example_measures import LANGUAGES, arguments, layout, write_measures

import compare_published as verdicts
import compare_strategies as compare
import draw_answer as answer
import draw_figures as figures
import write_report as report
import write_tables as tables
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_table, write_text
from hybridbatch.config.load import load_config
from hybridbatch.evaluate.summary import read_summary
from hybridbatch.report.costs import duration, read_recall, sum_costs
from hybridbatch.report.data_counts import count_benchmarks, count_pairs
from hybridbatch.report.findings import overview, read_banner, read_claim, sort_comparisons
from hybridbatch.report.machine import gpu_names, revision
from hybridbatch.report.page import inline_svg
from hybridbatch.report.systems import read_command
from hybridbatch.report.table import read_main

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
PUBLISHED = Path(__file__).parents[3] / "config/published.csv"
TABLES = ["mono", "cross", "multi", "bias", "significance", "shift", "published"]
COMMAND = "python workflow/scripts/train.py --seed 1"
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
    measures = ["--measures", *arguments(write_measures(folder / "measures"))]
    curve = folder / "curves.csv"
    curve.write_text("step,loss,learning_rate,validation_loss\n1,2.0,1e-5,\n2,1.5,2e-5,1.25\n")
    shown = layout(benchmarks=["quiz_r"], unseen=["el"], notice=NOTICE)
    tables.main([*measures, *shown, "--output", str(folder / "tables")])
    curves = ["--curves", f"small_e5/hybrid/seed1={curve}"]
    figures.main([*measures, "--benchmarks", "quiz_r", *curves, "--output", str(folder / "figures")])
    for number, language in enumerate(LANGUAGES, start=1):
        write_rows(folder / f"benchmarks/quiz_r/{language}/queries.parquet", number)
        write_rows(folder / f"benchmarks/quiz_r/{language}/passages.parquet", 1000 * number)
    for source in ("facts", "checks"):
        for language in CONFIG.sources[source].all_languages:
            write_rows(folder / f"pairs/{source}/{language}.parquet", 7)
    write_text(folder / "config.yaml", CONFIG.to_yaml())
    compare.main([*measures, *shown, *compare_options(folder)])
    write_verdicts(folder)
    draw(folder, shown)
    write_text(
        folder / "logs/train/small_e5/hybrid/seed1.log",
        f"noise\n12:00:00 INFO hybridbatch.common.cli: command: {COMMAND}\n",
    )
    write_text(folder / "models/small_e5/hybrid/seed1/README.md", "a card\n")
    write_costs(folder)
    make(folder, folder / "report.html")
    return folder


def compare_options(folder: Path) -> list[str]:
    few = ["--settings", json.dumps({"resamples": 100, "permutations": 100})]
    domains = ["--domains", json.dumps({"in_domain": [], "out_of_domain": [], "held_out": {}})]
    return [*few, *domains, "--statistics", str(folder / "statistics"), "--tables", str(folder / "tables")]


def write_verdicts(folder: Path) -> None:
    options = [
        "--summary",
        str(folder / "tables/summary.csv"),
        "--published",
        str(PUBLISHED),
        "--comparisons",
        str(folder / "statistics/comparisons.csv"),
        "--effects",
        "[]",
        "--settings",
        "{}",
        *layout(),
    ]
    verdicts.main([*options, "--verdicts", str(folder / "verdicts.json"), "--output", str(folder / "tables")])


def draw(folder: Path, shown: list[str]) -> None:
    statistics = [f"--{name}={folder}/statistics/{name}.csv" for name in ("intervals", "comparisons")]
    options = [f"--verdicts={folder}/verdicts.json", "--settings", "{}", "--output", str(folder / "figures")]
    answer.main([*statistics, *options, *shown])


def write_costs(folder: Path) -> None:
    write_text(folder / "a.jsonl", json.dumps({"s": 60.5, "max_rss": 100.25}) + "\n")
    write_text(folder / "b.tsv", "s\th:m:s\tmax_rss\n3.5\t0:00:03\t900.5\n")
    write_text(folder / "c.tsv", "s\th:m:s\tmax_rss\n0.25\t0:00:00\tNA\n")


def make(folder: Path, output: Path) -> None:
    options = ["--config", str(folder / "config.yaml"), "--results", str(folder), "--tables", *TABLES]
    options += ["--figures", "answer", "cross_quiz_r", "multi", "bias", "curves"]
    costs = [f"train={folder / 'a.jsonl'}", f"train={folder / 'b.tsv'}", f"encode={folder / 'c.tsv'}"]
    report.main([*options, "--costs", *costs, "--command", "snakemake --x '<y>'", "--output", str(output)])


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_page_loads_nothing_from_elsewhere(folder: Path, page: Page) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    references = [*page.values("src"), *page.values("href"), *page.values("xlink:href"), *page.values("srcset")]
    assert references
    assert not [reference for reference in references if ":" in reference or reference.startswith("/")]
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
        reference[1:] for reference in page.values("href") + page.values("xlink:href") if reference.startswith("#")
    ]
    assert set(used) <= set(ids)
    assert any(identifier.startswith("cross_quiz_r-") for identifier in ids)


def test_texts_of_the_user_are_escaped(folder: Path, page: Page) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "<b>a</b>" not in text
    assert NOTICE in page.text
    assert "snakemake --x '<y>'" in page.text
    assert "experiment: tiny" in page.text


def test_links_to_files_lead_to_files(folder: Path, page: Page) -> None:
    links = {reference for reference in page.values("href") if not reference.startswith("#")}
    assert {"models/small_e5/hybrid/seed1/README.md", "logs/train/small_e5/hybrid/seed1.log"} <= links
    assert not [link for link in links if not (folder / link).exists()]


def test_numbers_lead_to_their_runs(page: Page) -> None:
    targets = [reference for reference in page.values("href") if reference.startswith("#run-")]
    assert {"#run-bm25-bm25", "#run-small_e5-none", "#run-small_e5-hybrid"} <= {*targets}
    # Four languages of columns in mono, cross and multi, two measures each, and rank distance; once more in the overview.
    assert targets.count("#run-small_e5-hybrid") == 4 * 7 + 4 + 1
    assert COMMAND in page.text


def test_page_says_what_the_tests_say(folder: Path, page: Page) -> None:
    text = " ".join(page.text.split())
    sentences = pd.read_csv(folder / "statistics/comparisons.csv")
    own = sentences[sentences["benchmark"] == "quiz_r"]["sentence"].tolist()
    assert own
    assert not [sentence for sentence in own if sentence not in text]
    for file, key in (("claim", "sentence"), ("shift", "answer")):
        assert json.loads((folder / f"statistics/{file}.json").read_text())[key] in text
    assert "covers none of the paper's 936 numbers" in text


def test_first_screen_is_the_verdict_and_the_figure_and_the_rest_is_folded(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    header, _, main = text.partition("</header>")
    verdict = json.loads((folder / "statistics/claim.json").read_text())["sentence"].partition(": ")[0]
    position = [header.index(part) for part in (verdict, "<svg", 'class="notice"', "</nav>")]
    assert position == sorted(position)
    assert "p-values" not in header
    summary = main.partition('id="findings"')[2].partition("</section>")[0]
    open_part = re.sub(r"<details>.*?</details>", "", summary, flags=re.DOTALL)
    assert "<table" in summary
    assert not re.search("<table|<dl>|<li>", open_part)


def test_overview_holds_means_over_seeds(folder: Path) -> None:
    shown = overview(read_summary(folder / "tables/summary.csv"), CONFIG)
    assert shown.groups == [("quiz_r", 4)]
    rows = {(backbone, strategy): values for backbone, strategy, values in shown.rows}
    assert rows["small_e5", "monolingual"] == pytest.approx([0.52, 0.42, 0.26, 50.0])
    assert rows["bm25", "bm25"] == [pytest.approx(0.4), None, None, None]


def comparison(strategy: str, baseline: str) -> dict[str, str]:
    scores = {"benchmark": "quiz_r", "setting": "mono", "metric": "map", "strategy": strategy, "baseline": baseline}
    return scores | {"sentence": f"{strategy} and {baseline}"}


@pytest.mark.parametrize(
    ("pairs", "first", "others"),
    [
        ([("hybrid", "none"), ("hybrid", "monolingual")], ["hybrid and monolingual"], ["hybrid and none"]),
        ([("monolingual", "none"), ("own", "monolingual")], ["monolingual and none"], ["own and monolingual"]),
        ([("own", "monolingual")], [], ["own and monolingual"]),
    ],
)
def test_comparisons_of_the_claim_come_first(pairs: list[tuple[str, str]], first: list[str], others: list[str]) -> None:
    (found,) = sort_comparisons(pd.DataFrame([comparison(*pair) for pair in pairs]), CONFIG)
    assert [[text for _, text in part] for part in (found.first, found.others)] == [first, others]


def test_without_comparisons_nothing_is_said() -> None:
    empty = pd.DataFrame(columns=["benchmark", "setting", "metric", "strategy", "baseline", "sentence"])
    assert sort_comparisons(empty, CONFIG) == []


def test_the_claim_is_reported_with_its_encoders_domains_and_readings(tmp_path: Path) -> None:
    claim = {"sentence": "a", "backbones": {"e": {"sentence": "a with e"}}, "other_readings": []}
    other = {"sentence": "b", "backbones": {name: {"sentence": f"b with {name}"} for name in "ef"}}
    write_text(
        tmp_path / "claim.json",
        json.dumps(claim | {"out_of_domain": {"sentence": "a out of domain"}, "other_readings": [other]}),
    )
    assert read_claim(tmp_path / "claim.json") == ["a", "a out of domain", "b", "b with e", "b with f"]
    write_text(tmp_path / "claim.json", json.dumps({"sentence": "a"}))
    with pytest.raises(UserError, match=r"claim\.json: holds no claim"):
        read_claim(tmp_path / "claim.json")


@pytest.mark.parametrize(("covered", "within", "state"), [(0, 0, "none"), (3, 3, "within"), (3, 2, "outside")])
def test_banner_tells_how_numbers_are_met(tmp_path: Path, covered: int, within: int, state: str) -> None:
    document = {"counts": {"covered": covered, "within": within}, "sentence": "So it is."}
    write_text(tmp_path / "verdicts.json", json.dumps(document))
    assert read_banner(tmp_path / "verdicts.json").state == state


@pytest.mark.slow
def test_page_without_training_is_whole(folder: Path, tmp_path: Path) -> None:
    runs = VALUES["runs"] | {"strategies": [], "seeds": []}
    config = load_config(VALUES | {"runs": runs, "sources": {}, "training": {}})
    shutil.copytree(folder, tmp_path / "results")
    results = tmp_path / "results"
    write_text(results / "config.yaml", config.to_yaml())
    baselines = {name: file for name, file in write_measures(results / "measures").items() if "seed0" in name}
    measures = ["--measures", *arguments(baselines), *layout(benchmarks=["quiz_r"], strategies=[])]
    tables.main([*measures, "--output", str(results / "tables")])
    compare.main([*measures, *compare_options(results)])
    options = ["--config", str(results / "config.yaml"), "--results", str(results), "--tables", *TABLES]
    report.main([*options, "--command", "snakemake", "--output", str(results / "report.html")])
    text = Page((results / "report.html").read_text(encoding="utf-8")).text
    assert "Nothing was trained" in text
    assert "The claim" not in text
    assert "None" not in text


def test_recall_is_averaged_by_k(tmp_path: Path) -> None:
    head = "query_language,passage_language,k,recall,queries\n"
    write_text(tmp_path / "recall.csv", head + "de,de,10,1.0,5\nde,en,10,0.5,5\nde,de,100,0.9,5\n")
    ten, hundred = read_recall({("a/b/seed1", "quiz"): tmp_path / "recall.csv"})
    assert (ten.k, ten.mean, ten.lowest) == (10, 0.75, 0.5)
    assert (hundred.k, hundred.mean) == (100, 0.9)
    write_text(tmp_path / "recall.csv", head)
    assert read_recall({("a/b/seed1", "quiz"): tmp_path / "recall.csv"}) == []


def test_command_is_read_from_the_head_of_a_log(tmp_path: Path) -> None:
    write_text(tmp_path / "log", "a bar\n01:02:03 INFO hybridbatch.common.cli: command: python a.py 'b c'\nmore\n")
    assert read_command(tmp_path / "log") == "python a.py 'b c'"
    write_text(tmp_path / "log", "nothing\n")
    assert read_command(tmp_path / "log") is None


def test_no_driver_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_names() == []


def test_page_holds_tables_figures_and_costs(folder: Path, page: Page) -> None:
    assert page.text.count("0.5200") > 1
    labels = {*page.values("aria-label")}
    assert sum("mean over query languages" in label or "per query language" in label for label in labels) == 3
    assert any("Training and validation loss" in label for label in labels)
    assert "6 runs" in page.text
    assert "Evaluated but in no training source: el." in page.text
    assert "1 min 04 s" in page.text
    assert ">Monolingual</h2>" in (folder / "report.html").read_text(encoding="utf-8")


def test_two_runs_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("first.html", "second.html"):
        make(folder, tmp_path / name)
    assert (tmp_path / "first.html").read_bytes() == (tmp_path / "second.html").read_bytes()


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
        read_main(tmp_path / "table.html")
    with pytest.raises(UserError, match=r"gone\.html: cannot be read"):
        read_main(tmp_path / "gone.html")
    with pytest.raises(UserError, match=r"figure\.svg: cannot be read as SVG"):
        inline_svg(tmp_path / "figure.svg", "figure", "label")
    with pytest.raises(UserError, match=r"cost\.tsv: not a benchmark file"):
        sum_costs([("train", tmp_path / "cost.tsv")])
    with pytest.raises(UserError, match=r"gone\.tsv: cannot be read"):
        sum_costs([("train", tmp_path / "gone.tsv")])
    with pytest.raises(UserError, match=r"queries\.parquet: cannot be read"):
        count_benchmarks(CONFIG, tmp_path)
