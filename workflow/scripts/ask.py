"""Answer a question: print the passages of a benchmark that a model of an experiment finds."""

import argparse
import dataclasses
import json
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hybridbatch.common import cli
from hybridbatch.publish.ask import Answer, answer, chosen_languages, find_model, kept_tokens, read_experiment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger("ask")
# The minimum width of the column of texts.
MIN_WIDTH = 40
# The width of output that is not a terminal.
DEFAULT_WIDTH = 1000


def main(argv: list[str] | None) -> None:
    """Run the program."""
    parser = cli.parser(__doc__)
    parser.add_argument("question", help="a question in any language")
    parser.add_argument("--results", type=Path, required=True, help="folder of an experiment, such as results/demo")
    parser.add_argument("--run", required=True, help="run whose model answers: backbone/strategy/seed<N>")
    parser.add_argument("--benchmark", required=True, help="benchmark whose passages are searched")
    parser.add_argument(
        "--language",
        action="append",
        default=[],
        help="language of the passages; may be repeated; default: all",
    )
    parser.add_argument("-k", type=_positive, default=5, help="number of passages")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)

    config = read_experiment(arguments.results)
    folder = find_model(arguments.results, config, arguments.run, arguments.benchmark)
    languages = chosen_languages(config, arguments.benchmark, arguments.language)
    kept = kept_tokens(folder)
    if kept is not None:
        logger.warning(
            "%s has only the %d tokens that the experiment's texts use; other words are lost",
            folder,
            kept,
        )
    answers = answer(
        _encode(folder, arguments.device, config.encoding.truncate_dim, arguments.question),
        arguments.results,
        arguments.run,
        arguments.benchmark,
        languages,
        config.search,
        arguments.k,
    )
    width = shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns
    sys.stdout.write(to_json(answers) if arguments.json else to_text(answers, width))


def to_json(answers: Sequence[Answer]) -> str:
    """Return answers as a JSON list of objects."""
    return json.dumps([dataclasses.asdict(found) for found in answers], ensure_ascii=False, indent=2) + "\n"


def to_text(answers: Sequence[Answer], width: int) -> str:
    """Return answers as a table of rank, score, language, id and text, one per line; long texts are truncated."""
    cells = [
        ("rank", "score", "language", "id"),
        *((str(a.rank), f"{a.score:.4f}", a.language, a.passage_id) for a in answers),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    room = max(MIN_WIDTH, width - sum(widths) - 2 * len(widths))
    texts = ["text", *(_truncate(found.text, room) for found in answers)]
    lines = [
        "  ".join(
            [row[0].rjust(widths[0]), *(cell.ljust(size) for cell, size in zip(row[1:], widths[1:], strict=True)), text]
        )
        for row, text in zip(cells, texts, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: must be at least 1")
    return number


def _truncate(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _encode(folder: Path, device: str, truncate_dim: int | None, question: str) -> "NDArray[np.float32]":
    """Return the vector of a question with the model's query prompt; shape (1, dimension)."""
    # Imported here, so that errors in the command line are reported at once.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415

    from hybridbatch.backbone.encoder import load_encoder  # noqa: PLC0415
    from hybridbatch.common.devices import choose_device  # noqa: PLC0415

    disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    model = load_encoder(folder, choose_device(device), truncate_dim)
    vectors: NDArray[np.float32] = model.encode_query([question], normalize_embeddings=True, show_progress_bar=False)
    return vectors


if __name__ == "__main__":
    # Print only the answer.
    os.environ.setdefault("LOGLEVEL", "WARNING")
    cli.run(main)
