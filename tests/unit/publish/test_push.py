"""Models are uploaded to the hub, private, whole and only if their licences allow it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_server import HubServer
from small_config import changed

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_json, write_manifest, write_text
from hybridbatch.config.load import load_config
from hybridbatch.publish.licences import check_licences, restriction
from hybridbatch.publish.lineage import Part

ROOT = Path(__file__).parents[3]
RUN = "enc/hybrid/seed1"
NAME = "owner/small-enc-hybrid-seed1"
WEIGHTS = bytes(range(256)) * 100
LICENSED = {"backbones.enc.licence": "MIT", "sources.pairs.licence": "CC0-1.0"}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer({("model", "owner/public", "main"): {}}) as server:
        yield server


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder, and files in it that are not the model's."""
    folder = tmp_path / "models" / RUN
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    write_json(folder / "config.json", {"hidden_size": 16})
    write_json(folder / "1_Pooling/config.json", {"pooling_mode": "mean"})
    write_manifest(folder, {"pairs": {"pairs:en": "0", "pairs:de": "1"}})
    write_text(folder / "README.md", "---\nlicense: mit\n---\n# A model\n")
    write_text(folder / "curves.csv", "step,loss\n")
    write_text(folder / "optimizer.pt", "state")
    return folder


def push(hub: HubServer, model: Path, token: str = "hf_secret", **changes: Any) -> subprocess.CompletedProcess[str]:  # noqa: S107
    folder = model.parents[3]
    values = {**LICENSED, "push.owner": "owner", "push.runs": [RUN]} | {
        k.replace("__", "."): v for k, v in changes.items()
    }
    config = load_config(changed(values))
    write_text(folder / "config.yaml", yaml.safe_dump(config.model_dump(mode="json")))
    options = {"--run": RUN, "--config": folder / "config.yaml", "--model": model}
    options |= {"--data-files": ROOT / "config/data.csv", "--output": folder / "push.json"}
    online = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(folder / "home")}
    environment = {**os.environ, **online, "HF_TOKEN": token, "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "workflow/scripts/push_model.py", *(str(w) for pair in options.items() for w in pair)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_model_and_its_card_are_uploaded_privately_in_one_commit(hub: HubServer, model: Path) -> None:
    done = push(hub, model)
    assert done.returncode == 0, done.stderr
    record = json.loads((model.parents[3] / "push.json").read_text("utf-8"))
    assert record["repository"] == NAME
    assert record["private"]
    assert NAME in hub.private
    files = hub.repositories["model", NAME, record["commit"]]
    names = {"README.md", "manifest.json", "model.safetensors", "config.json", "1_Pooling/config.json"}
    assert dict(files) == {name: (model / name).read_bytes() for name in names}
    assert len(hub.objects) == 1
    assert len([path for path, _ in hub.requests if "/commit/" in path]) == 1
    assert "hf_secret" not in done.stderr + (model.parents[3] / "push.json").read_text("utf-8")
    # A new card is a new commit, and the weights stay.
    write_text(model / "README.md", "---\nlicense: mit\n---\n# A better card\n")
    assert push(hub, model).returncode == 0
    again = json.loads((model.parents[3] / "push.json").read_text("utf-8"))
    assert again["commit"] != record["commit"]
    files = hub.repositories["model", NAME, again["commit"]]
    assert files["README.md"].endswith(b"# A better card\n")
    assert files["model.safetensors"] == WEIGHTS


@pytest.mark.slow
def test_the_hub_refuses(hub: HubServer, model: Path) -> None:
    line = last_line(push(hub, model, token="hf_wrong"))  # noqa: S106
    assert f"push: {NAME} cannot be written (" in line
    assert "set HF_TOKEN to a token of the hub that may write to owner" in line
    assert "hf_wrong" not in line
    assert "may write to other" in last_line(push(hub, model, push__owner="other"))
    hub.repositories["model", NAME, "main"] = {}
    assert f"{NAME} exists and is public; make it private" in last_line(push(hub, model))
    assert not hub.repositories["model", NAME, "main"]
    done = push(hub, model, push__private=False)
    assert done.returncode == 0, done.stderr
    assert "model.safetensors" in hub.repositories["model", NAME, "main"]


@pytest.mark.slow
def test_a_model_is_not_uploaded_against_a_licence_or_damaged(hub: HubServer, model: Path) -> None:
    line = last_line(push(hub, model, sources__pairs__licence="CC-BY-NC-4.0"))
    assert "the licence of pairs (CC-BY-NC-4.0) forbids commercial use; leave the model out" in line
    assert "set push.despite_licence to [pairs]" in line
    (model / "model.safetensors").write_bytes(b"other")
    line = last_line(push(hub, model, sources__pairs__licence=None, push__despite_licence=["pairs"]))
    assert "model.safetensors: is not the file that manifest.json lists" in line
    assert hub.requests == []


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", None),
        ("Apache-2.0 (topics, judgements), CC BY-SA 4.0 (passages)", None),
        ("PSF-2.0 AND CC0-1.0", None),
        ("CC-BY-4.0", None),
        (None, "is not stated"),
        ("CC-BY-NC-SA-4.0", "forbids commercial use"),
        ("Apache-2.0 (translation), MS MARCO terms, non-commercial research (texts)", "forbids commercial use"),
        ("CC BY-ND 4.0", "forbids derived works"),
        ("CC0-1.0 (packaging), the websites' own (texts)", "is not known to allow redistribution"),
        ("NewsQA's terms, research only; the articles are CNN's", "is not known to allow redistribution"),
        ("not specified", "is not known to allow redistribution"),
    ],
)
def test_restrictions_of_licences(licence: str | None, expected: str | None) -> None:
    assert restriction(Part("p", "o", None, licence)) == expected


def test_all_refused_parts_are_named() -> None:
    parts = [
        Part("enc", "some/encoder", None, None),
        Part("ok", "o", None, "MIT"),
        Part("nc", "o", None, "CC-BY-NC-4.0"),
    ]
    with pytest.raises(
        UserError,
        match=r"^push: the licence of enc \(some/encoder\) is not stated; of nc \(CC-BY-NC-4\.0\) forbids .*\[enc, nc\]$",
    ):
        check_licences(parts, [])
    check_licences(parts, ["enc", "nc"])
