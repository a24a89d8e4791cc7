"""Switches of training that are off by default: selection by mAP, LoRA, Matryoshka dimensions, experiment trackers."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError
from sentence_transformers import SentenceTransformer
from training_runs import (
    arguments,
    curve,
    run,
    same_weights,
    unvalidated,
    weights,
)

import train
from hybridbatch.common.files import read_json
from hybridbatch.config.training import Training
from hybridbatch.train import checkpoints as checkpoints_module
from hybridbatch.train.checkpoints import COMPLETE

Pairs = dict[str, list[str]]
LORA = {"rank": 4, "alpha": 16, "targets": ["query", "value"]}
# So fast that the best of many validations is not the last.
FAST: dict[str, Any] = {"learning_rate": 0.1, "steps": 12, "validation_every": 1}


def pool_map(model: Path, pairs: Pairs) -> float:
    """Return mAP@100 of the held-out pairs in the pool of both languages, from similarities sorted in full."""
    encoder = SentenceTransformer(str(model), device="cpu")
    tables = [pq.read_table(word.partition("=")[2]).to_pylist() for word in pairs["--validation-pairs"]]
    passages = {row["passage"]: row["pair_id"] for rows in tables for row in rows}
    scores = {}
    for rows in tables:
        for row in rows:
            ranked = encoder.encode_query([row["query"]]) @ encoder.encode_document([*passages]).T
            order = np.argsort(-ranked[0], kind="stable")[:100]
            hits = np.array([[*passages.values()][place] == row["pair_id"] for place in order])
            scores[row["query"]] = (hits * np.cumsum(hits) / np.arange(1, len(hits) + 1)).sum() / 2
    return float(np.mean(list(scores.values())))


@pytest.mark.slow
def test_the_checkpoint_with_the_highest_map_is_kept(tmp_path: Path, backbone: Path, pairs: Pairs) -> None:
    # All 20 held-out pairs are in the pool.
    options = {**FAST, "validation_batches": 3}
    model = run(tmp_path, backbone, pairs, select_by="map", **options)
    manifest, measured = read_json(model / "manifest.json"), curve(model, "validation_map")
    assert manifest["step"] == max(measured, key=lambda step: measured[step]) != 12
    assert (
        manifest["best_validation_map"] == measured[manifest["step"]] == pytest.approx(pool_map(model, pairs), abs=1e-6)
    )
    assert "best_validation_loss" not in manifest
    by_loss = run(tmp_path / "loss", backbone, pairs, **options)
    assert curve(by_loss) == curve(model)
    assert curve(by_loss, "validation_loss") == curve(model, "validation_loss")
    assert "validation_map" not in (by_loss / "curves.csv").read_text().splitlines()[0]


class InterruptedTrainingError(Exception):
    """Ends training as a kill right after a checkpoint would."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"select_by": "map", "patience": 3, "learning_rate": 0.1},
        {"lora": {**LORA, "dropout": 0.1}, "learning_rate": 0.01},
        {"matryoshka": [4, 8]},
    ],
)
def test_interrupted_training_resumes_to_the_same_weights(
    tmp_path: Path, backbone: Path, pairs: Pairs, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    options = {"steps": 12, "validation_every": 2, **options}

    def interrupt(folder: str, **_: Any) -> None:
        if len(list(Path(folder).glob(f"checkpoint-*/{COMPLETE}"))) == 2:
            raise InterruptedTrainingError

    with monkeypatch.context() as patch, pytest.raises(InterruptedTrainingError):
        patch.setattr(checkpoints_module, "rotate_checkpoints", interrupt)
        run(tmp_path / "resumed", backbone, pairs, **options)
    resumed, whole = (run(tmp_path / name, backbone, pairs, **options) for name in ("resumed", "whole"))
    assert curve(resumed) == curve(whole)
    assert (resumed / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()
    assert same_weights(resumed, whole)


@pytest.mark.slow
def test_lora_adds_low_rank_matrices_to_its_targets(tmp_path: Path, backbone: Path, pairs: Pairs) -> None:
    model = run(tmp_path, backbone, pairs, lora=LORA)
    before, after = weights(backbone), weights(model)
    assert before.keys() == after.keys()
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert changed == {f"encoder.layer.0.attention.self.{name}.weight" for name in ("query", "value")}
    assert all(torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3) <= 4 for name in changed)
    assert {file.name for file in model.iterdir()} == {file.name for file in backbone.iterdir()} | {"curves.csv"}


@pytest.mark.slow
@pytest.mark.parametrize("lora", [LORA, {"rank": 2}])
def test_a_model_of_lora_is_that_of_its_best_validation(
    tmp_path: Path, still_backbone: Path, pairs: Pairs, lora: dict[str, Any]
) -> None:
    """The merged model has the mAP that the model with adapters had in training."""
    options = {**FAST, "learning_rate": 1.0, "select_by": "map", "validation_batches": 3}
    model = run(tmp_path, still_backbone, pairs, lora=lora, **options)
    manifest = read_json(model / "manifest.json")
    assert manifest["step"] < 12
    assert manifest["best_validation_map"] == pytest.approx(pool_map(model, pairs), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("mini_batch_size", [None, 3])
def test_matryoshka_adds_the_losses_of_truncated_vectors(
    tmp_path: Path, still_backbone: Path, pairs: Pairs, mini_batch_size: int | None
) -> None:
    options: dict[str, Any] = {"steps": 1, "alpha": 1.0, "temperature": 0.1, "mini_batch_size": mini_batch_size}
    # One batch of all pairs of a language, so that its loss is known.
    options["batch_size"] = 60
    encoder = SentenceTransformer(str(still_backbone), device="cpu")
    named = {**unvalidated(pairs), "--pairs": pairs["--pairs"][:1]}
    rows = pq.read_table(pairs["--pairs"][0].partition("=")[2]).to_pylist()
    queries, passages = (
        encode([row[column] for row in rows], convert_to_tensor=True)
        for encode, column in ((encoder.encode_query, "query"), (encoder.encode_document, "passage"))
    )
    expected = 0.0
    for dimension in (4, 8, 16):
        q, p = (torch.nn.functional.normalize(vectors[:, :dimension]) for vectors in (queries, passages))
        expected += torch.nn.functional.cross_entropy(q @ p.T / 0.1, torch.arange(60)).item()
    model = run(tmp_path, still_backbone, named, matryoshka=[8, 4], **options)
    assert curve(model)[1] == pytest.approx(expected, abs=1e-4)
    assert read_json(model / "manifest.json")["training"]["matryoshka"] == [8, 4]


@pytest.mark.slow
def test_tensorboard_receives_the_curve_and_changes_nothing(tmp_path: Path, backbone: Path, pairs: Pairs) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    words = arguments(tmp_path / "tracked", backbone, pairs, steps=6)
    train.main([*words, "--report-to", "tensorboard", "--tracked", str(tmp_path / "logs")])
    tracked, plain = tmp_path / "tracked/model", run(tmp_path / "plain", backbone, pairs, steps=6)
    assert same_weights(tracked, plain)
    assert (tracked / "manifest.json").read_bytes() == (plain / "manifest.json").read_bytes()
    events = EventAccumulator(str(tmp_path.joinpath("logs", *tracked.parts[-3:]))).Reload()
    assert {event.step: event.value for event in events.Scalars("train/loss")} == pytest.approx(curve(plain), abs=1e-4)
    assert [event.step for event in events.Scalars("eval/loss")] == [2, 4, 6]


@pytest.mark.parametrize(
    "values", [{"report_to": ["slack"]}, {"matryoshka": [0]}, {"matryoshka": [4, 4]}, {"lora": {"rank": 0}}]
)
def test_bad_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Training(**values)
