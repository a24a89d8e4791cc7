"""Training with hybrid batches compared with the sentence-transformers trainer and its own samplers, on the same pairs.

Measures the cost of a batch before it reaches the model (drawing and reading its texts, without and with tokenising), then whole
training steps. The samplers alternate in one process. Times are medians over the batches or steps of all rounds; ratios are relative
to the library's batches without duplicates, which give the same guarantee as our monolingual ones. The library has no counterpart to
hybrid batches. Texts are truncated at --max-length, so that all steps multiply matrices of the same size. The pairs are synthetic, in
9 languages; without --backbone, the encoder has random weights.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import datasets
from processes import machine
from sampler_memory import LANGUAGES, write_sources
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import PrinterCallback, TrainerCallback

from hybridbatch.common.cli import parser, run
from hybridbatch.train.aligned_pairs import AlignedPairs
from hybridbatch.train.hybrid_batches import HybridBatchSampler
from hybridbatch.train.trainer import HybridBatchTrainer

OURS = {"ours, monolingual": 1.0, "ours, hybrid": 0.5}
LIBRARY = {"library, no duplicates": "no_duplicates", "library, default": "batch_sampler"}
REFERENCE = "library, no duplicates"
# Steps left out at the start of each round, in which memory is allocated and files are read for the first time.
WARM_UP = 2

# Wall clock and CPU seconds; other programs disturb the latter less.
Times = dict[str, list[tuple[float, float]]]


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--backbone", type=Path, help="a prepared backbone")
    options.add_argument("--rows", type=int, default=100_000, help="aligned rows of the pairs")
    options.add_argument("--batch-size", type=int, default=32, help="pairs in a batch")
    options.add_argument("--max-length", type=int, default=16, help="tokens at which texts are truncated")
    options.add_argument("--batches", type=int, default=30, help="batches drawn and read in a round")
    options.add_argument("--steps", type=int, default=10, help="training steps in a round")
    options.add_argument("--rounds", type=int, default=6, help="rounds of each sampler")
    arguments = options.parse_args(argv)
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backbone = arguments.backbone or _small_encoder(folder / "encoder")
        write_sources(folder, arguments.rows, gaps=False)
        files = {language: folder / f"{language}.parquet" for language in LANGUAGES}
        source = AlignedPairs(files, "synthetic", folder / "cache")
        plain = datasets.DatasetDict(
            {
                language: datasets.Dataset.from_parquet(
                    str(file), cache_dir=str(folder / "cache"), columns=["query", "passage"]
                )
                for language, file in files.items()
            }
        )

        def trainer(way: str, steps: int) -> SentenceTransformerTrainer:
            return _trainer(way, backbone, source, plain, steps, arguments, folder / "state")

        ways = [*OURS, *LIBRARY]
        read, tokenised = _loading(trainer, ways, arguments.batches, arguments.rounds)
        steps = _training(trainer, ways, arguments.steps, arguments.rounds)
    sys.stdout.write(f"{machine()}\n\n")
    sys.stdout.write("\n".join(table({"drawn and read": read, "and tokenised": tokenised, "step": steps})) + "\n")


def _small_encoder(folder: Path) -> Path:
    from tiny import tiny_backbone  # noqa: PLC0415 - only without a backbone

    return tiny_backbone(folder)


def _trainer(
    way: str,
    backbone: Path,
    source: AlignedPairs,
    plain: datasets.DatasetDict,
    steps: int,
    arguments: Any,
    state: Path,
) -> SentenceTransformerTrainer:
    """Return a trainer with a fresh model, ours or the library's, with the same settings."""
    model = SentenceTransformer(str(backbone), device="cpu")
    model.max_seq_length = arguments.max_length
    prompts = {"query": model.prompts.get("query") or "", "passage": model.prompts.get("document") or ""}
    options: dict[str, Any] = {
        "model": model,
        "loss": MultipleNegativesRankingLoss(model),
        "args": SentenceTransformerTrainingArguments(
            output_dir=str(state),
            max_steps=steps,
            per_device_train_batch_size=arguments.batch_size,
            batch_sampler=LIBRARY.get(way, "batch_sampler"),
            dataloader_pin_memory=False,
            dataloader_drop_last=True,
            save_strategy="no",
            logging_strategy="no",
            prompts=prompts,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            full_determinism=True,
        ),
    }
    if way in OURS:
        batches = HybridBatchSampler([source], arguments.batch_size, steps, OURS[way], seed=1)
        return HybridBatchTrainer(train_batches=batches, validation_batches=None, **options)
    return SentenceTransformerTrainer(train_dataset=plain, **options)


def _loading(
    trainer: Callable[[str, int], SentenceTransformerTrainer], ways: list[str], batches: int, rounds: int
) -> tuple[Times, Times]:
    """Return the seconds to draw and read each batch, and those to tokenise it, too."""
    loaders: dict[str, list[Iterator[Any]]] = {}
    steps = rounds * (batches + WARM_UP)
    for way in ways:
        loaders[way] = []
        for tokenise in (False, True):
            loading = trainer(way, steps)
            if not tokenise:
                loading.data_collator = _Nothing()  # type: ignore[assignment]
            loaders[way].append(iter(loading.get_train_dataloader()))
    read: Times = {way: [] for way in ways}
    tokenised: Times = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            for times, loader in zip((read, tokenised), loaders[way], strict=True):
                times[way] += [_seconds(loader) for _ in range(batches + WARM_UP)][WARM_UP:]
    return read, tokenised


class _Nothing:
    """Leaves texts as they are."""

    valid_label_columns: tuple[str, ...] = ()

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        return {"texts": [tuple(row.values()) for row in features]}


def _seconds(loader: Iterator[Any]) -> tuple[float, float]:
    start, worked = _now()
    next(loader)
    end, done = _now()
    return end - start, done - worked


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


class _Clock(TrainerCallback):
    """Records the time at the end of each step."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(_now())


def _training(
    trainer: Callable[[str, int], SentenceTransformerTrainer], ways: list[str], steps: int, rounds: int
) -> Times:
    """Return the seconds of each step."""
    times: Times = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            training, clock = trainer(way, steps + WARM_UP), _Clock()
            training.remove_callback(PrinterCallback)
            training.add_callback(clock)
            training.train()
            ends = clock.ends[WARM_UP - 1 :]
            times[way] += [(end[0] - start[0], end[1] - start[1]) for start, end in pairwise(ends)]
    return times


def table(measured: dict[str, Times]) -> list[str]:
    """Return a Markdown table: milliseconds with quartiles, and the ratio of medians to the reference."""
    lines = [
        "| milliseconds per batch | median | quartiles | ratio | CPU, median | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for what, times in measured.items():
        references = [statistics.median(column) for column in zip(*times[REFERENCE], strict=True)]
        for way, pairs in times.items():
            seconds, cpu = zip(*pairs, strict=True)
            low, middle, high = (1e3 * value for value in statistics.quantiles(seconds, n=4))
            worked = statistics.median(cpu)
            lines.append(
                f"| {what}: {way} | {middle:.2f} | {low:.2f} to {high:.2f} | {middle / 1e3 / references[0]:.3f} "
                f"| {1e3 * worked:.2f} | {worked / references[1]:.3f} |"
            )
    return lines


if __name__ == "__main__":
    run(main)
