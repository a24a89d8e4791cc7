"""Fine-tune an encoder with hybrid batches; resumable after a kill at any step."""

import csv
import logging
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint, rotate_checkpoints

from hybridbatch.batches import HybridBatchSampler, PairDataset
from hybridbatch.errors import UserError
from hybridbatch.files import atomic_folder, atomic_path, read_json, write_json, write_manifest
from hybridbatch.settings import Training

logger = logging.getLogger(__name__)

FINGERPRINT = "fingerprint.json"
COMPLETE = "complete"
CURVE_COLUMNS = ["step", "loss", "learning_rate", "grad_norm", "validation_loss"]


class HybridBatchTrainer(SentenceTransformerTrainer):
    """The sentence-transformers trainer with batches from :class:`HybridBatchSampler`, in training and in validation."""

    def __init__(
        self, *, train_batches: HybridBatchSampler, validation_batches: HybridBatchSampler | None, **options: Any
    ) -> None:
        self.train_batches = train_batches
        self.validation_batches = validation_batches
        super().__init__(
            train_dataset=PairDataset(train_batches.sources),
            eval_dataset=PairDataset(validation_batches.sources) if validation_batches else None,
            **options,
        )

    def validate_column_names(self, dataset: Any, dataset_name: str | None = None) -> None:
        """Accept :class:`PairDataset`, whose columns are always query and passage."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Leave the library's model card out: it reads the columns of a Hugging Face data set."""

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of the training batches."""
        return self._loader(self.train_dataset, self.train_batches)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Return the loader of the validation batches, the same at every call."""
        assert self.validation_batches is not None  # noqa: S101 - the trainer evaluates only with an eval_dataset
        return self._loader(eval_dataset or self.eval_dataset, self.validation_batches)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the model from the first process: the library calls this in every one, and none of them asks which it is."""
        if self.args.should_save:
            super()._save(output_dir, state_dict)

    def _loader(self, dataset: Any, batches: HybridBatchSampler) -> DataLoader[Any]:
        loader: DataLoader[Any] = DataLoader(
            dataset, batch_sampler=batches, collate_fn=self.data_collator, pin_memory=self.args.dataloader_pin_memory
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared


class WholeCheckpoints(TrainerCallback):
    """Mark every checkpoint that is wholly written, so that one cut short by a kill is never resumed from.

    The trainer's own `save_total_limit` would remove old checkpoints before the new one has its mark: a kill in between
    would leave a last whole checkpoint whose best one is gone.
    """

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Log at every checkpoint, so that a resumed run averages its losses over the same steps."""
        control.should_log = control.should_log or control.should_save

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        """Write the mark after the last file of the last process; then keep this checkpoint and the best one only."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            folder = str(args.output_dir)
            write_json(Path(folder) / f"checkpoint-{state.global_step}" / COMPLETE, {})
            rotate_checkpoints(folder, save_total_limit=1, best_model_checkpoint=state.best_model_checkpoint)


def train(
    backbone: Path,
    train_batches: HybridBatchSampler,
    validation_batches: HybridBatchSampler | None,
    settings: Training,
    seed: int,
    device: str,
    state: Path,
    fingerprint: Mapping[str, Any],
    facts: Mapping[str, Any],
    output: Path,
) -> None:
    """Fine-tune ``backbone`` and write the best (without validation: the last) checkpoint to ``output``.

    Several processes started by ``torchrun`` share every batch and give what one process gives; the first one writes.

    The loss is the multiple-negatives ranking loss, InfoNCE with in-batch negatives (arXiv 1807.03748, equation 4):
    for a batch of n pairs, ``-1/n sum_i log(exp(cos(q_i, p_i) / t) / sum_j exp(cos(q_i, p_j) / t))`` with temperature t.

    Args:
        backbone: a sentence-transformers folder.
        train_batches: the batches of training.
        validation_batches: the batches whose mean loss chooses the checkpoint; None keeps the last step.
        settings: the training section of the configuration.
        seed: seeds dropout and whatever else the libraries draw; the batches carry their own.
        device: ``cpu`` or ``cuda``.
        state: folder of checkpoints, which outlives a killed job; removed at the end.
        fingerprint: what the result depends on: a state with another fingerprint is not resumed.
        facts: goes into the manifest.
        output: folder written: the model, ``curves.csv`` and ``manifest.json``.

    Raises:
        UserError: if the loss is not finite.
    """
    set_seed(seed)
    model = SentenceTransformer(str(backbone), device=device, model_kwargs={"dtype": torch.float32})
    full_length = model.max_seq_length
    model.max_seq_length = settings.max_length or full_length
    arguments = _arguments(settings, seed, device, state, model, validation_batches)
    with arguments.main_process_first(local=False, desc="looking for a checkpoint"):
        checkpoint = last_checkpoint(state, fingerprint)
    trainer = HybridBatchTrainer(
        model=model,
        args=arguments,
        loss=_loss(model, settings),
        train_batches=train_batches,
        validation_batches=validation_batches,
        callbacks=[WholeCheckpoints()],
    )
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    history = trainer.state.log_history
    if not all(math.isfinite(entry["loss"]) for entry in history if "loss" in entry):
        raise UserError("training.learning_rate: the loss is not finite; lower it, or set training.precision to fp32")
    model.max_seq_length = full_length
    # Every process has read its best checkpoint before the first one removes them.
    trainer.accelerator.wait_for_everyone()
    if not trainer.is_world_process_zero():
        return
    with atomic_folder(output) as folder:
        model.save_pretrained(str(folder), create_model_card=False)
        _write_curves(folder / "curves.csv", history)
        best = trainer.state.best_global_step if validation_batches else trainer.state.global_step
        write_manifest(folder, {**facts, "step": best, "best_validation_loss": trainer.state.best_metric})
    shutil.rmtree(state)


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


def _arguments(
    settings: Training,
    seed: int,
    device: str,
    state: Path,
    model: SentenceTransformer,
    validation: HybridBatchSampler | None,
) -> SentenceTransformerTrainingArguments:
    return SentenceTransformerTrainingArguments(
        output_dir=str(state),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.validation_batch_size,
        # A batch is one draw of the sampler, cut into a slice for each device: never one draw per device.
        accelerator_config={"split_batches": True},
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup_steps=math.ceil(settings.steps * settings.warmup_share),
        lr_scheduler_type="linear",
        bf16=settings.precision == "bf16",
        fp16=settings.precision == "fp16",
        use_cpu=device == "cpu",
        prompts={"query": model.prompts.get("query") or "", "passage": model.prompts.get("document") or ""},
        eval_strategy="steps" if validation else "no",
        eval_steps=min(settings.validation_every, settings.steps),
        save_strategy="steps",
        save_steps=min(settings.validation_every, settings.steps),
        load_best_model_at_end=validation is not None,
        metric_for_best_model="eval_loss" if validation else None,
        greater_is_better=False if validation else None,
        logging_steps=settings.log_every,
        logging_nan_inf_filter=False,
        dataloader_pin_memory=device == "cuda",
        seed=seed,
        full_determinism=True,
        report_to=[],
        disable_tqdm=True,
    )


def _loss(model: SentenceTransformer, settings: Training) -> torch.nn.Module:
    scale = 1.0 / settings.temperature
    gather = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if settings.mini_batch_size is not None and settings.mini_batch_size < settings.batch_size:
        return CachedMultipleNegativesRankingLoss(
            model, scale=scale, mini_batch_size=settings.mini_batch_size, gather_across_devices=gather
        )
    return MultipleNegativesRankingLoss(model, scale=scale, gather_across_devices=gather)


def _write_curves(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Write one row per logged step; a cell is empty where nothing was measured."""
    rows: dict[int, dict[str, Any]] = {}
    for entry in history:
        row = rows.setdefault(entry["step"], {"step": entry["step"]})
        row.update({key: entry[key] for key in ("loss", "learning_rate", "grad_norm") if key in entry})
        if "eval_loss" in entry:
            row["validation_loss"] = entry["eval_loss"]
    with atomic_path(path) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, CURVE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[step] for step in sorted(rows))
