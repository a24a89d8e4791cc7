"""The lineage of a fine-tuned model: its backbone, its data, and their licences."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.config.backbones import PACKAGED, Backbone
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.experiment import Config
from hybridbatch.config.sources import Source, Translation

# Licences with an identifier on the hub; any other is shown as it is.
IDENTIFIERS = {
    "apache-2.0",
    "cc0-1.0",
    "mit",
    "odc-by",
    *(
        f"cc-{terms}-{version}"
        for terms in ("by", "by-sa", "by-nc", "by-nc-sa", "by-nc-nd", "by-nd")
        for version in ("2.0", "2.5", "3.0", "4.0")
    ),
}
NON_COMMERCIAL = re.compile(r"\bNC\b|(?i:non-?\s?commercial)")


@dataclass(frozen=True)
class Part:
    """A backbone, source or benchmark of a model.

    Attributes:
        name: its name in the configuration.
        origin: an id of the hub, a package or a path.
        revision: the commit; None if the origin has none.
        licence: as stated in the configuration or the list of downloads; None if not stated.
        on_hub: whether ``origin`` is an id of the Hugging Face hub.
    """

    name: str
    origin: str
    revision: str | None
    licence: str | None
    on_hub: bool = False

    @property
    def is_non_commercial(self) -> bool:
        """Whether the stated licence forbids commercial use."""
        return self.licence is not None and NON_COMMERCIAL.search(self.licence) is not None


@dataclass(frozen=True)
class Data:
    """A source of pairs: its role (``training`` or ``validation``), its number of pairs by language, and how some were translated."""

    part: Part
    role: str
    pairs: dict[str, int]
    translation: str | None


def licence_of(parts: Sequence[Part]) -> tuple[str, str | None]:
    """Return the hub's identifier of the licence that all parts share, and a name if that identifier is ``other``.

    The identifier is ``unknown`` if a part states no licence, and ``other`` if licences differ or the hub has none for them.
    """
    if any(part.licence is None for part in parts):
        return "unknown", None
    found = {re.sub(r"\s+", "-", str(part.licence).strip().lower()) for part in parts}
    if len(found) == 1 and found <= IDENTIFIERS:
        return found.pop(), None
    return "other", "licences-of-its-parts"


def model_parts(config: Config, backbone: str, pairs: Iterable[str], downloads: Mapping[str, Part]) -> list[Part]:
    """Return what a model is made of: its backbone and the sources of its training pairs.

    Args:
        config: the resolved configuration.
        backbone: name of its backbone.
        pairs: ``source:language`` of each file of its training pairs.
        downloads: what :func:`read_downloads` returns.
    """
    sources = dict.fromkeys(name.partition(":")[0] for name in pairs)
    trained = [data_part(name, config.sources[name], downloads) for name in sources]
    return [backbone_part(backbone, config.backbones[backbone]), *trained]


def read_data(
    config: Config, names: Iterable[str], role: str, pairs: Path, downloads: Mapping[str, Part]
) -> list[Data]:
    """Return the sources of pairs that a model was trained or validated with.

    Args:
        config: the resolved configuration.
        names: ``source:language`` of each file of pairs.
        role: ``training`` or ``validation``.
        pairs: folder of ``<source>/<language>.parquet``.
        downloads: what :func:`read_downloads` returns.
    """
    languages: dict[str, list[str]] = {}
    for name in names:
        source, _, language = name.partition(":")
        languages.setdefault(source, []).append(language)
    found = []
    for source, codes in languages.items():
        section = config.sources[source]
        counts = {code: _count(pairs / source / f"{code}.parquet") for code in sorted(codes)}
        part = data_part(source, section, downloads)
        found.append(Data(part, role, counts, _translation(config, section.translation, codes)))
    return found


def _count(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows)
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as parquet ({error}); delete it and run again") from error


def _translation(config: Config, settings: Translation | None, languages: Sequence[str]) -> str | None:
    translated = sorted({*languages} & {*settings.languages}) if settings else []
    if settings is None or not translated:
        return None
    engine = settings.memory if settings.engine == "memory" else settings.engine
    if settings.translator is not None:
        origins = [config.translators[settings.translator].for_language(language) for language in translated]
        models = [
            f"{origin['hub']} at {origin['revision']}" if "hub" in origin else origin["path"] for origin in origins
        ]
        engine = f"{', '.join(dict.fromkeys(models))} ({settings.engine})"
    return f"{', '.join(translated)}: from {settings.source_language} by {engine}"


def backbone_part(name: str, backbone: Backbone) -> Part:
    """Return a backbone as a part of a model."""
    if backbone.packaged is not None:
        original = PACKAGED[backbone.packaged].original
        return Part(name, f"{original}, as in the Python package {backbone.packaged}", None, backbone.licence)
    return Part(name, backbone.hub or str(backbone.path), backbone.revision, backbone.licence, backbone.hub is not None)


def data_part(name: str, section: Source | Benchmark, downloads: Mapping[str, Part]) -> Part:
    """Return a source or benchmark as a part of a model."""
    stated = section.licence if isinstance(section, Source) else section.about.licence
    listed = downloads.get(section.path)
    if listed is not None:
        return Part(name, section.path, listed.revision, stated or listed.licence)
    return Part(name, section.path, section.hub.revision if section.hub else None, stated, section.hub is not None)


def read_downloads(file: Path) -> dict[str, Part]:
    """Return commit and licence of the downloads by folder.

    Raises:
        UserError: if the list cannot be read, or the files of a folder differ in commit or licence.
    """
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = [
                (Path(row["path"]).parent.as_posix(), row["revision"], row["licence"]) for row in csv.DictReader(stream)
            ]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as the list of downloads ({error}); restore it") from error
    found: dict[str, Part] = {}
    for folder, revision, licence in rows:
        part = Part(folder, folder, revision, licence)
        if found.setdefault(folder, part) != part:
            raise UserError(
                f"{file}: the files in {folder} differ in revision or licence; put them in separate folders"
            )
    return found
