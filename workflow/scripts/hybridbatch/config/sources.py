"""Training sources, and their translation into further languages."""

from typing import Literal, Self

from pydantic import Field, model_validator

from hybridbatch.config.base import Name, Section, check_defined, check_template
from hybridbatch.config.dataset import Dataset
from hybridbatch.config.hub_data import HubData, check_repository
from hybridbatch.config.languages import Language, Languages
from hybridbatch.config.mining import Mining
from hybridbatch.config.translators import TORCH_TYPES, Translator

NEEDED_KEYS = {"memory": "memory", "transformers": "translator", "ctranslate2": "translator"}


class Translation(Section):
    """How the pairs of a source are translated into other languages."""

    engine: Literal["memory", "transformers", "ctranslate2", "apertium"] = Field(
        "memory",
        description="`memory` looks texts up in a translation memory; `transformers` runs one of `translators`; `ctranslate2` runs it converted, which is faster; `apertium` runs the Apertium installed on the system",
    )
    memory: str | None = Field(
        None,
        description="engine `memory`: path of the translation memories (TMX); `{language}` is replaced by the target language",
    )
    translator: Name | None = Field(
        None, description="engines `transformers` and `ctranslate2`: name of one of `translators`"
    )
    source_language: Language = Field("en", description="language to translate from")
    languages: Languages = Field(description="languages to translate into")
    shards: int = Field(1, ge=1, description="jobs that share the texts of a source and a language; for large sources")
    reference: str | None = Field(
        None,
        description="path, with `{language}`, of human translations of the same texts: TMX, or parquet, CSV, TSV or JSON lines with `pair_id`, `query`, `passage`; adds chrF and BLEU to the table of translations",
    )

    @model_validator(mode="after")
    def _has_what_its_engine_needs(self) -> Self:
        needed = NEEDED_KEYS.get(self.engine)
        for key in ("memory", "translator"):
            given = getattr(self, key) is not None
            if given and key != needed:
                engines = " or ".join(engine for engine, name in NEEDED_KEYS.items() if name == key)
                raise ValueError(f"{key} belongs to engine: {engines}, this one is {self.engine}; set it to null")
            if not given and key == needed:
                raise ValueError(f"engine: {self.engine} needs {key}; name one")
        for key in ("memory", "reference"):
            if (path := getattr(self, key)) is not None:
                check_template(key, path)
        return self

    @model_validator(mode="after")
    def _translates_into_other_languages(self) -> Self:
        if self.source_language in self.languages:
            raise ValueError(f"languages contains the source language {self.source_language!r}; remove it")
        return self

    def check_translator(self, key: str, translators: dict[str, Translator]) -> None:
        """Check that the translator is defined and knows the languages; nothing to check for other engines.

        Raises:
            ValueError: naming a key below ``key``.
        """
        if self.translator is None:
            return
        check_defined(f"{key}.translator", [self.translator], translators)
        translator = translators[self.translator]
        name = f"translators.{self.translator}"
        if self.engine == "transformers" and translator.compute_type not in TORCH_TYPES:
            raise ValueError(
                f"{name}.compute_type: {translator.compute_type} is for engine: ctranslate2; "
                f"with transformers it must be one of {', '.join(TORCH_TYPES)}"
            )
        try:
            translator.check_languages(self.source_language, self.languages)
        except ValueError as error:
            raise ValueError(f"{key}.languages: {name}: {error}") from None


class Source(Dataset):
    """Query-passage pairs to train on, aligned across languages by `pair_id`."""

    reader: Literal["parallel", "lareqa", "table", "hub", "mmarco"] = Field(
        description="`parallel`: a folder like data/demo; `lareqa`: files of XQuAD-R and MLQA-R; `table`: your own parquet, CSV, TSV or JSON lines with `pair_id`, `query`, `passage`; `hub`: a data set of the Hugging Face hub; `mmarco`: mMARCO, whose languages are joined by ids"
    )
    path: str = Field(
        description="`parallel`: the folder; `lareqa`: the folder in config/data.csv, such as `lareqa/mlqa-r`; `table`: a file path with `{language}`; `hub` and `mmarco`: the data set's id"
    )
    hub: HubData | None = Field(
        None, description="readers `hub` and `mmarco`: which files at which commit, and which parts of them"
    )
    size: int | None = Field(
        None,
        ge=1,
        description="size of the source that `language_exponent` and `source_exponent` count; null: its number of pairs",
    )
    licence: str | None = Field(None, description="licence of the data; shown on the cards of models trained on it")
    translation: Translation | None = Field(None, description="translation into further languages")
    mine: Mining | None = Field(None, description="hard negatives for `training.negatives: mined`; null: none")

    @property
    def all_languages(self) -> list[str]:
        """The languages of the files and those translated into, in alphabetical order."""
        return sorted({*self.languages, *(self.translation.languages if self.translation else [])})

    @property
    def has_negatives(self) -> bool:
        """Whether its raw pairs have non-relevant passages, too."""
        columns = self.hub.columns if self.hub else None
        return self.reader == "mmarco" or (columns is not None and columns.negative is not None)

    def for_language(self, language: str) -> Self:
        """Return the source with only those values that the raw pairs of one language depend on."""
        others = dict.fromkeys(["translation", "mine", "licence", "size"])
        return self.model_copy(update={"languages": [language], **others})

    @model_validator(mode="after")
    def _has_what_its_reader_needs(self) -> Self:
        if self.reader == "table":
            check_template("path", self.path)
        if self.reader not in ("hub", "mmarco"):
            if self.hub is not None:
                raise ValueError(f"hub: belongs to the readers hub and mmarco, this one is {self.reader}")
            return self
        if self.hub is None:
            raise ValueError(f"hub: is missing; reader {self.reader} needs at least hub.revision, see config/README.md")
        check_repository("path", self.path)
        self.hub.check_reader(self.reader, self.languages)
        return self

    @model_validator(mode="after")
    def _has_each_language_once(self) -> Self:
        if self.translation:
            both = sorted({*self.languages} & {*self.translation.languages})
            if both:
                raise ValueError(f"{', '.join(both)} is in both languages and translation.languages; choose one")
            if self.translation.source_language not in self.languages:
                raise ValueError(
                    f"translation.source_language {self.translation.source_language!r} is not in languages"
                )
        return self
