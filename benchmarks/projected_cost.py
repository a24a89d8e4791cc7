"""The projected cost of an experiment by stage: GPU-hours, core-hours, disk and memory.

Reads the configuration of an experiment and a file of sizes and rates (projected_cost.yaml), which marks each number as measured,
published, derived or assumed. A rate that is a range gives a range. Prints a Markdown table.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from processes import ROOT
from snakemake.utils import update_config  # type: ignore[import-untyped]

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config

HOUR = 3600.0
GIGA = 1e9
# float32 weights, gradients and the two moments of AdamW.
TRAINING_BYTES = 16
# Bytes of activations per layer, token and dimension, in half precision and without stored attention:
# Korthikanti et al. 2022 (arXiv 2205.05198), equation 1.
ACTIVATION_BYTES = 34


class Stage(NamedTuple):
    """The cost of a stage.

    Attributes:
        name: the stage.
        work: a description of its work.
        gpu: GPU-hours, minimum and maximum; 0 if it uses no GPU.
        cpu: core-hours; 0 if it uses a GPU or its time is not counted.
        disk: gigabytes that are kept.
        memory: peak memory of a job in gigabytes, on the GPU if it uses one; 0 if not counted.
    """

    name: str
    work: str
    gpu: tuple[float, float] = (0.0, 0.0)
    cpu: float = 0.0
    disk: float = 0.0
    memory: float = 0.0


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--config", type=Path, default=ROOT / "config" / "paper.yaml", help="the experiment")
    options.add_argument("--rates", type=Path, default=Path(__file__).with_suffix(".yaml"), help="sizes and rates")
    arguments = options.parse_args(argv)
    values = _read(ROOT / "config" / "config.yaml")
    # As Snakemake merges --configfile into the default.
    update_config(values, _read(arguments.config))
    experiment = load_config(values)
    sys.stdout.write("\n".join(table(project(experiment, _read(arguments.rates)))) + "\n")


def _read(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{file}: cannot be read as YAML ({error}); name another file") from error
    if not isinstance(values, dict):
        raise UserError(f"{file}: must hold keys and values; name another file")
    return values


def project(experiment: Config, rates: Mapping[str, Any]) -> list[Stage]:
    """Return the cost of every stage of an experiment.

    Raises:
        UserError: if the rates lack a backbone, translator, source, benchmark or language of the experiment.
    """
    return [
        _prepare(experiment, rates),
        _translate(experiment, rates),
        _train(experiment, rates),
        _encode(experiment, rates),
        _search(experiment, rates),
    ]


def forward_operations(backbone: Mapping[str, float], length: float) -> float:
    """Return the operations of an encoder for one token of a text of ``length`` tokens.

    ``2 N + 4 L d n`` for N weights outside the embeddings, L layers, width d and n tokens: a multiplication and an addition for each
    weight, and the products of attention (Kaplan et al. 2020, arXiv 2001.08361, table 1, which counts half the attention because its
    models are causal).
    """
    return 2 * backbone["body"] + 4 * backbone["layers"] * backbone["width"] * length


def _look_up(rates: Mapping[str, Any], *keys: str) -> Any:
    value: Any = rates
    for number, key in enumerate(keys):
        if key not in value:
            raise UserError(f"--rates: {'.'.join(keys[: number + 1])} is missing; add it")
        value = value[key]
    return value


def _sizes(experiment: Config, rates: Mapping[str, Any], benchmark: str, kind: str) -> list[int]:
    languages = experiment.benchmarks[benchmark].languages
    return [_look_up(rates, "benchmarks", benchmark, kind, language) for language in languages]


def _total(experiment: Config, rates: Mapping[str, Any], kind: str) -> int:
    return sum(sum(_sizes(experiment, rates, name, kind)) for name in experiment.runs.benchmarks)


def _runs(experiment: Config) -> tuple[int, int]:
    """Return how many models of each backbone are trained, and how many are evaluated."""
    trained = len(experiment.trained_strategies) * len(experiment.runs.seeds) if experiment.runs.strategies else 0
    return trained, trained + experiment.runs.untuned


def _range(operations: float, rates: Mapping[str, Any], stage: str) -> tuple[float, float]:
    careful, tuned = rates["device"]["share"][stage]
    peak = rates["device"]["peak"]
    return operations / (peak * tuned) / HOUR, operations / (peak * careful) / HOUR


def _prepare(experiment: Config, rates: Mapping[str, Any]) -> Stage:
    passages = _total(experiment, rates, "passages")
    pairs = sum(
        _look_up(rates, "sources", name, "pairs") * len(experiment.sources[name].all_languages)
        for name in experiment.used_sources
    )
    seconds = passages / rates["cpu"]["prepare_passages"] + pairs / rates["cpu"]["clean_pairs"]
    disk = (passages * rates["bytes"]["passage"] + pairs * rates["bytes"]["pair"]) / GIGA
    return Stage(
        "download, prepare, clean",
        f"{passages / 1e6:.1f} million passages, {pairs / 1e6:.1f} million pairs",
        cpu=seconds / HOUR,
        disk=disk,
    )


def _translate(experiment: Config, rates: Mapping[str, Any]) -> Stage:
    tokens, least, most, memory = 0.0, 0.0, 0.0, 0.0
    for name in experiment.used_sources:
        source = experiment.sources[name]
        if source.translation is None or source.translation.translator is None:
            continue
        numbers = _look_up(rates, "sources", name)
        output = numbers["pairs"] * numbers["tokens"] * len(source.translation.languages)
        translator = _look_up(rates, "translators", source.translation.translator)
        tokens += output
        least += output / max(translator["rate"]) / HOUR
        most += output / min(translator["rate"]) / HOUR
        # One byte for each weight in int8, and the same again for the decoder's state.
        memory = max(memory, 2 * translator["parameters"] / GIGA)
    return Stage("translate", f"{tokens / 1e6:.0f} million tokens", (least, most), memory=memory)


def _train(experiment: Config, rates: Mapping[str, Any]) -> Stage:
    training, (trained, _) = experiment.training, _runs(experiment)
    validations = training.steps // training.validation_every if training.validation else 0
    validated = validations * training.validation_batches * training.validation_batch_size
    operations, disk, memory = 0.0, 0.0, 0.0
    for name in experiment.runs.backbones if trained else []:
        backbone = _look_up(rates, "backbones", name)
        length = training.max_length or experiment.backbones[name].max_length
        pair = rates["tokens"]["padded_query"] + length
        # The most that a source needs: a negative is as long as a passage.
        longest = pair + length * any(map(experiment.has_negatives, training.sources))
        # A backward pass costs twice a forward pass; validation has none and uses no negatives.
        tokens = longest * 3 * training.steps * training.batch_size + pair * validated
        operations += trained * tokens * forward_operations(backbone, length)
        disk += trained * 4 * backbone["parameters"] / GIGA
        kept = ACTIVATION_BYTES * backbone["width"] * backbone["layers"] * longest * training.batch_size
        memory = max(memory, (TRAINING_BYTES * backbone["parameters"] + kept) / GIGA)
    models = trained * len(experiment.runs.backbones)
    return Stage(
        "train",
        f"{models} models, {training.steps:,} steps each",
        _range(operations, rates, "train"),
        0.0,
        disk,
        memory,
    )


def _encode(experiment: Config, rates: Mapping[str, Any]) -> Stage:
    _, evaluated = _runs(experiment)
    tokens = rates["tokens"]
    texts = {kind: _total(experiment, rates, kind) for kind in ("passages", "queries")}
    # Passages are stored in the index.
    stored = texts["passages"] * (2 if experiment.search.index == "SQfp16" else 4) + texts["queries"] * 4
    operations, disk, memory = 0.0, 0.0, 0.0
    for name in experiment.runs.backbones:
        backbone = _look_up(rates, "backbones", name)
        operations += evaluated * sum(
            texts[kind] * tokens[token] * forward_operations(backbone, tokens[token])
            for kind, token in (("passages", "passage"), ("queries", "query"))
        )
        disk += evaluated * stored * backbone["width"] / GIGA
        # float32 weights, and for a batch of the longest texts a few times the width per token of one layer.
        batch = experiment.encoding.batch_size * experiment.backbones[name].max_length
        memory = max(memory, 4 * (backbone["parameters"] + 16 * batch * backbone["width"]) / GIGA)
    runs = evaluated * len(experiment.runs.backbones)
    work = f"{runs} models x {texts['passages'] / 1e6:.1f} million passages"
    return Stage("encode", work, _range(operations, rates, "encode"), 0.0, disk, memory)


def _search(experiment: Config, rates: Mapping[str, Any]) -> Stage:
    """Exact search is bound by the products, which are computed again where ranks below `search.depth` are measured.

    With a pool, the queries of each language are compared with the passages of all languages.
    """
    _, evaluated = _runs(experiment)
    seconds = 0.0
    for name in experiment.runs.backbones:
        backbone = _look_up(rates, "backbones", name)
        for benchmark in experiment.runs.benchmarks:
            passages = _sizes(experiment, rates, benchmark, "passages")
            queries = _sizes(experiment, rates, benchmark, "queries")
            pooled = experiment.benchmarks[benchmark].measured != ["mono"]
            pairs = (
                sum(passages) * sum(queries)
                if pooled
                else sum(some * others for some, others in zip(passages, queries, strict=True))
            )
            ranked = pooled or experiment.measures_below_search_depth
            products = evaluated * pairs * backbone["width"]
            seconds += products / _look_up(rates, "cpu", "search", experiment.search.index)
            seconds += products / rates["cpu"]["ranks"] if ranked else 0
    runs = evaluated * len(experiment.runs.backbones)
    return Stage(
        "index, search, evaluate", f"{runs} models", cpu=seconds / HOUR, memory=_index_memory(experiment, rates)
    )


def _index_memory(experiment: Config, rates: Mapping[str, Any]) -> float:
    """Return the gigabytes of the largest index file, which is built in memory."""
    passages = max(max(_sizes(experiment, rates, name, "passages")) for name in experiment.runs.benchmarks)
    width = max(_look_up(rates, "backbones", name)["width"] for name in experiment.runs.backbones)
    rows = min(passages, experiment.search.index_rows)
    return float(rows * width * (2 if experiment.search.index == "SQfp16" else 4) / GIGA)


def table(stages: list[Stage]) -> list[str]:
    """Return a Markdown table with a sum."""
    lines = ["| stage | work | GPU-hours | core-hours | disk, GB | memory of a job, GB |", "|---|---|---|---|---|---|"]
    for stage in stages:
        cells = [stage.name, stage.work, _hours(stage.gpu), _number(stage.cpu), _number(stage.disk)]
        lines.append(f"| {' | '.join([*cells, _number(stage.memory)])} |")
    gpu = (sum(stage.gpu[0] for stage in stages), sum(stage.gpu[1] for stage in stages))
    cpu = sum(stage.cpu for stage in stages)
    disk = sum(stage.disk for stage in stages)
    lines.append(f"| all | | {_hours(gpu)} | {_number(cpu)} | {_number(disk)} | |")
    return lines


def _hours(least_most: tuple[float, float]) -> str:
    return " to ".join(_number(hours) for hours in least_most) if least_most[1] else "-"


def _number(value: float) -> str:
    if not value:
        return "-"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


if __name__ == "__main__":
    run(main)
