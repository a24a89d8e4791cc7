"""The settings of pairs that are read from a data set of the Hugging Face hub."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.common.row_paths import check_place
from hybridbatch.config.base import Section


def _place(text: str) -> str:
    check_place(text)
    return text


Place = Annotated[str, AfterValidator(_place)]
Places = Place | Annotated[list[Place], Field(min_length=1)]
Scalar = bool | int | float | str
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
MMARCO_NAMES = {
    "ar": "arabic",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "id": "indonesian",
    "it": "italian",
    "ja": "japanese",
    "nl": "dutch",
    "pt": "portuguese",
    "ru": "russian",
    "vi": "vietnamese",
    "zh": "chinese",
}


class Columns(Section):
    """Where a row holds its texts: `column`, `column.field`, `list[0].field` (one element), `list[*].field` (all of them)."""

    query: Places = Field(
        description="place of the query; several places, or the elements of a list, are joined with a space"
    )
    passage: Places = Field(description="place of the passage; joined likewise, for example `[title, text]`")
    negative: Places | None = Field(
        None,
        description="place of a passage that does not answer; kept in the file of raw pairs, training does not read it",
    )
    id: Place | None = Field(
        None, description="place of a unique id; null: the number of the row, which one language alone can have"
    )


class HubData(Section):
    """A data set of the Hugging Face hub, or a part of it. Its files are read; code that comes with a data set is never run."""

    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="commit of the data set, 40 hexadecimal digits")
    config: str | None = Field(
        None,
        min_length=1,
        description="configuration named in the data set's card, which says its files; may contain `{language}`",
    )
    split: str = Field("train", min_length=1, description="with `config`: the split")
    data_files: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="instead of `config`: paths or patterns (`*`) of parquet, JSON, JSON lines, CSV or TSV files, also gzipped; may contain `{language}`",
    )
    columns: Columns | None = Field(None, description="reader `hub`: where a row holds its texts")
    explode: Place | None = Field(
        None,
        description="place of a list: each of its elements becomes a row, in which the element stands at the place of the list",
    )
    where: dict[Place, Scalar | list[Scalar]] = Field(
        {}, description="keep the rows that have this value, or one of these, at each place, for example `{label: 1}`"
    )
    language_names: dict[str, str] = Field(
        {}, description="what `{language}` stands for where it is not the language's code, for example `{en: english}`"
    )
    streaming: bool = Field(
        True,
        description="read the files as they are; false: convert them to Arrow on disk first and read that memory-mapped",
    )

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.config is not None and self.data_files is not None:
            raise ValueError("config and data_files exclude each other; give one of them")
        return self

    def files(self, reader: str, language: str) -> tuple[list[str], str | None]:
        """Return the patterns of one language's files, or else the configuration that names them."""
        name = self.language_names.get(language, language)
        if reader == "mmarco":
            return mmarco_files(language), None
        given = [self.data_files] if isinstance(self.data_files, str) else self.data_files or []
        config = self.config.replace("{language}", name) if self.config else None
        return [pattern.replace("{language}", name) for pattern in given], config


def check_hub(reader: str, path: str, hub: HubData | None, languages: list[str]) -> None:
    """Check what the readers `hub` and `mmarco` need of a source, and that no other reader has it.

    Raises:
        ValueError: naming the key.
    """
    if reader not in ("hub", "mmarco"):
        if hub is not None:
            raise ValueError(f"hub: belongs to the readers hub and mmarco, this one is {reader}")
        return
    if hub is None:
        raise ValueError(f"hub: is missing; reader {reader} needs at least hub.revision, see config/README.md")
    if not REPOSITORY.fullmatch(path):
        raise ValueError(
            f"path: {path!r} is no data set's id; allowed: owner/name, as in sentence-transformers/natural-questions"
        )
    if reader == "mmarco":
        _check_mmarco(hub, languages)
        return
    if hub.columns is None:
        raise ValueError("hub.columns: is missing; say where a row holds query and passage")
    if hub.config is None and hub.data_files is None:
        raise ValueError("hub: neither config nor data_files is given; one of them must say which files are read")
    if len(languages) > 1:
        if hub.columns.id is None:
            raise ValueError("hub.columns.id: is missing; with several languages it must name what aligns their pairs")
        if "{language}" not in f"{hub.config}{hub.data_files}":
            raise ValueError("hub: config or data_files must contain {language}, as there are several languages")


def _check_mmarco(hub: HubData, languages: list[str]) -> None:
    for key in ("config", "data_files", "columns", "explode", "where", "language_names"):
        if getattr(hub, key):
            raise ValueError(f"hub.{key}: belongs to reader hub; mmarco knows its own files")
    for language in languages:
        if language not in MMARCO_NAMES:
            raise ValueError(f"languages: mMARCO has no {language!r}; allowed: {', '.join(sorted(MMARCO_NAMES))}")


def mmarco_files(language: str) -> list[str]:
    """Return the paths of mMARCO's files in one language: passages, queries, and the triples of ids of all languages."""
    name = MMARCO_NAMES[language]
    return [
        f"data/google/collections/{name}_collection.tsv",
        f"data/google/queries/train/{name}_queries.train.tsv",
        "data/triples.train.ids.small.tsv",
    ]
