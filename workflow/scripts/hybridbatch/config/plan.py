"""What follows from an experiment's keys: its runs, models, pairs and benchmarks."""

from pathlib import Path
from typing import Any

from hybridbatch.config.base import SETTINGS, Setting
from hybridbatch.config.benchmarks import MONOLINGUAL
from hybridbatch.config.derived_strategies import (
    Point,
    Shift,
    ablation_strategies,
    centred_name,
    held_out_strategies,
    uncentred_run,
)
from hybridbatch.config.keys import Keys
from hybridbatch.config.layout import Layout
from hybridbatch.config.training import Strategy

RUN = r"[^/]+/[^/]+/seed\d+"


class Plan(Keys):
    """An experiment's keys, and what they amount to."""

    @property
    def folder(self) -> Path:
        """The folder of the experiment's results."""
        return Path(self.results_dir) / self.experiment

    @property
    def sampled_rows(self) -> int | None:
        """The rows that a smoke run keeps at least of each data set, enough for batches; None: all data are used."""
        return 10 * max(self.training.batch_size, self.training.validation_batch_size) if self.smoke else None

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
    def projected_runs(self) -> list[str]:
        """The runs whose vectors are drawn: for each backbone, untuned and the first seed of each compared strategy."""
        drawn = {"none/seed0", *(f"{s}/seed{seed}" for s in self.runs.strategies for seed in self.runs.seeds[:1])}
        return [run for run in self.encoder_runs if run.partition("/")[2] in drawn]

    @property
    def compared_strategies(self) -> list[str]:
        """The strategies of `runs`, then those with centred passages, in the order of the tables."""
        evaluated = {*self.runs.strategies, *(["none"] if self.runs.untuned else [])}
        return [*self.runs.strategies, *(centred_name(name) for name in self.runs.centred if name in evaluated)]

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
    def ablation_points(self) -> list[Point]:
        """The points of the ablation."""
        return self._ablation()[1] if self.ablation.base in self.runs.strategies else []

    @property
    def used_shift(self) -> Shift:
        """The part of the domain shift that the benchmarks and training sources of the experiment allow."""
        return self.shift.only(self.runs.benchmarks, self.training.sources) if self.runs.strategies else Shift()

    def _compared(self) -> dict[str, Strategy]:
        return {name: self.strategies[name] for name in self.runs.strategies}

    def _ablation(self) -> tuple[dict[str, Strategy], list[Point]]:
        return ablation_strategies(self.ablation, self._compared())

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
    def used_sources(self) -> list[str]:
        """The sources that training and validation read; none when nothing is trained."""
        if not self.runs.strategies:
            return []
        return [*self.training.sources, *([self.training.validation] if self.training.validation else [])]

    @property
    def training_languages(self) -> list[str]:
        """The languages of all training sources, in alphabetical order."""
        return sorted({language for name in self.training.sources for language in self.sources[name].all_languages})

    @property
    def unseen_languages(self) -> list[str]:
        """The evaluated languages that no training source has, in alphabetical order; none when nothing is trained."""
        evaluated = {language for name in self.runs.benchmarks for language in self.benchmarks[name].languages}
        return sorted(evaluated.difference(self.training_languages)) if self.runs.strategies else []

    @property
    def used_pairs(self) -> list[str]:
        """The `source/language` of all pairs that training and validation read, in the order of the tables."""
        return [f"{name}/{language}" for name in self.used_sources for language in self.sources[name].all_languages]

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

    @property
    def has_models_on_pairs(self) -> bool:
        """Whether a model translates pairs or checks translations, which takes hours instead of seconds."""
        translations = [source.translation for source in self.sources.values() if source.translation]
        return bool(self.cleaning.quality.encoder or any(translation.translator for translation in translations))

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
    def decontaminated(self) -> list[str]:
        """The benchmarks whose texts must not be trained on; none when nothing is trained."""
        names = self.runs.benchmarks if self.cleaning.decontaminate is None else self.cleaning.decontaminate
        return names if self.runs.strategies else []

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
        return [name for name, b in benchmarks.items() if b.reader in MONOLINGUAL and b.measured == ["mono"]]

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
    def measures_below_search_depth(self) -> bool:
        """Whether a measure needs the ranks of relevant passages that are not among the top that search keeps."""
        cutoffs = [measure.partition("@")[2] for measure in self.evaluation.measures]
        return any(not cutoff or int(cutoff) > self.search.depth for cutoff in cutoffs)

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
    def domains(self) -> dict[str, Any]:
        """The benchmarks of the domain shift: ``in_domain``, ``out_of_domain``, and ``held_out`` by domain."""
        held_out = {domain: left_out.benchmarks for domain, left_out in self.shift.held_out.items()}
        return {"in_domain": self.shift.in_domain, "out_of_domain": self.shift.out_of_domain, "held_out": held_out}

    @property
    def bm25_tokenizer(self) -> str:
        """The backbone whose tokenizer BM25 uses."""
        return self.bm25.tokenizer or self.runs.backbones[0]


def _strategy(run: str) -> str:
    return run.split("/")[1]
