"""The card of a fine-tuned model: usage, scores, training, data, licences and limits."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_text
from hybridbatch.config.backbones import PACKAGED, Backbone
from hybridbatch.config.experiment import Config
from hybridbatch.evaluate.names import MEAN, MISSING, TABLES, Run, decimals, metric_label, table_name
from hybridbatch.evaluate.summary import read_summary
from hybridbatch.publish.lineage import (
    Data,
    Part,
    data_part,
    licence_of,
    model_parts,
    read_data,
    read_downloads,
)

TEMPLATE = Path(__file__).parent / "templates" / "model_card.md.jinja"


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
        run: the run whose model it is.
        manifest: the manifest of the model's folder.
        summary: ``summary.csv``.
        pairs: folder of ``<source>/<language>.parquet``.
        data_files: the list of single-file downloads, with their commits and licences.

    Raises:
        UserError: if a file is missing or unreadable.
    """
    downloads = read_downloads(data_files)
    parts = model_parts(config, run.backbone, manifest["pairs"], downloads)
    data = [*read_data(config, manifest["pairs"], "training", pairs, downloads)]
    data += read_data(config, manifest["validation_pairs"], "validation", pairs, downloads)
    values = scores(read_summary(summary), run)
    benchmarks = {name: data_part(name, config.benchmarks[name], downloads) for name in config.runs.benchmarks}
    trained = sorted({language for each in data if each.role == "training" for language in each.pairs})
    evaluated = sorted({language for name in config.runs.benchmarks for language in config.benchmarks[name].languages})
    card = ModelCard.from_template(
        card_data(run, config.backbones[run.backbone], parts, data, trained, values, benchmarks),
        template_path=str(TEMPLATE),
        experiment=config.experiment,
        truncate_dim=config.encoding.truncate_dim,
        notice=config.notice,
        run=run,
        backbone=parts[0],
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
    """Return the metadata of the card."""
    licence, licence_name = licence_of(parts)
    base = PACKAGED[backbone.packaged].original if backbone.packaged else backbone.hub
    hub_sources = {each.part.origin for each in data if each.role == "training" and each.part.on_hub}
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
                dataset_type=benchmarks[row.benchmark].origin if benchmarks[row.benchmark].on_hub else row.benchmark,
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


def scores(summary: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Return the macro-averages over languages of a run: ``benchmark, setting, metric, value``, without missing ones.

    Raises:
        UserError: if the summary does not have the run.
    """
    of_run = (
        (summary["backbone"] == run.backbone) & (summary["strategy"] == run.strategy) & (summary["seed"] == run.seed)
    )
    if not of_run.any():
        raise UserError(
            f"{run.backbone}/{run.strategy}/seed{run.seed}: has no row in the summary; delete tables/summary.csv and run again"
        )
    means = summary[of_run & (summary["language"] == MEAN) & summary["value"].notna()]
    tables = [table_name(*names) for names in zip(means["setting"], means["metric"], strict=True)]
    return means.assign(setting=tables)[["benchmark", "setting", "metric", "value"]].reset_index(drop=True)


def score_rows(values: pd.DataFrame) -> list[tuple[str, str, dict[str, str]]]:
    """Return a row for each benchmark and setting: its measures as printed."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in values.itertuples(index=False):
        printed = f"{row.value:.{decimals(row.metric)}f}"
        rows.setdefault((row.benchmark, row.setting), {})[row.metric] = printed
    return [(benchmark, setting, measures) for (benchmark, setting), measures in rows.items()]


def training_settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the training by their keys in the configuration, without those that are unset."""
    values = {f"strategies.{key}": value for key, value in manifest["strategy"].items()}
    values |= {f"training.{key}": value for key, value in manifest["training"].items()}
    values |= {f"sources.{name}.size": size for name, size in manifest["sizes"].items()}
    # The card lists the sources in its table of data.
    sources = {"training.sources", "training.validation"}
    return {key: value for key, value in values.items() if value not in (None, []) and key not in sources}


def cell(value: object) -> str:
    """Return a value as text for a cell of a Markdown table."""
    return re.sub(r"([\\|<*_`\[\]])", r"\\\1", " ".join(str(value).split()))
