"""Checks of this machine before any job starts: folders, local files, packages."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from hybridbatch.backbone.demands import check_demands
from hybridbatch.backbone.prepare import check_local_backbone
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.experiment import Config
from hybridbatch.config.sources import Source
from hybridbatch.config.translators import Translator
from hybridbatch.data.readers import ir_datasets
from hybridbatch.data.readers.registry import READERS, file_names
from hybridbatch.download.hub import Request, is_available
from hybridbatch.download.pinned_files import read_entries
from hybridbatch.jobs.paths import Paths
from hybridbatch.translate import ctranslate2_device
from hybridbatch.translate.apertium import find_mode
from hybridbatch.translate.model_files import check_local_languages, check_model_folder

ROOT = Path(__file__).parents[4]
ENCODER_ENVIRONMENT = Path("envs/encoder.yaml")


def check_machine(config: Config, data_files: Path, packages: bool) -> None:
    """Check output folders, local inputs, the list of downloads, and installed packages.

    Args:
        config: the experiment.
        data_files: the list of downloads, config/data.csv.
        packages: whether jobs use the packages of this Python, not their own environments.

    Raises:
        UserError: naming the key.
    """
    for key in ("results_dir", "resources_dir"):
        _check_writable(key, Path(getattr(config, key)))
    if config.mirror is not None and not Path(config.mirror).is_dir():
        raise UserError(
            f"mirror: {config.mirror} is not a folder; name the resources folder of another machine, or one that has the files of "
            f"{data_files} under their paths and those of the hub in hub/, or set it to null"
        )
    _check_downloads(config, data_files)
    for key, path in _local_inputs(config):
        if not path.exists():
            raise UserError(f"{key}: {path} does not exist; correct the path or choose other languages")
    _check_published(config)
    if packages:
        _check_collections(config)
    for name, backbone in config.backbones.items():
        try:
            if backbone.path is not None:
                check_local_backbone(Path(backbone.path))
        except UserError as error:
            raise UserError(f"backbones.{name}: {error}") from error
    _check_translations(config, packages)
    _check_training(config, packages)


def check_offline(requests: Iterable[Request], hub: Path, mirror: Path | None, command: str) -> None:
    """Check that all files of the hub are on this machine; for HF_HUB_OFFLINE=1.

    Args:
        requests: the files that the experiment needs from the hub.
        hub: the folder of fetched files.
        mirror: the folder that replaces the network, if any.
        command: the command that fetches missing files.

    Raises:
        UserError: naming the missing files.
    """
    missing = [request for request in requests if not is_available(request, hub, mirror)]
    names = sorted({f"{request.kind} {request.repository} at {request.revision[:12]}" for request in missing})
    if names:
        remedy = f"copy them to the mirror {mirror}" if mirror is not None else "set mirror to a folder that has them"
        raise UserError(
            f"{', '.join(names)}: not on this machine, and HF_HUB_OFFLINE=1 forbids downloads; run `{command}` online, "
            f"or {remedy}"
        )


def check_translation_device(config: Config, prefix: Path, device: str) -> None:
    """Check that CTranslate2 under a Python prefix can run the translation models on a device.

    Args:
        config: the experiment.
        prefix: the Python of translation jobs; one that is not on this machine, such as in a container, passes.
        device: ``cpu`` or ``cuda``.

    Raises:
        UserError: naming the key; see :func:`~hybridbatch.translate.ctranslate2_device.check_device`.
    """
    python = prefix / "bin" / "python"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for source in config.sources.values():
        settings = source.translation
        if settings is None or settings.engine != "ctranslate2" or not python.exists():
            continue
        compute_type = config.translators[str(settings.translator)].compute_type
        command = [str(python), "-m", ctranslate2_device.__name__, device, compute_type]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["failed"])[-1]
            raise UserError(f"translators.{settings.translator}: {reason}")


def _check_translations(config: Config, packages: bool) -> None:
    """Check the requirements of the translation engines, as far as possible without loading a model."""
    for name, source in config.sources.items():
        settings = source.translation
        if settings is None or settings.engine == "memory":
            continue
        for language in settings.languages:
            try:
                if settings.engine == "apertium" and packages:
                    find_mode(settings.source_language, language)
                if settings.translator is not None:
                    _check_translator(config.translators[settings.translator], language)
            except UserError as error:
                raise UserError(f"sources.{name}.translation: {error}") from error


def _check_training(config: Config, packages: bool) -> None:
    """Check the trackers, and the backbones that are prepared already; others are checked when they are prepared."""
    for package in config.training.report_to if config.runs.strategies else []:
        if packages and find_spec(package) is None:
            raise UserError(
                f"training.report_to: needs the package {package}, which is missing; run `pip install {package}`"
            )
        if not packages and f"- {package}==" not in (ROOT / ENCODER_ENVIRONMENT).read_text(encoding="utf-8"):
            raise UserError(
                f"training.report_to: needs the package {package}, which {ENCODER_ENVIRONMENT} lacks; add it there, or run "
                f"`pip install {package}` and start Snakemake without --use-conda"
            )
    for name in config.runs.backbones:
        folder = Path(Paths(config).prepared_backbone(name))
        if (folder / MANIFEST).exists():
            check_demands(folder, config.training, config.encoding)


def _check_translator(translator: Translator, language: str) -> None:
    if translator.path is not None:
        folder = Path(translator.for_language(language)["path"])
        check_model_folder(folder, translator.family)
        check_local_languages(folder, translator.family, language)


def _check_downloads(config: Config, data_files: Path) -> None:
    listed = read_entries(data_files)
    for key, section in _readers(config):
        if not READERS[section.reader].is_pinned:
            continue
        available = sorted({Path(path).stem for path in listed if path.startswith(f"{section.path}/")})
        if not available:
            data = [Path(path) for path in listed if not path.startswith("encoders/")]
            folders = sorted({"/".join(path.parent.parts[:2]) for path in data})
            raise UserError(f"{key}.path: {section.path} is not in {data_files}; allowed: {', '.join(folders)}")
        for language in section.languages:
            if any(f"{section.path}/{name}" not in listed for name in file_names(section, language).values()):
                raise UserError(
                    f"{key}.languages: {section.path} has no language {language!r}; allowed: {', '.join(available)}"
                )


def _check_published(config: Config) -> None:
    for name, benchmark in config.benchmarks.items():
        if not benchmark.is_published:
            continue
        for language in benchmark.languages:
            try:
                patterns = file_names(benchmark, language)
            except UserError as error:
                raise UserError(f"benchmarks.{name}.{error}") from error
            for kind, pattern in patterns.items():
                if benchmark.hub is None and not any(Path(benchmark.path).glob(pattern)):
                    raise UserError(
                        f"benchmarks.{name}.languages: {benchmark.path} has no {pattern}, the {kind} of {language!r}; "
                        "correct path, languages, language_names or files"
                    )


def _check_collections(config: Config) -> None:
    for name, benchmark in config.benchmarks.items():
        for language in benchmark.languages if benchmark.reader == "ir_datasets" else []:
            try:
                ir_datasets.load(benchmark, language)
            except UserError as error:
                raise UserError(f"benchmarks.{name}.{error}") from error


def _readers(config: Config) -> list[tuple[str, Source | Benchmark]]:
    sources: list[tuple[str, Source | Benchmark]] = [(f"sources.{name}", s) for name, s in config.sources.items()]
    return sources + [(f"benchmarks.{name}", b) for name, b in config.benchmarks.items()]


def _local_inputs(config: Config) -> Iterator[tuple[str, Path]]:
    for name, source in config.sources.items():
        if source.translation and source.translation.memory is not None:
            for language in source.translation.languages:
                yield f"sources.{name}.translation.languages", Path(source.translation.memory.format(language=language))
    for name, benchmark in config.benchmarks.items():
        if benchmark.is_published and benchmark.hub is None:
            yield f"benchmarks.{name}.path", Path(benchmark.path)
    for key, section in _readers(config):
        if section.reader == "parallel":
            yield f"{key}.path", Path(section.path)
            for language in section.languages:
                for name in file_names(section, language).values():
                    yield f"{key}.languages", Path(section.path) / name
        elif section.reader == "table":
            for language in section.languages:
                yield f"{key}.languages", Path(section.path.format(language=language))


def _check_writable(key: str, folder: Path) -> None:
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        if not existing.is_dir():
            raise NotADirectoryError(f"{existing} is not a folder")
        with tempfile.TemporaryFile(dir=existing):
            return
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{key}: {folder} cannot be written ({reason}); choose a writable folder") from error
