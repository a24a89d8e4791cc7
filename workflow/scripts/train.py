"""Fine-tune a backbone with a batch strategy and a seed.

If killed, it resumes from its last checkpoint. Processes started by torchrun share every batch.
"""

import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from hybridbatch.common import cli
from hybridbatch.common.devices import choose_device
from hybridbatch.common.files import MANIFEST, read_json, sha256
from hybridbatch.config.training import WITHOUT_EFFECT, Strategy, Training
from hybridbatch.train.aligned_pairs import AlignedPairs
from hybridbatch.train.checkpoints import is_finished, locked_state
from hybridbatch.train.hybrid_batches import HybridBatchSampler
from hybridbatch.train.trainer import train

logger = logging.getLogger(__name__)


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument(
        "--backbone", type=Path, required=True, help="sentence-transformers folder with a manifest.json"
    )
    parser.add_argument("--training", type=cli.section(Training), required=True, help="the section training, as JSON")
    parser.add_argument("--strategy", type=cli.section(Strategy), required=True, help="the strategy, as JSON")
    parser.add_argument(
        "--seed", type=int, required=True, help="seed of everything random, such as batches and dropout"
    )
    parser.add_argument(
        "--code", default="", help="fingerprint of the code; checkpoints made by other code are not resumed"
    )
    parser.add_argument("--device", required=True, help="auto, cpu or cuda")
    pairs = {"type": cli.named_file, "metavar": "SOURCE:LANGUAGE=FILE"}
    parser.add_argument("--pairs", nargs="+", required=True, help="pairs to train on", **pairs)
    parser.add_argument("--validation-pairs", nargs="*", default=[], help="held-out pairs", **pairs)
    parser.add_argument(
        "--sizes",
        type=cli.named_number,
        nargs="*",
        default=[],
        metavar="SOURCE=SIZE",
        help="size that the exponents of the strategy count instead of the number of pairs",
    )
    parser.add_argument(
        "--state", type=Path, required=True, help="folder of checkpoints, from which a killed job resumes"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        help="folder of memory-mapped copies of the pairs, shared by all runs; default: the library's cache",
    )
    parser.add_argument("--output", type=Path, required=True, help="model folder to write")
    parser.add_argument(
        "--report-to",
        nargs="*",
        default=[],
        help="experiment trackers that receive the training curves; default: none",
    )
    parser.add_argument(
        "--tracked",
        type=Path,
        default=Path("tensorboard"),
        help="folder of TensorBoard's folders of runs; default: tensorboard",
    )
    arguments = parser.parse_args(argv)

    settings: Training = arguments.training.model_copy(update={"report_to": arguments.report_to})
    strategy, sizes = arguments.strategy, dict(arguments.sizes)
    batches = HybridBatchSampler(
        read_sources(arguments.pairs, arguments.cache, settings.negatives != "none"),
        settings.batch_size,
        settings.steps,
        strategy.alpha,
        arguments.seed,
        strategy.language_exponent,
        strategy.source_exponent,
        strategy.pair_scope,
        sizes,
    )
    validation = None
    if arguments.validation_pairs:
        validation = HybridBatchSampler(
            read_sources(arguments.validation_pairs, arguments.cache, negatives=False),
            settings.validation_batch_size,
            settings.validation_batches,
            settings.validation_alpha,
            seed=0,
        )
    facts = {
        "backbone": read_json(arguments.backbone / MANIFEST),
        "training": settings.model_dump(mode="json", exclude={*WITHOUT_EFFECT}),
        "strategy": strategy.model_dump(mode="json"),
        "seed": arguments.seed,
        "sizes": sizes,
        "pairs": {name: sha256(file) for name, file in arguments.pairs},
        "validation_pairs": {name: sha256(file) for name, file in arguments.validation_pairs},
        "versions": {name: version(name) for name in ("torch", "transformers", "sentence-transformers", "datasets")},
    }
    fingerprint = {**facts, "code": arguments.code}
    with locked_state(arguments.state):
        # By the program that this one waited for.
        if is_finished(arguments.state, fingerprint, arguments.output):
            logger.info("%s: this training is finished; delete its manifest.json to repeat it", arguments.output)
            return
        train(
            backbone=arguments.backbone,
            train_batches=batches,
            validation_batches=validation,
            settings=settings,
            symmetric=strategy.symmetric,
            seed=arguments.seed,
            device=choose_device(arguments.device),
            state=arguments.state,
            fingerprint=fingerprint,
            facts=facts,
            output=arguments.output,
            tracked=arguments.tracked,
        )


def read_sources(pairs: Sequence[tuple[str, Path]], cache: Path | None, negatives: bool) -> list[AlignedPairs]:
    """Open the pairs of each source, in order of first occurrence, with their negatives or without."""
    files: dict[str, dict[str, Path]] = {}
    for name, file in pairs:
        source, _, language = name.partition(":")
        files.setdefault(source, {})[language] = file
    return [AlignedPairs(by_language, source, cache, negatives) for source, by_language in files.items()]


if __name__ == "__main__":
    cli.run(main)
