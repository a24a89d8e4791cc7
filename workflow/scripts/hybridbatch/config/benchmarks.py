"""The settings of benchmarks in a published form: MIRACL, BEIR and MTEB, Belebele; from a local folder or the hub."""

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Literal

from pydantic import Field

from hybridbatch.common.flores import flores_code
from hybridbatch.config.base import Section
from hybridbatch.config.hub_data import REPOSITORY

PUBLISHED = ("miracl", "beir", "belebele")
MIRACL_LANGUAGES = (
    "ar",
    "bn",
    "de",
    "en",
    "es",
    "fa",
    "fi",
    "fr",
    "hi",
    "id",
    "ja",
    "ko",
    "ru",
    "sw",
    "te",
    "th",
    "yo",
    "zh",
)
DEFAULT_SPLITS = {"miracl": "dev", "beir": "test"}
DEFAULT_FILES = {
    "miracl": {
        "corpus": "miracl-corpus-v1.0-{language}/docs-*.jsonl.gz",
        "queries": "miracl-v1.0-{language}/topics/topics.miracl-v1.0-{language}-{split}.tsv",
        "qrels": "miracl-v1.0-{language}/qrels/qrels.miracl-v1.0-{language}-{split}.tsv",
    },
    "beir": {
        "corpus": "{language}-corpus/{split}-*.parquet",
        "queries": "{language}-queries/{split}-*.parquet",
        "qrels": "{language}-qrels/{split}-*.parquet",
    },
    "belebele": {"corpus": "data/{language}.jsonl"},
}
COMMIT = r"^[0-9a-f]{40}$"
Setting = Literal["mono", "cross", "multi"]
SETTINGS: tuple[Setting, ...] = ("mono", "cross", "multi")


class Files(Section):
    """Which files are read: paths below `path`, or patterns (`*`), in which `{language}` and `{split}` are filled in."""

    corpus: str | None = Field(
        None,
        description="passages; null: as in the reader's published form, for `beir` `{language}-corpus/{split}-*.parquet`; BEIR's own form is `corpus.jsonl`",
    )
    queries: str | None = Field(
        None, description="queries; null: likewise, `{language}-queries/...`; BEIR's own form is `queries.jsonl`"
    )
    qrels: str | None = Field(
        None, description="judgements; null: likewise, `{language}-qrels/...`; BEIR's own form is `qrels/{split}.tsv`"
    )


class BenchmarkHub(Section):
    """Which commit of the hub's data set `path` is read; without this section `path` is a local folder."""

    revision: str = Field(pattern=COMMIT, description="commit of the data set, 40 hexadecimal digits")
    corpus: str | None = Field(None, description="id of the data set that has the passages, if it is another one")
    corpus_revision: str | None = Field(None, pattern=COMMIT, description="with `corpus`: its commit")


class About(Section):
    """What a reader of the report should know of a benchmark."""

    domain: str | None = Field(None, description="what the texts are about, for example `EU law`")
    licence: str | None = Field(None, description="licence of the texts and judgements")
    parallel: Literal["human", "machine", "none"] | None = Field(
        None, description="whether its languages are translations of each other, and by whom; `none`: they are not"
    )


def default_settings(reader: str) -> list[Setting]:
    """Return what a benchmark is evaluated in: in MIRACL relevance is judged inside a language, in BEIR it is unknown."""
    return ["mono"] if reader in ("miracl", "beir") else list(SETTINGS)


def patterns(
    reader: str, files: Files | None, names: Mapping[str, str], split: str | None, language: str
) -> dict[str, str]:
    """Return the pattern of each kind of file (``corpus``, ``queries``, ``qrels``) in one language, below ``path``."""
    given = files.model_dump(exclude_none=True) if files else {}
    name = names.get(language) or (flores_code(language) if reader == "belebele" else language)
    split = split or DEFAULT_SPLITS.get(reader, "")
    merged = {**DEFAULT_FILES[reader], **given}
    return {kind: pattern.replace("{language}", name).replace("{split}", split) for kind, pattern in merged.items()}


def home(path: str, hub: BenchmarkHub, kind: str) -> tuple[str, str]:
    """Return the id and the commit of the hub's data set that has the files of one kind."""
    if kind == "corpus" and hub.corpus is not None and hub.corpus_revision is not None:
        return hub.corpus, hub.corpus_revision
    return path, hub.revision


def check_published(
    reader: str,
    path: str,
    hub: BenchmarkHub | None,
    files: Files | None,
    names: Mapping[str, str],
    languages: Sequence[str],
) -> None:
    """Check what the readers of published forms need of a benchmark, and that no other reader has it.

    Raises:
        ValueError: naming the key.
    """
    if reader not in PUBLISHED:
        for key, value in (("hub", hub), ("files", files), ("language_names", names)):
            if value:
                raise ValueError(f"{key}: belongs to the readers {', '.join(PUBLISHED)}, this one is {reader}")
        return
    if hub is not None:
        _check_hub(path, hub)
    for kind, pattern in (files.model_dump(exclude_none=True) if files else {}).items():
        _check_pattern(kind, pattern, reader)
    for language in languages:
        if reader == "miracl" and language not in MIRACL_LANGUAGES and language not in names:
            raise ValueError(f"languages: MIRACL has no {language!r}; allowed: {', '.join(MIRACL_LANGUAGES)}")
        if reader == "belebele" and language not in names:
            flores_code(language)


def _check_hub(path: str, hub: BenchmarkHub) -> None:
    for key, value in (("path", path), ("hub.corpus", hub.corpus)):
        if value is not None and not REPOSITORY.fullmatch(value):
            raise ValueError(f"{key}: {value!r} is no data set's id; allowed: owner/name, as in miracl/miracl")
    if (hub.corpus is None) != (hub.corpus_revision is None):
        raise ValueError("hub: corpus and corpus_revision go together: a data set is pinned by its commit")


def _check_pattern(kind: str, pattern: str, reader: str) -> None:
    if kind not in DEFAULT_FILES[reader]:
        raise ValueError(f"files.{kind}: reader {reader} reads {', '.join(DEFAULT_FILES[reader])} alone")
    try:
        fields = {field for _, field, _, _ in Formatter().parse(pattern) if field is not None}
    except ValueError:
        fields = {""}
    if not fields <= {"language", "split"} or pattern.startswith("/") or ".." in pattern.split("/"):
        raise ValueError(
            f"files.{kind}: {pattern!r} must be a path below `path` with no braces but {{language}} and {{split}}"
        )
