"""HC4 (Lawrie et al., ECIR 2022) by its id in ir_datasets, from files in their published form."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_config import small

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.data.readers import ir_datasets

ROOT = Path(__file__).parents[4]
PASSAGES = {
    "zho": {"zh-1": ("标题", "多瑙河"), "zh-2": ("", "蜂蜜"), "zh-3": ("三", "三")},
    "rus": {"ru-1": ("Дунай", "река")},
}
QRELS = {"zho": "1001 0 zh-1 3\n1001 0 zh-2 0\n1002 0 zh-2 1\n", "rus": "1001 0 ru-1 1\n"}


def topic(number: int, languages: list[str]) -> dict[str, Any]:
    """A topic as HC4 publishes it."""
    texts = [
        ("eng", "original"),
        *((code, how) for code in languages for how in ("human translation", "google translate")),
    ]
    return {
        "topic_id": str(number),
        "languages_with_qrels": languages,
        "topics": [
            {"lang": lang, "source": how, "topic_title": f"{how} {lang} {number}", "topic_description": "d"}
            for lang, how in texts
        ],
        "narratives": {code: {"3": "n"} for code in languages},
        "report": {"text": "r", "url": "https://example.org", "date": "2020-01-01"},
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ir_datasets")
    topics = [topic(1001, ["zho", "rus"]), topic(1002, ["zho"]), topic(1003, ["zho"])]
    (folder / "hc4").mkdir()
    (folder / "hc4/test.topics.v1-0.jsonl").write_text("".join(json.dumps(t) + "\n" for t in topics), encoding="utf-8")
    for code, passages in PASSAGES.items():
        (folder / "hc4" / code).mkdir()
        rows = [
            {"id": name, "title": title, "text": text, "url": "u", "time": "t", "cc_file": "c"}
            for name, (title, text) in passages.items()
        ]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / "hc4" / code / "hc4_docs.jsonl").write_text(lines, encoding="utf-8")
        (folder / "hc4" / code / "test.qrels.v1-0.txt").write_text(QRELS[code], encoding="utf-8")
    return folder


def prepare(home: Path, output: Path, language: str, **changes: Any) -> dict[str, list[dict[str, Any]]]:
    """Run the program; the package reads the place of its files when it is imported."""
    values = {"reader": "ir_datasets", "path": "hc4/{language}/test", "languages": ["zh", "ru"], **changes}
    command = [sys.executable, "workflow/scripts/prepare_benchmark.py", "--benchmark", json.dumps(values)]
    command += ["--language", language, "--files", "--output", str(output)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "IR_DATASETS_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {kind: read_table(output / f"{kind}.parquet").to_pylist() for kind in ("queries", "passages", "qrels")}


@pytest.mark.slow
def test_a_collection_is_read_by_its_id(home: Path, tmp_path: Path) -> None:
    read = prepare(home, tmp_path / "zh", "zh", query_field="ht_title")
    assert {q["query_id"]: q["text"] for q in read["queries"]} == {
        "1001": "human translation zho 1001",
        "1002": "human translation zho 1002",
    }
    assert {p["passage_id"]: p["text"] for p in read["passages"]} == {
        f"zh/{name}": f"{title}\n\n{text}" if title else text for name, (title, text) in PASSAGES["zho"].items()
    }
    assert [(q["query_id"], q["passage_id"], q["relevance"]) for q in read["qrels"]] == [
        ("1001", "zh/zh-1", 3),
        ("1002", "zh/zh-2", 1),
    ]
    read = prepare(home, tmp_path / "ru", "ru", title=False)
    assert [q["text"] for q in read["queries"]] == ["original eng 1001"]
    assert [p["text"] for p in read["passages"]] == [PASSAGES["rus"]["ru-1"][1]]


@pytest.mark.parametrize(
    ("changes", "language", "message"),
    [
        ({}, "de", r"^path: ir_datasets has no 'hc4/de/test'; see https://ir-datasets\.com"),
        ({"path": "hc4/{language}"}, "zh", r"^path: hc4/zh of ir_datasets has no queries, qrels; choose"),
        ({"query_field": "ht"}, "zh", r"^query_field: hc4/zh/test has no 'ht'; allowed: query_id, title, .*ht_title"),
    ],
)
def test_ids_and_fields_are_checked_without_files(changes: dict[str, str], language: str, message: str) -> None:
    values = {"reader": "ir_datasets", "path": "hc4/{language}/test", "languages": [language], **changes}
    with pytest.raises(UserError, match=message):
        ir_datasets.load(Benchmark.model_validate(values), language)


def test_the_configuration_knows_the_reader() -> None:
    bench = {"reader": "ir_datasets", "path": "neuclir/1/{language}/trec-2022", "languages": ["fa", "zh"]}
    config = small({"benchmarks.bench": bench})
    assert config.benchmarks["bench"].measured == ["mono"]
    assert config.separate_questions == ["bench"]
    for changes, message in (
        ({"path": "neuclir/1/zh/trec-2022"}, "path: must contain {language} for several languages"),
        ({"keep": [0, 0.5]}, "keep does not belong to reader ir_datasets"),
        ({"reader": "beir", "query_field": "title"}, "query_field belongs to reader: ir_datasets"),
    ):
        with pytest.raises(UserError) as caught:
            small({"benchmarks.bench": {**bench, **changes}})
        assert message in str(caught.value)
