"""Removal of the token embeddings that an experiment's texts do not use.

The trimmed model encodes these texts exactly as before: the remaining pieces keep their order and scores, and the pieces that
determine how unknown characters are tokenised remain too.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import nn

from hybridbatch.backbone.encoder import load_encoder
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, atomic_folder, read_json, sha256, write_manifest, write_text

logger = logging.getLogger(__name__)

ADVICE = "set trim_vocabulary of this backbone to false"
ROWS = 4096
# The embeddings of this many texts may change by no more than the tolerance.
COMPARED = 16
TOLERANCE = 1e-5


def trim_backbone(backbone: Path, texts: Sequence[Path], output: Path) -> None:
    """Write ``backbone`` without the pieces that ``texts`` do not use, and without their embeddings.

    Args:
        backbone: sentence-transformers folder with a ``manifest.json``.
        texts: parquet files of pairs, queries or passages (see :func:`read_texts`).
        output: folder to write; its manifest includes that of the backbone.

    Raises:
        UserError: if the tokenizer is of an unsupported type, or a file does not contain texts.
    """
    manifest = read_json(backbone / MANIFEST)
    model = load_encoder(backbone, "cpu")
    tokenizer = model.tokenizer.backend_tokenizer
    state = json.loads(tokenizer.to_str())
    if state["model"]["type"] not in ("Unigram", "WordPiece"):
        raise UserError(
            f"{backbone}: its tokenizer is a {state['model']['type']} model, but only Unigram and WordPiece vocabularies can be "
            f"trimmed; {ADVICE}"
        )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    prompts = {"query": model.prompts["query"] or "", "passage": model.prompts["document"] or ""}
    used = used_tokens(tokenizer, state, chain([list(prompts.values())], read_texts(texts, prompts)))
    used |= {identity for identity in _special_ids(model).values() if identity < tokenizer.get_vocab_size()}
    kept = kept_tokens(state, used)
    sample = next(read_texts(texts, prompts), [])[:COMPARED]
    before = _encode(model, sample)
    _trim_embeddings(model, kept)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    logger.info(
        "%s: %d of %d tokens kept, %d parameters left", backbone, len(kept), tokenizer.get_vocab_size(), parameters
    )
    with atomic_folder(output) as aside:
        model.save_pretrained(str(aside), create_model_card=False)
        trimmed = json.dumps(trim_tokenizer(state, kept), ensure_ascii=False)
        write_text(aside / "tokenizer.json", trimmed)
        _check_same(before, _encode(load_encoder(aside, "cpu"), sample), backbone)
        facts = {key: value for key, value in manifest.items() if key != "files"}
        trimming = {"tokens_kept": len(kept), "untrimmed_manifest_sha256": sha256(backbone / MANIFEST)}
        write_manifest(aside, {**facts, "parameters": parameters, **trimming})


def read_texts(files: Sequence[Path], prompts: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield all texts in batches, each with the prompt of its kind.

    Args:
        files: parquet files with the columns ``query``, ``passage`` and perhaps ``negative``, or ``queries.parquet`` and
            ``passages.parquet`` files with a column ``text``.
        prompts: the prompts of the kinds ``query`` and ``passage``.

    Raises:
        UserError: if a file cannot be read or has other columns.
    """
    for file in files:
        try:
            table = pq.ParquetFile(file)
        except (OSError, ValueError) as error:
            raise UserError(f"{file}: cannot be read as parquet ({error}); delete it and run again") from error
        kinds = _kinds(file, table.schema_arrow.names)
        for batch in table.iter_batches(ROWS, columns=list(kinds)):
            for column, kind in kinds.items():
                yield [prompts[kind] + text for text in batch.column(column).to_pylist()]


def used_tokens(tokenizer: Tokenizer, state: Mapping[str, Any], texts: Iterable[Sequence[str]]) -> set[int]:
    """Return the ids of all tokens that the tokenisation of ``texts`` depends on.

    Args:
        tokenizer: without truncation.
        state: the tokenizer's JSON.
        texts: batches of texts with their prompts.
    """
    model = state["model"]
    unknown = model["vocab"][model["unk_token"]] if model["type"] == "WordPiece" else None
    used: set[int] = set()
    for batch in texts:
        for text, encoding in zip(batch, tokenizer.encode_batch_fast(list(batch)), strict=True):
            ids = set(encoding.ids)
            used |= ids
            if unknown in ids:
                used.update(_pieces_before_failure(tokenizer, model, text))
    return used


def kept_tokens(state: Mapping[str, Any], used: set[int]) -> NDArray[np.int64]:
    """Return the sorted ids of the tokens to keep: ``used``, and those that the tokenizer needs."""
    model = state["model"]
    kept = used | {token["id"] for token in state["added_tokens"]}
    if model["type"] == "WordPiece":
        kept.add(model["vocab"][model["unk_token"]])
        return np.array(sorted(kept), np.int64)
    scores = [score for _, score in model["vocab"]]
    # Unigram scores an unknown character by the lowest score in the vocabulary, which must not change.
    kept.add(int(np.argmin(scores)))
    if model["unk_id"] is not None:
        kept.add(model["unk_id"])
    if model.get("byte_fallback"):
        pieces = {f"<0x{byte:02X}>" for byte in range(256)}
        kept.update(i for i, (piece, _) in enumerate(model["vocab"]) if piece in pieces)
    return np.array(sorted(kept), np.int64)


