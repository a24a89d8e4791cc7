"""Deviations from the paper follow from the configuration: what is alike is not listed, what differs is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config
from hybridbatch.report.paper_deviations import deviations, open_choices

CONFIGS = Path(__file__).parents[3] / "config"


def changed(name: str, section: str, **values: Any) -> Config:
    """A configuration of the repository with other values in one section."""
    config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    return load_config({**config, section: {**config[section], **values}})


def found(config: Config) -> dict[str, tuple[str, str]]:
    return {row.what: (row.paper, row.here) for row in deviations(config)}


def test_what_the_paper_experiment_has_in_common_is_left_out() -> None:
    rows = found(changed("paper", "training"))
    assert not {"Backbones", "Benchmarks", "Batch size", "Learning rate", "Training languages"} & {*rows}
    assert rows["Training runs of a strategy"] == ("one", "5 seeds, with means and tests")
    assert not {"Model that is kept", "Languages of XQuAD-R", "Languages of MLQA-R"} & {*rows}


@pytest.mark.parametrize(
    ("key", "value", "what", "expected"),
    [
        ("batch_size", 64, "Batch size", ("100", "64")),
        ("learning_rate", 1e-4, "Learning rate", ("3e-5", "0.0001")),
        ("weight_decay", 0.0, "Weight decay", ("0.01", "0")),
        ("validation", None, "Model that is kept", ("early stopping by the loss on SQuADShifts (English)", "that of the last step")),
        ("patience", None, "Model that is kept", ("early stopping by the loss on SQuADShifts (English)", "lowest loss on squadshifts (en), measured every 500 steps; no early stopping")),
    ],
)  # fmt: skip
def test_a_changed_setting_is_listed(key: str, value: Any, what: str, expected: tuple[str, str]) -> None:
    extra = {"validation_alpha": 1.0, "patience": None} if key == "validation" else {}
    assert found(changed("paper", "training", **{key: value}, **extra))[what] == expected


def test_other_benchmarks_and_backbones_are_listed() -> None:
    rows = found(changed("xquad", "runs"))
    assert rows["Benchmarks"][1] == "without MLQA-R, MIRACL dev; also demo_advice"
    assert rows["Training languages"] == ("ar de en es hi ru th tr zh", "ar de en es")
    assert "Languages of XQuAD-R" not in rows


def test_without_training_nothing_of_it_is_said() -> None:
    config = changed("xquad_zeroshot", "runs")
    assert found(config)["Training"][1] == "nothing is trained"
    assert "Batch size" not in found(config)
    assert not {"Temperature of the loss", "Steps"} & {row.what for row in open_choices(config)}


def test_open_choices_are_those_of_the_configuration() -> None:
    rows = dict(open_choices(changed("paper", "training", temperature=0.02)))
    assert rows["Temperature of the loss"] == "0.02"
    assert rows["Early stopping"] == "after 8 validations without a better loss, 500 steps apart"
    assert rows["A candidate of XQuAD-R and MLQA-R"] == "the sentence alone; the sentence and its paragraph"
    assert rows["Size of XLM-R"] == "FacebookAI/xlm-roberta-base"
    assert rows["Pooling"] == "xlm-r: mean, labse: auto"
