"""The keys of an experiment, section by section."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.backbones import Backbone
from hybridbatch.config.base import Name, Section, distinct
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.cleaning import Cleaning
from hybridbatch.config.derived_strategies import (
    Ablation,
    Shift,
)
from hybridbatch.config.encoding import Encoding
from hybridbatch.config.evaluation import Evaluation
from hybridbatch.config.mteb import Mteb
from hybridbatch.config.published import PublishedNumbers
from hybridbatch.config.push import Push
from hybridbatch.config.search import BM25, Search
from hybridbatch.config.sources import Source
from hybridbatch.config.statistics import Statistics
from hybridbatch.config.training import Strategy, Training
from hybridbatch.config.translators import Translator

Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Runs(Section):
    """What is compared: every backbone with every strategy and seed."""

    backbones: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] = Field(
        description="names of `backbones`"
    )
    strategies: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [], description="names of `strategies`; empty: nothing is trained"
    )
    seeds: Annotated[list[Seed], AfterValidator(distinct)] = Field(
        [1, 2, 3], description="seeds; each is a separate training run"
    )
    seed_limits: dict[Name, Annotated[int, Field(ge=1)]] = Field(
        {}, description="number of the first `seeds` that a strategy is limited to, by its name"
    )
    untuned: bool = Field(True, description="also evaluate each backbone without fine-tuning (strategy `none`)")
    bm25: bool = Field(True, description="also evaluate BM25, within each language (strategy `bm25`)")
    centred: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [],
        description="of `runs.strategies` and `none`, those that are also evaluated with centred passages, as `<strategy>-centred`: each language's mean vector is replaced by the mean over all languages",
    )
    benchmarks: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] = Field(
        description="names of `benchmarks`, in the order of the tables"
    )


class Keys(Section):
    """The sections of an experiment's configuration."""

    experiment: Name = Field(description="name of the experiment and of its folder in `results_dir`")
    notice: str | None = Field(None, description="a sentence shown above every table and on the report")
    smoke: bool = Field(
        False,
        strict=False,  # on the command line, Snakemake reads true as text
        description="try every stage once, in `results/<experiment>_smoke/`: a hundredth of the data, but at least ten batches of rows, a few training steps, the first seed",
    )
    results_dir: str = Field("results", description="folder for everything computed")
    resources_dir: str = Field(
        "resources", description="folder for downloads and unpacked models, shared by experiments"
    )
    mirror: str | None = Field(
        None,
        description="local folder that replaces the network: the resources folder of another machine, or one that has the files of config/data.csv under their paths and those of the hub in `hub/`",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where models run; `auto` uses a GPU if there is one, `cuda` fails without one"
    )
    runs: Runs = Field(description="what is compared")
    backbones: dict[Name, Backbone] = Field(description="encoders, by name")
    strategies: dict[Name, Strategy] = Field(
        {"monolingual": Strategy(alpha=1.0), "crosslingual": Strategy(alpha=0.0), "hybrid": Strategy(alpha=0.5)},
        description="batch strategies, by name; the paper's three are always defined",
    )
    translators: dict[Name, Translator] = Field({}, description="translation models, by name")
    sources: dict[Name, Source] = Field({}, description="training sources, by name")
    cleaning: Cleaning = Field(Cleaning(), description="what is removed from training pairs")
    benchmarks: dict[Name, Benchmark] = Field(description="benchmarks, by name")
    training: Training = Field(Training(), description="fine-tuning")
    encoding: Encoding = Field(Encoding(), description="encoding")
    search: Search = Field(Search(), description="vector search")
    bm25: BM25 = Field(BM25(), description="lexical baseline")
    evaluation: Evaluation = Field(Evaluation(), description="measures and tables")
    statistics: Statistics = Field(Statistics(), description="confidence intervals and tests")
    ablation: Ablation = Field(Ablation(), description="variations of one strategy")
    shift: Shift = Field(Shift(), description="scores in and out of the training domain")
    published: PublishedNumbers = Field(PublishedNumbers(), description="comparison with the paper's numbers")
    mteb: Mteb = Field(Mteb(), description="evaluation on tasks of MTEB, the target `mteb`")
    push: Push = Field(Push(), description="uploads to the Hugging Face hub, the target `push`")

    @model_validator(mode="before")
    @classmethod
    def _add_built_in_strategies(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("strategies"), dict):
            built_in = {name: {"alpha": s.alpha} for name, s in cls.model_fields["strategies"].default.items()}
            return {**values, "strategies": {**built_in, **values["strategies"]}}
        return values
