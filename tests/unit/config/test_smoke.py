"""The smoke run: little data and few steps, and otherwise the same experiment."""

import pytest
from small_config import read_yaml, small
from snakemake.utils import update_config

from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config
from hybridbatch.config.smoke import FEW, smoke_run


def shipped(name: str) -> Config:
    values = read_yaml("config.yaml")
    update_config(values, read_yaml(name))
    return load_config(values | {"smoke": "true"})


@pytest.mark.parametrize("name", ["config.yaml", "xquad.yaml", "paper.yaml"])
def test_only_amounts_differ(name: str) -> None:
    real = shipped(name)
    smoke = smoke_run(real)
    assert smoke.folder.name == f"{real.experiment}_smoke"
    assert smoke.notice is not None
    assert "mean nothing" in smoke.notice
    assert len(smoke.runs.seeds) == 1
    assert smoke.training.steps == FEW["steps"]
    excluded = {"experiment": True, "notice": True, "runs": {"seeds"}, "training": set(FEW)}
    assert smoke.model_dump(exclude=excluded) == real.model_dump(exclude=excluded)
    assert load_config(smoke.model_dump(mode="json")) == smoke


def test_a_smoke_run_never_does_more() -> None:
    training = {"training.steps": 1, "training.validation_every": 1, "training.validation_batches": 1}
    smoke = smoke_run(small({**training, "smoke": True, "runs.seeds": [7, 8]}))
    assert (smoke.training.steps, smoke.training.validation_every, smoke.training.validation_batches) == (1, 1, 1)
    assert smoke.training.checkpoint_every is None
    assert smoke.runs.seeds == [7]


def test_without_smoke_nothing_changes() -> None:
    assert smoke_run(small()) == small()


def test_enough_rows_are_left_for_batches() -> None:
    assert small().sampled_rows is None
    assert small({"smoke": True, "training.batch_size": 8}).sampled_rows == 320
    assert small({"smoke": True, "training.batch_size": 64}).sampled_rows == 640
