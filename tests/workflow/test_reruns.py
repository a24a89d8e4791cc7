"""After a change, only the jobs that depend on it rerun."""

import re
from pathlib import Path

import pytest
from checkout import Job, Workflow

pytestmark = pytest.mark.workflow

BENCHMARKS = ["demo_facts", "demo_advice"]
# Jobs of seconds that read the tables and write pages.
CARDS = {("write_model_card", f"run=tiny/{strategy}/seed1") for strategy in ("monolingual", "hybrid")}
SUMMARIES = {("compare_strategies", ""), ("compare_published", ""), ("write_transfer", "")}
LAST = {("write_tables", ""), ("draw_answer", ""), ("draw_figures", ""), ("write_report", ""), *SUMMARIES, *CARDS}
# Pages of other tables, with the same layout and templates.
PAGES = {("write_bias_tables", ""), ("write_data_tables", "")}
PROJECTIONS = {("draw_projection", f"benchmark={name}") for name in BENCHMARKS}
ENCODED = {("write_bias_tables", ""), *PROJECTIONS}
CONFIG = ("write_config", "")
SEARCHING = ("encode", "build_index", "search")


def evaluation(run: str) -> set[Job]:
    """Return the jobs that measure a trained or untuned run."""
    jobs = {(rule, f"run={run}, benchmark={name}") for rule in SEARCHING for name in BENCHMARKS}
    return jobs | {("evaluate", f"run={run}"), ("measure_language_bias", f"run={run}")}


def training(strategy: str, seed: int) -> Job:
    return ("train", f"backbone=tiny, strategy={strategy}, seed={seed}")


def trained(*strategies: str, seed: int = 1) -> set[Job]:
    """Return the jobs that train a strategy, measure it and write its card."""
    jobs = {job for s in strategies for job in {training(s, seed), *evaluation(f"tiny/{s}/seed{seed}")}}
    return jobs | {("write_model_card", f"run=tiny/{s}/seed{seed}") for s in strategies}


def append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8") as stream:
        stream.write(text)


def test_nothing_to_do_after_a_whole_run(finished: Workflow) -> None:
    assert finished.planned() == set()


def test_touching_every_file_reruns_nothing(rerun: Workflow) -> None:
    files = [file for part in ("workflow", "config", "data", "tiny_model") for file in (rerun.folder / part).rglob("*")]
    assert len(files) > 50
    for file in files:
        file.touch()
    (rerun.folder / "Snakefile").touch()
    assert rerun.planned() == set()


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("hybridbatch/train/hybrid_batches.py", trained("monolingual", "hybrid") | LAST | ENCODED),
        (
            "hybridbatch/search/bm25.py",
            {("search_bm25", f"benchmark={b}") for b in BENCHMARKS} | {("evaluate", "run=bm25/bm25/seed0")} | LAST,
        ),
        (
            "hybridbatch/report/figures.py",
            {("draw_answer", ""), ("draw_figures", ""), ("write_transfer", ""), ("write_report", ""), *PROJECTIONS},
        ),
        (
            "hybridbatch/compare/comparisons.py",
            {("compare_strategies", ""), ("compare_published", ""), ("draw_answer", ""), ("write_report", "")},
        ),
        ("hybridbatch/report/page.py", {("write_report", "")}),
        ("hybridbatch/report/templates/page.css", LAST - {("draw_figures", "")} | PAGES),
        ("hybridbatch/jobs/preflight.py", set()),
        ("download_file.py", set()),
    ],
)
def test_editing_code_reruns_its_jobs(rerun: Workflow, module: str, expected: set[Job]) -> None:
    file = rerun.folder / "workflow/scripts" / module
    append(file, "\n/* edited */\n" if file.suffix == ".css" else "\nEDITED = True\n")
    assert rerun.planned() == expected


def test_editing_comments_and_docstrings_reruns_nothing(rerun: Workflow) -> None:
    files = list((rerun.folder / "workflow/scripts").rglob("*.py"))
    assert len(files) > 100
    for file in files:
        source = file.read_text(encoding="utf-8")
        assert source.startswith('"""')
        file.write_text(source.replace('"""', '"""Edited: ', 1) + "\n# edited\n", encoding="utf-8")
    assert rerun.planned() == set()


def test_editing_a_training_text_reruns_training_and_later_jobs(rerun: Workflow) -> None:
    file = rerun.folder / "data/demo/en-de.tmx"
    file.write_text(
        file.read_text(encoding="utf-8").replace("Wo entspringt die Donau?", "Wo beginnt die Donau?"), encoding="utf-8"
    )
    rules = {rule for rule, _ in rerun.planned()}
    assert {"translate", "train", "encode", "evaluate", "write_report"} <= rules
    assert {"prepare_backbone", "prepare_pairs", "write_config"}.isdisjoint(rules)


def test_a_new_seed_adds_only_its_jobs(rerun: Workflow) -> None:
    rerun.configure(runs={"seeds": [1, 2]})
    # The projection shows the first seed.
    assert rerun.planned() == trained("monolingual", "hybrid", seed=2) | LAST | {("write_bias_tables", ""), CONFIG}


def test_a_new_strategy_adds_only_its_jobs(rerun: Workflow) -> None:
    rerun.configure(runs={"strategies": ["monolingual", "hybrid", "crosslingual"]})
    assert rerun.planned() == trained("crosslingual") | LAST | ENCODED | {CONFIG}


