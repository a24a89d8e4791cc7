"""Fine-tune one backbone with one batch strategy and one seed.

Started again after a kill, it goes on from its last checkpoint. Several processes started by torchrun share every batch.
"""

import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.devices import choose_device
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, read_json, sha256
from hybridbatch.config.training import Strategy, Training
from hybridbatch.train.aligned_pairs import AlignedPairs
from hybridbatch.train.hybrid_batches import HybridBatchSampler
from hybridbatch.train.trainer import train


def main(argv: list[str] | None) -> None:
    """Train as the command line says."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--backbone", type=Path, required=True, help="sentence-transformers folder with a manifest.json"
    )
    parser.add_argument("--training", required=True, help="the training section of the configuration, as JSON")
    parser.add_argument("--strategy", required=True, help="the strategy, as JSON")
    parser.add_argument("--seed", type=int, required=True, help="seed of batches, dropout and everything else drawn")
    parser.add_argument(
        "--code", default="", help="fingerprint of the code: a checkpoint of other code is not continued"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--pairs", nargs="+", required=True, metavar="SOURCE:LANGUAGE=FILE", help="pairs to train on")
    parser.add_argument(
        "--validation-pairs", nargs="*", default=[], metavar="SOURCE:LANGUAGE=FILE", help="held-out pairs"
    )
    parser.add_argument(
        "--state", type=Path, required=True, help="folder of checkpoints: what a killed job resumes from"
    )
    parser.add_argument("--output", type=Path, required=True, help="model folder to write")
    arguments = parser.parse_args(argv)

    settings = Training.model_validate_json(arguments.training)
    strategy = Strategy.model_validate_json(arguments.strategy)
    cache = arguments.state.with_name(arguments.state.name + ".pairs")
    batches = HybridBatchSampler(
        read_sources(arguments.pairs, cache),
        settings.batch_size,
        settings.steps,
        strategy.alpha,
        arguments.seed,
        strategy.size_exponent,
        strategy.pair_scope,
    )
    validation = None
    if arguments.validation_pairs:
        validation = HybridBatchSampler(
            read_sources(arguments.validation_pairs, cache),
            settings.validation_batch_size,
            settings.validation_batches,
            settings.validation_alpha,
            seed=0,
        )
    facts = {
        "backbone": read_json(arguments.backbone / MANIFEST),
        # How many devices share a batch changes no result.
        "training": settings.model_dump(mode="json", exclude={"gpus"}),
        "strategy": strategy.model_dump(mode="json"),
        "seed": arguments.seed,
        "pairs": {name: sha256(Path(file)) for name, file in split_pairs(arguments.pairs)},
        "validation_pairs": {name: sha256(Path(file)) for name, file in split_pairs(arguments.validation_pairs)},
        "versions": {name: version(name) for name in ("torch", "transformers", "sentence-transformers", "datasets")},
    }
    train(
        backbone=arguments.backbone,
        train_batches=batches,
        validation_batches=validation,
        settings=settings,
        seed=arguments.seed,
        device=choose_device(arguments.device),
        state=arguments.state,
        fingerprint={**facts, "code": arguments.code},
        facts=facts,
        output=arguments.output,
    )
    shutil.rmtree(cache, ignore_errors=True)


def split_pairs(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Split ``SOURCE:LANGUAGE=FILE`` arguments into (source:language, file).

    Raises:
        UserError: if one is written otherwise.
    """
    pairs = []
    for argument in arguments:
        name, equals, file = argument.partition("=")
        if not equals or name.count(":") != 1:
            raise UserError(f"--pairs: {argument!r} is not SOURCE:LANGUAGE=FILE; name a source, a language and a file")
        pairs.append((name, file))
    return pairs


def read_sources(arguments: Sequence[str], cache: Path) -> list[AlignedPairs]:
    """Open the pairs of each source, in the order in which the sources are first named.

    Several processes may do so at once: the library locks the cache while one of them writes it.
    """
    files: dict[str, dict[str, Path]] = {}
    for name, file in split_pairs(arguments):
        source, _, language = name.partition(":")
        files.setdefault(source, {})[language] = Path(file)
    return [AlignedPairs(source, by_language, cache) for source, by_language in files.items()]


if __name__ == "__main__":
    cli.run(main)
