"""The files that a job reads pairs or a benchmark from, and those that an experiment downloads."""

from glob import glob

from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.experiment import Config
from hybridbatch.config.sources import Source
from hybridbatch.data.readers.registry import READERS, file_names
from hybridbatch.download.hub import Request
from hybridbatch.jobs.hub_requests import benchmark_requests, pairs_request
from hybridbatch.jobs.paths import Paths


def input_files(section: Source | Benchmark, language: str, paths: Paths) -> list[str]:
    """Return the input files of the job; files of the hub are represented by their manifests."""
    if section.hub is not None:
        return sorted({paths.hub_manifest(request) for request in _requests(section, language).values()})
    named = named_files(section, language, paths).values()
    return [file for pattern in named for file in sorted(glob(pattern)) or [pattern]]  # noqa: PTH207


def named_files(section: Source | Benchmark, language: str, paths: Paths) -> dict[str, str]:
    """Return the files that the program gets, by name: paths or patterns."""
    if isinstance(section, Source) and section.hub is not None:
        return {"manifest": paths.hub_manifest(pairs_request(section, language))}
    if section.reader == "table":
        return {"pairs": section.path.format(language=language)}
    if section.reader == "ir_datasets":
        return {}
    names = file_names(section, language)
    if section.hub is not None:
        requests = _requests(section, language)
        return {name: f"{paths.hub}/{requests[name].snapshot}/{pattern}" for name, pattern in names.items()}
    folder = f"{paths.resources}/data/{section.path}" if READERS[section.reader].is_pinned else section.path
    return {name: f"{folder}/{pattern}" for name, pattern in names.items()}


def downloads(experiment: Config, requests: dict[str, Request], paths: Paths) -> list[str]:
    """Return everything that comes from the network: pinned data files, and manifests of files of the hub."""
    sections: list[Source | Benchmark] = [*experiment.sources.values(), *experiment.benchmarks.values()]
    pinned = [section for section in sections if READERS[section.reader].is_pinned]
    files = {file for section in pinned for code in section.languages for file in input_files(section, code, paths)}
    files |= {file for backbone in experiment.backbones.values() for file in paths.packaged_files(backbone)}
    return sorted(files) + [paths.hub_manifest(request) for request in requests.values()]


def _requests(section: Source | Benchmark, language: str) -> dict[str, Request]:
    if isinstance(section, Benchmark):
        return benchmark_requests(section, language)
    return {"manifest": pairs_request(section, language)}
