"""Encoding as in `encode.py` compared with SentenceTransformer.encode and its defaults: sentences and tokens per second, peak memory.

Both encode the same passages with the same model and prompt, alternating, each in its own process. Time is that of the call, after
a first call with a few texts. CPU seconds are those of all cores, which other programs disturb less. Memory is the peak of the
process, model and libraries included. On a GPU, the table also shows the share of the device's bf16 peak, counting 2 operations for
each weight outside the embeddings (and a pooler, which mean pooling does not use) and 4 x layers x width x length for attention.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from processes import machine, run_measured

from hybridbatch.common.cli import parser, run
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table

WAYS = ["library", "ours", "ours-bf16", "library-bf16"]
# Dense bf16 operations per second in 1e12, from the vendor's data sheets.
BF16_PEAK = {"H200": 989.0, "H100 PCIe": 756.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "RTX 4090": 165.0}


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True, help="a prepared backbone or a trained model")
    options.add_argument("--texts", type=Path, nargs="+", required=True, help="parquet files with a column `text`")
    options.add_argument("--sentences", type=int, default=1500, help="texts encoded, the same number from each file")
    options.add_argument("--batch-size", type=int, default=32, help="batch size of our encoder")
    options.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS[:3], help="encoders to measure")
    options.add_argument("--repeats", type=int, default=3, help="measurements of each encoder")
    options.add_argument("--device", default="cpu", help="cpu or cuda")
    options.add_argument("--measure", choices=WAYS, help="measure one encoder in this process and write JSON")
    arguments = options.parse_args(argv)
    if arguments.measure:
        sys.stdout.write(json.dumps(measure(arguments.measure, arguments)) + "\n")
        return
    sys.stdout.write(f"{machine()}\n\n")
    results: dict[str, list[dict[str, Any]]] = {way: [] for way in arguments.ways}
    for _ in range(arguments.repeats):
        for way in arguments.ways:
            command = [sys.executable, __file__, "--measure", way, *(sys.argv[1:] if argv is None else argv)]
            usage = run_measured(command)
            results[way].append({**json.loads(usage.output.splitlines()[-1]), "peak": usage.mebibytes})
    sys.stdout.write("\n".join(table(results)) + "\n")


def measure(way: str, arguments: Any) -> dict[str, Any]:
    """Encode in this process; return seconds, tokens, operations, peak memory of the device in bytes, and its name."""
    import torch  # noqa: PLC0415 - keeps the parent process small

    texts = _texts(arguments.texts, arguments.sentences)
    model, encode = _encoder(way, arguments)
    encode(texts[:8])
    started, worked = time.perf_counter(), time.process_time()
    encode(texts)
    seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    facts = {"seconds": seconds, "cpu": cpu, "texts": len(texts), "device": "cpu", "device_peak": 0}
    if arguments.device == "cuda":
        facts.update(device=torch.cuda.get_device_name(), device_peak=torch.cuda.max_memory_allocated())
    return {**facts, **work(model, texts)}


def _texts(files: Sequence[Path], total: int) -> list[str]:
    share = -(-total // len(files))
    columns = [read_table(file, ["text"])["text"].to_pylist()[:share] for file in files]
    texts: list[str] = [text for column in columns for text in column][:total]
    if len(texts) < total:
        raise UserError(f"--sentences: {total} are needed, but {share} from each file are only {len(texts)}; lower it")
    return texts


def _encoder(way: str, arguments: Any) -> tuple[Any, Callable[[list[str]], Any]]:
    import torch  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    from hybridbatch.backbone.encoder import encode_texts, load_encoder  # noqa: PLC0415

    if way.startswith("ours"):
        model = load_encoder(arguments.model, arguments.device)
        precision: Any = "bf16" if way.endswith("bf16") else "fp32"
        return model, lambda texts: encode_texts(model, texts, "document", arguments.batch_size, precision)
    dtype = torch.bfloat16 if way.endswith("bf16") else torch.float32
    model = SentenceTransformer(str(arguments.model), device=arguments.device, model_kwargs={"dtype": dtype})
    return model, lambda texts: model.encode_document(texts, normalize_embeddings=True)


def work(model: Any, texts: Sequence[str]) -> dict[str, float]:
    """Return the tokens of the texts, prompts included, and the operations of one pass over them without padding."""
    encoder = model.transformers_model
    layers, width = encoder.config.num_hidden_layers, encoder.config.hidden_size
    weights = sum(
        p.numel() for name, p in encoder.named_parameters() if "embedding" not in name and "pooler" not in name
    )
    tokens = operations = 0.0
    for start in range(0, len(texts), 256):
        features = model.preprocess(list(texts[start : start + 256]), prompt=model.prompts["document"], task="document")
        for length in features["attention_mask"].sum(dim=1).tolist():
            tokens += length
            operations += length * (2 * weights + 4 * layers * width * length)
    return {"tokens": tokens, "operations": operations}


def table(results: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return a Markdown table: a row for each encoder, with its ratios to the first."""
    lines = [
        "| way | sentences/s | tokens/s | seconds, all | time, ratio | CPU seconds, ratio | peak memory, MiB | ratio | device memory, MiB | of bf16 peak |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    first = next(iter(results.values()))
    for way, rounds in results.items():
        seconds = _median(rounds, "seconds")
        peak = _median(rounds, "peak")
        rate = rounds[0]["operations"] / seconds / 1e12
        known = next((value for name, value in BF16_PEAK.items() if name in rounds[0]["device"]), None)
        cells = [
            way,
            f"{rounds[0]['texts'] / seconds:.1f}",
            f"{rounds[0]['tokens'] / seconds:,.0f}",
            " ".join(f"{row['seconds']:.1f}" for row in rounds),
            f"{seconds / _median(first, 'seconds'):.2f}",
            f"{_median(rounds, 'cpu') / _median(first, 'cpu'):.2f}",
            f"{peak:.0f}",
            f"{peak / _median(first, 'peak'):.2f}",
            f"{_median(rounds, 'device_peak') / 2**20:.0f}",
            f"{rate / known:.1%}" if known else "-",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _median(rounds: Sequence[dict[str, Any]], key: str) -> float:
    return float(statistics.median(row[key] for row in rounds))


if __name__ == "__main__":
    run(main)
