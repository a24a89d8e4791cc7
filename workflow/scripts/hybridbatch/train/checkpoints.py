"""The state of a training run: its lock, its checkpoints, which are complete, and one more when a scheduler stops the job."""

import logging
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch.distributed.rendezvous import rendezvous
from transformers import EarlyStoppingCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint, rotate_checkpoints

from hybridbatch.common.files import MANIFEST, read_json, sha256, write_json
from hybridbatch.common.files import fingerprint as fingerprint_of
from hybridbatch.common.locks import locked

logger = logging.getLogger(__name__)

FINGERPRINT = "fingerprint.json"
COMPLETE = "complete"
FINISHED = "finished.json"
# Training may hold the lock for weeks.
FOREVER = timedelta(days=3650)


class CompleteCheckpoints(TrainerCallback):
    """Mark every complete checkpoint, so that training never resumes from one that a kill interrupted.

    The trainer's own `save_total_limit` would remove old checkpoints before the new one is marked: a kill in between would leave a
    checkpoint whose best one is gone.

    Args:
        every: steps between checkpoints, in addition to the trainer's own; None adds none.
    """

    def __init__(self, every: int | None) -> None:
        self.every = every

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Save at every ``every`` steps, and log at every checkpoint, so that a resumed run averages losses over the same steps."""
        control.should_save = control.should_save or (self.every is not None and state.global_step % self.every == 0)
        control.should_log = control.should_log or control.should_save

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        """Mark the checkpoint once all processes have written it; then keep only it and the best one."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            folder = str(args.output_dir)
            write_json(Path(folder) / f"checkpoint-{state.global_step}" / COMPLETE, {})
            rotate_checkpoints(folder, save_total_limit=1, best_model_checkpoint=state.best_model_checkpoint)


class StopOnSigterm(TrainerCallback):
    """On SIGTERM, which schedulers send before they kill, finish the step, write a checkpoint and end training.

    Must come before :class:`CompleteCheckpoints`, which then logs at that step too.

    Attributes:
        stopped_at: step at which SIGTERM ended training; None if it has not.
    """

    def __init__(self) -> None:
        self.stopped_at: int | None = None
        self._requested = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch SIGTERM in this block."""
        before = signal.signal(signal.SIGTERM, self._request)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Request a checkpoint and the end of training once any process has received the signal."""
        if self._any_requested(args.device):
            self.stopped_at = state.global_step
            control.should_save = True
            control.should_training_stop = True

    def _request(self, *_: Any) -> None:
        self._requested = True

    def _any_requested(self, device: torch.device) -> bool:
        """Return whether any process has received the signal: they receive it at different times but must stop at the same step."""
        if not torch.distributed.is_initialized():
            return self._requested
        requested = torch.tensor(int(self._requested), device=device)
        torch.distributed.all_reduce(requested, op=torch.distributed.ReduceOp.MAX)
        return bool(requested.item())


@contextmanager
def locked_state(state: Path) -> Iterator[None]:
    """Lock a state folder, see :func:`~hybridbatch.common.locks.locked`; of processes started by ``torchrun``, the first one locks it.

    The others wait here, because initialising the process group has a time limit.
    """
    if not torch.distributed.is_torchelastic_launched():
        with locked(state):
            yield
        return
    store, rank, _ = next(rendezvous("env://"))
    if rank == 0:
        with locked(state):
            store.set(str(state), "locked")
            yield
    else:
        store.wait([str(state)], FOREVER)
        yield


def finish(state: Path, fingerprint: Mapping[str, Any], output: Path) -> None:
    """Remove the checkpoints of a training run whose model is written, and record which model that is."""
    shutil.rmtree(state)
    write_json(state / FINISHED, _finished(fingerprint, output))


def is_finished(state: Path, fingerprint: Mapping[str, Any], output: Path) -> bool:
    """Return whether a run with the same fingerprint has written the model that is in ``output``."""
    return (
        (state / FINISHED).is_file()
        and (output / MANIFEST).is_file()
        and read_json(state / FINISHED) == _finished(fingerprint, output)
    )


def _finished(fingerprint: Mapping[str, Any], output: Path) -> dict[str, str]:
    return {"fingerprint": fingerprint_of(fingerprint), "manifest": sha256(output / MANIFEST)}


def last_checkpoint(state: Path, fingerprint: Mapping[str, Any]) -> Path | None:
    """Return the last complete checkpoint of a state folder, or None to start from the backbone.

    Incomplete checkpoints, and a state with another fingerprint, are removed; the log says why.
    """
    record = state / FINGERPRINT
    if state.exists() and record.exists():
        stored = read_json(record)
        changed = sorted(key for key in {*stored, *fingerprint} if stored.get(key) != fingerprint.get(key))
        if changed:
            logger.warning("%s belongs to a run with another %s: starting again", state, ", ".join(changed))
            shutil.rmtree(state)
    elif state.exists():
        shutil.rmtree(state)
    write_json(record, dict(fingerprint))
    for folder in state.glob("checkpoint-*"):
        if not (folder / COMPLETE).exists():
            logger.warning("%s is incomplete and is removed", folder)
            shutil.rmtree(folder)
    found = get_last_checkpoint(str(state))  # type: ignore[no-untyped-call]
    if found:
        logger.info("resuming from %s", found)
    return Path(found) if found else None


def stopped_early(checkpoint: Path, patience: int) -> int | None:
    """Return the step at which early stopping ended the training run that wrote a checkpoint; None if it did not end.

    A resumed trainer does not know that training had ended, and would continue to the next validation.
    """
    state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    attributes = state.stateful_callbacks[EarlyStoppingCallback.__name__]["attributes"]
    return state.global_step if attributes["early_stopping_patience_counter"] >= patience else None
