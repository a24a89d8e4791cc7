"""The settings of translation models."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from hybridbatch.config.base import Section

Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
ComputeType = Literal[
    "float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16"
]
TORCH_TYPES = ("float32", "float16", "bfloat16")
PLACEHOLDER = "{language}"


class Translator(Section):
    """A translation model; exactly one of `path` and `hub` says where it comes from."""

    family: Literal["m2m100", "nllb", "madlad", "marian"] = Field(
        description="kind of model, which says how languages are named: M2M-100, NLLB-200, MADLAD-400, or Marian (OPUS-MT)"
    )
    path: str | None = Field(
        None,
        description="a local folder in transformers layout, with safetensors weights; `{language}` stands for the target language",
    )
    hub: str | None = Field(
        None,
        description="a Hugging Face model id, such as `facebook/nllb-200-distilled-600M`; `{language}` stands for the target language",
    )
    revision: Revision | dict[str, Revision] | None = Field(
        None,
        description="with `hub`: the commit, 40 hexadecimal digits, one that has safetensors weights; with `{language}` in `hub` one for each language",
    )
    beam_size: int = Field(4, ge=1, description="width of beam search; 1: greedy")
    max_input_tokens: int = Field(
        256,
        ge=8,
        description="a longer text is cut into its sentences, which are translated one by one and joined again",
    )
    max_output_tokens: int = Field(256, ge=8, description="tokens after which a translation is cut")
    batch_tokens: int = Field(
        4096, ge=1, description="tokens of a batch, padding included: what the memory of the device allows"
    )
    compute_type: ComputeType = Field(
        "float32",
        description="type of weights and products; engine `transformers`: float32, float16 or bfloat16, engine `ctranslate2`: any",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.hub is None):
            raise ValueError(f"exactly one of path and hub must be given, found {'both' if self.path else 'none'}")
        if (self.hub is None) != (self.revision is None):
            raise ValueError("hub and revision go together: a model from the hub is pinned by its commit")
        if self.hub is not None and (PLACEHOLDER in self.hub) != isinstance(self.revision, dict):
            raise ValueError(
                "hub and revision: with {language} in hub, revision gives a commit for each language, else a single one"
            )
        return self

    def for_language(self, language: str) -> dict[str, str]:
        """Return where the model that translates into ``language`` comes from: family, and path or hub and revision.

        Raises:
            ValueError: if there is no revision for the language.
        """
        if self.path is not None:
            return {"family": self.family, "path": self.path.replace(PLACEHOLDER, language)}
        revision = self.revision
        if isinstance(revision, dict):
            if language not in revision:
                raise ValueError(f"revision has no commit for language {language!r}; add it, or leave the language out")
            revision = revision[language]
        return {"family": self.family, "hub": str(self.hub).replace(PLACEHOLDER, language), "revision": str(revision)}

    def decoding(self) -> dict[str, str | int]:
        """Return the settings that change translations."""
        return self.model_dump(include={"family", "beam_size", "max_input_tokens", "max_output_tokens", "compute_type"})