def test_centred_passages_need_no_training(rerun: Workflow) -> None:
    rerun.configure(runs={"centred": ["none", "hybrid"]})
    runs = ["tiny/none-centred/seed0", "tiny/hybrid-centred/seed1"]
    centred = {("centre_passages", f"centred={run}, benchmark={name}") for run in runs for name in BENCHMARKS}
    measured = {job for run in runs for job in evaluation(run) if job[0] != "encode"}
    assert rerun.planned() == centred | measured | LAST | {("write_bias_tables", ""), CONFIG}
    rerun.succeed()
    for table in ("mono", "multi", "bias"):
        text = (rerun.results / f"tables/{table}.csv").read_text(encoding="utf-8")
        assert {"none", "none-centred", "hybrid", "hybrid-centred"} <= {*re.findall(r"[\w-]+", text)}
    page = (rerun.results / "report.html").read_text(encoding="utf-8")
    assert "not trained: the original encoder; passages centred by language" in page
    assert not list((rerun.results / "embeddings").rglob("*.passages.*.npy"))


def test_changing_a_strategy_retrains_only_that_one(rerun: Workflow) -> None:
    rerun.configure(strategies={"hybrid": {"alpha": 0.75}})
    assert rerun.planned() == trained("hybrid") | LAST | ENCODED | {CONFIG}


def test_changing_training_retrains_every_strategy(rerun: Workflow) -> None:
    rerun.configure(training={"learning_rate": 2e-3})
    assert rerun.planned() == trained("monolingual", "hybrid") | LAST | ENCODED | {CONFIG}


def test_a_new_measure_only_measures(rerun: Workflow) -> None:
    rerun.configure(evaluation={"measures": ["map", "mrr", "recall@1", "recall@10", "ndcg@10", "recall@5"]})
    runs = ["bm25/bm25/seed0", "tiny/none/seed0", "tiny/monolingual/seed1", "tiny/hybrid/seed1"]
    biased = {("measure_language_bias", f"run={run}") for run in runs[1:]} | {("write_bias_tables", "")}
    assert rerun.planned() == {("evaluate", f"run={run}") for run in runs} | biased | LAST | {CONFIG}


def test_other_measures_in_a_table_only_write_tables(rerun: Workflow) -> None:
    rerun.configure(evaluation={"tables": {"mono": ["ndcg@10"]}})
    assert rerun.planned() == {
        CONFIG, ("write_tables", ""), ("draw_answer", ""), ("write_report", ""), *SUMMARIES, *CARDS
    }  # fmt: skip


@pytest.mark.parametrize("change", [{"device": "auto"}, {"mirror": "data"}, {"notice": "Another sentence."}])
def test_devices_mirrors_and_notices_rerun_only_pages(rerun: Workflow, change: dict[str, str]) -> None:
    rerun.configure(**change)
    assert rerun.planned() <= {
        CONFIG, ("write_tables", ""), ("draw_answer", ""), ("write_report", ""), *SUMMARIES, *CARDS, *PAGES
    }  # fmt: skip


def test_another_index_moves_the_vectors_again(rerun: Workflow) -> None:
    rerun.configure(search={"index": "SQfp16"})
    rules = {rule for rule, _ in rerun.planned()}
    assert {"encode", "build_index", "search", "evaluate"} <= rules
    assert {"train", "search_bm25", "prepare_benchmark"}.isdisjoint(rules)


NEW_BENCHMARK = {
    "runs": {"benchmarks": [*BENCHMARKS, "third"]},
    "benchmarks": {
        "third": {
            "reader": "parallel",
            "path": "data/demo",
            "domain": "facts",
            "split": "validation",
            "languages": ["de", "en"],
        }
    },
}


def test_a_new_benchmark_reruns_no_jobs_of_the_others(rerun: Workflow) -> None:
    # With the whole vocabulary and decontamination from these benchmarks only, models depend on no other benchmark.
    named = {"decontaminate": ["demo_facts", "demo_advice"]}
    whole = {"backbones": {"tiny": {"trim_vocabulary": False}}, "cleaning": named}
    # Pretend that the finished run had the whole vocabulary: only Snakemake's metadata of the files is updated.
    rerun.configure(**whole)
    rerun.succeed("--touch")
    assert rerun.planned() == set()
    rerun.configure(**whole, **NEW_BENCHMARK)
    runs = ["tiny/none/seed0", "tiny/monolingual/seed1", "tiny/hybrid/seed1"]
    expected = {("prepare_benchmark", f"benchmark=third, language={code}") for code in ("de", "en")}
    expected |= {(rule, f"run={run}, benchmark=third") for rule in SEARCHING for run in runs}
    expected |= {("search_bm25", "benchmark=third")}
    expected |= {("evaluate", f"run={run}") for run in [*runs, "bm25/bm25/seed0"]}
    expected |= {("measure_language_bias", f"run={run}") for run in runs}
    expected |= {("write_bias_tables", ""), ("draw_projection", "benchmark=third")}
    assert rerun.planned() == expected | LAST | {CONFIG}


def test_a_new_benchmark_needs_new_clean_pairs_and_a_new_trimmed_vocabulary(rerun: Workflow) -> None:
    rerun.configure(**NEW_BENCHMARK)
    rules = {rule for rule, _ in rerun.planned()}
    assert {"clean_pairs", "trim_backbone", "train"} <= rules
    assert {"prepare_backbone", "prepare_pairs"}.isdisjoint(rules)
