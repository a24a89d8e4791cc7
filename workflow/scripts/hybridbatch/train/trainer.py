"""Fine-tune an encoder with hybrid batches, resumable after a kill at any step."""

import csv
import math
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
)
from transformers import (
    EarlyStoppingCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from hybridbatch.common.devices import check_precision
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_folder, atomic_path, write_manifest
from hybridbatch.config.training import Lora, Training
from hybridbatch.train.checkpoints import CompleteCheckpoints, StopOnSigterm, finish, last_checkpoint, stopped_early
from hybridbatch.train.hybrid_batches import HybridBatchSampler, PairDataset
from hybridbatch.train.validation_pool import METRIC, pool_evaluator

LOGGED_COLUMNS = ["loss", "learning_rate", "grad_norm", "examples_per_second"]
VALIDATED_COLUMNS = {"validation_loss": "eval_loss", "validation_map": METRIC}


class HybridBatchTrainer(SentenceTransformerTrainer):
    """The sentence-transformers trainer with batches from :class:`HybridBatchSampler`, in training and in validation."""

    def __init__(
        self, *, train_batches: HybridBatchSampler, validation_batches: HybridBatchSampler | None, **options: Any
    ) -> None:
        self.train_batches = train_batches
        self.validation_batches = validation_batches
        self.throughput = Throughput(train_batches.batch_size)
        super().__init__(
            train_dataset=PairDataset(train_batches.sources),
            eval_dataset=PairDataset(validation_batches.sources) if validation_batches else None,
            **options,
        )
        self.add_callback(self.throughput)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, and add the throughput at every point of the training curve."""
        if "loss" in logs:
            logs = {**logs, "examples_per_second": self.throughput.measure(self.state.global_step)}
        super().log(logs, start_time)

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Leave out the library's model card: it draws random numbers, and the project writes its own."""

    def get_batch_sampler(self, dataset: Any, **_: Any) -> HybridBatchSampler | None:  # type: ignore[override]
        """Return the batches of the training set or of the validation set."""
        return self.train_batches if dataset is self.train_dataset else self.validation_batches

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the model from the first process only; the library calls this in every process."""
        if self.args.should_save:
            super()._save(output_dir, state_dict)


class Throughput(TrainerCallback):
    """Measure pairs trained per second of wall-clock time, without validations and checkpoints.

    Args:
        batch_size: pairs in a batch, over all devices.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._step = 0
        self._time = 0.0

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Start the clock."""
        self._restart(state.global_step)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ARG002
        """Restart the clock: a checkpoint follows every validation, and a logged point precedes every checkpoint."""
        self._restart(state.global_step)

    def measure(self, step: int) -> float:
        """Return the pairs per second since the last call or restart."""
        rate = (step - self._step) * self.batch_size / (time.perf_counter() - self._time)
        self._restart(step)
        return rate

    def _restart(self, step: int) -> None:
        self._step = step
        self._time = time.perf_counter()


def train(
    backbone: Path,
    train_batches: HybridBatchSampler,
    validation_batches: HybridBatchSampler | None,
    settings: Training,
    symmetric: bool,
    seed: int,
    device: str,
    state: Path,
    fingerprint: Mapping[str, Any],
    facts: Mapping[str, Any],
    output: Path,
    tracked: Path = Path("tensorboard"),
) -> None:
    """Fine-tune ``backbone`` and write the best (without validation: the last) checkpoint to ``output``.

    Several processes started by ``torchrun`` share every batch and give the result of one process; the first one writes.
    Training resumes from the last complete checkpoint in ``state`` and ends with the same weights as an uninterrupted run. SIGTERM
    writes one more checkpoint.

    The loss is the multiple-negatives ranking loss, InfoNCE with in-batch negatives (arXiv 1807.03748, equation 4):
    for a batch of n pairs, ``-1/n sum_i log(exp(cos(q_i, p_i) / t) / sum_j exp(cos(q_i, p_j) / t))`` with temperature t. Here j runs
    over the n passages and, if the source of the batch has k negatives for each pair, over its k n negatives. If it is symmetric, it is the mean of this
    and ``-1/n sum_i log(exp(cos(q_i, p_i) / t) / sum_j exp(cos(q_j, p_i) / t))``, where j runs over the n queries. With Matryoshka
    dimensions (arXiv 2205.13147, equation 1 with equal weights) it is the sum of the losses of the vectors truncated to each of them
    and of the whole vectors.

    With LoRA (arXiv 2106.09685), only the added matrices are trained; ``output`` has the weights to which their products are added.

    Args:
        backbone: a sentence-transformers folder.
        train_batches: batches to train on.
        validation_batches: batches whose mean loss, or whose pairs in the pool of all their languages, select the checkpoint; None
            keeps the last step.
        settings: the training section of the configuration.
        symmetric: whether the loss, in validation too, is symmetric.
        seed: seeds dropout and other random draws of the libraries; the batches have their own seed.
        device: ``cpu`` or ``cuda``.
        state: folder of checkpoints, which survives a killed job, locked by the caller; the checkpoints are removed at the end.
        fingerprint: everything that the result depends on; a state with another fingerprint is not resumed.
        facts: entries of the manifest.
        output: folder to write: the model, ``manifest.json``, and ``curves.csv``. The manifest does not list ``curves.csv``, whose
            throughput differs between runs that train the same model.
        tracked: folder of TensorBoard's folders of runs. A run's name, there and in other trackers, is the last three parts of
            ``output``.

    Raises:
        UserError: if the loss is not finite, the device does not support the precision, or SIGTERM ended training.
    """
    check_precision("training.precision", settings.precision, device)
    set_seed(seed)
    model = _load(backbone, settings, device)
    full_length = model.max_seq_length
    model.max_seq_length = settings.max_length or full_length
    arguments = _arguments(settings, seed, device, state, model, train_batches, validation_batches, tracked, output)
    with arguments.main_process_first(local=False, desc="looking for a checkpoint"):
        checkpoint = last_checkpoint(state, fingerprint)
    if checkpoint and settings.patience is not None:
        train_batches.steps = arguments.max_steps = stopped_early(checkpoint, settings.patience) or settings.steps
    stop = StopOnSigterm()
    trainer = HybridBatchTrainer(
        model=model,
        args=arguments,
        loss=_loss(model, settings, symmetric),
        train_batches=train_batches,
        validation_batches=validation_batches,
        evaluator=pool_evaluator(validation_batches) if validation_batches and settings.select_by == "map" else None,
        callbacks=[
            stop,
            CompleteCheckpoints(settings.checkpoint_every),
            *([] if settings.patience is None else [EarlyStoppingCallback(settings.patience)]),
        ],
    )
    with stop.listening():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if stop.stopped_at is not None:
        raise UserError(
            f"training: stopped by SIGTERM after step {stop.stopped_at} of {settings.steps}, with a checkpoint in {state}; "
            "start it again to resume from there"
        )
    history = trainer.state.log_history
    if not all(math.isfinite(entry["loss"]) for entry in history if "loss" in entry):
        raise UserError("training.learning_rate: the loss is not finite; lower it, or set training.precision to fp32")
    model.max_seq_length = full_length
    # Every process has read its best checkpoint before the first one removes them.
    trainer.accelerator.wait_for_everyone()
    if not trainer.is_world_process_zero():
        return
    with atomic_folder(output) as folder:
        (_merged(model, backbone) if settings.lora else model).save_pretrained(str(folder), create_model_card=False)
        best = trainer.state.best_global_step if validation_batches else trainer.state.global_step
        write_manifest(
            folder, {**facts, "step": best, f"best_validation_{settings.select_by}": trainer.state.best_metric}
        )
        _write_curves(folder / "curves.csv", history)
    finish(state, fingerprint, output)


def _load(backbone: Path, settings: Training, device: str) -> SentenceTransformer:
    model = SentenceTransformer(str(backbone), device=device, model_kwargs={"dtype": torch.float32})
    if settings.freeze_embeddings:
        encoder = model.transformers_model
        assert encoder is not None  # noqa: S101 - every backbone is a transformer
        encoder.get_input_embeddings().requires_grad_(False)
    if settings.lora:
        _add_lora(model, settings.lora)
    if settings.compile:
        # Kernels for texts of any length: kernels for each length would differ between a run and a resumed one.
        model.compile(dynamic=True)
    return model


def _add_lora(model: SentenceTransformer, settings: Lora) -> None:
    """Freeze the encoder's weights, and add trainable matrices to the targets."""
    from peft import LoraConfig  # noqa: PLC0415

    model.add_adapter(
        LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=settings.targets or "all-linear",
        )
    )


