"""Checkpoints of a training: which are whole, which belong to this run, and one more when a scheduler stops the job."""

import logging
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import EarlyStoppingCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint, rotate_checkpoints

from hybridbatch.common.files import read_json, write_json

logger = logging.getLogger(__name__)

FINGERPRINT = "fingerprint.json"
COMPLETE = "complete"


class WholeCheckpoints(TrainerCallback):
    """Mark every checkpoint that is wholly written, so that one cut short by a kill is never resumed from.

    The trainer's own `save_total_limit` would remove old checkpoints before the new one has its mark: a kill in between
    would leave a last whole checkpoint whose best one is gone.

    Args:
        every: steps between checkpoints, besides those that the trainer writes by itself; None: none besides.
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
        """Log at every checkpoint, so that a resumed run averages its losses over the same steps."""
        control.should_save = control.should_save or (self.every is not None and state.global_step % self.every == 0)
        control.should_log = control.should_log or control.should_save

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        """Write the mark after the last file of the last process; then keep this checkpoint and the best one only."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            folder = str(args.output_dir)
            write_json(Path(folder) / f"checkpoint-{state.global_step}" / COMPLETE, {})
            rotate_checkpoints(folder, save_total_limit=1, best_model_checkpoint=state.best_model_checkpoint)


class StopOnSigterm(TrainerCallback):
    """On SIGTERM, finish the step, write a checkpoint and end training: what a scheduler asks for before it kills.

    Its place is before :class:`WholeCheckpoints`, which then logs at that step too.

    Attributes:
        stopped_at: the step whose checkpoint was written for a SIGTERM; None while there was none.
    """

    def __init__(self) -> None:
        self.stopped_at: int | None = None
        self._asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch SIGTERM in this block."""
        before = signal.signal(signal.SIGTERM, self._ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Ask for a checkpoint and for the end, once any process has got the signal."""
        if self._any_asked(args.device):
            self.stopped_at = state.global_step
            control.should_save = True
            control.should_training_stop = True

    def _ask(self, *_: Any) -> None:
        self._asked = True

    def _any_asked(self, device: torch.device) -> bool:
        """Return whether a process has got the signal: they get it at different times and must stop at the same step."""
        if not torch.distributed.is_initialized():
            return self._asked
        asked = torch.tensor(int(self._asked), device=device)
        torch.distributed.all_reduce(asked, op=torch.distributed.ReduceOp.MAX)
        return bool(asked.item())


def last_checkpoint(state: Path, fingerprint: Mapping[str, Any]) -> Path | None:
    """Return the last whole checkpoint of a state folder, or None to start anew.

    A state with another fingerprint, and checkpoints that were cut short, are removed; the log says why.
    """
    record = state / FINGERPRINT
    if state.exists() and record.exists():
        known = read_json(record)
        changed = sorted(key for key in {*known, *fingerprint} if known.get(key) != fingerprint.get(key))
        if changed:
            logger.warning("%s belongs to a run with other %s: starting anew", state, ", ".join(changed))
            shutil.rmtree(state)
    elif state.exists():
        shutil.rmtree(state)
    write_json(record, dict(fingerprint))
    for folder in state.glob("checkpoint-*"):
        if not (folder / COMPLETE).exists():
            logger.warning("%s was cut short and is removed", folder)
            shutil.rmtree(folder)
    found = get_last_checkpoint(str(state))  # type: ignore[no-untyped-call]
    if found:
        logger.info("resuming from %s", found)
    return Path(found) if found else None


def stopped_early(checkpoint: Path, patience: int) -> int | None:
    """Return the step at which early stopping ended the training that wrote a checkpoint; None if it had not ended.

    The trainer forgets on resuming that training had ended, and would go on to the next validation.
    """
    state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    attributes = state.stateful_callbacks[EarlyStoppingCallback.__name__]["attributes"]
    return state.global_step if attributes["early_stopping_patience_counter"] >= patience else None
