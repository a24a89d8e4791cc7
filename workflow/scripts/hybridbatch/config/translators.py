"""Translation models."""

from typing import Literal, Self

from pydantic import Field, model_validator

from hybridbatch.common.errors import UserError
from hybridbatch.common.language_codes import check_codes
from hybridbatch.config.base import Commit, Section, check_origin

ComputeType = Literal[
    "float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16"
]
TORCH_TYPES = ("float32", "float16", "bfloat16")
PLACEHOLDER = "{language}"


class Translator(Section):
    """A translation model. Set exactly one of `path` and `hub`."""

    family: Literal["m2m100", "nllb", "madlad", "marian"] = Field(
        description="model family, which determines how languages are named: M2M-100, NLLB-200, MADLAD-400 or Marian (OPUS-MT)"
    )
    path: str | None = Field(
        None,
        description="a local folder in transformers layout, with safetensors weights; `{language}` is replaced by the target language",
    )
    hub: str | None = Field(
        None,
        description="a Hugging Face model id, such as `facebook/nllb-200-distilled-600M`; `{language}` is replaced by the target language",
    )
    revision: Commit | dict[str, Commit] | None = Field(
        None,
        description="with `hub`: a commit that has safetensors weights, or a branch or tag that `snakemake pin` resolves to one; one per language if `hub` contains `{language}`",
    )
    beam_size: int = Field(4, ge=1, description="width of the beam search; 1: greedy")
    max_input_tokens: int = Field(
        256,
        ge=8,
        description="maximum tokens per input; a longer text is translated sentence by sentence",
    )
    max_output_tokens: int = Field(
        256, ge=8, description="maximum tokens per translation; longer translations are truncated"
    )
    batch_tokens: int = Field(
        4096, ge=1, description="tokens in a batch, including padding; limited by the memory of the device"
    )
    compute_type: ComputeType = Field(
        "float32",
        description="data type of weights and matrix products; engine `transformers`: float32, float16 or bfloat16, engine `ctranslate2`: any that the device supports, such as int8 on a CPU and int8_bfloat16 on a GPU",
    )

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        check_origin(self, "path", "hub")
        if self.hub is not None and (PLACEHOLDER in self.hub) != isinstance(self.revision, dict):
            raise ValueError(
                "hub and revision: if hub contains {language}, revision must give a commit for each language, otherwise a single one"
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
                raise ValueError(f"revision has no commit for language {language!r}; add one or remove the language")
            revision = revision[language]
        return {"family": self.family, "hub": str(self.hub).replace(PLACEHOLDER, language), "revision": str(revision)}

    def decoding(self) -> dict[str, str | int]:
        """Return the settings that change translations."""
        return self.model_dump(include={"family", "beam_size", "max_input_tokens", "max_output_tokens", "compute_type"})

    def check_languages(self, source: str, targets: list[str]) -> None:
        """Check that the model can translate between these languages, without loading it.

        Raises:
            ValueError: if it cannot, or has no revision for a target.
        """
        for target in targets:
            try:
                check_codes(self.family, source, target)
            except UserError as error:
                raise ValueError(str(error)) from None
            self.for_language(target)
