"""The targets `push` and `mteb`: a trained model goes to a hub, and MTEB measures it on a task from that hub."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.machinery import PathFinder
from importlib.util import find_spec

import pytest
from checkout import Workflow
from hub_server import HubServer
from mteb_task import COMMIT, DATA, TASK, task_files

from hybridbatch.common.files import read_json

pytestmark = [pytest.mark.slow, pytest.mark.workflow]

RUN = "tiny/hybrid/seed1"
NAME = "owner/tiny-tiny-hybrid-seed1"
EXPERIMENT = {
    "runs": {"strategies": ["hybrid"], "bm25": False, "benchmarks": ["demo_facts"]},
    "shift": {"in_domain": [], "out_of_domain": []},
    "backbones": {"tiny": {"trim_vocabulary": False, "licence": "MIT"}},
    "mteb": {"tasks": [TASK], "languages": ["deu"]},
    "push": {"owner": "owner", "runs": [RUN]},
}


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer({("dataset", DATA, COMMIT): task_files()}) as server:
        yield server


@pytest.fixture(scope="module")
def online(pristine: Workflow, hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflow]:
    """A checkout of which Snakemake sees the hub; nothing has run."""
    folder = tmp_path_factory.mktemp("publish") / "copy"
    shutil.copytree(pristine.folder, folder)
    workflow = replace(pristine, folder=folder, hub=hub.url)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HF_TOKEN": hub.token, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_XET": "1"}.items():
            patch.setenv(name, value)
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield workflow


def test_a_licence_that_forbids_an_upload_stops_it_before_any_job(online: Workflow, hub: HubServer) -> None:
    before = len(hub.requests)
    online.configure(**EXPERIMENT | {"sources": {"demo_facts": {"licence": "CC-BY-NC-4.0"}}})
    output = online.fail("push")
    assert "push: the licence of demo_facts (CC-BY-NC-4.0) forbids commercial use; leave the model out" in output
    assert "set push.despite_licence to [demo_facts]" in output
    assert len(hub.requests) == before
    assert not online.results.exists()


def test_push_uploads_a_private_model_with_its_card(online: Workflow, hub: HubServer) -> None:
    online.configure(**EXPERIMENT)
    output = online.succeed("push")
    record = read_json(online.results / f"push/{RUN}.json")
    assert record == {"repository": NAME, "commit": record["commit"], "private": True}
    assert NAME in hub.private
    model = online.results / "models" / RUN
    files = hub.repositories["model", NAME, record["commit"]]
    assert {"README.md", "manifest.json", "model.safetensors", "tokenizer.json"} <= files.keys()
    assert {name: (model / name).read_bytes() for name in files} == files
    assert b"\nlicense: " in files["README.md"]
    assert hub.token not in output
    assert online.planned("push") == set()


def test_mteb_is_asked_for_before_any_job(online: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if PathFinder.find_spec("mteb", [path for path in sys.path if path.endswith("site-packages")]):
        pytest.skip("mteb is installed with everything else")
    online.configure(**EXPERIMENT)
    assert "mteb: needs the package mteb; run `pip install -r requirements-mteb.txt`" in online.fail("mteb")


@pytest.mark.skipif(find_spec("mteb") is None, reason="pip install -r requirements-mteb.txt")
def test_mteb_measures_every_encoder(online: Workflow, hub: HubServer) -> None:
    import mteb  # noqa: PLC0415 - not installed everywhere

    online.configure(**EXPERIMENT)
    online.succeed("mteb")
    # As MTEB itself reads it.
    results = mteb.ResultCache(online.results / "mteb").load_results().model_results
    names = [(model.model_name, model.model_revision) for model in results]
    assert sorted(names) == [("tiny/hybrid", "seed1"), ("tiny/none", "seed0")]
    for model in results:
        (task,) = model.task_results
        assert (task.task_name, task.dataset_revision) == (TASK, COMMIT)
        (scores,) = task.scores["validation"]
        assert scores["hf_subset"] == "de"
        assert 0 < scores["ndcg_at_10"] <= 1
    assert not [path for path, _ in hub.requests if "/el-" in path]
    assert online.planned("mteb") == set()
