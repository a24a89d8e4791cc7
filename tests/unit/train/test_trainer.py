"""Training is reproducible and resumable, keeps its best checkpoint, and has one loss in all its forms."""

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tiny import write_pairs
from training_runs import (
    arguments,
    curve,
    kill_after_a_checkpoint,
    run,
    same_weights,
    start,
    unvalidated,
    wait_until,
    weights,
)
from transformers.trainer_utils import rotate_checkpoints

import train
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, sha256, write_json
from hybridbatch.train import checkpoints as checkpoints_module
from hybridbatch.train.checkpoints import COMPLETE, FINGERPRINT, last_checkpoint


@pytest.mark.slow
def test_training_lowers_the_loss_and_writes_a_model(
    tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]
) -> None:
    model = run(tmp_path, backbone, pairs, steps=40, validation_every=15, max_length=12)
    losses = list(curve(model).values())
    assert len(losses) == 40
    assert np.mean(losses[-10:]) < np.mean(losses[:5]) - 0.1
    assert list(curve(model, "validation_loss")) == [15, 30, 40]
    assert list(curve(model, "learning_rate").values())[:5] == pytest.approx([0, 0.00025, 0.0005, 0.00075, 0.001])
    assert min(curve(model, "grad_norm").values()) > 0
    columns = ["step", "loss", "learning_rate", "grad_norm", "examples_per_second", "validation_loss"]
    assert (model / "curves.csv").read_text().splitlines()[0].split(",") == columns
    before, after = weights(backbone), weights(model)
    assert after.keys() == before.keys()
    assert not torch.equal(after["embeddings.word_embeddings.weight"], before["embeddings.word_embeddings.weight"])
    assert checkpoints(tmp_path / "state") == []

    loaded = SentenceTransformer(str(model), device="cpu")
    assert loaded.max_seq_length == 20
    assert loaded.encode_query("ab c").shape == (16,)
    assert loaded.prompts == SentenceTransformer(str(backbone), device="cpu").prompts


