"""Benchmarks: those of config/data.csv, and those found by patterns, such as MIRACL, BEIR and MTEB, Belebele."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.common.language_codes import flores_code
from hybridbatch.config.base import SETTINGS, Commit, Section, Setting, distinct, placeholders
from hybridbatch.config.dataset import Dataset, Interval
from hybridbatch.config.evaluation import Measure
from hybridbatch.config.hub_data import check_repository
from hybridbatch.config.languages import Language, Languages

Reader = Literal["parallel", "lareqa", "miracl", "beir", "belebele", "bitcoin_faq", "python_faq", "ir_datasets"]
# The readers of files as published, in a local folder or on the hub, found by patterns.
PUBLISHED = ["miracl", "beir", "belebele"]
# Their queries differ between languages, unless the configuration says otherwise.
MONOLINGUAL = ("miracl", "beir", "ir_datasets")
LANGUAGES = {
    "miracl": "ar bn de en es fa fi fr hi id ja ko ru sw te th yo zh".split(),  # noqa: SIM905 - easier to read
    "bitcoin_faq": "ar de el en es fa fr hi id it ja ko nl pl pt-BR ru sv tr uk zh".split(),  # noqa: SIM905
    "python_faq": "en es fr ja ko pt-BR uk zh".split(),  # noqa: SIM905
}

CANDIDATES = {"sentence": "the sentence alone", "sentence_and_context": "the sentence and its paragraph"}


class Files(Section):
    """Which files are read: paths below `path`, or patterns (`*`); `{language}` and `{split}` are replaced."""

    corpus: str | None = Field(
        None,
        description="passages; null: as published, for `beir` `{language}-corpus/{split}-*.parquet`; BEIR's own layout has `corpus.jsonl`",
    )
    queries: str | None = Field(
        None,
        description="queries; null: as published, for `beir` `{language}-queries/...`; BEIR's own layout has `queries.jsonl`",
    )
    qrels: str | None = Field(
        None,
        description="judgements; null: as published, for `beir` `{language}-qrels/...`; BEIR's own layout has `qrels/{split}.tsv`",
    )


class BenchmarkHub(Section):
    """The commit at which `path`, a data set of the hub, is read. Without this section, `path` is a local folder."""

    revision: Commit = Field(
        description="commit of the data set, or a branch or tag that `snakemake pin` resolves to one"
    )
    corpus: str | None = Field(None, description="id of the data set that has the passages, if it is a different one")
    corpus_revision: Commit | None = Field(None, description="with `corpus`: its commit, branch or tag")

    @model_validator(mode="after")
    def _has_a_commit_for_its_corpus(self) -> Self:
        if (self.corpus is None) != (self.corpus_revision is None):
            raise ValueError("corpus and corpus_revision go together: a data set is pinned by its commit")
        return self


class About(Section):
    """Background on a benchmark for readers of the report."""

    domain: str | None = Field(None, description="subject of the texts, for example `EU law`")
    licence: str | None = Field(None, description="licence of the texts and judgements")
    parallel: Literal["human", "machine", "none"] | None = Field(
        None, description="who translated the texts between its languages; `none`: they are not translations"
    )


class Benchmark(Dataset):
    """Queries, passages and relevance judgements to evaluate on."""

    reader: Reader = Field(
        description="`parallel`, `lareqa`: as in sources; `miracl`: topics and TREC judgements, passages as JSON lines; `beir`: corpus, queries and judgements in the layout of BEIR or MTEB; `belebele`: questions as JSON lines; `bitcoin_faq`, `python_faq`: the FAQs of bitcoin.org and Python; `ir_datasets`: a collection of that package"
    )
    path: str = Field(
        description="`parallel`, `lareqa`: as in sources; `bitcoin_faq`, `python_faq`: the folder in config/data.csv; `ir_datasets`: an id, such as `hc4/{language}/test`; others: a local folder or, with `hub`, the id of a data set, such as `miracl/miracl`"
    )
    hub: BenchmarkHub | None = Field(
        None, description="`miracl`, `beir`, `belebele` only: `path` is a data set of the Hugging Face hub"
    )
    files: Files | None = Field(
        None,
        description="`miracl`, `beir`, `belebele` only: which files to read, if they are not named as published",
    )
    languages: Languages = Field(
        description="languages of the queries and passages; the passages of all of them form the pool of `multi`"
    )
    language_names: dict[Language, str] = Field(
        {}, description="replacements for `{language}` in file names and ids where it is not the language's code"
    )
    settings: Annotated[list[Setting], Field(min_length=1), AfterValidator(distinct)] | None = Field(
        None,
        description="settings to evaluate; null: all three, but only `mono` for `miracl`, `beir` and `ir_datasets`; `cross` and `multi` need queries with the same ids and relevant passages in every language",
    )
    split: str | None = Field(
        None,
        description="`parallel`: keep the pairs of one split; `miracl`, `beir`: replaces `{split}` in file names, null: `dev` and `test`",
    )
    keep: Interval = Field(
        (0.0, 1.0),
        description="not for `miracl`, `beir`, `belebele`, `ir_datasets`: keep the queries whose hashed `query_id` falls in this interval of [0, 1), as for sources; all passages stay in the pool",
    )
    candidates: Literal["sentence", "sentence_and_context"] = Field(
        "sentence",
        description="`lareqa` only: what is encoded as a passage, the sentence alone or the sentence followed by its paragraph",
    )
    title: bool = Field(
        True,
        description="`miracl`, `beir`, `ir_datasets` only: prepend the title to the passage, separated by a blank line",
    )
    query_field: str | None = Field(
        None,
        description="`ir_datasets` only: field that is the query, such as `ht_title`, a translation by people in HC4 and NeuCLIR; null: the collection's default, there the English title",
    )
    measure: Measure | None = Field(
        None,
        description="main measure of the benchmark, which the overview, the tests and the transfer to other languages are about; null: the first of each of `evaluation.tables`",
    )
    about: About = Field(About(), description="background for readers of the report")

    @property
    def measured(self) -> list[Setting]:
        """The settings that are evaluated: MIRACL's judgements hold within a language, BEIR's perhaps."""
        return self.settings or (["mono"] if self.reader in MONOLINGUAL else list(SETTINGS))

    @property
    def candidate(self) -> str | None:
        """What is encoded as a candidate of XQuAD-R or MLQA-R, in words; None for other readers."""
        return CANDIDATES[self.candidates] if self.reader == "lareqa" else None

    @property
    def is_published(self) -> bool:
        """Whether its files are found by patterns, as published."""
        return self.reader in PUBLISHED

    def for_language(self, language: str) -> Self:
        """Return the benchmark with only those values that its files in one language depend on."""
        names = {code: name for code, name in self.language_names.items() if code == language}
        update = {"languages": [language], "language_names": names, "settings": None, "measure": None, "about": About()}
        return self.model_copy(update=update)

    @property
    def given_files(self) -> dict[str, str]:
        """The patterns of `files`, by kind."""
        return self.files.model_dump(exclude_none=True) if self.files else {}

    def repository(self, kind: str) -> tuple[str, str]:
        """Return the id and the commit of the hub's data set that has the files of one kind.

        Raises:
            ValueError: if the benchmark is not on the hub.
        """
        if self.hub is None:
            raise ValueError(f"{self.path} is a local folder")
        if kind == "corpus" and self.hub.corpus is not None and self.hub.corpus_revision is not None:
            return self.hub.corpus, self.hub.corpus_revision
        return self.path, self.hub.revision

    @model_validator(mode="after")
    def _has_only_keys_of_its_reader(self) -> Self:
        if not self.is_published:
            for key in ("hub", "files", "language_names"):
                if getattr(self, key) and (key, self.reader) != ("language_names", "ir_datasets"):
                    raise ValueError(f"{key}: belongs to the readers {', '.join(PUBLISHED)}, this one is {self.reader}")
        if (self.is_published or self.reader == "ir_datasets") and self.keep != (0, 1):
            raise ValueError(f"keep does not belong to reader {self.reader}; remove it")
        if self.query_field is not None and self.reader != "ir_datasets":
            raise ValueError(f"query_field belongs to reader: ir_datasets, this one is {self.reader}; remove it")
        if self.reader == "ir_datasets" and len(self.languages) > 1 and "{language}" not in self.path:
            raise ValueError(f"path: must contain {{language}} for several languages, found {self.path!r}")
        return self

    @model_validator(mode="after")
    def _has_valid_files(self) -> Self:
        if self.hub is not None:
            check_repository("path", self.path)
            check_repository("hub.corpus", self.hub.corpus or self.path)
        for kind, pattern in self.given_files.items():
            outside = pattern.startswith("/") or ".." in pattern.split("/")
            if outside or not placeholders(pattern) <= {"language", "split"}:
                raise ValueError(
                    f"files.{kind}: {pattern!r} must be a path below `path` with no braces but {{language}} and {{split}}"
                )
        return self

    @model_validator(mode="after")
    def _has_languages_of_its_reader(self) -> Self:
        for language in self.languages:
            if language in self.language_names:
                continue
            allowed = LANGUAGES.get(self.reader, [language])
            if language not in allowed:
                raise ValueError(f"languages: {self.reader} has no {language!r}; allowed: {', '.join(allowed)}")
            if self.reader == "belebele":
                flores_code(language)
        return self
