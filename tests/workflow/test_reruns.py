"""What is computed again after a change: what depends on it, and nothing else."""

from pathlib import Path

import pytest
from checkout import Job, Workflow

pytestmark = pytest.mark.workflow

BENCHMARKS = ["demo_facts", "demo_advice"]
# Seconds; they read what changed and make the pages anew.
CARDS = {("model_card", f"run=tiny/{strategy}/seed1") for strategy in ("monolingual", "hybrid")}
SUMMARIES = {("compare", ""), ("verdicts", ""), ("transfer", "")}
LAST = {("tables", ""), ("figures", ""), ("report", ""), *SUMMARIES, *CARDS}
PROJECTIONS = {("projection", f"benchmark={name}") for name in BENCHMARKS}
ENCODED = {("tables_bias", ""), *PROJECTIONS}
CONFIG = ("write_config", "")


def evaluation(run: str) -> set[Job]:
    """Return the jobs that measure a trained or untuned run."""
    jobs = {(rule, f"run={run}, benchmark={name}") for rule in ("encode", "search") for name in BENCHMARKS}
    return jobs | {("evaluate", f"run={run}"), ("language_bias", f"run={run}")}


def training(strategy: str, seed: int) -> Job:
    return ("train", f"backbone=tiny, strategy={strategy}, seed={seed}")


def trained(*strategies: str, seed: int = 1) -> set[Job]:
    """Return the jobs that train a strategy, measure it and write its card."""
    jobs = {job for s in strategies for job in {training(s, seed), *evaluation(f"tiny/{s}/seed{seed}")}}
    return jobs | {("model_card", f"run=tiny/{s}/seed{seed}") for s in strategies}


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
        ("hybridbatch/batches.py", trained("monolingual", "hybrid") | LAST | ENCODED),
        (
            "hybridbatch/lexical.py",
            {("search_bm25", f"benchmark={b}") for b in BENCHMARKS} | {("evaluate", "run=bm25/bm25/seed0")} | LAST,
        ),
        ("hybridbatch/figures.py", {("figures", ""), ("transfer", ""), ("report", ""), *PROJECTIONS}),
        ("hybridbatch/comparisons.py", {("compare", ""), ("report", "")}),
        ("hybridbatch/report.py", {("report", "")}),
        ("hybridbatch/templates/page.css", LAST - {("figures", "")} | {("tables_bias", "")}),
        ("hybridbatch/machine.py", set()),
        ("download.py", set()),
    ],
)
def test_editing_code_reruns_what_depends_on_it(rerun: Workflow, module: str, expected: set[Job]) -> None:
    file = rerun.folder / "workflow/scripts" / module
    append(file, "\n/* edited */\n" if file.suffix == ".css" else "\n# edited\n")
    assert rerun.planned() == expected


def test_editing_a_training_text_reruns_from_there(rerun: Workflow) -> None:
    file = rerun.folder / "data/demo/en-de.tmx"
    file.write_text(
        file.read_text(encoding="utf-8").replace("Wo entspringt die Donau?", "Wo beginnt die Donau?"), encoding="utf-8"
    )
    rules = {rule for rule, _ in rerun.planned()}
    assert {"translate", "train", "encode", "evaluate", "report"} <= rules
    assert {"prepare_backbone", "prepare_pairs", "write_config"}.isdisjoint(rules)


def test_a_new_seed_adds_its_jobs_only(rerun: Workflow) -> None:
    rerun.configure(runs={"seeds": [1, 2]})
    # The projection shows the first seed.
    assert rerun.planned() == trained("monolingual", "hybrid", seed=2) | LAST | {("tables_bias", ""), CONFIG}


def test_a_new_strategy_adds_its_jobs_only(rerun: Workflow) -> None:
    rerun.configure(runs={"strategies": ["monolingual", "hybrid", "crosslingual"]})
    assert rerun.planned() == trained("crosslingual") | LAST | ENCODED | {CONFIG}


def test_changing_one_strategy_retrains_that_one(rerun: Workflow) -> None:
    rerun.configure(strategies={"hybrid": {"alpha": 0.75}})
    assert rerun.planned() == trained("hybrid") | LAST | ENCODED | {CONFIG}


def test_changing_training_retrains_every_strategy_and_nothing_untuned(rerun: Workflow) -> None:
    rerun.configure(training={"learning_rate": 2e-3})
    assert rerun.planned() == trained("monolingual", "hybrid") | LAST | ENCODED | {CONFIG}


def test_a_new_measure_only_measures(rerun: Workflow) -> None:
    rerun.configure(evaluation={"measures": ["map", "mrr", "recall@1", "recall@10", "ndcg@10", "recall@5"]})
    runs = ["bm25/bm25/seed0", "tiny/none/seed0", "tiny/monolingual/seed1", "tiny/hybrid/seed1"]
    biased = {("language_bias", f"run={run}") for run in runs[1:]} | {("tables_bias", "")}
    assert rerun.planned() == {("evaluate", f"run={run}") for run in runs} | biased | LAST | {CONFIG}


def test_another_table_only_writes_tables(rerun: Workflow) -> None:
    rerun.configure(evaluation={"tables": {"mono": ["ndcg@10"]}})
    assert rerun.planned() == {("tables", ""), ("report", ""), CONFIG, *SUMMARIES, *CARDS}


@pytest.mark.parametrize("change", [{"device": "auto"}, {"mirror": "data"}, {"notice": "Another sentence."}])
def test_where_things_run_and_come_from_reruns_no_job_that_computes(rerun: Workflow, change: dict[str, str]) -> None:
    rerun.configure(**change)
    pages = {("tables", ""), ("tables_data", ""), ("tables_bias", ""), ("report", ""), *SUMMARIES}
    assert rerun.planned() <= {CONFIG, *pages, *CARDS}


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


def test_a_new_benchmark_reruns_nothing_of_the_others(rerun: Workflow) -> None:
    # With the vocabulary whole and decontamination from named benchmarks, models depend on no other benchmark.
    named = {"decontaminate": ["demo_facts", "demo_advice"]}
    whole = {"backbones": {"tiny": {"trim_vocabulary": False}}, "cleaning": named}
    # The finished run as it would be with a whole vocabulary: only what Snakemake knows of the files is written anew.
    rerun.configure(**whole)
    rerun.succeed("--touch")
    assert rerun.planned() == set()
    rerun.configure(**whole, **NEW_BENCHMARK)
    runs = ["tiny/none/seed0", "tiny/monolingual/seed1", "tiny/hybrid/seed1"]
    expected = {("prepare_benchmark", f"benchmark=third, language={code}") for code in ("de", "en")}
    expected |= {(rule, f"run={run}, benchmark=third") for rule in ("encode", "search") for run in runs}
    expected |= {("search_bm25", "benchmark=third")}
    expected |= {("evaluate", f"run={run}") for run in [*runs, "bm25/bm25/seed0"]}
    expected |= {("language_bias", f"run={run}") for run in runs}
    expected |= {("tables_bias", ""), ("projection", "benchmark=third")}
    assert rerun.planned() == expected | LAST | {CONFIG}


def test_a_new_benchmark_needs_clean_pairs_and_a_new_trimmed_vocabulary(rerun: Workflow) -> None:
    rerun.configure(**NEW_BENCHMARK)
    rules = {rule for rule, _ in rerun.planned()}
    assert {"clean_pairs", "trim_backbone", "train"} <= rules
    assert {"prepare_backbone", "prepare_pairs"}.isdisjoint(rules)
