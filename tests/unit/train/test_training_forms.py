"""Forms of training: early stopping, less memory, other precisions, SIGTERM from a scheduler, several processes."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError
from training_runs import (
    arguments,
    curve,
    kill_after_a_checkpoint,
    run,
    same_weights,
    start,
    unvalidated,
    weights,
)

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.config.load import load_config
from hybridbatch.config.training import Training
from hybridbatch.train.checkpoints import COMPLETE

LAUNCHER = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
WORDS = "embeddings.word_embeddings.weight"
# A learning rate that spoils the weights after a few steps, so that validations get worse.
SPOILING = {"learning_rate": 0.3, "steps": 40, "validation_every": 1, "patience": 3}


def steps_of_checkpoints(state: Path) -> list[int]:
    return sorted(int(path.parent.name.split("-")[1]) for path in state.glob(f"checkpoint-*/{COMPLETE}"))


@pytest.mark.slow
def test_training_ends_when_validation_stops_improving(
    tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]
) -> None:
    model = run(tmp_path, backbone, pairs, **SPOILING)
    validation = curve(model, "validation_loss")
    best = min(validation, key=lambda step: validation[step])
    assert list(validation) == list(range(1, best + 4))
    assert best + 3 < 40
    assert read_json(model / "manifest.json")["step"] == best


def test_patience_without_validation_is_refused_before_any_job() -> None:
    values = yaml.safe_load((Path(__file__).parents[3] / "config/config.yaml").read_text(encoding="utf-8"))
    values["training"] |= {"validation": None, "patience": 2}
    with pytest.raises(UserError, match=r"^training\.patience: needs a validation to watch"):
        load_config(values)


@pytest.mark.slow
@pytest.mark.parametrize("patience", [3, 12])
def test_early_stopping_survives_a_kill(
    tmp_path: Path, backbone: Path, pairs: dict[str, list[str]], patience: int
) -> None:
    """Killed while validations get worse, training ends at the same step; killed after the end, it trains nothing more."""
    options: dict[str, Any] = {**SPOILING, "patience": patience}
    whole = run(tmp_path / "whole", backbone, pairs, **options)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        run(tmp_path, backbone, pairs, output=tmp_path / "file/model", **options)
    ended = steps_of_checkpoints(tmp_path / "state")[-1]
    assert ended == max(curve(whole))
    resumed = run(tmp_path, backbone, pairs, **options)
    assert curve(resumed) == curve(whole)
    assert same_weights(resumed, whole)

    words = arguments(tmp_path / "killed", backbone, pairs, **options)
    kill_after_a_checkpoint(words, tmp_path / "killed/state", step=3)
    killed = run(tmp_path / "killed", backbone, pairs, **options)
    assert curve(killed, "validation_loss") == curve(whole, "validation_loss")
    assert same_weights(killed, whole)


@pytest.mark.slow
def test_checkpoints_between_validations(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    options: dict[str, Any] = {"steps": 6, "validation_every": 6, "log_every": 6}
    every_second = run(tmp_path / "more", backbone, pairs, checkpoint_every=2, **options)
    assert list(curve(every_second)) == [2, 4, 6]
    assert list(curve(every_second, "validation_loss")) == [6]
    assert same_weights(every_second, run(tmp_path / "none", backbone, pairs, **options))
    unwatched = run(tmp_path / "unwatched", backbone, unvalidated(pairs), checkpoint_every=3, **options)
    assert list(curve(unwatched)) == [3, 6]


@pytest.mark.slow
def test_frozen_word_embeddings(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    before, after = weights(backbone), weights(run(tmp_path, backbone, pairs, freeze_embeddings=True))
    assert torch.equal(after[WORDS], before[WORDS])
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert "embeddings.position_embeddings.weight" in changed
    assert any(name.startswith("encoder.layer.0") for name in changed)


@pytest.mark.slow
@pytest.mark.parametrize("form", [{"gradient_checkpointing": True}, {"freeze_embeddings": True, "mini_batch_size": 4}])
def test_saving_memory_does_not_change_training(
    tmp_path: Path, still_backbone: Path, pairs: dict[str, list[str]], form: dict[str, Any]
) -> None:
    plain = {key: value for key, value in form.items() if key == "freeze_embeddings"}
    first = run(tmp_path / "plain", still_backbone, pairs, **plain)
    second = run(tmp_path / "form", still_backbone, pairs, **form)
    assert curve(second) == pytest.approx(curve(first), abs=1e-4)
    assert curve(second, "grad_norm") == pytest.approx(curve(first, "grad_norm"), rel=1e-3)


def test_checkpointed_gradients_with_the_cached_loss_are_refused() -> None:
    with pytest.raises(ValidationError, match="gradient_checkpointing and mini_batch_size exclude each other"):
        Training(gradient_checkpointing=True, mini_batch_size=8)


@pytest.mark.parametrize("sizes", [{"batch_size": 9, "validation_batch_size": 8}, {"validation_batch_size": 7}])
def test_the_number_of_devices_must_divide_a_batch(sizes: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=r"gpus: 2 does not divide (batch_size: 9|validation_batch_size: 7)"):
        Training(gpus=2, **sizes)


@pytest.mark.slow
def test_the_number_of_devices_does_not_change_a_model(
    tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]
) -> None:
    manifests = [run(tmp_path / str(gpus), backbone, pairs, gpus=gpus) / "manifest.json" for gpus in (1, 2)]
    assert "gpus" not in read_json(manifests[1])["training"]
    assert manifests[0].read_bytes() == manifests[1].read_bytes()


@pytest.mark.slow
def test_throughput_is_measured(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    start = time.monotonic()
    model = run(tmp_path, backbone, pairs, steps=6, log_every=2, validation_every=3)
    rates = curve(model, "examples_per_second")
    assert list(rates) == list(curve(model)) == [2, 3, 4, 6]
    seconds = [steps * 8 / rates[step] for step, steps in zip(rates, (2, 1, 1, 2), strict=True)]
    assert min(seconds) > 0
    assert sum(seconds) < time.monotonic() - start


def test_half_precision_on_a_cpu(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    with pytest.raises(UserError, match=r"^training\.precision: fp16 needs a GPU"):
        run(tmp_path, backbone, pairs, precision="fp16")


def stop_after_a_checkpoint(words: list[str], state: Path, *launcher: str) -> str:
    """Start training, send SIGTERM once it has a checkpoint, and return its log."""
    with (state.parent.parent / "log").open("w+", encoding="utf-8") as log:
        process = start(words, *launcher, log=log)
        deadline = time.monotonic() + 120
        while not steps_of_checkpoints(state):
            assert process.poll() is None, "ended before its first checkpoint"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(timeout=60) == 1
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        log.seek(0)
        return log.read()


@pytest.mark.slow
@pytest.mark.parametrize(
    "form",
    [{}, {"precision": "bf16", "gradient_checkpointing": True}, {"patience": 50, "mini_batch_size": 4}],
    ids=lambda form: "-".join(form) or "plain",
)
def test_training_stopped_by_sigterm_resumes_to_the_same_bits(
    tmp_path: Path, backbone: Path, pairs: dict[str, list[str]], form: dict[str, Any]
) -> None:
    options: dict[str, Any] = {"steps": 120, "validation_every": 50, "checkpoint_every": 20, "log_every": 60, **form}
    words = arguments(tmp_path / "stopped", backbone, pairs, **options)
    log = stop_after_a_checkpoint(words, tmp_path / "stopped/state")
    step = steps_of_checkpoints(tmp_path / "stopped/state")[-1]
    assert 20 < step < 120
    assert f"error: training: stopped by SIGTERM after step {step} of 120" in log.splitlines()[-1]
    assert "Traceback" not in log
    assert not (tmp_path / "stopped/model").exists()

    resumed = run(tmp_path / "stopped", backbone, pairs, **options)
    whole = run(tmp_path / "whole", backbone, pairs, **options)
    assert same_weights(resumed, whole)
    assert (resumed / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()
    assert curve(resumed, "validation_loss") == curve(whole, "validation_loss")
    # The curve has one more point, where training was stopped.
    assert curve(resumed).keys() == curve(whole).keys() | {step}


@pytest.mark.slow
def test_bfloat16_trains(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    half = run(tmp_path / "half", backbone, pairs, precision="bf16")
    full = run(tmp_path / "full", backbone, pairs)
    assert not same_weights(half, full)
    assert curve(half) == pytest.approx(curve(full), abs=0.05)
    assert {tensor.dtype for tensor in weights(half).values()} == {torch.float32}


@pytest.mark.slow
@pytest.mark.parametrize("form", [{"mini_batch_size": 2}, {"gradient_checkpointing": True, "freeze_embeddings": True}])
def test_two_processes_train_like_one_in_every_form(
    tmp_path: Path, still_backbone: Path, pairs: dict[str, list[str]], form: dict[str, Any]
) -> None:
    process = start(arguments(tmp_path / "two", still_backbone, pairs, **form), *LAUNCHER)
    assert process.wait(timeout=300) == 0
    one, two = run(tmp_path / "one", still_backbone, pairs, **form), tmp_path / "two/model"
    for column in ("loss", "grad_norm", "validation_loss"):
        assert curve(two, column) == pytest.approx(curve(one, column), rel=1e-3)
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(two)[name], tensor, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_two_processes_stop_together_and_resume(tmp_path: Path, backbone: Path, pairs: dict[str, list[str]]) -> None:
    options: dict[str, Any] = {"steps": 60, "validation_every": 30, "checkpoint_every": 10}
    stopped, whole = (arguments(tmp_path / name, backbone, pairs, **options) for name in ("stopped", "whole"))
    log = stop_after_a_checkpoint(stopped, tmp_path / "stopped/state", *LAUNCHER)
    step = steps_of_checkpoints(tmp_path / "stopped/state")[-1]
    assert f"stopped by SIGTERM after step {step} of 60" in log
    for words in (stopped, whole):
        assert start(words, *LAUNCHER).wait(timeout=300) == 0
    assert same_weights(tmp_path / "stopped/model", tmp_path / "whole/model")


@pytest.mark.slow
def test_a_compiled_model_is_saved_and_resumed_as_the_same_model(
    tmp_path: Path, still_backbone: Path, pairs: dict[str, list[str]]
) -> None:
    options: dict[str, Any] = {"steps": 8, "validation_every": 4, "compile": True}
    words = arguments(tmp_path / "compiled", still_backbone, pairs, **options)
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as stream:
        assert start(words, log=stream).wait(timeout=300) == 0, log.read_text()
    compiled = tmp_path / "compiled/model"
    plain = run(tmp_path / "plain", still_backbone, pairs, **{**options, "compile": False})
    assert weights(compiled).keys() == weights(plain).keys()
    assert curve(compiled) == pytest.approx(curve(plain), rel=1e-3)
