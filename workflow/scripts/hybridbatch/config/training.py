"""The settings of batches and of training."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.base import Name, NotNegative, Positive, Section, Share, distinct


class Strategy(Section):
    """How a training batch is filled; the only thing that differs between the systems compared."""

    alpha: Share = Field(
        description="probability that a batch is monolingual; 1: monolingual batches, 0: cross-lingual batches"
    )
    size_exponent: Share = Field(
        0.0,
        description="languages and sources are drawn in proportion to their number of pairs to this power; 0: equally, 1: by size",
    )
    pair_scope: Literal["batch", "example"] = Field(
        "batch",
        description="whether a cross-lingual batch has one (query language, passage language) pair or each of its examples its own",
    )
    sources: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] | None = Field(
        None, description="the ones of `training.sources` that are used; null: all"
    )
    languages: Annotated[list[str], Field(min_length=1), AfterValidator(distinct)] | None = Field(
        None, description="the languages of the sources that are used; null: all"
    )


class Training(Section):
    """Fine-tuning, the same for every strategy."""

    sources: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [], description="names of the `sources` to train on"
    )
    validation: Name | None = Field(
        None, description="name of the source whose loss chooses the best checkpoint; null: the last step is kept"
    )
    validation_alpha: Share = Field(
        0.5, description="share of monolingual batches in the validation, the same for every strategy"
    )
    validation_batches: int = Field(
        8, ge=1, description="batches of one validation, the same at every step and for every run"
    )
    validation_batch_size: int = Field(32, ge=2, description="pairs in a validation batch")
    validation_every: int = Field(100, ge=1, description="steps between validations; a checkpoint is written at each")
    patience: int | None = Field(
        None,
        ge=1,
        description="with `validation`: training ends after this many validations in a row without a better loss; null: never before `steps`",
    )
    checkpoint_every: int | None = Field(
        None,
        ge=1,
        description="steps between checkpoints, besides those at validations: what a killed job does again at most; null: at validations, and without `validation` every `validation_every` steps",
    )
    steps: int = Field(1000, ge=1, description="optimiser steps")
    batch_size: int = Field(
        100, ge=2, description="pairs in a batch, over all devices; the other passages of the batch are the negatives"
    )
    mini_batch_size: int | None = Field(
        None,
        ge=1,
        description="pairs that are encoded at once: smaller than the batch, the loss is the cached (GradCache) form, slower and with the same gradients",
    )
    gpus: int = Field(
        1,
        ge=1,
        description="devices that share every batch, each with a process of its own; must divide `batch_size` and `validation_batch_size`",
    )
    gradient_checkpointing: bool = Field(
        False,
        description="compute activations again in the backward pass: less memory, slower, the same gradients; not with `mini_batch_size`",
    )
    freeze_embeddings: bool = Field(
        False, description="leave the word embeddings as they are: less optimiser memory, faster steps"
    )
    compile: bool = Field(
        False, description="compile the model with torch.compile: pays on GPUs and in long runs, after slow first steps"
    )
    learning_rate: Positive = Field(3e-5, description="peak learning rate of AdamW")
    weight_decay: NotNegative = Field(0.01, description="weight decay of AdamW")
    warmup_share: Share = Field(
        0.1, description="share of the steps in which the learning rate rises; then it falls linearly"
    )
    temperature: Positive = Field(0.05, description="divides the cosine similarities in the loss")
    max_length: int | None = Field(
        None, ge=8, description="tokens after which a text is cut in training; null: the backbone's `max_length`"
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="precision of the matrix products in training; weights stay in fp32"
    )
    log_every: int = Field(
        10, ge=1, description="steps between points of the training curve; every checkpoint is one too"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.gradient_checkpointing and self.mini_batch_size is not None:
            raise ValueError(
                "gradient_checkpointing cannot go with mini_batch_size, whose loss saves the memory by itself; leave one out"
            )
        for key in ("batch_size", "validation_batch_size"):
            if getattr(self, key) % self.gpus:
                raise ValueError(
                    f"gpus: {self.gpus} does not divide {key}: {getattr(self, key)}, of which each device takes an equal part; change one"
                )
        return self
