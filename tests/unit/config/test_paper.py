"""config/paper.yaml follows the paper, and its DAG is built offline, quickly and in little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config

ROOT = Path(__file__).parents[3]
NINE = {"en", "ar", "zh", "de", "es", "ru", "th", "tr", "hi"}
SECONDS, MEGABYTES = 20, 1000


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Override one configuration with another, as Snakemake does."""
    nested = {key: merged(base.get(key) or {}, value) for key, value in over.items() if isinstance(value, dict)}
    return {**base, **over, **nested}


@pytest.fixture
def paper() -> Config:
    files = [
        yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8")) for name in ("config.yaml", "paper.yaml")
    ]
    return load_config(merged(*files))


def test_it_follows_the_paper(paper: Config) -> None:
    compared = ["monolingual", "crosslingual", "hybrid"]
    # What the paper leaves open or says in two ways.
    varied = ["hybrid-language1", "hybrid-source0", "hybrid-example"]
    assert sorted(paper.run_names) == sorted(
        f"{backbone}/{run}"
        for backbone in ("xlm-r", "labse")
        for run in ["none/seed0", *(f"{s}/seed{n}" for s in (*compared, *varied) for n in range(1, 6))]
    )
    assert {(s.language_exponent, s.source_exponent) for n in compared if (s := paper.strategies[n])} == {(0, 1)}
    assert paper.strategies["hybrid"].alpha == 0.5
    training = paper.training
    assert (training.batch_size, training.learning_rate, training.weight_decay) == (100, 3e-5, 0.01)
    assert [name for name in training.sources if paper.has_negatives(name)] == ["mr_tydi", "mmarco"]
    assert paper.sources["mmarco"].size == 39_780_811
    for backbone in paper.backbones.values():
        assert (backbone.prompts.query, backbone.prompts.passage) == ("Query: ", "Passage: ")
    assert (training.validation, paper.sources["squadshifts"].all_languages) == ("squadshifts", ["en"])
    assert training.patience is not None
    for name in ("wikiqa", "duorc", "newsqa", "natural_questions", "yahoo_qa"):
        assert set(paper.sources[name].all_languages) == NINE
    assert set(paper.sources["mmarco"].languages) == NINE - {"th", "tr"}
    assert [paper.sources[name].all_languages for name in ("mr_tydi", "mfaq")] == [["en"], ["en"]]
    assert paper.layout.main == {"miracl": "ndcg@10"}
    languages = {name: len(benchmark.languages) for name, benchmark in paper.benchmarks.items()}
    assert languages == {"xquad_r": 11, "xquad_r_context": 11, "mlqa_r": 7, "mlqa_r_context": 7, "miracl": 15}
    assert {name: b.candidates for name, b in paper.benchmarks.items() if b.reader == "lareqa"} == {
        "xquad_r": "sentence",
        "xquad_r_context": "sentence_and_context",
        "mlqa_r": "sentence",
        "mlqa_r_context": "sentence_and_context",
    }
    # Greek and Vietnamese are evaluated without being trained on.
    assert set(paper.training_languages) == NINE


def test_every_source_has_a_licence_and_a_commit_that_the_documentation_names(paper: Config) -> None:
    page = (ROOT / "docs/how-to/sources.md").read_text(encoding="utf-8")
    for source in paper.sources.values():
        assert source.licence and source.hub
        assert f"`{source.path}`" in page
        assert f"`{source.hub.revision[:8]}`" in page


@pytest.mark.slow
@pytest.mark.workflow
def test_its_dag_is_built_offline_in_seconds(tmp_path: Path) -> None:
    # Nothing listens at this address, so the network is unreachable.
    nowhere = {
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-m", "snakemake", "-n", "-q", "all", "--configfile", "config/paper.yaml", "--config"]
    command += [f"results_dir={tmp_path / 'results'}", f"resources_dir={tmp_path / 'resources'}"]
    # A child process inherits the peak memory of its parent, so a small process in between measures the real peak.
    between = (
        "import json, resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    )
    between += "print(json.dumps(list(resource.getrusage(resource.RUSAGE_CHILDREN)[:3])))"
    environment = {**os.environ, **nowhere}
    done = subprocess.run(
        [sys.executable, "-c", between, *command], cwd=ROOT, env=environment, capture_output=True, check=True
    )
    user, system, peak = json.loads(done.stdout)
    # CPU time, so that other processes on the machine do not count.
    assert user + system < SECONDS
    assert peak / (2**20 if sys.platform == "darwin" else 2**10) < MEGABYTES


@pytest.mark.slow
@pytest.mark.workflow
def test_offline_a_run_stops_before_any_job_and_names_the_command(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--configfile",
        "config/paper.yaml",
        "--nolock",
        "--config",
    ]
    command += [f"results_dir={tmp_path / 'results'}", f"resources_dir={tmp_path / 'resources'}"]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "own")}
    done = subprocess.run(command, cwd=ROOT, env=offline, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "dataset unicamp-dl/mmarco at 6d039c4638c0" in done.stderr
    assert "run `snakemake --cores 4 downloads --configfile config/paper.yaml` online" in done.stderr
    assert not list(tmp_path.glob("results/*/logs/*"))
