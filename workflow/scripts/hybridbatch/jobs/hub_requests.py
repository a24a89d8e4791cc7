"""What an experiment needs from the Hugging Face hub."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from hybridbatch.backbone.prepare import HUB_FILES, HUB_IGNORED
from hybridbatch.config.backbones import Backbone
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.experiment import Config
from hybridbatch.config.sources import Source
from hybridbatch.data.readers.registry import file_names
from hybridbatch.download.hub import Request
from hybridbatch.translate.model_files import PATTERNS


def pairs_request(source: Source, language: str) -> Request:
    """Return the files of one language of a source with the reader ``hub`` or ``mmarco``."""
    if source.hub is None:
        raise ValueError(f"{source.path} is not a data set of the hub")
    patterns, name = source.hub.files(source.reader, language)
    split = source.hub.split if name else None
    return Request(
        kind="dataset",
        repository=source.path,
        revision=source.hub.revision,
        patterns=tuple(patterns),
        config=name,
        split=split,
    )


def benchmark_requests(benchmark: Benchmark, language: str) -> dict[str, Request]:
    """Return the request that holds each kind of file of one language; files of one commit are one request."""
    if benchmark.hub is None:
        raise ValueError(f"{benchmark.path} is not a data set of the hub")
    patterns: dict[tuple[str, str], set[str]] = defaultdict(set)
    names = file_names(benchmark, language)
    for name, pattern in names.items():
        patterns[benchmark.repository(name)].add(pattern)
    requests = {
        commit: Request(kind="dataset", repository=commit[0], revision=commit[1], patterns=tuple(sorted(files)))
        for commit, files in patterns.items()
    }
    return {name: requests[benchmark.repository(name)] for name in names}


def backbone_request(backbone: Backbone) -> Request:
    """Return the files of a backbone from the hub."""
    return Request(
        kind="model",
        repository=str(backbone.hub),
        revision=str(backbone.revision),
        patterns=tuple(HUB_FILES),
        ignored=tuple(HUB_IGNORED),
    )


def translator_request(origin: Mapping[str, str]) -> Request:
    """Return the files of a translation model from the hub."""
    return Request(
        kind="model", repository=origin["hub"], revision=origin["revision"], patterns=PATTERNS, ignored=("*/*",)
    )


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
