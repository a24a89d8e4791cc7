"""Errors of a user: one line that names the key or the file, and no incomplete files."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from checkout import ROOT, Workflow

pytestmark = pytest.mark.workflow

SHARED_DATA = ROOT.parent / "shared/data"
REVISION = "0123456789abcdef0123456789abcdef01234567"
CONTEXT = "Ada wrote the first program. It was never run."
BREAKS = [[0, 28], [29, 46]]
MEMORY = "data/demo/en-de.tmx"


def only_line(output: str, start: str) -> str:
    """Return the line of the output that begins with ``start``; there must be one."""
    lines = {line for line in output.splitlines() if line.startswith(start)}
    assert len(lines) == 1, output
    return lines.pop()


def refused(workflow: Workflow) -> str:
    """Run everything, expect the configuration to be refused before any job, and return the message."""
    output = workflow.fail()
    assert "Select jobs" not in output
    assert not workflow.results.exists()
    assert not (workflow.folder / "resources").exists()
    return only_line(output, "config: ")


def job_error(workflow: Workflow, target: str) -> str:
    """Make a file, expect its job to fail and to leave neither the file nor a part of it, and return the message."""
    output = workflow.fail(target)
    assert not (workflow.folder / target).exists()
    written = [path for name in ("results", "resources") for path in (workflow.folder / name).rglob("*")]
    assert not [path for path in written if path.suffix in (".part", ".partial")]
    return only_line(output, "error: ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"stpes": 3}}, ["training.stpes: unknown key", "did you mean 'steps'"]),
        ({"seeds": [1]}, ["seeds: unknown key"]),
        ({"benchmarks": {"demo_facts": {"languages": ["de", "xx"]}}}, ["benchmarks.demo_facts.languages", "'xx'"]),
        ({"benchmarks": {"demo_facts": {"languages": ["de", "sw"]}}}, ["benchmarks.demo_facts.languages", "en-sw.tmx"]),
        ({"benchmarks": {"demo_facts": {"languages": []}}}, ["benchmarks.demo_facts.languages: is empty"]),
        ({"runs": {"strategies": ["hybird"]}}, ["runs.strategies: 'hybird'", "did you mean 'hybrid'"]),
        ({"sources": {"demo_facts": {"path": "nowhere"}}}, ["sources.demo_facts.path: nowhere does not exist"]),
        ({"results_dir": "Snakefile/x"}, ["results_dir: Snakefile/x cannot be written"]),
        ({"resources_dir": "Snakefile/x"}, ["resources_dir: Snakefile/x cannot be written"]),
        ({"mirror": "nowhere"}, ["mirror: nowhere is not a folder"]),
        ({"backbones": {"tiny": {"path": "nowhere"}}}, ["backbones.tiny: nowhere: is not a folder"]),
    ],
)
def test_config_is_refused_before_any_job(fresh: Workflow, changes: dict[str, Any], message: list[str]) -> None:
    fresh.configure(**changes)
    line = refused(fresh)
    assert all(part in line for part in message), line


def test_language_missing_in_a_downloaded_benchmark(fresh: Workflow) -> None:
    section = {"reader": "lareqa", "path": "lareqa/xquad-r", "languages": ["de", "sw"]}
    fresh.configure(runs={"benchmarks": ["xquad_r"]}, benchmarks={"xquad_r": section})
    line = refused(fresh)
    assert "benchmarks.xquad_r.languages: lareqa/xquad-r has no language 'sw'; allowed: ar, de, el" in line


def test_backbone_without_weights(fresh: Workflow) -> None:
    (fresh.folder / "tiny_model/model.safetensors").unlink()
    assert "backbones.tiny: tiny_model: has no model.safetensors" in refused(fresh)


def test_truncated_translation_memory(fresh: Workflow) -> None:
    file = fresh.folder / MEMORY
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    lines = len(file.read_text(encoding="utf-8", errors="ignore").splitlines())
    line = job_error(fresh, "results/tiny/pairs/demo_facts/de.parquet")
    assert f"{MEMORY}: line {lines}: is truncated or not XML" in line


def test_missing_translation_is_named(fresh: Workflow) -> None:
    file = fresh.folder / MEMORY
    text = "Where does the river Danube have its source?"
    memory = file.read_text(encoding="utf-8")
    assert memory.count(f"<seg>{text}</seg>") == 1
    file.write_text(memory.replace(text, "Where is the source?"), encoding="utf-8")
    line = job_error(fresh, "results/tiny/pairs/demo_facts/de.parquet")
    assert f"{MEMORY}: has no de translation of '{text}'; add it" in line


def lareqa(workflow: Workflow, *, answer: int = 29) -> Path:
    """Add a benchmark of one question in LAReQA's format from a mirror; return the file in the mirror."""
    question = {"id": "q1", "question": "What became of it?", "answers": [{"answer_start": answer, "text": "x"}]}
    sentences = [CONTEXT[start:end] for start, end in BREAKS]
    paragraph = {"context": CONTEXT, "sentences": sentences, "sentence_breaks": BREAKS, "qas": [question]}
    file = workflow.folder / "mirror/lareqa/small/en.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"data": [{"title": "Ada", "paragraphs": [paragraph]}]}))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    row = ["lareqa/small/en.json", f"https://example.org/{REVISION}/en.json", REVISION, digest, "", "CC0-1.0"]
    with (workflow.folder / "config/data.csv").open("a", encoding="utf-8") as stream:
        stream.write(",".join(row) + "\n")
    section = {"reader": "lareqa", "path": "lareqa/small", "languages": ["en"]}
    workflow.configure(mirror="mirror", runs={"benchmarks": ["small"]}, benchmarks={"small": section})
    return file


