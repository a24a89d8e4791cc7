"""MTEB measures our benchmarks as we do, and our models on its tasks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hub_server import HubServer
from mteb_task import COMMIT, DATA, TASK, task_files, text

import build_index
import encode
import search
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_table
from hybridbatch.evaluate.measures import measure_benchmark

mteb = pytest.importorskip("mteb", reason="pip install -r requirements-mteb.txt")

from evaluate_mteb import find_task  # noqa: E402 - needs mteb
from hybridbatch.publish.mteb_tasks import benchmark_task, mteb_language  # noqa: E402 - needs mteb

pytestmark = pytest.mark.slow

LANGUAGES = ["de", "en", "zh"]
ROOT = Path(__file__).parents[3]
MEASURES = {"ndcg@10": "ndcg_at_10", "map": "map_at_1000", "recall@10": "recall_at_10"}


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random texts, no two of them the same; not every question has a relevant passage in every language."""
    folder = tmp_path_factory.mktemp("benchmarks") / "letters"
    rng = Random(5)
    texts = iter(rng.sample(range(3**9), 400))
    for language in LANGUAGES:
        questions = {f"q{number}": text(next(texts)) for number in range(12)}
        passages = {f"{language}/{number:02d}": text(next(texts)) for number in range(40)}
        rows = [
            {"query_id": question, "passage_id": passage, "relevance": rng.randint(1, 3)}
            for question in list(questions)[: 12 - LANGUAGES.index(language)]
            for passage in rng.sample(list(passages), 3)
        ]
        columns = {"queries": ("query_id", questions), "passages": ("passage_id", passages)}
        for kind, (name, values) in columns.items():
            table = pa.table({name: list(values), "text": list(values.values())})
            write_table(folder / language / f"{kind}.parquet", table)
        write_table(folder / language / "qrels.parquet", pa.Table.from_pylist(rows))
    return folder


@pytest.fixture(scope="module")
def measures(benchmark: Path, still_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The measures of the pipeline."""
    output = tmp_path_factory.mktemp("pipeline")
    pool, index = ["--benchmark", str(benchmark), "--languages", *LANGUAGES], json.dumps({"index": "Flat"})
    vectors = ["--embeddings", str(output / "vectors")]
    vectors_of = ["--model", str(still_backbone), "--output", str(output / "vectors")]
    encode.main([*pool, *vectors_of, "--settings", "{}", "--batch-size", "8", "--device", "cpu"])
    build_index.main([*vectors, "--languages", *LANGUAGES, "--settings", index, "--output", str(output / "indexes")])
    search.main([*pool, *vectors, "--indexes", str(output / "indexes"), "--settings", index, "--output", str(output)])
    return measure_benchmark(output / "ranks.parquet", "letters", list(MEASURES), 1000)


@pytest.mark.parametrize("setting", ["mono", "cross", "multi"])
def test_mteb_measures_a_benchmark_as_we_do(
    setting: str, benchmark: Path, still_backbone: Path, measures: pd.DataFrame
) -> None:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    task = benchmark_task(benchmark, LANGUAGES, setting)
    result = mteb.evaluate(SentenceTransformer(str(still_backbone), device="cpu"), task, cache=None)
    [scores] = result.task_results[0].scores.values()
    ours = measures[measures["setting"] == setting]
    keys = ["query_language", "passage_language"] if setting == "cross" else ["query_language"]
    means = {".".join(np.atleast_1d(key)): rows[list(MEASURES)].mean() for key, rows in ours.groupby(keys)}
    assert {row["hf_subset"] for row in scores} == means.keys()
    assert len(scores) == (6 if setting == "cross" else 3)
    for row in scores:
        for name, theirs in MEASURES.items():
            assert row[theirs] == pytest.approx(means[row["hf_subset"]][name], abs=2e-5), (row["hf_subset"], name)
    assert 0.05 < np.mean([row["ndcg_at_10"] for row in scores]) < 0.95


def test_languages_are_those_of_mteb(benchmark: Path) -> None:
    codes = {
        "de": "deu-Latn",
        "zh": "zho-Hans",
        "ja": "jpn-Jpan",
        "ko": "kor-Kore",
        "fa": "fas-Arab",
        "pt-BR": "por-Latn",
    }
    assert {code: mteb_language(code) for code in codes} == codes
    task = benchmark_task(benchmark, LANGUAGES, "cross").filter_languages(
        ["deu", "eng"], exclusive_language_filter=True
    )
    assert task.hf_subsets == ["de.en", "en.de"]


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer({("dataset", DATA, COMMIT): task_files()}) as server:
        yield server


def test_a_model_is_evaluated_on_a_task_of_mteb(hub: HubServer, still_backbone: Path, tmp_path: Path) -> None:
    output = tmp_path / "results/tiny__none/seed0" / f"{TASK}.json"
    options = {"--model": still_backbone, "--name": "tiny/none", "--revision": "seed0", "--task": TASK}
    options |= {"--settings": '{"languages": ["deu"]}', "--batch-size": 4, "--device": "cpu", "--output": output}
    online = {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_OFFLINE": "0",
        "HF_DATASETS_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, "workflow/scripts/evaluate_mteb.py", *(str(w) for pair in options.items() for w in pair)]
    environment = {**os.environ, **online, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # As MTEB itself reads it.
    results = mteb.ResultCache(tmp_path).load_results()
    [model] = results.model_results
    assert (model.model_name, model.model_revision) == ("tiny/none", "seed0")
    [task] = model.task_results
    assert (task.task_name, task.dataset_revision) == (TASK, COMMIT)
    [scores] = task.scores["validation"]
    assert scores["hf_subset"] == "de"
    assert 0 < scores["ndcg_at_10"] <= 1
    assert not [path for path, _ in hub.requests if "/el-" in path]


def test_a_task_that_mteb_does_not_have_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^mteb\.tasks: 'XQuADRetrival' not found\. Did you mean: 'XQuADRetrieval'\?"):
        find_task("XQuADRetrival", [])
    with pytest.raises(UserError, match=r"^mteb\.languages: No subsets were found for XQuADRetrieval .*'fra'"):
        find_task(TASK, ["fra"])
