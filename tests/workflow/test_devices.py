"""The number of devices that share a batch depends on the machine: it reruns no job."""

import pytest
from checkout import Workflow

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

RUN = "tiny/hybrid/seed1"
TARGET = f"results/tiny/models/{RUN}/manifest.json"


def test_two_processes_train_in_one_job(fresh: Workflow) -> None:
    fresh.configure(training={"gpus": 2})
    fresh.succeed(TARGET)
    log = (fresh.results / f"logs/train/{RUN}.log").read_text(encoding="utf-8")
    assert log.count("command: python workflow/scripts/train.py") == 2
    assert fresh.planned(TARGET) == set()
    fresh.configure(training={"gpus": 1})
    assert fresh.planned(TARGET) == set()


def test_a_batch_that_devices_cannot_share_equally(fresh: Workflow) -> None:
    fresh.configure(training={"gpus": 3})
    assert "gpus: 3 does not divide batch_size: 4" in fresh.fail("--dry-run", TARGET)
