"""Everything that needs a GPU, in one run of at most ten minutes on an H100, without network: tests, then throughput.

Runs the tests marked `gpu`, then measures training (in bf16) and encoding (in bf16) of an encoder with the shape of XLM-R base and
random weights: ours as the workflow runs it, the same with torch.compile, and the plain loops of sentence-transformers
(SentenceTransformerTrainer with MultipleNegativesRankingLoss, SentenceTransformer.encode). The ways alternate, each in its own process;
rates are medians. Texts for training have --max-length tokens, texts to encode a quarter of that to all of it.

The share of the bf16 peak is model FLOPs utilisation (Chowdhery et al. 2022, arXiv 2204.02311, appendix B): 6 N + 12 L d s operations a
token in training, a third of it forward, for N weights outside the embeddings, L layers, width d and s tokens of a text; only tokens of
texts count, not padding. Checkpoints take 6 GB in the folder for temporary files. --device cpu measures the same on a machine without
a GPU, where only a small shape takes seconds.
"""

import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from encoding_throughput import BF16_PEAK, work
from processes import ROOT, machine, run_measured
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from tiny import tiny_backbone
from transformers import TrainerCallback

from hybridbatch.backbone.encoder import encode_texts, load_encoder
from hybridbatch.common.cli import parser, run
from hybridbatch.common.devices import choose_device
from hybridbatch.config.training import Training
from hybridbatch.train.aligned_pairs import AlignedPairs
from hybridbatch.train.hybrid_batches import HybridBatchSampler
from hybridbatch.train.trainer import train