def _merged(model: SentenceTransformer, backbone: Path) -> SentenceTransformer:
    """Return the backbone with the products of a model's trained matrices added to its weights, without adapters."""
    from peft import PeftModel  # noqa: PLC0415

    merged = SentenceTransformer(str(backbone), device="cpu", model_kwargs={"dtype": torch.float32})
    encoder: Any = merged[0]
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, create_model_card=False)
        encoder.model = PeftModel.from_pretrained(encoder.model, folder).merge_and_unload()
    return merged


def _arguments(
    settings: Training,
    seed: int,
    device: str,
    state: Path,
    model: SentenceTransformer,
    batches: HybridBatchSampler,
    validation: HybridBatchSampler | None,
    tracked: Path,
    output: Path,
) -> SentenceTransformerTrainingArguments:
    metric = "eval_loss" if settings.select_by == "loss" else METRIC
    name = Path(*output.parts[-3:])
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(tracked / name)
    passage_prompt = model.prompts.get("document") or ""
    passages = ["passage", *(column for source in batches.sources for column in source.negative_columns)]
    save_every = settings.validation_every if validation else settings.checkpoint_every or settings.validation_every
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(state),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.validation_batch_size,
        # Every batch of the sampler is split among the devices.
        accelerator_config={"split_batches": True},
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup_steps=math.ceil(settings.steps * settings.warmup_share),
        lr_scheduler_type="linear",
        bf16=settings.precision == "bf16",
        fp16=settings.precision == "fp16",
        activation_checkpointing=settings.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        use_cpu=device == "cpu",
        prompts={"query": model.prompts.get("query") or "", **dict.fromkeys(passages, passage_prompt)},
        eval_strategy="steps" if validation else "no",
        eval_steps=min(settings.validation_every, settings.steps),
        save_strategy="steps",
        save_steps=min(save_every, settings.steps),
        # Early stopping counts the validations without a better loss.
        restore_callback_states_from_checkpoint=True,
        load_best_model_at_end=validation is not None,
        metric_for_best_model=metric if validation else None,
        greater_is_better=settings.select_by == "map" if validation else None,
        logging_steps=settings.log_every,
        logging_nan_inf_filter=False,
        dataloader_pin_memory=device == "cuda",
        seed=seed,
        full_determinism=True,
        report_to=[*settings.report_to],
        run_name=str(name),
        disable_tqdm=True,
    )
    # Each process uses one device: the library would split a batch among all visible ones.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _loss(model: SentenceTransformer, settings: Training, symmetric: bool) -> torch.nn.Module:
    options: dict[str, Any] = {
        "scale": 1.0 / settings.temperature,
        "gather_across_devices": int(os.environ.get("WORLD_SIZE", "1")) > 1,
    }
    if symmetric:
        options |= {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
    loss: torch.nn.Module
    if settings.mini_batch_size is not None and settings.mini_batch_size < settings.batch_size:
        loss = CachedMultipleNegativesRankingLoss(model, mini_batch_size=settings.mini_batch_size, **options)
    else:
        loss = MultipleNegativesRankingLoss(model, **options)
    if not settings.matryoshka:
        return loss
    return MatryoshkaLoss(model, loss, sorted({*settings.matryoshka, int(model.get_embedding_dimension() or 0)}))


def _write_curves(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Write one row per logged step; cells without a measurement are empty."""
    rows: dict[int, dict[str, Any]] = {}
    validated = {
        name: key for name, key in VALIDATED_COLUMNS.items() if key != METRIC or any(key in e for e in history)
    }
    for entry in history:
        row = rows.setdefault(entry["step"], {"step": entry["step"]})
        row.update({key: entry[key] for key in LOGGED_COLUMNS if key in entry})
        row.update({name: entry[key] for name, key in validated.items() if key in entry})
    with atomic_path(path) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["step", *LOGGED_COLUMNS, *validated], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[step] for step in sorted(rows))
