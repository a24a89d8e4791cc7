"""Encoding of texts with a sentence-transformers model: each distinct text once, with little padding."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

Precision = Literal["fp32", "bf16", "fp16"]
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
# The kinds of texts, as named in the prompts and routers of sentence-transformers.
Task = Literal["query", "document"]
# Batches tokenised together while the device encodes the previous ones.
BATCHES_AHEAD = 32

Item = TypeVar("Item")


def load_encoder(folder: Path, device: str, truncate_dim: int | None = None) -> SentenceTransformer:
    """Load an encoder with float32 weights.

    Args:
        folder: a sentence-transformers folder.
        device: ``cpu`` or ``cuda``.
        truncate_dim: dimensions that are kept of its vectors; None: all.
    """
    options = {"dtype": torch.float32}
    model: SentenceTransformer = SentenceTransformer(
        str(folder), device=device, local_files_only=True, model_kwargs=options
    ).eval()
    model.truncate_dim = truncate_dim
    return model


def encode_texts(
    model: SentenceTransformer, texts: list[str], task: Task, batch_size: int, precision: Precision = "fp32"
) -> NDArray[np.float32]:
    """Return the L2-normalised vectors of texts, shape (texts, dimension), or (texts, ``model.truncate_dim``); equal texts are encoded once.

    The vectors are those of ``encode_query`` or ``encode_document`` of sentence-transformers, with prompts. To reduce padding,
    texts are sorted by length in characters and, within groups of :data:`BATCHES_AHEAD` batches, by length in tokens.

    Args:
        model: the encoder, with the prompts ``query`` and ``document``.
        texts: at least one text.
        task: the kind of the texts, which determines the prompt.
        batch_size: texts encoded at once.
        precision: of the matrix products in the encoder.
    """
    # With the longest texts first, a batch that exceeds the memory fails at once. Ties are broken, as sets have no fixed order.
    distinct = sorted(set(texts), key=lambda text: (-len(text), text))
    size = batch_size * BATCHES_AHEAD
    groups = (distinct[start : start + size] for start in range(0, len(distinct), size))
    tokenised = (model.preprocess(group, prompt=model.prompts[task], task=task) for group in groups)
    with (
        torch.inference_mode(),
        torch.autocast(model.device.type, dtype=HALF.get(precision), enabled=precision in HALF),
    ):
        vectors = np.concatenate(
            [_encode_group(model, features, task, batch_size) for features in one_ahead(tokenised)]
        )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    position = {text: index for index, text in enumerate(distinct)}
    result: NDArray[np.float32] = vectors[[position[text] for text in texts]]
    return result


def _encode_group(
    model: SentenceTransformer, features: Mapping[str, Any], task: Task, batch_size: int
) -> NDArray[np.float32]:
    """Return the vectors of tokenised texts, in order; all batches are queued before waiting for the device."""
    mask = features["attention_mask"]
    order = mask.sum(dim=1).argsort(descending=True, stable=True)
    outputs = []
    for rows in order.split(batch_size):
        used = mask[rows].any(dim=0)
        batch = {
            name: value[rows][:, used].to(model.device) if getattr(value, "shape", None) == mask.shape else value
            for name, value in features.items()
        }
        outputs.append(model(batch, task=task)["sentence_embedding"][:, : model.truncate_dim].float())
    vectors: NDArray[np.float32] = torch.cat(outputs).cpu().numpy()[order.argsort().numpy()]
    return vectors


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items in order; a thread produces the next item while the caller processes the current one."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        waiting = executor.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = executor.submit(next, items, None)
            yield item