@pytest.mark.slow
def test_the_manifest_lists_everything_that_determines_the_model(
    tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]
) -> None:
    model = run(tmp_path, backbone, pairs, seed=7, alpha=0.25)
    manifest = read_json(model / "manifest.json")
    assert manifest["seed"] == 7
    assert manifest["strategy"]["alpha"] == 0.25
    assert manifest["training"]["steps"] == 4
    assert manifest["backbone"] == read_json(backbone / "manifest.json")
    named = dict(argument.split("=") for argument in pairs["--pairs"])
    assert manifest["pairs"] == {name: sha256(Path(file)) for name, file in named.items()}
    assert list(manifest["validation_pairs"]) == ["held_out:de", "held_out:en"]
    written = {str(path.relative_to(model)) for path in model.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == written - {"manifest.json", "curves.csv"}
    assert manifest["files"]["model.safetensors"] == sha256(model / "model.safetensors")


@pytest.mark.slow
def test_a_seed_fixes_the_weights(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    first, again, other = (
        run(tmp_path / name, backbone, pairs, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert same_weights(first, again)
    assert (first / "manifest.json").read_bytes() == (again / "manifest.json").read_bytes()
    assert not same_weights(first, other)


@pytest.mark.slow
def test_strategies_differ_from_the_same_seed(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    models = [run(tmp_path / str(alpha), backbone, pairs, alpha=alpha) for alpha in (0.0, 1.0)]
    assert not same_weights(*models)


@pytest.mark.slow
def test_without_validation_the_last_step_is_kept(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    model = run(tmp_path, backbone, unvalidated(pairs), steps=3)
    manifest = read_json(model / "manifest.json")
    assert (manifest["step"], manifest["best_validation_loss"]) == (3, None)
    assert list(curve(model)) == [1, 2, 3]
    assert curve(model, "validation_loss") == {}


@pytest.mark.slow
def test_the_best_checkpoint_is_kept(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    # The learning rate spoils the weights, so that the last step is not the best. At first the output cannot be written, which
    # leaves the checkpoints to compare with and shows that nothing is trained twice.
    options: dict[str, Any] = {"learning_rate": 0.3, "steps": 8, "validation_every": 1}
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        run(tmp_path, backbone, pairs, output=tmp_path / "file/model", **options)
    checkpoints = {int(path.name.split("-")[1]): weights(path) for path in (tmp_path / "state").glob("checkpoint-*")}

    model = run(tmp_path, backbone, pairs, **options)
    validation = curve(model, "validation_loss")
    best = min(validation, key=lambda step: validation[step])
    assert list(validation) == list(range(1, 9))
    assert best < 8
    assert validation[8] > validation[best] + 0.01
    manifest = read_json(model / "manifest.json")
    assert (manifest["step"], manifest["best_validation_loss"]) == (best, validation[best])
    assert sorted(checkpoints) == [best, 8]
    kept = weights(model)
    assert all(torch.equal(kept[name], tensor) for name, tensor in checkpoints[best].items())
    assert not torch.equal(
        kept["embeddings.word_embeddings.weight"], checkpoints[8]["embeddings.word_embeddings.weight"]
    )


@pytest.mark.slow
def test_the_cached_loss_is_the_same_loss(tmp_path: Path, still_backbone: Path, pairs: dict[str, list[str]]) -> None:
    plain = run(tmp_path / "plain", still_backbone, pairs, steps=6)
    cached = run(tmp_path / "cached", still_backbone, pairs, steps=6, mini_batch_size=3)
    for column in ("loss", "validation_loss"):
        assert curve(cached, column) == pytest.approx(curve(plain, column), abs=1e-4)
    assert curve(cached, "grad_norm") == pytest.approx(curve(plain, "grad_norm"), rel=1e-3)


@pytest.mark.slow
def test_the_loss_is_the_documented_one(tmp_path: Path, still_backbone: Path) -> None:
    words = ["a b", "c", "b b c", "a"]
    rows = {str(number): (word, f"{word} ba") for number, word in enumerate(words)}
    named = {
        "--pairs": [f"facts:en={write_pairs(tmp_path / 'en.parquet', rows)}"],
        "--cache": [str(tmp_path / "cache")],
    }
    model = run(tmp_path, still_backbone, named, alpha=1.0, steps=1, batch_size=4, temperature=0.1)
    encoder = SentenceTransformer(str(still_backbone), device="cpu")
    queries = encoder.encode_query(words, convert_to_tensor=True)
    passages = encoder.encode_document([f"{word} ba" for word in words], convert_to_tensor=True)
    similarities = queries @ passages.T / 0.1
    expected = (similarities.logsumexp(dim=1) - similarities.diagonal()).mean().item()
    assert curve(model)[1] == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_a_loss_that_is_not_finite(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    with pytest.raises(UserError, match=r"^training\.learning_rate: the loss is not finite; lower it"):
        run(tmp_path, backbone, unvalidated(pairs), learning_rate=1e38, warmup_share=0)
    assert not (tmp_path / "model").exists()


def test_pairs_without_a_name(tmp_path: Path, backbone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, backbone, {"--pairs": ["en.parquet"]})
    assert "argument --pairs: 'en.parquet' is not NAME=FILE" in capsys.readouterr().err


def write_state(state: Path, fingerprint: dict[str, Any], checkpoints: Mapping[int, bool]) -> None:
    """Write a state folder: its fingerprint, and checkpoints that have the mark or not."""
    write_json(state / FINGERPRINT, fingerprint)
    for step, complete in checkpoints.items():
        folder = state / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text("{")
        if complete:
            (folder / COMPLETE).touch()


def checkpoints(state: Path) -> list[str]:
    return sorted(path.name for path in state.glob("checkpoint-*"))


def test_an_incomplete_checkpoint_is_removed(tmp_path: Path) -> None:
    write_state(tmp_path / "state", {"seed": 1}, {20: True, 100: True, 120: False})
    assert last_checkpoint(tmp_path / "state", {"seed": 1}) == tmp_path / "state/checkpoint-100"
    assert checkpoints(tmp_path / "state") == ["checkpoint-100", "checkpoint-20"]


@pytest.mark.parametrize("fingerprint", [{"seed": 2}, {}, {"seed": 1, "code": "new"}])
def test_a_state_of_another_run_is_removed(
    tmp_path: Path, fingerprint: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    write_state(tmp_path / "state", {"seed": 1}, {20: True})
    assert last_checkpoint(tmp_path / "state", fingerprint) is None
    assert checkpoints(tmp_path / "state") == []
    assert read_json(tmp_path / "state" / FINGERPRINT) == fingerprint
    assert f"belongs to a run with another {'code' if 'code' in fingerprint else 'seed'}: starting again" in caplog.text


def test_a_state_without_fingerprint_is_removed(tmp_path: Path) -> None:
    write_state(tmp_path / "state", {}, {20: True})
    (tmp_path / "state" / FINGERPRINT).unlink()
    assert last_checkpoint(tmp_path / "state", {"seed": 1}) is None
    assert checkpoints(tmp_path / "state") == []


def test_no_state(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "state", {"seed": 1}) is None
    assert read_json(tmp_path / "state" / FINGERPRINT) == {"seed": 1}


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_bits(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    options: dict[str, Any] = {"steps": 60, "validation_every": 4, "log_every": 3}
    words = arguments(tmp_path / "killed", backbone, pairs, **options)
    state = tmp_path / "killed/state"
    kill_after_a_checkpoint(words, state)
    assert not (tmp_path / "killed/model").exists()
    done = max(int(path.parent.name.split("-")[1]) for path in state.glob(f"checkpoint-*/{COMPLETE}"))
    assert 4 <= done < 60

    resumed = run(tmp_path / "killed", backbone, pairs, **options)
    whole = run(tmp_path / "whole", backbone, pairs, **options)
    assert same_weights(resumed, whole)
    for column in ("loss", "learning_rate", "grad_norm", "validation_loss"):
        assert curve(resumed, column) == curve(whole, column)
    assert (resumed / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("first_ends", ["finished", "killed"])
def test_a_second_training_waits_for_the_first(
    tmp_path: Path, backbone: Path, pairs: dict[str, list[str]], first_ends: str, processes: int
) -> None:
    options: dict[str, Any] = {"steps": 40, "validation_every": 4}
    words = arguments(tmp_path / "twice", backbone, pairs, **options)
    state, log = tmp_path / "twice/state", tmp_path / "log"
    first = start(words)
    wait_until(lambda: any(state.glob(f"checkpoint-*/{COMPLETE}")), first)
    first.send_signal(signal.SIGSTOP)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if processes == 2 else []
    with log.open("w") as stream:
        second = start(words, *launcher, log=stream)
    try:
        wait_until(lambda: f"{state} is in use by process {first.pid} on " in log.read_text(), second)
        stopped_at = checkpoints(state)
        time.sleep(2)
        assert checkpoints(state) == stopped_at
        first.send_signal(signal.SIGCONT if first_ends == "finished" else signal.SIGKILL)
        assert second.wait(timeout=120) == 0
        assert first.wait() == (0 if first_ends == "finished" else -signal.SIGKILL)
    finally:
        first.kill()
        second.kill()
    told = log.read_text()
    assert ("this training is finished" in told) == (first_ends == "finished")
    assert ("resuming from" in told) == (first_ends == "killed")
    whole = run(tmp_path / "whole", backbone, pairs, **options)
    assert list(curve(tmp_path / "twice/model")) == list(range(1, 41))
    if processes == 1:
        assert same_weights(tmp_path / "twice/model", whole)


@pytest.mark.slow
def test_other_code_trains_again(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    words = arguments(tmp_path, backbone, pairs)
    written = []
    for code in ("1", "1", "2"):
        train.main([*words, "--code", code])
        written.append((tmp_path / "model/curves.csv").stat().st_ino)
    assert written[0] == written[1] != written[2]


@pytest.mark.slow
def test_old_checkpoints_are_removed_only_once_the_new_one_is_marked(
    tmp_path: Path, backbone: Path, pairs: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = [], []

    def observed(folder: str, **options: Any) -> None:
        before.append({path.name: (path / COMPLETE).exists() for path in Path(folder).glob("checkpoint-*")})
        rotate_checkpoints(folder, **options)
        after.append(set(checkpoints(Path(folder))))

    monkeypatch.setattr(checkpoints_module, "rotate_checkpoints", observed)
    run(tmp_path, backbone, pairs, steps=6, validation_every=1, learning_rate=0.1)
    assert [f"checkpoint-{step}" in marks for step, marks in enumerate(before, start=1)] == [True] * 6
    assert all(all(marks.values()) for marks in before)
    assert all(kept <= marks.keys() for kept, marks in zip(after, before[1:], strict=False))
    assert max(len(kept) for kept in after) == 2


@pytest.mark.slow
def test_resuming_trains_only_the_rest(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    """Training resumes from weights put into the last checkpoint by hand."""
    options: dict[str, Any] = {"steps": 2, "validation_every": 2}
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        run(tmp_path, backbone, unvalidated(pairs), output=tmp_path / "file/model", **options)
    checkpoint = tmp_path / "state/checkpoint-2/model.safetensors"
    checkpoint.write_bytes((backbone / "model.safetensors").read_bytes())
    assert same_weights(run(tmp_path, backbone, unvalidated(pairs), **options), backbone)


@pytest.mark.slow
def test_two_processes_train_like_one(tmp_path: Path, still_backbone: Path, pairs: dict[str, list[str]]) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = start(arguments(tmp_path / "two", still_backbone, pairs), *launcher)
    assert process.wait(timeout=300) == 0
    one = run(tmp_path / "one", still_backbone, pairs)
    two = tmp_path / "two/model"
    for column in ("loss", "grad_norm", "validation_loss", "learning_rate"):
        assert curve(two, column) == pytest.approx(curve(one, column), rel=1e-4)
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(two)[name], tensor, atol=1e-4, rtol=0)
    assert checkpoints(tmp_path / "two/state") == []
