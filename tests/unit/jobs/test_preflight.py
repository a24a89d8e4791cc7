"""Settings that this machine cannot fulfil are refused in one line before any job starts."""

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny_model

import prepare_backbone
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import fingerprint
from hybridbatch.config.backbones import Backbone
from hybridbatch.config.load import load_config
from hybridbatch.download.hub import Request
from hybridbatch.jobs.preflight import check_machine, check_offline

ROOT = Path(__file__).parents[3]
DATA_FILES = ROOT / "config/data.csv"
DEMO = str(ROOT / "data/demo")


def check(folder: Path, **changes: Any) -> None:
    """Check an experiment with its results, resources and encoder in ``folder``; only the encoder exists."""
    values: dict[str, Any] = {
        "experiment": "small",
        "results_dir": str(folder / "results"),
        "resources_dir": str(folder / "resources"),
        "runs": {"backbones": ["enc"], "strategies": ["hybrid"], "benchmarks": ["bench"]},
        "backbones": {"enc": {"path": str(folder / "enc")}},
        "sources": {
            "pairs": {
                "reader": "parallel",
                "path": DEMO,
                "languages": ["en"],
                "translation": {"memory": DEMO + "/en-{language}.tmx", "languages": ["de"]},
            }
        },
        "benchmarks": {"bench": {"reader": "lareqa", "path": "lareqa/xquad-r", "languages": ["en", "th"]}},
        "training": {"sources": ["pairs"]},
    }
    check_machine(load_config({**copy.deepcopy(values), **changes}), DATA_FILES, packages=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_model(tmp_path / "enc")
    return tmp_path


def refused(folder: Path, **changes: Any) -> str:
    with pytest.raises(UserError) as error:
        check(folder, **changes)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_valid_experiment_passes_and_leaves_no_files(folder: Path) -> None:
    check(folder)
    assert [path.name for path in folder.iterdir()] == ["enc"]


@pytest.mark.parametrize("key", ["results_dir", "resources_dir"])
def test_a_folder_below_a_regular_file(folder: Path, key: str) -> None:
    (folder / "file").touch()
    message = refused(folder, **{key: str(folder / "file/below/results")})
    assert message.startswith(f"{key}: {folder / 'file/below/results'} cannot be written")
    assert message.endswith("choose a writable folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_write_permission(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o555)
    message = refused(folder, results_dir=str(folder / "closed/results"))
    assert message.startswith("results_dir: ")
    assert "Permission denied" in message


def test_a_missing_mirror(folder: Path) -> None:
    message = refused(folder, mirror=str(folder / "mirror"))
    assert message.startswith(f"mirror: {folder / 'mirror'} is not a folder")
    (folder / "mirror").mkdir()
    check(folder, mirror=str(folder / "mirror"))


def test_a_language_that_is_not_listed_for_download(folder: Path) -> None:
    bench = {"reader": "lareqa", "path": "lareqa/xquad-r", "languages": ["en", "fr"]}
    message = refused(folder, benchmarks={"bench": bench})
    assert message.startswith(
        "benchmarks.bench.languages: lareqa/xquad-r has no language 'fr'; allowed: ar, de, el, en"
    )


def test_a_folder_that_is_not_listed_for_download(folder: Path) -> None:
    message = refused(folder, benchmarks={"bench": {"reader": "lareqa", "path": "xquad-r", "languages": ["en"]}})
    assert message.startswith("benchmarks.bench.path: xquad-r is not in")
    assert message.endswith("allowed: faq/bitcoin.org, faq/python-docs, lareqa/mlqa-r, lareqa/xquad-r")


def test_a_missing_translation_memory(folder: Path) -> None:
    source = {
        "reader": "parallel",
        "path": DEMO,
        "languages": ["en"],
        "translation": {"memory": DEMO + "/en-{language}.tmx", "languages": ["de", "fr"]},
    }
    message = refused(folder, sources={"pairs": source})
    assert message.startswith(f"sources.pairs.translation.languages: {DEMO}/en-fr.tmx does not exist")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"reader": "parallel", "path": "nowhere", "languages": ["en", "de"]}, "path: nowhere does not exist"),
        (
            {"reader": "parallel", "path": DEMO, "languages": ["en", "fr"]},
            f"languages: {DEMO}/en-fr.tmx does not exist",
        ),
        (
            {"reader": "table", "path": "own/{language}.tsv", "languages": ["en", "de"]},
            "languages: own/en.tsv does not exist",
        ),
    ],
)
def test_missing_files_of_a_source(folder: Path, section: dict[str, Any], message: str) -> None:
    assert refused(folder, sources={"pairs": section}).startswith(f"sources.pairs.{message}")


