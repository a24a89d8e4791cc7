"""Training on a GPU: every precision, GradCache, resumption to the same bits, and several GPUs."""

from pathlib import Path
from typing import Any

import pytest
import torch
from training_runs import arguments, curve, kill_after_a_checkpoint, run, same_weights, start, weights

pytestmark = [pytest.mark.gpu, pytest.mark.slow]
DEVICE = "cuda"


@pytest.mark.parametrize(
    ("form", "tolerance"),
    [({}, 1e-3), ({"precision": "bf16"}, 0.05), ({"precision": "fp16"}, 0.05), ({"mini_batch_size": 3}, 1e-3)],
    ids=["fp32", "bf16", "fp16", "GradCache"],
)
def test_a_gpu_trains_like_a_cpu(
    tmp_path: Path, still_backbone: Path, pairs: dict[str, list[str]], form: dict[str, Any], tolerance: float
) -> None:
    slow = run(tmp_path / "cpu", still_backbone, pairs, steps=6)
    fast = run(tmp_path / "gpu", still_backbone, pairs, steps=6, device=DEVICE, **form)
    for column in ("loss", "validation_loss"):
        assert curve(fast, column) == pytest.approx(curve(slow, column), abs=tolerance)
    assert {tensor.dtype for tensor in weights(fast).values()} == {torch.float32}


@pytest.mark.parametrize(
    "form",
    [{}, {"precision": "bf16", "gradient_checkpointing": True}, {"precision": "fp16", "mini_batch_size": 4}],
    ids=lambda form: "-".join(map(str, form.values())) or "plain",
)
def test_a_killed_training_ends_with_the_same_bits(
    tmp_path: Path, backbone: Path, pairs: dict[str, list[str]], form: dict[str, Any]
) -> None:
    options: dict[str, Any] = {"steps": 60, "validation_every": 4, "log_every": 3, "device": DEVICE, **form}
    killed, whole = (arguments(tmp_path / name, backbone, pairs, **options) for name in ("killed", "whole"))
    kill_after_a_checkpoint(killed, tmp_path / "killed/state")
    assert not (tmp_path / "killed/model").exists()
    for words in (killed, whole):
        assert start(words).wait(timeout=300) == 0
    assert same_weights(tmp_path / "killed/model", tmp_path / "whole/model")
    assert curve(tmp_path / "killed/model") == curve(tmp_path / "whole/model")


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_train_like_one(tmp_path: Path, still_backbone: Path, pairs: dict[str, list[str]]) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = arguments(tmp_path / "two", still_backbone, pairs, device=DEVICE)
    assert start(words, *launcher).wait(timeout=300) == 0
    one = run(tmp_path / "one", still_backbone, pairs, device=DEVICE)
    assert curve(tmp_path / "two/model") == pytest.approx(curve(one), rel=1e-3)
