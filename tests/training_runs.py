"""Runs of the training program on tiny pairs."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import load_file

import train
from hybridbatch.config.training import Strategy, Training
from hybridbatch.train.checkpoints import COMPLETE

SETTINGS = {
    "steps": 4,
    "batch_size": 8,
    "validation_batch_size": 8,
    "validation_batches": 2,
    "validation_every": 2,
    "learning_rate": 1e-3,
    "log_every": 1,
}


def arguments(
    folder: Path,
    backbone: Path,
    pairs: Mapping[str, list[str]],
    *,
    seed: int = 1,
    alpha: float = 0.5,
    symmetric: bool = False,
    output: Path | None = None,
    device: str = "cpu",
    **changes: Any,
) -> list[str]:
    """Return the command line of a run whose model is ``folder``/model and whose checkpoints are ``folder``/state."""
    words = ["--backbone", str(backbone), "--training", Training(**{**SETTINGS, **changes}).model_dump_json()]
    strategy = Strategy(alpha=alpha, symmetric=symmetric).model_dump_json()
    words += ["--strategy", strategy, "--seed", str(seed), "--device", device]
    words += ["--state", str(folder / "state"), "--output", str(output or folder / "model")]
    return words + [word for option, files in pairs.items() for word in (option, *files)]


def run(folder: Path, backbone: Path, pairs: Mapping[str, list[str]], **options: Any) -> Path:
    train.main(arguments(folder, backbone, pairs, **options))
    return folder / "model"


def unvalidated(pairs: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {option: words for option, words in pairs.items() if option != "--validation-pairs"}


def weights(model: Path) -> dict[str, torch.Tensor]:
    return load_file(model / "model.safetensors")


def same_weights(first: Path, second: Path) -> bool:
    return (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()


def curve(model: Path, column: str = "loss") -> dict[int, float]:
    """Return a column of the training curve by step, without the steps at which it was not measured."""
    with (model / "curves.csv").open(encoding="utf-8", newline="") as stream:
        return {int(row["step"]): float(row[column]) for row in csv.DictReader(stream) if row[column]}


def start(words: list[str], *launcher: str, log: IO[str] | int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start the program in its own process."""
    return subprocess.Popen(
        [sys.executable, *launcher, str(train.__file__), *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=log,
        stderr=log,
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until the condition holds; fail if the process ends first."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def kill_after_a_checkpoint(words: list[str], state: Path, step: int = 1) -> None:
    """Start training, and kill it as soon as it has a complete checkpoint of this step or a later one."""
    process = start(words)
    wait_until(
        lambda: any(int(path.parent.name.split("-")[1]) >= step for path in state.glob(f"checkpoint-*/{COMPLETE}")),
        process,
    )
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
