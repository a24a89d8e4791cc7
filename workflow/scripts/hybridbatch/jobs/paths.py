"""The paths of an experiment's files, which connect the rules."""

import re
from collections.abc import Iterable
from typing import Any

from hybridbatch.common.files import fingerprint
from hybridbatch.config.backbones import PACKAGED, Backbone
from hybridbatch.config.derived_strategies import uncentred_run
from hybridbatch.config.experiment import Config
from hybridbatch.download.hub import Request

KINDS = ("queries", "passages", "qrels")


def with_packaged_data(values: Any, folder: str) -> Any:
    """Return raw configuration values whose paths in data/demo, the data of the workflow, start with ``folder`` instead."""
    match values:
        case dict():
            return {key: with_packaged_data(value, folder) for key, value in values.items()}
        case list():
            return [with_packaged_data(value, folder) for value in values]
        case str():
            return re.sub(r"^data/demo(?=/|$)", lambda _: folder, values)
    return values


class Paths:
    """The paths of one experiment, as strings for Snakemake."""

    def __init__(self, experiment: Config) -> None:
        self._experiment = experiment
        self.results = str(experiment.folder)
        self.resources = experiment.resources_dir
        # Files of the Hugging Face hub, in the layout of its cache.
        self.hub = f"{self.resources}/hub"
        self.logs = f"{self.results}/logs"
        self.costs = f"{self.results}/costs"
        # Kept when a job fails, so that the next attempt resumes.
        self.state = f"{self.results}/state"

    def hub_manifest(self, request: Request) -> str:
        """Return the manifest that represents files of the hub as an input of rules."""
        return f"{self.hub}/manifests/{request.key}.json"

    def benchmark(self, name: str, kinds: Iterable[str] = KINDS) -> list[str]:
        """Return the prepared files of a benchmark."""
        languages = self._experiment.benchmarks[name].languages
        return [
            f"{self.results}/benchmarks/{name}/{language}/{kind}.parquet" for language in languages for kind in kinds
        ]

    def pairs(self, sources: Iterable[str]) -> dict[str, str]:
        """Return the files of clean pairs of sources in all their languages, by SOURCE:LANGUAGE."""
        return {
            f"{source}:{language}": f"{self.results}/pairs/{source}/{language}.parquet"
            for source in sources
            for language in self._experiment.sources[source].all_languages
        }

    def training_pairs(self, strategy: str) -> dict[str, str]:
        """Return the files of pairs that a strategy trains on, with mined negatives if it uses them, by SOURCE:LANGUAGE."""
        mined = self._experiment.mined_sources
        return {
            f"{source}:{language}": f"{self.results}/{'mined' if source in mined else 'pairs'}/{source}/{language}.parquet"
            for source, languages in self._experiment.languages_of(self._experiment.strategies[strategy]).items()
            for language in languages
        }

    def texts(self) -> list[str]:
        """Return all files of texts that the experiment encodes."""
        experiment = self._experiment
        texts = [file for name in experiment.runs.benchmarks for file in self.benchmark(name, ["queries", "passages"])]
        return [*self.pairs(experiment.used_sources).values(), *texts]

    def prepared_backbone(self, name: str) -> str:
        """Return the folder of a prepared backbone, which is named by its settings, so that experiments share it."""
        return f"{self.resources}/backbones/{name}-{fingerprint(self._experiment.backbones[name].preparation())[:12]}"

    def packaged_files(self, backbone: Backbone) -> list[str]:
        """Return the files of a packaged encoder; none of another one."""
        files = PACKAGED[backbone.packaged].files if backbone.packaged else ()
        return [f"{self.resources}/data/{file}" for file in files]

    def backbone(self, name: str) -> str:
        """Return the folder of a backbone for training and evaluation."""
        trimmed = self._experiment.backbones[name].trim_vocabulary
        return f"{self.results}/backbones/{name}" if trimmed else self.prepared_backbone(name)

    def translator(self, name: str, language: str) -> str:
        """Return the folder of the model that translates into a language; it is named by the model's origin."""
        origin = self._experiment.translators[name].for_language(language)
        return f"{self.resources}/translators/{name}-{fingerprint(origin)[:12]}"

    def translators(self) -> dict[str, dict[str, str]]:
        """Return the origins of the translation models in use, by their folders."""
        return {
            self.translator(translation.translator, language): self._experiment.translators[
                translation.translator
            ].for_language(language)
            for source in self._experiment.sources.values()
            if (translation := source.translation) and translation.translator
            for language in translation.languages
        }

    def untranslated(self, pairs: str) -> str:
        """Return the file that the pairs SOURCE/LANGUAGE are translated from."""
        source = pairs.split("/", maxsplit=1)[0]
        translation = self._experiment.sources[source].translation
        if translation is None:
            raise ValueError(f"{pairs}: its source has no translation")
        return f"{self.results}/pairs/{source}/{translation.source_language}.parquet"

    def model(self, run: str) -> str:
        """Return the folder of the model of a run: the trained model, or the untuned backbone."""
        trained = uncentred_run(run)
        backbone, strategy, _ = trained.split("/")
        return self.backbone(backbone) if strategy == "none" else f"{self.results}/models/{trained}"

    def encoding_shares(self, run: str, benchmark: str) -> list[str]:
        """Return the records of the jobs that share the encoding of a benchmark; none if one job encodes it."""
        jobs = self._experiment.encoding.jobs
        folder = f"{self.results}/embeddings/{run}/{benchmark}.parts"
        return [f"{folder}/{part}of{jobs}.json" for part in range(jobs)] if jobs > 1 else []

    def measures(self, runs: Iterable[str]) -> dict[str, str]:
        """Return the file of measures of each run."""
        return {run: f"{self.results}/measures/{run}.parquet" for run in runs}
