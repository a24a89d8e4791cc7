"""Batch strategies and fine-tuning."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.base import Name, NotNegative, Positive, Section, Share, distinct

PairScope = Literal["batch", "example", "mixed"]
Tracker = Literal["tensorboard", "wandb", "mlflow", "trackio"]
# The keys of training that a model does not depend on. They are in no job's parameters and in no manifest.
WITHOUT_EFFECT = ("gpus", "report_to")


class Strategy(Section):
    """How training batches are filled; all that differs between the systems compared."""

    alpha: Share = Field(
        description="probability that a batch is monolingual; 1: only monolingual batches, 0: only cross-lingual batches"
    )
    language_exponent: Share = Field(
        0.0,
        description="the languages of a batch are drawn in proportion to their size over all sources, raised to this power; 0: equally, 1: by size",
    )
    source_exponent: Share = Field(
        1.0,
        description="the source of a batch is drawn from those that have its languages, in proportion to its size in them, raised to this power; 0: equally, 1: by size",
    )
    pair_scope: PairScope = Field(
        "batch",
        description="`batch`: the (query language, passage language) pair is drawn once for a cross-lingual batch; `example`: for each of its examples; `mixed`: for each example of every batch, and the example is monolingual with probability `alpha`",
    )
    symmetric: bool = Field(
        False,
        description="the mean of two losses: each query finds its passage in the batch, and each passage its query; false: the first alone",
    )
    sources: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] | None = Field(
        None, description="those of `training.sources` to train on; null: all"
    )
    languages: Annotated[list[str], Field(min_length=1), AfterValidator(distinct)] | None = Field(
        None, description="languages to train on; null: all of the sources"
    )


class Lora(Section):
    """Low-rank adaptation (arXiv 2106.09685): the encoder's weights are frozen, and a product of two small matrices is added to them."""

    rank: int = Field(16, ge=1, description="rank of the added matrices")
    alpha: int = Field(32, ge=1, description="the added matrices are multiplied by alpha / rank")
    dropout: Share = Field(0.0, description="dropout before the added matrices")
    targets: Annotated[list[str], AfterValidator(distinct)] = Field(
        [],
        description="names, or ends of names, of the modules to adapt, such as `query` and `value`; empty: every linear layer",
    )


class Training(Section):
    """Fine-tuning, the same for every strategy."""

    sources: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [], description="names of the `sources` to train on"
    )
    validation: Name | None = Field(
        None, description="source whose loss selects the best checkpoint; null: keep the last step"
    )
    validation_alpha: Share = Field(
        0.5, description="share of monolingual batches in validation, the same for every strategy"
    )
    validation_batches: int = Field(
        8, ge=1, description="batches per validation, the same at every step and in every run"
    )
    validation_batch_size: int = Field(32, ge=2, description="pairs in a validation batch")
    validation_every: int = Field(100, ge=1, description="steps between validations; each writes a checkpoint")
    select_by: Literal["loss", "map"] = Field(
        "loss",
        description="with `validation`: what selects the best checkpoint and counts for `patience`: the lowest `loss`, or the highest `map`, mAP@100 of `validation_batches` x `validation_batch_size` pairs in the pool of all their languages",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="with `validation`: stop after this many validations in a row that are not better; null: train for all `steps`",
    )
    checkpoint_every: int | None = Field(
        None,
        ge=1,
        description="steps between checkpoints other than those at validations, and thus the most that an interrupted job repeats; null: none, or without `validation` every `validation_every` steps",
    )
    steps: int = Field(1000, ge=1, description="optimiser steps")
    batch_size: int = Field(
        100, ge=2, description="pairs in a batch, over all GPUs; the other passages of the batch are negatives"
    )
    negatives: Literal["none", "given", "mined"] = Field(
        "none",
        description="`given`: the non-relevant passages that sources have are negatives of every query in their batches, too; `mined`: so are those mined for sources with `mine`; `none`: they are not used. Not in validation",
    )
    mini_batch_size: int | None = Field(
        None,
        ge=1,
        description="pairs encoded at once; if smaller than the batch, the loss is computed with GradCache, which is slower and gives the same gradients",
    )
    gpus: int = Field(
        1,
        ge=1,
        description="GPUs that share every batch, one process each; must divide `batch_size` and `validation_batch_size`",
    )
    gradient_checkpointing: bool = Field(
        False,
        description="recompute activations in the backward pass: less memory, slower, the same gradients; not with `mini_batch_size`",
    )
    lora: Lora | None = Field(
        None,
        description="train low-rank matrices instead of the weights, and add them to the weights at the end; null: train all weights",
    )
    matryoshka: Annotated[list[Annotated[int, Field(ge=1)]], AfterValidator(distinct)] = Field(
        [],
        description="dimensions for which vectors are also trained when truncated (Matryoshka, arXiv 2205.13147): the loss is the sum of those of all these dimensions and of the whole vector; empty: the whole vector alone",
    )
    freeze_embeddings: bool = Field(
        False, description="do not train the token embeddings: less optimiser memory, faster steps"
    )
    compile: bool = Field(
        False,
        description="compile the model with torch.compile: slow first steps, then faster ones; worthwhile in long runs on GPUs",
    )
    learning_rate: Positive = Field(3e-5, description="peak learning rate of AdamW")
    weight_decay: NotNegative = Field(0.01, description="weight decay of AdamW")
    warmup_share: Share = Field(
        0.1, description="share of the steps in which the learning rate rises linearly; it falls linearly in the rest"
    )
    temperature: Positive = Field(0.05, description="the loss divides cosine similarities by it")
    max_length: int | None = Field(
        None, ge=8, description="maximum tokens per text in training; null: the backbone's `max_length`"
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="precision of matrix products in training; weights stay in fp32"
    )
    log_every: int = Field(
        10, ge=1, description="steps between points of the training curve; checkpoints add points, too"
    )

    report_to: Annotated[list[Tracker], AfterValidator(distinct)] = Field(
        [],
        description="experiment trackers that receive the training curves while training runs; `pip install` the package of that name. TensorBoard's files are in `logs/tensorboard/`; the others are set up by their environment variables, such as `WANDB_PROJECT`",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.gradient_checkpointing and self.mini_batch_size is not None:
            raise ValueError(
                "gradient_checkpointing and mini_batch_size exclude each other, since GradCache already saves the memory; set one of them"
            )
        for key in ("batch_size", "validation_batch_size"):
            if getattr(self, key) % self.gpus:
                raise ValueError(
                    f"gpus: {self.gpus} does not divide {key}: {getattr(self, key)}, which GPUs share equally; change one of them"
                )
        return self
