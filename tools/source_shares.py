"""The share of each source among the batches of a strategy, and how often each pair is drawn, by the exponents of sizes.

Reads the configuration of an experiment and the numbers of pairs in benchmarks/projected_cost.yaml; nothing is downloaded. Prints the
table of docs/explanation/batches.md. Usage: PYTHONPATH=workflow/scripts python tools/source_shares.py
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config  # type: ignore[import-untyped]

from hybridbatch.common.cli import parser, run
from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config
from hybridbatch.config.training import Strategy
from hybridbatch.train.hybrid_batches import LanguagePair, Shares

ROOT = Path(__file__).resolve().parents[1]
# Language exponent, source exponent, and whether configured sizes count.
COLUMNS = [(0.0, 0.0, False), (0.0, 1.0, False), (0.0, 1.0, True), (1.0, 1.0, True)]


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--config", type=Path, default=ROOT / "config" / "paper.yaml", help="the experiment")
    options.add_argument("--strategy", default="hybrid", help="the strategy")
    arguments = options.parse_args(argv)
    values = _read(ROOT / "config" / "config.yaml")
    update_config(values, _read(arguments.config))
    config = load_config(values)
    numbers = _read(ROOT / "benchmarks" / "projected_cost.yaml")["sources"]
    pairs = {name: int(numbers[name]["pairs"]) for name in config.training.sources}
    sys.stdout.write("\n".join(table(config, arguments.strategy, pairs)) + "\n")


def _read(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return values


def table(config: Config, strategy: str, pairs: Mapping[str, int]) -> list[str]:
    """Return the lines of a Markdown table: a row for each source, a column for each choice of exponents and sizes.

    Args:
        config: the experiment.
        strategy: name of the strategy.
        pairs: the number of pairs of each source, the same in each of its languages.
    """
    sizes = {name: size for name in pairs if (size := config.sources[name].size) is not None}
    columns = []
    for language_exponent, source_exponent, configured in COLUMNS:
        exponents = {"language_exponent": language_exponent, "source_exponent": source_exponent}
        varied = config.strategies[strategy].model_copy(update=exponents)
        columns.append(source_shares(config, varied, {**pairs, **(sizes if configured else {})}))
    headings = [
        f"{language:g}, {source:g}{'' if configured else ', by pairs'}" if source else f"{language:g}, {source:g}"
        for language, source, configured in COLUMNS
    ]
    lines = [f"| source | pairs | languages | {' | '.join(headings)} |", "|---|---|---|---|---|---|---|"]
    drawn = config.training.steps * config.training.batch_size
    for name, number in pairs.items():
        cells = [f"{_short(100 * shares[name])} %, {_short(drawn * shares[name] / number)}" for shares in columns]
        lines.append(f"| {name} | {number:,} | {len(config.sources[name].all_languages)} | {' | '.join(cells)} |")
    return lines


def _short(value: float) -> str:
    """Return a number with two significant digits."""
    return f"{float(f'{value:.2g}'):g}"


def source_shares(config: Config, strategy: Strategy, sizes: Mapping[str, int]) -> dict[str, float]:
    """Return the probability that a batch is drawn from each source of a strategy; every language of a source has all its pairs."""
    languages = config.languages_of(strategy)
    found = dict.fromkeys(languages, 0.0)
    pairs = [
        LanguagePair(number, query_language, passage_language, sizes[name], sizes[name])
        for number, (name, codes) in enumerate(languages.items())
        for query_language in codes
        for passage_language in codes
    ]
    for monolingual, probability in ((True, strategy.alpha), (False, 1 - strategy.alpha)):
        kind = [pair for pair in pairs if (pair.query_language == pair.passage_language) is monolingual]
        for pair, share in Shares(kind, strategy.language_exponent, strategy.source_exponent):
            found[list(languages)[pair.source]] += probability * share
    return found


if __name__ == "__main__":
    run(main)