DOWNLOADED = "resources/data/lareqa/small/en.json"
PREPARED = "results/tiny/benchmarks/small/en/queries.parquet"


def test_mirrored_benchmark_is_copied_verified_and_read(fresh: Workflow) -> None:
    source = lareqa(fresh)
    fresh.succeed(PREPARED)
    assert (fresh.folder / DOWNLOADED).read_bytes() == source.read_bytes()
    folder = (fresh.folder / PREPARED).parent
    assert [row["text"] for row in pq.read_table(folder / "queries.parquet").to_pylist()] == ["What became of it?"]
    passages = {row["passage_id"]: row["text"] for row in pq.read_table(folder / "passages.parquet").to_pylist()}
    relevant = [row["passage_id"] for row in pq.read_table(folder / "qrels.parquet").to_pylist()]
    assert [passages[name] for name in relevant] == ["It was never run."]


@pytest.mark.parametrize("kept", [0.5, 1.0])
def test_truncated_or_changed_file_in_the_mirror_is_refused(fresh: Workflow, kept: float) -> None:
    source = lareqa(fresh)
    data = source.read_bytes().replace(b"never", b"often")
    source.write_bytes(data[: int(len(data) * kept)])
    line = job_error(fresh, PREPARED)
    assert "lareqa/small/en.json: mirror/lareqa/small/en.json gave" in line
    assert "SHA-256" in line
    assert not (fresh.folder / DOWNLOADED).exists()


def test_file_missing_in_the_mirror(fresh: Workflow) -> None:
    lareqa(fresh).unlink()
    message = "mirror/data/lareqa/small/en.json: is not in the mirror, and neither is mirror/lareqa/small/en.json; put"
    assert message in job_error(fresh, PREPARED)


def test_benchmark_truncated_after_the_download(fresh: Workflow) -> None:
    lareqa(fresh)
    fresh.succeed(DOWNLOADED)
    file = fresh.folder / DOWNLOADED
    file.write_bytes(file.read_bytes()[:100])
    assert f"{DOWNLOADED}: is truncated or not JSON" in job_error(fresh, PREPARED)


def test_question_whose_answer_is_in_no_sentence(fresh: Workflow) -> None:
    lareqa(fresh, answer=28)
    line = job_error(fresh, PREPARED)
    assert f"{DOWNLOADED}: article 0, paragraph 0, question 'q1': its answer at character 28 is in no sentence" in line


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="../shared/data, a mirror of config/data.csv, does not exist")
def test_xquad_r_from_a_mirror(fresh: Workflow) -> None:
    section = {"reader": "lareqa", "path": "lareqa/xquad-r", "languages": ["de"]}
    runs = {"benchmarks": ["xquad_r"]}
    fresh.configure(mirror=str(SHARED_DATA), runs=runs, benchmarks={"xquad_r": section})
    fresh.succeed("results/tiny/benchmarks/xquad_r/de/queries.parquet")
    folder = fresh.results / "benchmarks/xquad_r/de"
    rows = {name: pq.read_metadata(folder / f"{name}.parquet").num_rows for name in ("queries", "passages", "qrels")}
    assert rows["queries"] == 1190
    assert rows["passages"] > 1000
    assert rows["qrels"] >= 1190
