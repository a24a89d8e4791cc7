"""An experiment: its sections, the checks across them, and what follows from them."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.backbones import Backbone
from hybridbatch.config.base import SETTINGS, Name, Section, Setting, check_defined, distinct
from hybridbatch.config.benchmarks import MONOLINGUAL, Benchmark
from hybridbatch.config.cleaning import Cleaning
from hybridbatch.config.derived_strategies import (
    CENTRED,
    Ablation,
    Point,
    Shift,
    ablation_strategies,
    centred_name,
    held_out_strategies,
    uncentred_run,
)
from hybridbatch.config.encoding import Encoding
from hybridbatch.config.evaluation import Evaluation
from hybridbatch.config.layout import Layout
from hybridbatch.config.mteb import Mteb
from hybridbatch.config.published import PublishedNumbers
from hybridbatch.config.push import Push
from hybridbatch.config.search import BM25, Search
from hybridbatch.config.sources import Source
from hybridbatch.config.statistics import Statistics
from hybridbatch.config.training import Strategy, Training
from hybridbatch.config.translators import Translator

RUN = r"[^/]+/[^/]+/seed\d+"
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


class Config(Section):
    """An experiment. Everything under `results/<experiment>/` follows from it."""

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

    @model_validator(mode="after")
    def _refers_to_defined_names(self) -> Self:
        for key, names, defined in [*self._references_of_runs(), *self._references_of_comparisons()]:
            check_defined(key, [name for name in names if name], defined)
        for name, source in self.sources.items():
            if source.translation:
                source.translation.check_translator(f"sources.{name}.translation", self.translators)
        return self

    def _references_of_runs(self) -> Iterator[tuple[str, Collection[str | None], Collection[str]]]:
        """Yield the keys that refer to names in what is trained and run, with these names and those defined."""
        yield "runs.backbones", self.runs.backbones, self.backbones
        yield "runs.strategies", self.runs.strategies, self.strategies
        centrable = ["none", *self.strategies]
        yield "runs.centred", self.runs.centred, centrable
        yield "runs.seed_limits", self.runs.seed_limits, [*self.strategies, *map(centred_name, centrable)]
        yield "runs.benchmarks", self.runs.benchmarks, self.benchmarks
        yield "training.sources", self.training.sources, self.sources
        for name, strategy in self.strategies.items():
            if name in self.runs.strategies:
                yield f"strategies.{name}.sources", strategy.sources or [], self.training.sources
        yield "training.validation", [self.training.validation], self.sources
        for name, source in self.sources.items():
            yield f"sources.{name}.mine.encoder", [source.mine.encoder] if source.mine else [], self.backbones
        yield "cleaning.decontaminate", self.cleaning.decontaminate or [], self.benchmarks
        yield "cleaning.quality.encoder", [self.cleaning.quality.encoder], self.backbones
        yield "bm25.tokenizer", [self.bm25.tokenizer], self.backbones

    def _references_of_comparisons(self) -> Iterator[tuple[str, Collection[str | None], Collection[str]]]:
        """Yield the same for what is compared."""
        claim = self.statistics.claim
        strategies = dict.fromkeys([*type(self).model_fields["strategies"].default, *self.runs.strategies])
        yield "statistics.claim", [claim.strategy, *claim.baselines], strategies
        for number, reading in enumerate(self.statistics.other_readings):
            yield f"statistics.other_readings[{number}]", [reading.strategy, *reading.baselines], self.strategies
        yield "shift.in_domain", self.shift.in_domain, self.benchmarks
        yield "shift.out_of_domain", self.shift.out_of_domain, self.benchmarks
        for domain, left_out in self.shift.held_out.items():
            yield f"shift.held_out.{domain}.sources", left_out.sources, self.sources
            yield f"shift.held_out.{domain}.benchmarks", left_out.benchmarks, self.benchmarks
        yield "published.benchmarks", list(self.published.benchmarks.values()), self.benchmarks
        yield "published.backbones", list(self.published.backbones.values()), self.backbones

    @model_validator(mode="after")
    def _leaves_the_names_of_baselines_free(self) -> Self:
        taken = [f"strategies.{name}" for name in ("none", "bm25") if name in self.strategies]
        taken += ["backbones.bm25"] if "bm25" in self.backbones else []
        if taken:
            raise ValueError(f"{taken[0]}: the name is taken by a baseline; choose another")
        return self

    @model_validator(mode="after")
    def _leaves_the_names_of_centred_runs_free(self) -> Self:
        for name in self.strategies:
            if name.endswith(CENTRED):
                raise ValueError(
                    f"strategies.{name}: names that end in {CENTRED} are those of runs.centred; choose another"
                )
        return self

    @model_validator(mode="after")
    def _searches_deep_enough(self) -> Self:
        if self.pooled_benchmarks and self.evaluation.bias_depth > self.search.depth:
            raise ValueError(
                f"evaluation.bias_depth: {self.evaluation.bias_depth} is more than search.depth: {self.search.depth}; "
                "lower it or raise search.depth"
            )
        return self

    @model_validator(mode="after")
    def _measures_the_main_measures(self) -> Self:
        for name, benchmark in self.benchmarks.items():
            if benchmark.measure is not None and benchmark.measure not in self.evaluation.measures:
                raise ValueError(
                    f"benchmarks.{name}.measure: {benchmark.measure} is not in evaluation.measures; add it there"
                )
        shift = [*self.shift.in_domain, *self.shift.out_of_domain]
        if len({self.benchmarks[name].measure for name in shift}) > 1:
            raise ValueError(
                "shift: its benchmarks are compared with each other, so they need the same measure; set benchmarks.<name>.measure alike"
            )
        return self

    @model_validator(mode="after")
    def _has_whole_vocabularies_for_mteb(self) -> Self:
        trimmed = [name for name in self.runs.backbones if self.backbones[name].trim_vocabulary]
        if self.mteb.tasks and trimmed:
            raise ValueError(
                f"mteb.tasks: their texts need the whole vocabulary; set backbones.{trimmed[0]}.trim_vocabulary to false"
            )
        return self

    @model_validator(mode="after")
    def _pushes_trained_models(self) -> Self:
        if self.push.runs:
            check_defined("push.runs", self.push.runs, self.trained_runs)
        if self.push.runs and self.push.owner is None:
            raise ValueError("push.owner: is missing; name the user or organisation of the hub that gets the models")
        check_defined("push.despite_licence", self.push.despite_licence, {**self.backbones, **self.sources})
        return self

    @model_validator(mode="after")
    def _evaluates_something(self) -> Self:
        if not (self.runs.strategies or self.runs.untuned or self.runs.bm25):
            raise ValueError("runs: nothing to evaluate; name strategies or set untuned or bm25 to true")
        return self

    @model_validator(mode="after")
    def _can_train(self) -> Self:
        if not self.runs.strategies:
            return self
        if not self.training.sources:
            raise ValueError(
                "training.sources: is empty, but runs.strategies needs training; name at least one of sources"
            )
        if not self.runs.seeds:
            raise ValueError("runs.seeds: is empty, but runs.strategies needs training; give at least one seed")
        if self.ablation.is_used and self.ablation.base not in self.runs.strategies:
            raise ValueError(
                f"ablation.base: {self.ablation.base!r} is not one of runs.strategies; name one of {', '.join(self.runs.strategies)}"
            )
        if self.training.negatives == "given" and not any(map(self.has_negatives, self.training.sources)):
            raise ValueError(
                "training.negatives: given, but none of training.sources has negatives; set it to none, or hub.columns.negative of a source"
            )
        if self.training.negatives == "mined" and not self.mined_sources:
            raise ValueError(
                "training.negatives: mined, but none of training.sources has mine; set it to none, or sources.<name>.mine"
            )
        for name, strategy in self.trained_strategies.items():
            self._check_strategy(f"strategies.{name}", strategy)
        return self

    @model_validator(mode="after")
    def _can_validate(self) -> Self:
        validation = self.training.validation
        if not self.runs.strategies:
            return self
        if validation is None:
            if self.training.patience is not None:
                raise ValueError(
                    "training.patience: needs a validation to watch; set training.validation, or patience to null"
                )
            if self.training.select_by != "loss":
                raise ValueError(
                    "training.select_by: map needs a validation; set training.validation, or select_by to loss"
                )
            return self
        if validation in self.training.sources:
            raise ValueError(
                f"training.validation: {validation!r} is also trained on; define a separate source (split or keep)"
            )
        if len(self.sources[validation].all_languages) == 1 and self.training.validation_alpha < 1:
            raise ValueError(
                f"training.validation_alpha: below 1 needs two or more languages, and {validation!r} has one; set it to 1"
            )
        return self

    def _check_strategy(self, key: str, strategy: Strategy) -> None:
        languages = self.languages_of(strategy)
        if not languages:
            raise ValueError(f"{key}: no training source is left for it; remove it or name sources")
        unknown = sorted(set(strategy.languages or []).difference(*languages.values()))
        if unknown:
            raise ValueError(
                f"{key}: languages: no training source has {', '.join(unknown)}; they have "
                f"{', '.join(self.training_languages)}"
            )
        if strategy.alpha < 1 and all(len(codes) < 2 for codes in languages.values()):
            raise ValueError(f"{key}: alpha < 1 needs a training source with two or more languages")

    @property
    def ablation_points(self) -> list[Point]:
        """The points of the ablation."""
        return self._ablation()[1] if self.ablation.base in self.runs.strategies else []

    @property
    def trained_strategies(self) -> dict[str, Strategy]:
        """The strategies that are trained, by name: those compared, those of the ablation, and those without a domain."""
        compared = self._compared()
        varied = self._ablation()[0] if self.ablation.base in compared else {}
        held_out = held_out_strategies(
            self.runs.strategies, self.strategies, self.training.sources, self.used_shift.held_out
        )
        return compared | varied | held_out

    @property
    def used_shift(self) -> Shift:
        """The part of the domain shift that the benchmarks and training sources of the experiment allow."""
        return self.shift.only(self.runs.benchmarks, self.training.sources) if self.runs.strategies else Shift()

    def _compared(self) -> dict[str, Strategy]:
        return {name: self.strategies[name] for name in self.runs.strategies}

    def _ablation(self) -> tuple[dict[str, Strategy], list[Point]]:
        return ablation_strategies(self.ablation, self._compared())

    def has_negatives(self, source: str) -> bool:
        """Return whether training uses the negatives of a source."""
        used = self.training.negatives == "given" and source in self.training.sources
        return used and self.sources[source].has_negatives

    @property
    def mined_sources(self) -> list[str]:
        """The sources whose negatives are mined for training."""
        used = self.training.sources if self.training.negatives == "mined" and self.runs.strategies else []
        return [name for name in used if self.sources[name].mine]

    @property
    def mined_pairs(self) -> list[str]:
        """The `source/language` of all pairs for which a negative is mined."""
        return [f"{name}/{language}" for name in self.mined_sources for language in self.sources[name].all_languages]

    def languages_of(self, strategy: Strategy) -> dict[str, list[str]]:
        """Return the languages that a strategy trains on, by source, without sources that have none of them."""
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
    def sampled_rows(self) -> int | None:
        """The rows that a smoke run keeps at least of each data set, enough for batches; None: all data are used."""
        return 10 * max(self.training.batch_size, self.training.validation_batch_size) if self.smoke else None

    @property
    def training_languages(self) -> list[str]:
        """The languages of all training sources, in alphabetical order."""
        return sorted({language for name in self.training.sources for language in self.sources[name].all_languages})

    @property
    def decontaminated(self) -> list[str]:
        """The benchmarks whose texts must not be trained on; none when nothing is trained."""
        names = self.runs.benchmarks if self.cleaning.decontaminate is None else self.cleaning.decontaminate
        return names if self.runs.strategies else []

    @property
    def bm25_tokenizer(self) -> str:
        """The backbone whose tokenizer BM25 uses."""
        return self.bm25.tokenizer or self.runs.backbones[0]

    @property
    def used_sources(self) -> list[str]:
        """The sources that training and validation read; none when nothing is trained."""
        if not self.runs.strategies:
            return []
        return [*self.training.sources, *([self.training.validation] if self.training.validation else [])]

    @property
    def run_names(self) -> list[str]:
        """Every run, `backbone/strategy/seed<N>`, in the order of the tables."""
        runs = ["bm25/bm25/seed0"] if self.runs.bm25 else []
        for backbone in self.runs.backbones:
            seeds = {"none": [0]} if self.runs.untuned else {}
            seeds |= dict.fromkeys(self.trained_strategies, self.runs.seeds)
            seeds |= {centred_name(name): seeds[name] for name in self.runs.centred if name in seeds}
            runs += [
                f"{backbone}/{strategy}/seed{seed}"
                for strategy, numbers in seeds.items()
                for seed in numbers[: self.runs.seed_limits.get(strategy)]
            ]
        return runs

    @property
    def encoder_runs(self) -> list[str]:
        """The runs that have an encoder: all but BM25."""
        return [run for run in self.run_names if _strategy(run) != "bm25"]

    @property
    def trained_runs(self) -> list[str]:
        """The runs that are fine-tuned."""
        return [run for run in self.encoder_runs if _strategy(run) in self.trained_strategies]

    @property
    def centred_runs(self) -> list[str]:
        """The runs that search the vectors of another run, centred by language."""
        return [run for run in self.encoder_runs if run != uncentred_run(run)]

    @property
    def compared_runs(self) -> list[str]:
        """The runs of the baselines and compared strategies: all but those of the ablation and of held-out domains."""
        return [run for run in self.run_names if _strategy(run) in {"bm25", "none", *self.compared_strategies}]

    @property
    def compared_strategies(self) -> list[str]:
        """The strategies of `runs`, then those with centred passages, in the order of the tables."""
        evaluated = {*self.runs.strategies, *(["none"] if self.runs.untuned else [])}
        return [*self.runs.strategies, *(centred_name(name) for name in self.runs.centred if name in evaluated)]

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
    def candidates(self) -> dict[str, str]:
        """What is encoded as a candidate, in words, by benchmark; only where the paper does not say it."""
        benchmarks = {name: self.benchmarks[name] for name in self.runs.benchmarks}
        return {name: b.candidate for name, b in benchmarks.items() if b.candidate}

    @property
    def published_effects(self) -> list[tuple[str, str, str]]:
        """The differences that the paper has, too: strategy, baseline, and the paper's name of this baseline.

        The strategy of each reading of the claim stands for the paper's hybrid, its baselines for those of the same ``alpha``.
        """
        published = {1.0: "monolingual", 0.0: "crosslingual"}
        pairs = [("hybrid", name, name) for name in published.values()]
        for claim in self.statistics.claims:
            alphas = {name: self.strategies[name].alpha for name in claim.baselines if name in self.strategies}
            pairs += [(claim.strategy, name, published[alpha]) for name, alpha in alphas.items() if alpha in published]
        return [*dict.fromkeys(pairs)]

    @property
    def separate_questions(self) -> list[str]:
        """The benchmarks in which the same query id in two languages means two different questions."""
        benchmarks = {name: self.benchmarks[name] for name in self.runs.benchmarks}
        return [name for name, b in benchmarks.items() if b.reader in MONOLINGUAL and b.measured == ["mono"]]

    @property
    def restricted_settings(self) -> dict[str, list[Setting]]:
        """The settings of the benchmarks that are not evaluated in all of them, by name."""
        measured = {name: self.benchmarks[name].measured for name in self.runs.benchmarks}
        return {name: settings for name, settings in measured.items() if len(settings) < len(SETTINGS)}

    @property
    def measures_below_search_depth(self) -> bool:
        """Whether a measure needs the ranks of relevant passages that are not among the top that search keeps."""
        cutoffs = [measure.partition("@")[2] for measure in self.evaluation.measures]
        return any(not cutoff or int(cutoff) > self.search.depth for cutoff in cutoffs)

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
        return [f"{name}/{language}" for name in self.used_sources for language in self.sources[name].all_languages]

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
        translations = {name: self.sources[name].translation for name in self.used_sources}
        return {
            f"{name}/{language}": translation.reference.format(language=language)
            for name, translation in translations.items()
            if translation and translation.reference
            for language in translation.languages
        }

    @property
    def layout(self) -> Layout:
        """What tables and figures show, and in which order."""
        return Layout(
            benchmarks=self.runs.benchmarks,
            strategies=self.compared_strategies,
            metrics={setting: list(shown) for setting, shown in self.evaluation.tables.items()},
            main={name: b.measure for name, b in self.benchmarks.items() if b.measure},
            unseen=self.unseen_languages,
            notice=self.notice,
        )

    @property
    def domains(self) -> dict[str, Any]:
        """The benchmarks of the domain shift: ``in_domain``, ``out_of_domain``, and ``held_out`` by domain."""
        held_out = {domain: left_out.benchmarks for domain, left_out in self.shift.held_out.items()}
        return {"in_domain": self.shift.in_domain, "out_of_domain": self.shift.out_of_domain, "held_out": held_out}

    def pruned(self) -> "Config":
        """Return the configuration without definitions that are not used, and without training if nothing is trained."""
        backbones = {*self.runs.backbones, self.bm25_tokenizer, self.cleaning.quality.encoder}
        backbones |= {mine.encoder for name in self.mined_sources if (mine := self.sources[name].mine)}
        benchmarks = {*self.runs.benchmarks, *self.decontaminated}
        sources = {name: source for name, source in self.sources.items() if name in self.used_sources}
        translators = {source.translation.translator for source in sources.values() if source.translation}
        readings = [r for r in self.statistics.other_readings if {r.strategy, *r.baselines} <= {*self.runs.strategies}]
        return self.model_copy(
            update={
                "training": self.training if self.runs.strategies else Training(),
                "backbones": {name: b for name, b in self.backbones.items() if name in backbones},
                "strategies": self.trained_strategies,
                "shift": self.used_shift,
                "statistics": self.statistics.model_copy(update={"other_readings": readings}),
                "sources": sources,
                "translators": {name: t for name, t in self.translators.items() if name in translators},
                "benchmarks": {name: b for name, b in self.benchmarks.items() if name in benchmarks},
                "published": self.published.only({*self.runs.benchmarks}, {*self.runs.backbones}),
            }
        )

    def to_yaml(self) -> str:
        """Return the resolved configuration, every default written out, as YAML."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def _strategy(run: str) -> str:
    return run.split("/")[1]
