"""The whole workflow from the data to the report, with a tiny encoder."""

import csv
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from checkout import Workflow

pytestmark = pytest.mark.workflow

LANGUAGES = ["de", "el", "en"]
BENCHMARKS = ["demo_facts", "demo_advice"]
ENCODERS = ["tiny/none/seed0", "tiny/monolingual/seed1", "tiny/hybrid/seed1"]
RUNS = ["bm25/bm25/seed0", *ENCODERS]
SETTINGS = ["mono", "cross", "multi", "bias"]
TABLES = [*SETTINGS, "significance", "shift", "published", "language_bias", "transfer", "cleaning", "translation"]
COLUMNS = ["benchmark", "setting", "metric", "backbone", "strategy", "seed", "language", "value"]
# Resources that a browser loads by itself, unlike links that a reader may follow.
OUTSIDE = re.compile(
    r"""<(?!a\b)[^>]*\s(?:xlink:)?(?:src|href|srcset|data)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import"""
)


def summary(workflow: Workflow) -> list[dict[str, str]]:
    with (workflow.results / "tables/summary.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def expected_results() -> set[str]:
    """Name the files that docs/reference/results.md promises for the tiny experiment, apart from logs and costs."""
    files = {"config.yaml", "report.html", "tables/summary.csv"}
    files |= {
        f"pairs/{source}/{code}.parquet" for source in ("demo_facts", "demo_facts_validation") for code in ("de", "en")
    }
    files |= {f"translated/{source}/de.translation.json" for source in ("demo_facts", "demo_facts_validation")}
    kinds = ("queries", "passages", "qrels")
    files |= {f"benchmarks/{b}/{code}/{kind}.parquet" for b in BENCHMARKS for code in LANGUAGES for kind in kinds}
    files |= {"backbones/tiny/manifest.json"}
    files |= {f"models/{run}/{name}" for run in ENCODERS[1:] for name in ("manifest.json", "curves.csv", "README.md")}
    for run in ENCODERS:
        files |= {f"embeddings/{run}/{b}/manifest.json" for b in BENCHMARKS}
        files |= {f"embeddings/{run}/{b}/{code}.queries.00000.npy" for b in BENCHMARKS for code in LANGUAGES}
        files |= {f"indexes/{run}/{b}/manifest.json" for b in BENCHMARKS}
        files |= {f"indexes/{run}/{b}/{code}.00000.faiss" for b in BENCHMARKS for code in LANGUAGES}
        files |= {f"search/{run}/{b}/recall.csv" for b in BENCHMARKS}
    for run in RUNS:
        files |= {f"search/{run}/{b}/{name}.parquet" for b in BENCHMARKS for name in ("topk", "ranks")}
        files |= {f"measures/{run}.parquet"}
    files |= {f"tables/{table}.{suffix}" for table in TABLES for suffix in ("csv", "md", "tex", "html")}
    files |= {
        f"statistics/{name}" for name in ("intervals.csv", "comparisons.csv", "shift.csv", "claim.json", "shift.json")
    }
    files |= {f"language_bias/{run}.{suffix}" for run in ENCODERS for suffix in ("parquet", "shares.csv")}
    files |= {"verdicts.json", "tables/language_shares.csv"}
    figures = [f"{kind}_{benchmark}" for kind in ("cross", "projection") for benchmark in BENCHMARKS]
    figures += ["answer", "multi", "bias", "curves", "transfer"]
    return files | {f"figures/{figure}.{suffix}" for figure in figures for suffix in ("svg", "pdf")}


def test_every_declared_result_exists(finished: Workflow) -> None:
    missing = {name for name in expected_results() if not (finished.results / name).is_file()}
    assert not missing
    empty = {name for name in expected_results() if (finished.results / name).stat().st_size == 0}
    assert not empty


def test_vectors_of_passages_are_on_disk_once(finished: Workflow) -> None:
    assert not list((finished.results / "embeddings").rglob("*.passages.*.npy"))


def test_no_incomplete_files_are_left(finished: Workflow) -> None:
    names = [
        path.relative_to(finished.folder)
        for root in ("results", "resources")
        for path in (finished.folder / root).rglob("*")
    ]
    assert not [name for name in names if name.suffix in (".part", ".partial")]
    assert not [name for name in names if name.match("results/tiny/state/train/**/checkpoint-*")]


def test_config_is_written_with_all_defaults(finished: Workflow) -> None:
    resolved: dict[str, Any] = yaml.safe_load((finished.results / "config.yaml").read_text(encoding="utf-8"))
    assert resolved["training"]["steps"] == 2
    assert resolved["training"]["weight_decay"] == 0.01
    assert resolved["search"]["index"] == "Flat"
    assert list(resolved["backbones"]) == ["tiny"]
    assert list(resolved["strategies"]) == ["monolingual", "hybrid"]


def test_summary_has_every_run_and_only_valid_values(finished: Workflow) -> None:
    rows = summary(finished)
    assert list(rows[0]) == COLUMNS
    shares = [float(row["value"]) for row in rows if row["setting"] != "bias"]
    assert all(0 <= value <= 1 for value in shares)
    assert any(value > 0 for value in shares)
    assert all(float(row["value"]) >= 0 for row in rows if row["setting"] == "bias")
    settings: dict[str, set[str]] = {}
    for row in rows:
        settings.setdefault(f"{row['backbone']}/{row['strategy']}/seed{row['seed']}", set()).add(row["setting"])
    assert settings == {run: {"mono", "cross", "multi", "bias"} for run in ENCODERS} | {RUNS[0]: {"mono"}}


def test_summary_has_a_row_for_each_language_and_their_mean(finished: Workflow) -> None:
    keys = COLUMNS[:-2]
    values: dict[tuple[str, ...], dict[str, float]] = {}
    for row in summary(finished):
        values.setdefault(tuple(row[key] for key in keys), {})[row["language"]] = float(row["value"])
    assert {key[0] for key in values} == set(BENCHMARKS)
    for by_language in values.values():
        assert sorted(by_language) == [*LANGUAGES, "mean"]
        mean = sum(by_language[code] for code in LANGUAGES) / len(LANGUAGES)
        assert by_language["mean"] == pytest.approx(mean, abs=1e-9)


def test_summary_is_the_mean_over_queries_of_the_measures(finished: Workflow) -> None:
    run, benchmark, language = ENCODERS[2], BENCHMARKS[0], "el"
    measures = pq.read_table(finished.results / f"measures/{run}.parquet").to_pylist()
    chosen = [
        row["map"]
        for row in measures
        if (str(row["benchmark"]), str(row["setting"]), row["query_language"]) == (benchmark, "multi", language)
    ]
    backbone, strategy, seed = run.split("/")
    key = [benchmark, "multi", "map", backbone, strategy, seed.removeprefix("seed"), language]
    found = [float(row["value"]) for row in summary(finished) if [row[column] for column in COLUMNS[:-1]] == key]
    assert found == [pytest.approx(sum(chosen) / len(chosen))]


def test_training_changes_the_model(finished: Workflow) -> None:
    weights = [(finished.results / f"models/{run}/model.safetensors").read_bytes() for run in ENCODERS[1:]]
    untuned = (finished.results / "backbones/tiny/model.safetensors").read_bytes()
    assert len({*weights, untuned}) == 3
    for run in ENCODERS[1:]:
        with (finished.results / f"models/{run}/curves.csv").open(encoding="utf-8", newline="") as stream:
            assert [row["step"] for row in csv.DictReader(stream)] == ["1", "2"]


def test_untrained_language_is_marked(finished: Workflow) -> None:
    for table in ("mono", "multi"):
        text = (finished.results / f"tables/{table}.md").read_text(encoding="utf-8")
        assert "| el\\* |" in text
        assert "| de |" in text


def test_notice_is_on_tables_and_report(finished: Workflow) -> None:
    notice = "A test: none of these numbers means anything."
    for name in ("tables/mono.md", "tables/mono.html", "tables/mono.tex", "report.html"):
        assert notice in (finished.results / name).read_text(encoding="utf-8")


def test_report_loads_nothing_from_the_network(finished: Workflow) -> None:
    pages = [finished.results / "report.html", *(finished.results / "tables").glob("*.html")]
    assert len(pages) == 1 + len(TABLES)
    for page in pages:
        found = OUTSIDE.search(page.read_text(encoding="utf-8"))
        assert found is None, f"{page.name}: {found and found[0]}"


def test_report_shows_tables_figures_and_the_command(finished: Workflow) -> None:
    page = (finished.results / "report.html").read_text(encoding="utf-8")
    assert "snakemake --cores all --configfile config/tiny.yaml" in page
    tags = Counter(re.findall(r"<(table|svg|img)\b", page))
    assert tags["table"] >= 4
    assert tags["svg"] + tags["img"] >= 5


def test_snakemake_report(rerun: Workflow, tmp_path: Path) -> None:
    rerun.succeed("--report", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for name in ("summary.csv", "mono.html", "curves.svg", "report.html"):
        assert name in page
    rerun.succeed("--report", str(tmp_path / "report.zip"))
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        assert archive.testzip() is None
        assert any(name.endswith("report.html") for name in archive.namelist())
