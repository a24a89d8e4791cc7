"""An experiment: its keys, what follows from them, and the checks across sections."""

from collections.abc import Collection, Iterator
from typing import Self

import yaml
from pydantic import model_validator

from hybridbatch.config.base import check_defined
from hybridbatch.config.derived_strategies import CENTRED, centred_name
from hybridbatch.config.plan import Plan
from hybridbatch.config.training import Strategy, Training


class Config(Plan):
    """An experiment. Everything under `results/<experiment>/` follows from it."""

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
