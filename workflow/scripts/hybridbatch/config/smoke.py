"""The smoke run: every stage of an experiment once, on little data."""

from typing import Any

from hybridbatch.config.experiment import Config

NOTICE = "A smoke run: a hundredth of the data and a few training steps. It shows that every stage runs; its numbers mean nothing."
# The most that training does: steps, validations, batches of each.
FEW = {"steps": 4, "validation_every": 2, "validation_batches": 2, "checkpoint_every": 2, "log_every": 1}


def smoke_run(experiment: Config) -> Config:
    """Return the experiment with one seed, a few training steps and results of its own if ``smoke`` is true, else as it is.

    Models, engines, devices, precision and sizes of batches stay, so that what fails in the experiment fails here. Its data are cut
    when they are read (``sampled_rows``).
    """
    if not experiment.smoke:
        return experiment
    training: dict[str, Any] = experiment.training.model_dump()
    few = {key: min(training[key], limit) for key, limit in FEW.items() if training[key] is not None}
    return experiment.model_copy(
        update={
            "experiment": f"{experiment.experiment}_smoke",
            "notice": NOTICE,
            "runs": experiment.runs.model_copy(update={"seeds": experiment.runs.seeds[:1]}),
            "training": experiment.training.model_copy(update=few),
        }
    )