def trim_tokenizer(state: Mapping[str, Any], kept: NDArray[np.int64]) -> dict[str, Any]:
    """Return the JSON of the tokenizer with only the tokens ``kept``; their new ids are their ranks in it."""
    new = {int(old): rank for rank, old in enumerate(kept)}
    model = dict(state["model"])
    if model["type"] == "WordPiece":
        pieces = sorted((old, piece) for piece, old in model["vocab"].items() if old in new)
        model["vocab"] = {piece: new[old] for old, piece in pieces}
    else:
        model["vocab"] = [entry for old, entry in enumerate(model["vocab"]) if old in new]
        model["unk_id"] = None if model["unk_id"] is None else new[model["unk_id"]]
    padding = state["padding"]
    return {
        **state,
        "model": model,
        "added_tokens": [{**token, "id": new[token["id"]]} for token in state["added_tokens"]],
        "padding": None if padding is None else {**padding, "pad_id": new[padding["pad_id"]]},
        "post_processor": _trim_post_processor(state["post_processor"], new),
    }


def _trim_post_processor(processor: dict[str, Any] | None, new: Mapping[int, int]) -> dict[str, Any] | None:
    if processor is None:
        return None
    trimmed = dict(processor)
    if "processors" in processor:
        trimmed["processors"] = [_trim_post_processor(part, new) for part in processor["processors"]]
    if "special_tokens" in processor:
        trimmed["special_tokens"] = {
            name: {**token, "ids": [new[old] for old in token["ids"]]}
            for name, token in processor["special_tokens"].items()
        }
    for end in ("sep", "cls"):
        if end in processor:
            piece, old = processor[end]
            trimmed[end] = [piece, new[old]]
    return trimmed


def _pieces_before_failure(tokenizer: Tokenizer, model: Mapping[str, Any], text: str) -> Iterator[int]:
    """Yield the pieces that WordPiece finds in the words of ``text``, including those in words that become unknown.

    Without these pieces, it would try shorter ones and might succeed in tokenising such a word.
    """
    normalised = text if tokenizer.normalizer is None else tokenizer.normalizer.normalize_str(text)
    words = [normalised]
    if tokenizer.pre_tokenizer is not None:
        words = [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalised)]
    vocabulary = model["vocab"]
    for word in words:
        if len(word) > model["max_input_chars_per_word"]:
            continue
        start = 0
        while start < len(word):
            prefix = model["continuing_subword_prefix"] if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if prefix + word[start:end] in vocabulary), None)
            if end is None:
                break
            yield vocabulary[prefix + word[start:end]]
            start = end


def _kinds(file: Path, columns: Sequence[str]) -> dict[str, str]:
    if {"query", "passage"} <= set(columns):
        kinds = {"query": "query", "passage": "passage", "negative": "passage"}
        return {column: kind for column, kind in kinds.items() if column in columns}
    kinds = {"queries": "query", "passages": "passage"}
    if "text" in columns and file.stem in kinds:
        return {"text": kinds[file.stem]}
    raise UserError(
        f"{file}: has the columns {', '.join(columns)}; it must be a file of pairs (query, passage), queries.parquet or "
        "passages.parquet (text)"
    )


def _encode(model: SentenceTransformer, texts: list[str]) -> NDArray[np.float32]:
    embeddings: NDArray[np.float32] = model.encode(texts, show_progress_bar=False)
    return embeddings


def _special_ids(model: SentenceTransformer) -> dict[str, int]:
    encoder: Any = model.transformers_model
    ids = {name: value for name, value in encoder.config.to_dict().items() if name.endswith("_token_id")}
    return {name: value for name, value in ids.items() if isinstance(value, int)}


def _trim_embeddings(model: SentenceTransformer, kept: NDArray[np.int64]) -> None:
    encoder: Any = model.transformers_model
    new = {int(old): rank for rank, old in enumerate(kept)}
    table = encoder.get_input_embeddings()
    padding = new.get(table.padding_idx)
    rows = table.weight.detach()[torch.from_numpy(kept)]
    trimmed = nn.Embedding(rows.shape[0], rows.shape[1], padding_idx=padding)
    trimmed.weight = nn.Parameter(rows)
    encoder.set_input_embeddings(trimmed)
    encoder.config.vocab_size = len(kept)
    for name, old in _special_ids(model).items():
        setattr(encoder.config, name, new.get(old))


def _check_same(before: NDArray[np.float32], after: NDArray[np.float32], backbone: Path) -> None:
    difference = float(np.abs(before - after).max(initial=0))
    if not difference <= TOLERANCE:
        raise UserError(
            f"{backbone}: trimming the vocabulary changes its embeddings (by up to {difference:.1g}); {ADVICE}"
        )
