"""The files that jobs read, and what is downloaded for them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.load import load_config
from hybridbatch.config.sources import Source
from hybridbatch.jobs.hub_requests import benchmark_requests, hub_requests, pairs_request
from hybridbatch.jobs.paths import Paths
from hybridbatch.jobs.reader_files import downloads, input_files, named_files

ROOT = Path(__file__).parents[3]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
EXPERIMENT = load_config(yaml.safe_load((ROOT / "config" / "paper.yaml").read_text(encoding="utf-8")))
PATHS = Paths(EXPERIMENT)


def benchmark(**values: Any) -> Benchmark:
    return Benchmark.model_validate({"path": "my", "languages": ["sw"], **values})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"reader": "parallel", "path": "demo", "languages": ["en"]}, {"english": "demo/pairs.en.tsv"}),
        (
            {"reader": "parallel", "path": "demo", "languages": ["de"]},
            {"english": "demo/pairs.en.tsv", "translations": "demo/en-de.tmx"},
        ),
        ({"reader": "table", "path": "my.{language}.tsv", "languages": ["de"]}, {"pairs": "my.de.tsv"}),
        (
            {"reader": "lareqa", "path": "lareqa/mlqa-r", "languages": ["de"]},
            {"questions": f"{PATHS.resources}/data/lareqa/mlqa-r/de.json"},
        ),
    ],
)
def test_local_and_pinned_files_are_the_inputs(source: dict[str, Any], expected: dict[str, str]) -> None:
    section = Source.model_validate(source)
    assert named_files(section, section.languages[0], PATHS) == expected
    assert input_files(section, section.languages[0], PATHS) == list(expected.values())


def test_a_local_pattern_stands_for_its_files(tmp_path: Path) -> None:
    section = benchmark(reader="beir", path=str(tmp_path), files={"queries": "q.jsonl", "qrels": "r.tsv"})
    (tmp_path / "sw-corpus").mkdir()
    files = [
        tmp_path / "q.jsonl",
        tmp_path / "r.tsv",
        *(tmp_path / "sw-corpus" / f"test-{n}.parquet" for n in range(2)),
    ]
    for file in files:
        file.touch()
    assert set(input_files(section, "sw", PATHS)) == set(map(str, files))
    assert named_files(section, "sw", PATHS)["corpus"] == f"{tmp_path}/sw-corpus/test-*.parquet"


def test_files_of_the_hub_are_represented_by_their_manifests() -> None:
    hub = {"revision": COMMIT, "corpus": "owner/corpus", "corpus_revision": COMMIT[::-1]}
    section = benchmark(reader="miracl", path="owner/topics", hub=hub)
    requests = benchmark_requests(section, "sw")
    assert requests["queries"] == requests["qrels"] != requests["corpus"]
    assert len(input_files(section, "sw", PATHS)) == 2
    folder = f"{PATHS.hub}/datasets--owner--corpus/snapshots/{COMMIT[::-1]}"
    assert named_files(section, "sw", PATHS)["corpus"] == f"{folder}/miracl-corpus-v1.0-sw/docs-*.jsonl.gz"


def test_the_files_of_a_source_on_the_hub_are_listed_by_its_manifest() -> None:
    source = EXPERIMENT.sources["mmarco"]
    manifest = PATHS.hub_manifest(pairs_request(source, "de"))
    assert named_files(source, "de", PATHS) == {"manifest": manifest}
    assert input_files(source, "de", PATHS) == [manifest]


def test_everything_that_jobs_read_from_the_network_is_downloaded() -> None:
    requests = hub_requests(EXPERIMENT, PATHS.translators().values())
    fetched = downloads(EXPERIMENT, requests, PATHS)
    assert len(fetched) == len(set(fetched))
    for section in (*EXPERIMENT.sources.values(), *EXPERIMENT.benchmarks.values()):
        for language in section.languages:
            assert set(input_files(section, language, PATHS)) <= set(fetched)