WAYS = ["ours", "ours, compiled", "sentence-transformers"]
LOG_EVERY = 5


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--device", default="cuda", help="cuda or cpu")
    options.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="what to measure")
    options.add_argument("--rounds", type=int, default=2, help="measurements of each way")
    options.add_argument("--batch-size", type=int, default=100, help="pairs in a training batch")
    options.add_argument("--steps", type=int, default=40, help="training steps; the first ten are not measured")
    options.add_argument("--texts", type=int, default=20_000, help="texts to encode, in batches of 128")
    options.add_argument("--max-length", type=int, default=256, help="tokens of a text")
    options.add_argument("--layers", type=int, default=12, help="layers of the encoder")
    options.add_argument("--width", type=int, default=768, help="width of the encoder, a multiple of 64")
    options.add_argument("--vocabulary", type=int, default=250_002, help="rows of the embeddings")
    options.add_argument("--measure", nargs=2, metavar=("WAY", "FOLDER"), help="measure one way in this process")
    arguments = options.parse_args(argv)
    if arguments.measure:
        sys.stdout.write(json.dumps(measure(arguments.measure[0], Path(arguments.measure[1]), arguments)) + "\n")
        return
    choose_device(arguments.device)
    tests = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/unit"]
    failed = arguments.device == "cuda" and subprocess.run(tests, cwd=ROOT, check=False).returncode
    results: dict[str, list[dict[str, Any]]] = {way: [] for way in arguments.ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_encoder(folder, arguments)
        for _ in range(arguments.rounds):
            for way in arguments.ways:
                command = [sys.executable, __file__, *(sys.argv[1:] if argv is None else argv), "--measure", way, name]
                results[way].append(json.loads(run_measured(command).output.splitlines()[-1]))
    sys.stdout.write(f"{machine()}\n\n")
    sys.stdout.write("\n".join(table(results)) + "\n")
    if failed:
        raise RuntimeError("a test on the GPU failed, see above")


def write_encoder(folder: Path, arguments: Any) -> None:
    """Write ``folder/backbone``, random weights in the shape of the arguments."""
    tiny_backbone(
        folder,
        max_length=arguments.max_length,
        vocab_size=arguments.vocabulary,
        hidden_size=arguments.width,
        num_hidden_layers=arguments.layers,
        num_attention_heads=arguments.width // 64,
        intermediate_size=4 * arguments.width,
        max_position_embeddings=arguments.max_length + 2,
    )


def measure(way: str, folder: Path, arguments: Any) -> dict[str, Any]:
    """Train and encode in this process.

    Returns:
        ``device``, and for ``training`` and ``encoding`` the rates of pairs or texts, tokens and operations per second.
    """
    drawn = np.random.default_rng(1)
    texts = [
        _text(drawn, drawn.integers(arguments.max_length // 4, arguments.max_length, endpoint=True))
        for _ in range(arguments.texts)
    ]
    model = load_encoder(folder / "backbone", "cpu")
    passes = {"encoding": work(model, texts), "training": work(model, [_text(drawn, arguments.max_length)])}
    with tempfile.TemporaryDirectory(dir=folder) as name:
        pairs = train_library(folder, arguments) if way == WAYS[2] else train_ours(way, folder, Path(name), arguments)
    each = len(texts) / encode(way, folder, texts, arguments)
    return {
        "device": torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu",
        # A query and a passage, forward and backward.
        "training": [pairs, 2 * pairs * passes["training"]["tokens"], 6 * pairs * passes["training"]["operations"]],
        "encoding": [each, *(each / len(texts) * passes["encoding"][key] for key in ("tokens", "operations"))],
    }


def _text(drawn: np.random.Generator, length: int) -> str:
    """Return a text of at least ``length`` tokens; each letter is one token."""
    return " ".join(drawn.choice(list("abc"), length))


def _pairs(arguments: Any) -> dict[str, list[str]]:
    drawn = np.random.default_rng(2)
    count = 4 * arguments.batch_size
    columns = [[_text(drawn, arguments.max_length) for _ in range(count)] for _ in range(2)]
    return {"pair_id": list(map(str, range(count))), "query": columns[0], "passage": columns[1]}


def train_ours(way: str, folder: Path, work_folder: Path, arguments: Any) -> float:
    """Train as the workflow does; return pairs per second, of its own training curve."""
    settings = Training(
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        precision="bf16",
        compile=way == WAYS[1],
        log_every=LOG_EVERY,
    )
    source = AlignedPairs({"en": datasets.Dataset.from_dict(_pairs(arguments))})
    batches = HybridBatchSampler([source], settings.batch_size, settings.steps, alpha=1.0, seed=1)
    state, output = work_folder / "state", work_folder / "model"
    state.mkdir()
    train(folder / "backbone", batches, None, settings, False, 1, arguments.device, state, {}, {}, output)
    with (output / "curves.csv").open(encoding="utf-8", newline="") as stream:
        rates = [float(row["examples_per_second"]) for row in csv.DictReader(stream)]
    return statistics.median(rates[2:])


class _Clock(TrainerCallback):
    """Records when the loss of every few steps is known."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_log(self, *_: Any, **__: Any) -> None:
        self.times.append(time.perf_counter())


def train_library(folder: Path, arguments: Any) -> float:
    """Train with the plain sentence-transformers trainer; return pairs per second."""
    clock = _Clock()
    model = SentenceTransformer(str(folder / "backbone"), device=arguments.device)
    SentenceTransformerTrainer(
        model=model,
        loss=MultipleNegativesRankingLoss(model),
        args=SentenceTransformerTrainingArguments(
            output_dir=str(folder / "library"),
            max_steps=arguments.steps,
            per_device_train_batch_size=arguments.batch_size,
            bf16=True,
            use_cpu=arguments.device == "cpu",
            logging_steps=LOG_EVERY,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=datasets.Dataset.from_dict(_pairs(arguments)).select_columns(["query", "passage"]),
        callbacks=[clock],
    ).train()
    # The last entry is the summary of the training.
    spans = [after - before for before, after in zip(clock.times[1:-2], clock.times[2:-1], strict=True)]
    return LOG_EVERY * arguments.batch_size / statistics.median(spans)


def encode(way: str, folder: Path, texts: list[str], arguments: Any) -> float:
    """Encode the texts; return seconds, after a first call with some of them."""
    if way == WAYS[2]:
        half = {"dtype": torch.bfloat16}
        plain = SentenceTransformer(str(folder / "backbone"), device=arguments.device, model_kwargs=half)

        def call(some: list[str]) -> Any:
            return plain.encode_document(some, batch_size=128, normalize_embeddings=True)
    else:
        model = load_encoder(folder / "backbone", arguments.device)
        if way == WAYS[1]:
            model.compile(dynamic=True)

        def call(some: list[str]) -> Any:
            return encode_texts(model, some, "document", 128, "bf16")

    call(texts[: len(texts) // 10])
    start = time.perf_counter()
    call(texts)
    return time.perf_counter() - start


def table(results: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return a Markdown table: a row for each task and way, with the ratio of its rate to the last way."""
    lines = [
        "| | way | texts/s | tokens/s | of bf16 peak | all rounds, tokens/s | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for task in ("training", "encoding"):
        rates = {way: [_median([row[task][i] for row in rows]) for i in range(3)] for way, rows in results.items()}
        reference = rates[list(rates)[-1]][1]
        for way, (items, tokens, operations) in rates.items():
            device = results[way][0]["device"]
            peak = next((value for name, value in BF16_PEAK.items() if name in device), None)
            cells = [
                task,
                way,
                f"{items * (2 if task == 'training' else 1):,.0f}",
                f"{tokens:,.0f}",
                f"{operations / peak / 1e12:.1%}" if peak else "-",
                " ".join(f"{row[task][1]:,.0f}" for row in results[way]),
                f"{tokens / reference:.2f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


if __name__ == "__main__":
    run(main)
