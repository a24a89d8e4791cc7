"""Sentences per second of each translation engine, with length-sorted batches compared with batches in the order of the texts.

The two orders alternate in one process, on the same texts and with the same model; the ratio is that of the medians. Without
--model, a small NLLB with random weights is used: its translations are useless, but the ratio is meaningful.
"""

import logging
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from processes import ROOT

from hybridbatch.common.cli import parser, run
from hybridbatch.common.devices import choose_device
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_json
from hybridbatch.translate.apertium import ApertiumEngine
from hybridbatch.translate.engines import Engine
from hybridbatch.translate.model_engines import CTranslate2Engine, TransformersEngine
from hybridbatch.translate.model_files import convert_model, prepare_model
from hybridbatch.translate.translate_pairs import sorted_batches

LOG = logging.getLogger("translation_throughput")


def main(argv: list[str] | None = None) -> None:
    """Run the program."""
    options = parser(__doc__)
    options.add_argument("--model", type=Path, help="folder of a translation model in transformers layout")
    options.add_argument("--family", default="nllb", help="family of the model")
    options.add_argument("--engines", nargs="+", default=["transformers", "ctranslate2"], help="also: apertium")
    options.add_argument("--compute-type", default="float32", help="type of weights and products")
    options.add_argument("--device", default="auto", help="auto, cpu or cuda")
    options.add_argument("--source", default="en", help="language of the texts")
    options.add_argument("--target", default="es", help="language to translate into")
    options.add_argument(
        "--texts", type=Path, help="file with a text per line; default: random sentences of the demo's words"
    )
    options.add_argument("--sentences", type=int, default=256, help="number of random sentences")
    options.add_argument("--batch-size", type=int, default=32, help="texts in a batch, in both orders")
    options.add_argument("--max-output-tokens", type=int, default=32, help="tokens at which translations are truncated")
    options.add_argument("--beam-size", type=int, default=1, help="number of beams")
    options.add_argument("--repeats", type=int, default=3, help="measurements of each order")
    options.add_argument("--output", type=Path, help="JSON file for the results")
    arguments = options.parse_args(argv)

    texts = _texts(arguments.texts, arguments.sentences)
    with tempfile.TemporaryDirectory() as scratch:
        results = [_measure(engine, texts, arguments) for engine in _engines(arguments, Path(scratch))]
    for row in results:
        print("{engine:14}{naive:10.1f}{sorted:10.1f} sentences/s, ratio {ratio:.2f}".format(**row))  # noqa: T201
    if arguments.output:
        facts = {key: str(value) if isinstance(value, Path) else value for key, value in vars(arguments).items()}
        write_json(arguments.output, {"arguments": facts, "texts": len(texts), "results": results})


def _texts(file: Path | None, count: int) -> list[str]:
    if file is not None:
        return list(
            dict.fromkeys(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
        )
    words = (ROOT / "data/demo/pairs.en.tsv").read_text(encoding="utf-8").split()
    draw = random.Random(1)  # noqa: S311
    # Sentence lengths in a corpus have a long tail.
    return [
        " ".join(draw.choices(words, k=min(80, max(3, round(draw.lognormvariate(2.6, 0.7)))))) for _ in range(count)
    ]


def _engines(arguments: Any, scratch: Path) -> Iterator[Engine]:
    unknown = set(arguments.engines) - {"transformers", "ctranslate2", "apertium"}
    if unknown:
        raise UserError(
            f"--engines: {', '.join(sorted(unknown))} is unknown; allowed: transformers, ctranslate2, apertium"
        )
    folder = arguments.model
    if folder is None and arguments.engines != ["apertium"]:
        from tiny_translators import make_translator  # noqa: PLC0415 - only without a model

        sizes = {"d_model": 256, "encoder_layers": 4, "decoder_layers": 4, "max_position_embeddings": 512}
        widths = {"encoder_ffn_dim": 1024, "decoder_ffn_dim": 1024, "init_std": 0.1}
        folder = make_translator(scratch / "made", arguments.family, **sizes, **widths)
    decoding = {
        "family": arguments.family,
        "beam_size": arguments.beam_size,
        "max_input_tokens": 512,
        "max_output_tokens": arguments.max_output_tokens,
        "compute_type": arguments.compute_type,
    }
    pair = (arguments.source, arguments.target)
    device = choose_device(arguments.device)
    if folder is not None:
        prepare_model(scratch / "model", arguments.family, path=str(folder))
    for name in arguments.engines:
        if name == "transformers":
            yield TransformersEngine(scratch / "model", *pair, decoding, device)
        elif name == "ctranslate2":
            convert_model(scratch / "model", scratch / "converted", arguments.compute_type)
            yield CTranslate2Engine(scratch / "converted", *pair, decoding, device)
        else:
            yield ApertiumEngine(*pair)


def _measure(engine: Engine, texts: Sequence[str], arguments: Any) -> dict[str, Any]:
    lengths = {text: engine.length(text) for text in texts}
    by_length = sorted(texts, key=lambda text: -lengths[text])
    orders = {"naive": list(texts), "sorted": by_length}
    engine.translate(by_length[:2])
    seconds: dict[str, list[float]] = {name: [] for name in orders}
    for _ in range(arguments.repeats):
        for name, order in orders.items():
            start = time.perf_counter()
            for batch in sorted_batches(order, lengths, arguments.batch_size):
                engine.translate(batch)
            seconds[name].append(time.perf_counter() - start)
            LOG.info("%s, %s: %.2f s", engine.name, name, seconds[name][-1])
    rates = {name: len(texts) / statistics.median(times) for name, times in seconds.items()}
    return {"engine": engine.name, **rates, "ratio": rates["sorted"] / rates["naive"], "seconds": seconds}


if __name__ == "__main__":
    run(main)
