"""Data sets of the Hugging Face hub that training pairs are read from."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.common.row_paths import check_path
from hybridbatch.config.base import Commit, Section


def _row_path(text: str) -> str:
    check_path(text)
    return text


RowPath = Annotated[str, AfterValidator(_row_path)]
RowPaths = RowPath | Annotated[list[RowPath], Field(min_length=1)]
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

    query: RowPaths = Field(
        description="path of the query; several paths, or the elements of a list, are joined by spaces"
    )
    passage: RowPaths = Field(
        description="path of the passage, or several that are joined by spaces, such as `[title, text]`"
    )
    answer_start: RowPath | None = Field(
        None,
        description="path of the position of an answer in the passage, in characters from 0; a passage of more than 900 characters is cut to whole sentences around it",
    )
    negative: RowPaths | None = Field(
        None,
        description="path of a non-relevant passage, for `training.negatives: given`",
    )
    id: RowPath | None = Field(
        None, description="path of a unique id; null: the row number, which allows one language only"
    )

    @model_validator(mode="after")
    def _positions_are_those_of_one_text(self) -> Self:
        if self.answer_start is not None and not isinstance(self.passage, str):
            raise ValueError("answer_start is a position in one text; give passage a single path")
        return self


class HubData(Section):
    """A data set of the Hugging Face hub, or a part of it. Only its files are read; its code is never run."""

    revision: Commit = Field(
        description="commit of the data set, or a branch or tag that `snakemake pin` resolves to one"
    )
    config: str | None = Field(
        None,
        min_length=1,
        description="configuration in the data set's card that lists its files; may contain `{language}`",
    )
    split: str = Field("train", min_length=1, description="with `config`: the split")
    data_files: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="instead of `config`: paths or patterns (`*`) of parquet, JSON, JSON lines, CSV or TSV files, plain or gzipped; may contain `{language}`",
    )
    columns: Columns | None = Field(None, description="reader `hub`: where a row holds its texts")
    explode: RowPath | None = Field(None, description="path of a list column; each of its elements becomes its own row")
    where: dict[RowPath, Scalar | list[Scalar]] = Field(
        {}, description="keep rows with this value, or one of these values, at each path, for example `{label: 1}`"
    )
    language_names: dict[str, str] = Field(
        {}, description="replacements for `{language}` where it is not the language's code, for example `{en: english}`"
    )

    @model_validator(mode="after")
    def _has_one_choice_of_files(self) -> Self:
        if self.config is not None and self.data_files is not None:
            raise ValueError("config and data_files exclude each other; set one of them")
        return self

    def files(self, reader: str, language: str) -> tuple[list[str], str | None]:
        """Return the patterns of one language's files, or else the configuration that lists them."""
        name = self.language_names.get(language, language)
        if reader == "mmarco":
            return mmarco_files(language), None
        given = [self.data_files] if isinstance(self.data_files, str) else self.data_files or []
        config = self.config.replace("{language}", name) if self.config else None
        return [pattern.replace("{language}", name) for pattern in given], config

    def check_reader(self, reader: str, languages: list[str]) -> None:
        """Raise ValueError, naming the key, if the reader ``hub`` or ``mmarco`` cannot read these languages."""
        if reader == "mmarco":
            self._check_mmarco(languages)
            return
        if self.columns is None:
            raise ValueError("hub.columns: is missing; say where a row holds query and passage")
        if self.config is None and self.data_files is None:
            raise ValueError("hub: config and data_files are both missing; set one to say which files are read")
        if len(languages) > 1:
            if self.columns.id is None:
                raise ValueError(
                    "hub.columns.id: is missing; with several languages, it must say what aligns their pairs"
                )
            if "{language}" not in f"{self.config}{self.data_files}":
                raise ValueError("hub: with several languages, config or data_files must contain {language}")

    def _check_mmarco(self, languages: list[str]) -> None:
        for key in ("config", "data_files", "columns", "explode", "where", "language_names"):
            if getattr(self, key):
                raise ValueError(f"hub.{key}: belongs to reader hub; mmarco knows its own files")
        for language in languages:
            if language not in MMARCO_NAMES:
                raise ValueError(f"languages: mMARCO has no {language!r}; allowed: {', '.join(sorted(MMARCO_NAMES))}")


def mmarco_files(language: str) -> list[str]:
    """Return the paths of mMARCO's files in one language: passages, queries, and the id triples of all languages."""
    name = MMARCO_NAMES[language]
    return [
        f"data/google/collections/{name}_collection.tsv",
        f"data/google/queries/train/{name}_queries.train.tsv",
        "data/triples.train.ids.small.tsv",
    ]


def check_repository(key: str, name: str) -> None:
    """Raise ValueError unless a name has the form of a data set's id on the hub."""
    if not REPOSITORY.fullmatch(name):
        raise ValueError(f"{key}: {name!r} is not the id of a data set; allowed: owner/name, as in miracl/miracl")
