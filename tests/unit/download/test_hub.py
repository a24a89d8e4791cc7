"""Files of the hub, from a server on this host or from folders: pinned, resumed, checked; one clear line if they are missing."""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hub_server import HubServer, git_hash
from huggingface_hub import constants, snapshot_download

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.download import hub
from hybridbatch.download import pinned_files as datafiles

ROOT = Path(__file__).parents[3]
REVISION = "0123456789abcdef0123456789abcdef01234567"
OLDER = "fedcba9876543210fedcba9876543210fedcba98"
NAME = "owner/pairs"
BIG = random.Random(0).randbytes(200_000)
SMALL = b'{"query": "q", "passage": "p"}\n'
CARD = b"""---
license: mit
configs:
- config_name: pair
  data_files:
  - split: train
    path: data/big-*
  - split: test
    path: [data/small.jsonl]
- config_name: whole
  data_files: data/*
---
# Pairs
"""
FILES = {"README.md": CARD, "data/big-0.parquet": BIG, "data/small.jsonl": SMALL}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    running = HubServer(
        {
            ("dataset", NAME, REVISION): FILES,
            ("dataset", NAME, OLDER): {"data/big-0.parquet": b"old"},
            ("model", "owner/model", REVISION): {
                "config.json": b"{}",
                "model.safetensors": BIG,
                "pytorch_model.bin": BIG[:5000],
            },
        }
    )
    monkeypatch.setattr(constants, "ENDPOINT", running.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", running.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with running:
        yield running


def request(*patterns: str, revision: str = REVISION, **more: str) -> hub.Request:
    return hub.Request(kind="dataset", repository=NAME, revision=revision, patterns=patterns, **more)


def test_the_pinned_commit_is_fetched_and_listed_with_checksums(server: HubServer, tmp_path: Path) -> None:
    wanted = request("data/*")
    hub.fetch(wanted, tmp_path)
    manifest = tmp_path / "manifests" / f"{wanted.key}.json"
    assert read_json(manifest) == {
        "kind": "dataset",
        "repository": NAME,
        "revision": REVISION,
        "files": {name: hashlib.sha256(FILES[name]).hexdigest() for name in ("data/big-0.parquet", "data/small.jsonl")},
    }
    assert [file.read_bytes() for file in hub.fetched_files(manifest)] == [BIG, SMALL]
    assert all(REVISION in path for path, _ in server.requests if "pairs" in path)
    # The blobs are named as the hub's own cache names them.
    blobs = tmp_path / "datasets--owner--pairs" / "blobs"
    assert {file.name for file in blobs.iterdir() if not file.name.startswith(".")} == {
        hashlib.sha256(BIG).hexdigest(),
        git_hash(SMALL),
    }

    hub.fetch(request("data/*", revision=OLDER), tmp_path)
    older = hub.fetched_files(tmp_path / "manifests" / f"{request('data/*', revision=OLDER).key}.json")
    assert older[0].read_bytes() == b"old"
    assert hub.fetched_files(manifest)[0].read_bytes() == BIG


def test_what_is_there_is_not_fetched_again(server: HubServer, tmp_path: Path) -> None:
    hub.fetch(request("data/big*"), tmp_path)
    before = len(server.requests)
    hub.fetch(request("data/*"), tmp_path)
    assert [path for path, _ in server.requests[before:] if "resolve" in path] == [
        f"/datasets/{NAME}/resolve/{REVISION}/data/small.jsonl"
    ]


def test_an_interrupted_download_is_resumed(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datafiles, "ATTEMPTS", 1)
    server.faults = ["cut"]
    with pytest.raises(UserError, match="cannot be downloaded"):
        hub.fetch(request("data/big*"), tmp_path, backoff=0)
    assert not list(tmp_path.glob("manifests/*"))
    hub.fetch(request("data/big*"), tmp_path, backoff=0)
    first, second = [wanted for path, wanted in server.requests if "resolve" in path]
    assert first is None
    assert second is not None and int(second.removeprefix("bytes=").removesuffix("-")) > 50_000
    assert hub.fetched_files(tmp_path / "manifests" / f"{request('data/big*').key}.json")[0].read_bytes() == BIG


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("listed", [True, False])
def test_a_refused_repository_names_its_page_and_the_token(
    server: HubServer, tmp_path: Path, status: int, listed: bool
) -> None:
    # The hub lists a gated repository to anyone; a private one to nobody else.
    server.list_fault, server.faults = (None, [str(status)]) if listed else (status, [])
    message = rf"{status}.*; accept the conditions of {server.url}/datasets/{NAME} and set HF_TOKEN to a token"
    with pytest.raises(UserError, match=message) as caught:
        hub.fetch(request("data/*"), tmp_path, backoff=0)
    assert "\n" not in str(caught.value) and "mirror" not in str(caught.value)
    assert len([path for path, _ in server.requests if "resolve" in path]) == int(listed)


@pytest.mark.parametrize(("pattern", "kind"), [("data/big*", "SHA-256"), ("data/small*", "git hash")])
def test_other_content_is_refused(server: HubServer, tmp_path: Path, pattern: str, kind: str) -> None:
    server.faults = ["other"]
    with pytest.raises(UserError, match=f"expected .* bytes with {kind} .*refused") as caught:
        hub.fetch(request(pattern), tmp_path, backoff=0)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("manifests/*"))
    hub.fetch(request(pattern), tmp_path, backoff=0)


