"""Commits of branches and tags, from a server on this host, and the program that writes them to the lock."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import HubServer
from huggingface_hub import constants

import pin
from hybridbatch.common.errors import UserError
from hybridbatch.config.revisions import Reference, read_lock
from hybridbatch.download.revisions import find_commit

MODEL = Reference("model", "owner/model", "v1.0")
DATA = Reference("dataset", "owner/data", "refs/pr/1")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    running = HubServer({})
    running.refs = {tuple(MODEL): "1" * 40, tuple(DATA): "2" * 40}
    monkeypatch.setattr(constants, "ENDPOINT", running.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with running:
        yield running


@pytest.mark.usefixtures("server")
def test_the_commit_of_a_branch_or_tag() -> None:
    assert find_commit(MODEL) == "1" * 40
    assert find_commit(DATA) == "2" * 40
    with pytest.raises(UserError, match=r"^model owner/model, revision v2: has no commit \(404") as caught:
        find_commit(MODEL._replace(revision="v2"))
    assert "\n" not in str(caught.value)


def test_the_lock_keeps_what_it_has(server: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "revisions.lock"
    pin.main(["--references", json.dumps([MODEL]), "--lock", str(lock)])
    server.refs[tuple(MODEL)] = "3" * 40
    pin.main(["--references", json.dumps([DATA, MODEL]), "--lock", str(lock)])
    assert read_lock(lock) == {MODEL: "1" * 40, DATA: "2" * 40}
    assert len(server.requests) == 2
    assert f"{MODEL} {'1' * 40} (already there)" in capsys.readouterr().out
    written = lock.read_bytes()
    with pytest.raises(UserError, match="has no commit"):
        pin.main(["--references", json.dumps([DATA._replace(revision="no")]), "--lock", str(lock)])
    assert lock.read_bytes() == written
