"""Encoding of queries and passages."""

from typing import Literal

from pydantic import Field

from hybridbatch.config.base import Section


class Encoding(Section):
    """How queries and passages are encoded as vectors."""

    batch_size: int = Field(
        32, ge=1, description="texts in a batch; changes vectors by rounding only. GPUs are faster with more"
    )
    shard_size: int = Field(
        50_000,
        ge=1,
        description="vectors in a file, and texts in memory at once; interrupted jobs resume after the last complete file",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32",
        description="precision of the encoder's matrix products; bf16 is faster on processors that support it, fp16 needs a GPU",
    )
    truncate_dim: int | None = Field(
        None,
        ge=1,
        description="keep this many dimensions of each vector, scaled to length 1, for models trained with `training.matryoshka`; null: all. `mteb` evaluates whole vectors",
    )
    jobs: int = Field(
        1,
        ge=1,
        description="jobs that share the files of a benchmark, each on its own GPU or node; for large benchmarks",
    )