def test_a_backbone_folder_without_weights(folder: Path) -> None:
    (folder / "enc/model.safetensors").unlink()
    message = refused(folder)
    assert message.startswith(f"backbones.enc: {folder / 'enc'}: has no model.safetensors")


def test_unused_sections_are_not_checked(folder: Path) -> None:
    backbones = {"enc": {"path": str(folder / "enc")}, "other": {"path": str(folder / "other")}}
    check(folder, backbones=backbones)
    assert refused(folder, backbones=backbones, bm25={"tokenizer": "other"}).startswith("backbones.other: ")


def test_offline_names_missing_files_and_the_command_that_fetches_them(tmp_path: Path) -> None:
    request = Request(kind="model", repository="owner/encoder", revision="a" * 40, patterns=("*.json",))
    hub, mirror = tmp_path / "hub", tmp_path / "mirror"
    message = rf"^model owner/encoder at {'a' * 12}: not on this machine, and HF_HUB_OFFLINE=1 forbids .*; run `fetch` online, or "
    with pytest.raises(UserError, match=message + "set mirror"):
        check_offline([request], hub, None, "fetch")
    with pytest.raises(UserError, match=message + f"copy them to the mirror {mirror}"):
        check_offline([request], hub, mirror, "fetch")
    (mirror / request.snapshot).mkdir(parents=True)
    check_offline([request], hub, mirror, "fetch")


def test_offline_accepts_fetched_files(tmp_path: Path) -> None:
    request = Request(kind="dataset", repository="owner/pairs", revision="b" * 40, patterns=("*.parquet",))
    manifest = tmp_path / "manifests" / f"{request.key}.json"
    manifest.parent.mkdir()
    manifest.write_text("{}")
    check_offline([request], tmp_path, None, "fetch")


def test_missing_trackers(folder: Path) -> None:
    assert refused(folder, training={"sources": ["pairs"], "report_to": ["mlflow"]}) == (
        "training.report_to: needs the package mlflow, which is missing; run `pip install mlflow`"
    )


def test_what_a_prepared_encoder_does_not_allow(folder: Path) -> None:
    encoder = Backbone(path=str(folder / "enc"), max_length=20)

    def changes(**training: Any) -> dict[str, Any]:
        backbones = {"enc": encoder.model_dump(exclude_none=True)}
        return {"backbones": backbones, "training": {"sources": ["pairs"], **training}}

    misnamed, too_many = changes(lora={"targets": ["q_proj"]}), changes(matryoshka=[8, 16])
    # Not prepared: refused when it is.
    check(folder, **misnamed)
    prepared = folder / f"resources/backbones/enc-{fingerprint(encoder.preparation())[:12]}"
    words = ["--settings", encoder.model_dump_json(), "--output", str(prepared)]
    with pytest.raises(UserError, match=r"training\.lora\.targets: .* has no module 'q_proj'; allowed: "):
        prepare_backbone.main([*words, "--training", '{"lora": {"targets": ["query", "q_proj"]}}'])
    assert refused(folder, **misnamed).startswith(
        f"training.lora.targets: {prepared} has no module 'q_proj'; allowed: "
    )
    assert refused(folder, **too_many).startswith(
        f"training.matryoshka: 16 is not lower than the 16 dimensions of {prepared}; "
    )
    check(folder, **changes(lora={"targets": ["attention.self.query"]}, matryoshka=[8]), encoding={"truncate_dim": 16})
    with pytest.raises(UserError, match=r"^encoding\.truncate_dim: 17 is more than the 16 dimensions of "):
        prepare_backbone.main([*words, "--encoding", '{"truncate_dim": 17}'])
    assert refused(folder, **changes(), encoding={"truncate_dim": 17}).startswith(
        f"encoding.truncate_dim: 17 is more than the 16 dimensions of {prepared}; "
    )