@pytest.mark.usefixtures("server")
def test_a_configuration_is_looked_up_in_the_card(tmp_path: Path) -> None:
    for config, split, expected in [
        ("pair", "train", ["data/big-0.parquet"]),
        ("pair", "test", ["data/small.jsonl"]),
        ("whole", "train", ["data/big-0.parquet", "data/small.jsonl"]),
    ]:
        wanted = request(config=config, split=split)
        hub.fetch(wanted, tmp_path)
        assert sorted(read_json(tmp_path / "manifests" / f"{wanted.key}.json")["files"]) == expected


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (request("no/*"), r"no file matches 'no/\*'; there are: README.md, data/big-0.parquet, data/small.jsonl"),
        (request("data/*", "no/*"), r"no file matches 'no/\*'"),
        (request("data/*", revision="a" * 40), "cannot be listed"),
        (request(config="triplet", split="train"), "no files of config 'triplet'; allowed: pair, whole"),
        (request(config="pair", split="dev"), "no split 'dev'; allowed: train, test"),
        (request(config="pair", split="train", revision=OLDER), "no README.md that explains config 'pair'"),
    ],
)
@pytest.mark.usefixtures("server")
def test_what_does_not_exist_is_named(tmp_path: Path, wanted: hub.Request, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        hub.fetch(wanted, tmp_path, backoff=0)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("server")
def test_a_fetched_model_is_a_cache_that_the_hubs_library_reads_offline(tmp_path: Path) -> None:
    hub.fetch(
        hub.Request(kind="model", repository="owner/model", revision=REVISION, patterns=("*.json", "*.safetensors")),
        tmp_path,
    )
    found = snapshot_download("owner/model", revision=REVISION, cache_dir=tmp_path, local_files_only=True)
    assert sorted(file.name for file in Path(found).iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("nested", [False, True])
def test_a_cache_in_the_hubs_layout_is_a_mirror(server: HubServer, tmp_path: Path, nested: bool) -> None:
    mirror = tmp_path / "mirror"
    hub.fetch(request("*"), mirror / "hub" if nested else mirror)
    before = len(server.requests)
    hub.fetch(request("data/*"), tmp_path / "cache", mirror)
    assert len(server.requests) == before
    manifest = f"manifests/{request('data/*').key}.json"
    assert [file.read_bytes() for file in hub.fetched_files(tmp_path / "cache" / manifest)] == [BIG, SMALL]
    hub.fetch(request("data/*"), tmp_path / "direct")
    assert read_json(tmp_path / "cache" / manifest) == read_json(tmp_path / "direct" / manifest)
    # Another commit is not in it.
    with pytest.raises(UserError, match="is not in the mirror"):
        hub.fetch(request("data/*", revision=OLDER), tmp_path / "cache", mirror)


@pytest.mark.usefixtures("server")
def test_a_damaged_file_of_a_mirror_is_refused(tmp_path: Path) -> None:
    hub.fetch(request("*"), tmp_path / "mirror")
    blob = tmp_path / "mirror" / "datasets--owner--pairs" / "blobs" / hashlib.sha256(BIG).hexdigest()
    blob.write_bytes(BIG[:-1])
    with pytest.raises(UserError, match=rf"big-0.parquet: has SHA-256 .* damaged: delete {blob} and"):
        hub.fetch(request("data/*"), tmp_path / "cache", tmp_path / "mirror")
    blob.unlink()
    with pytest.raises(UserError, match=rf"big-0.parquet: is a link to {blob}, which is missing"):
        hub.fetch(request("data/*"), tmp_path / "cache", tmp_path / "mirror")
    hub.fetch(request("*"), tmp_path / "mirror")
    hub.fetch(request("data/*"), tmp_path / "cache", tmp_path / "mirror")


@pytest.mark.usefixtures("server")
def test_deleting_a_damaged_file_of_the_cache_is_enough(tmp_path: Path) -> None:
    wanted = request("data/*")
    hub.fetch(wanted, tmp_path)
    big, _ = hub.fetched_files(tmp_path / "manifests" / f"{wanted.key}.json")
    big.resolve().write_bytes(BIG[:-1])
    big.unlink()
    assert not hub.is_outdated(wanted, tmp_path, None, offline=False)
    assert not list(tmp_path.glob("manifests/*"))
    hub.fetch(wanted, tmp_path)
    assert big.read_bytes() == BIG


def test_plain_files_by_id_are_a_mirror(tmp_path: Path) -> None:
    place = tmp_path / "mirror" / "hub" / NAME / "data"
    place.mkdir(parents=True)
    (place / "small.jsonl").write_bytes(SMALL)
    hub.fetch(request("data/*"), tmp_path / "cache", tmp_path / "mirror")
    manifest = tmp_path / "cache" / "manifests" / f"{request('data/*').key}.json"
    assert hub.fetched_files(manifest)[0].read_bytes() == SMALL
    (place / "small.jsonl").unlink()
    with pytest.raises(UserError, match=r"small.jsonl: is missing; run `snakemake"):
        hub.fetched_files(manifest)


def test_a_mended_mirror_is_looked_at_again(tmp_path: Path) -> None:
    cache, mirror = tmp_path / "cache", tmp_path / "mirror"
    folder = mirror / "hub" / NAME / "data"
    folder.mkdir(parents=True)
    (folder / "0.jsonl").write_bytes(SMALL)
    wanted = request("data/*.jsonl")

    def is_outdated() -> bool:
        return hub.is_outdated(wanted, cache, mirror, offline=False)

    assert not is_outdated()
    hub.fetch(wanted, cache, mirror)
    (folder / "other.txt").write_bytes(SMALL)
    assert not is_outdated()
    (folder / "1.jsonl").write_bytes(SMALL)
    assert is_outdated()
    hub.fetch(wanted, cache, mirror)
    assert not is_outdated()
    # Another mirror with fewer files, or none, changes nothing.
    (tmp_path / "less" / "hub" / NAME).mkdir(parents=True)
    assert not hub.is_outdated(wanted, cache, tmp_path / "less", offline=False)
    assert not hub.is_outdated(wanted, cache, None, offline=False)


def test_a_replaced_file_of_a_mirror_is_noticed(tmp_path: Path) -> None:
    cache, mirror = tmp_path / "cache", tmp_path / "mirror"
    file = mirror / "hub" / NAME / "data" / "small.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(SMALL)
    wanted = request("data/*")
    hub.fetch(wanted, cache, mirror)
    manifest = cache / "manifests" / f"{wanted.key}.json"
    content, written = manifest.read_bytes(), manifest.stat().st_mtime
    time.sleep(0.02)
    file.touch()
    assert not hub.is_outdated(wanted, cache, mirror, offline=False)
    assert manifest.read_bytes() == content and manifest.stat().st_mtime > written
    time.sleep(0.02)
    file.write_bytes(SMALL.swapcase())
    os.utime(file, (0, 0))
    assert hub.is_outdated(wanted, cache, mirror, offline=False)
    hub.fetch(wanted, cache, mirror)
    assert not hub.is_outdated(wanted, cache, mirror, offline=False)
    assert read_json(manifest)["files"] == {"data/small.jsonl": hashlib.sha256(SMALL.swapcase()).hexdigest()}


def test_the_error_for_a_mirror_without_the_files_says_where_to_copy_them(tmp_path: Path) -> None:
    message = f"is not in the mirror {tmp_path}, .*; run `snakemake .* copy its resources/hub to {tmp_path}/hub"
    with pytest.raises(UserError, match=message) as caught:
        hub.fetch(request("data/*"), tmp_path / "cache", tmp_path)
    assert "set mirror" not in str(caught.value)


def test_offline_what_is_missing_is_one_line_with_the_command(tmp_path: Path) -> None:
    """The program itself, in its own process: the hub's library reads its environment when it is imported."""
    values = {"kind": "dataset", "repository": NAME, "revision": REVISION, "patterns": ["data/*"]}
    command = [sys.executable, ROOT / "workflow/scripts/download_hub.py", "--request", json.dumps(values)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "own")}
    done = subprocess.run(
        [*command, "--cache", tmp_path / "cache"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    _, error = done.stderr.splitlines()  # the first line is the command
    assert error.startswith(f"error: {NAME}, revision {REVISION}: is not in the hub's cache on this machine")
    assert "run `snakemake --cores 4 downloads`" in error


@pytest.mark.slow
def test_the_program_reads_the_endpoint_and_the_users_own_cache(server: HubServer, tmp_path: Path) -> None:
    values = {"kind": "dataset", "repository": NAME, "revision": REVISION, "patterns": ["data/*"]}
    command = [sys.executable, ROOT / "workflow/scripts/download_hub.py", "--request", json.dumps(values)]
    online = {**os.environ, "HF_ENDPOINT": server.url, "HF_HUB_OFFLINE": "0"}
    subprocess.run([*command, "--cache", tmp_path / "first"], env=online, check=True, capture_output=True)
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "first")}
    subprocess.run([*command, "--cache", tmp_path / "second"], env=offline, check=True, capture_output=True)
    manifest = f"manifests/{request('data/*').key}.json"
    assert read_json(tmp_path / "first" / manifest) == read_json(tmp_path / "second" / manifest)


def settings(tmp_path: Path) -> dict[str, Any]:
    source = {
        "reader": "hub",
        "path": NAME,
        "languages": ["en"],
        "hub": {"revision": REVISION, "data_files": "*.jsonl", "columns": {"query": "query", "passage": "passage"}},
    }
    return {
        "experiment": "offline",
        "results_dir": str(tmp_path / "results"),
        "resources_dir": str(tmp_path / "resources"),
        "runs": {"strategies": ["monolingual"]},
        "sources": {"own": source},
        "training": {"sources": ["own"], "validation": None},
    }


def snakemake(tmp_path: Path, values: dict[str, Any], *arguments: str, **environment: str) -> tuple[int, str]:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(values), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", *arguments, "--configfile", str(config)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.workflow
def test_downloads_fetches_everything_and_the_rest_runs_offline(server: HubServer, tmp_path: Path) -> None:
    rows = [{"query": f"question {n}", "passage": f"answer {n}"} for n in range(20)]
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    server.repositories = {("dataset", NAME, REVISION): {"train.jsonl": body, "other.bin": BIG}}

    def run(target: str, **environment: str) -> None:
        status, output = snakemake(tmp_path, settings(tmp_path), target, **environment)
        assert status == 0, output

    run("downloads", HF_ENDPOINT=server.url, HF_HUB_OFFLINE="0")
    assert [path for path, _ in server.requests if "resolve" in path] == [
        f"/datasets/{NAME}/resolve/{REVISION}/train.jsonl"
    ]
    assert not (tmp_path / "results").exists()
    before = len(server.requests)
    raw = tmp_path / "results" / "offline" / "raw" / "own" / "en.parquet"
    run(str(raw), HF_ENDPOINT=server.url, HF_HUB_OFFLINE="1")
    assert len(server.requests) == before
    assert pq.read_table(raw).select(["query", "passage"]).to_pylist() == rows


@pytest.mark.slow
@pytest.mark.workflow
def test_a_replaced_or_added_file_of_a_mirror_makes_pairs_again(tmp_path: Path) -> None:
    folder = tmp_path / "mirror" / "hub" / NAME
    folder.mkdir(parents=True)
    values = settings(tmp_path) | {"mirror": str(tmp_path / "mirror")}
    raw = tmp_path / "results" / "offline" / "raw" / "own" / "en.parquet"

    def queries() -> list[str]:
        status, output = snakemake(tmp_path, values, str(raw))
        assert status == 0, output
        return pq.read_table(raw)["query"].to_pylist()  # type: ignore[no-any-return]

    # A mistake that no second attempt mends is said once, although a profile sets --retries.
    status, output = snakemake(tmp_path, values, str(raw), "--retries", "2")
    assert status != 0
    assert output.count("no file matches") == 1, output

    (folder / "0.jsonl").write_bytes(SMALL)
    assert queries() == ["q"]
    (folder / "0.jsonl").write_bytes(SMALL.replace(b'"q"', b'"r"'))
    assert queries() == ["r"]
    # A change is not forgotten if the job fails.
    (folder / "1.jsonl").symlink_to(folder / "target")
    assert "1.jsonl: is a link to" in snakemake(tmp_path, values, str(raw))[1]
    (folder / "target").write_bytes(SMALL)
    assert queries() == ["r", "q"]
    (folder / "1.jsonl").touch()
    without = {key: value for key, value in values.items() if key != "mirror"}
    for same in (values, without):
        assert "Nothing to be done" in snakemake(tmp_path, same, str(raw), "--dry-run")[1]
    # Whatever is deleted comes back, if a job needs it.
    raw.unlink()
    (tmp_path / "resources/hub/datasets--owner--pairs/snapshots" / REVISION / "1.jsonl").unlink()
    assert queries() == ["r", "q"]
