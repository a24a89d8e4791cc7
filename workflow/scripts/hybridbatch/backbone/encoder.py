"""Encode texts with a sentence-transformers model: each distinct text once, with little padding."""

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
# The two kinds of texts, as sentence-transformers names them in its prompts and its routers.
Task = Literal["query", "document"]
# Batches tokenised together while the device encodes the previous ones.
BATCHES_AHEAD = 32

Item = TypeVar("Item")


def load_encoder(folder: Path, device: str) -> SentenceTransformer:
    """Load an encoder with float32 weights."""
    model: SentenceTransformer = SentenceTransformer(
        str(folder), device=device, model_kwargs={"dtype": torch.float32}
    ).eval()
    return model


def encode_texts(
    model: SentenceTransformer, texts: list[str], task: Task, batch_size: int, precision: Precision = "fp32"
) -> NDArray[np.float32]:
    """Return the L2-normalised vectors of texts, shape (texts, dimension); equal texts are encoded once.

    The vectors are those of sentence-transformers' ``encode_query`` and ``encode_document``, prompts included. The texts are
    sorted by their characters and, in groups of :data:`BATCHES_AHEAD` batches, by their tokens, so a batch has little padding.

    Args:
        model: the encoder, with the prompts ``query`` and ``document``.
        texts: at least one.
        task: what the texts are; chooses the prompt.
        batch_size: texts encoded at once.
        precision: of the matrix products in the encoder.
    """
    # The longest first: what does not fit into memory fails at once. Equal lengths in one order, whatever the set's.
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
    """Return the vectors of tokenised texts, in their order. The device runs through all their batches before it is waited for."""
    mask = features["attention_mask"]
    order = mask.sum(dim=1).argsort(descending=True, stable=True)
    outputs = []
    for rows in order.split(batch_size):
        used = mask[rows].any(dim=0)
        batch = {
            name: value[rows][:, used].to(model.device) if getattr(value, "shape", None) == mask.shape else value
            for name, value in features.items()
        }
        outputs.append(model(batch, task=task)["sentence_embedding"].float())
    vectors: NDArray[np.float32] = torch.cat(outputs).cpu().numpy()[order.argsort().numpy()]
    return vectors


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items in their order; a thread makes the next one while the caller works on this one."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        waiting = executor.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = executor.submit(next, items, None)
            yield item
