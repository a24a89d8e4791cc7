"""What an experiment needs from the Hugging Face hub."""

from collections.abc import Iterable, Mapping

from hybridbatch.backbone.prepare import HUB_FILES, HUB_IGNORED
from hybridbatch.config.backbones import Backbone
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.experiment import Config
from hybridbatch.config.sources import Source
from hybridbatch.download.hub import Request
from hybridbatch.translate.model_files import PATTERNS


def pairs_request(source: Source, language: str) -> Request:
    """Return the files of one language of a source with the reader ``hub`` or ``mmarco``."""
    if source.hub is None:
        raise ValueError(f"{source.path} is no data set of the hub")
    patterns, name = source.hub.files(source.reader, language)
    split = source.hub.split if name else None
    return Request("dataset", source.path, source.hub.revision, tuple(patterns), (), name, split)


def benchmark_requests(benchmark: Benchmark, language: str) -> dict[str, Request]:
    """Return the request that holds each kind of file of one language; files of one commit are one request."""
    if benchmark.hub is None:
        raise ValueError(f"{benchmark.path} is no data set of the hub")
    patterns = benchmark.patterns(language)
    commits = {kind: benchmark.repository(kind) for kind in patterns}
    return {
        kind: Request(
            "dataset", *commit, tuple(sorted({patterns[other] for other in patterns if commits[other] == commit}))
        )
        for kind, commit in commits.items()
    }


def backbone_request(backbone: Backbone) -> Request:
    """Return the files of a backbone from the hub."""
    return Request("model", str(backbone.hub), str(backbone.revision), tuple(HUB_FILES), tuple(HUB_IGNORED))


def translator_request(origin: Mapping[str, str]) -> Request:
    """Return the files of a translation model from the hub."""
    return Request("model", origin["hub"], origin["revision"], PATTERNS, ("*/*",))


def hub_requests(experiment: Config, translators: Iterable[Mapping[str, str]]) -> dict[str, Request]:
    """Return every request of an experiment, by its key; ``translators`` says where its translation models come from."""
    requests = [backbone_request(backbone) for backbone in experiment.backbones.values() if backbone.hub]
    requests += [translator_request(origin) for origin in translators if "hub" in origin]
    for source in experiment.sources.values():
        if source.hub:
            requests += [pairs_request(source, language) for language in source.languages]
    for benchmark in experiment.benchmarks.values():
        if benchmark.hub:
            requests += [r for code in benchmark.languages for r in benchmark_requests(benchmark, code).values()]
    return {request.key: request for request in requests}
