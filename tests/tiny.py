"""A tiny encoder with random weights and tiny aligned pairs, for training and encoding in milliseconds."""

import random
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from hybridbatch.backbone.prepare import prepare_backbone
from hybridbatch.common.files import write_table
from hybridbatch.data.pairs import PAIRS

PROMPTS = {"query": "ab: ", "passage": "ba: "}
TEXTS = ["ab ba c", "c", "abba cab b a c"]


def tiny_model(
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    pooler: bool = True,
    dropout: float = 0.1,
    seed: int = 1,
    **shape: int,
) -> Path:
    """Write a BertModel with random weights, of another shape if given, and a WordPiece tokenizer of the letters a, b and c."""
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        ":",
        *"abc",
        *("##" + letter for letter in "abc"),
        "ab",
        "##ba",
    ]
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=names["unk_token"]))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)  # type: ignore[no-untyped-call]
    assert 1 not in tokenizer.encode("".join(TEXTS) + PROMPTS["query"]).ids
    torch.manual_seed(seed)
    tiny = {
        "vocab_size": len(pieces),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 24,
    }
    config = BertConfig(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, **{**tiny, **shape})
    BertModel(config, add_pooling_layer=pooler).to(dtype).save_pretrained(folder)  # type: ignore[arg-type]
    return folder


def tiny_backbone(folder: Path, *, dropout: float = 0.1, seed: int = 1, max_length: int = 20, **shape: int) -> Path:
    """Write a prepared backbone with prompts and mean pooling; by default 16 dimensions and texts of up to 20 tokens."""
    tiny_model(folder / "source", dropout=dropout, seed=seed, **shape)
    prepare_backbone(folder / "backbone", path=str(folder / "source"), max_length=max_length, prompts=PROMPTS)
    return folder / "backbone"


def write_pairs(file: Path, rows: Mapping[str, tuple[str, str]]) -> Path:
    """Write a pairs file: a (query, passage) for each ``pair_id``."""
    columns = [list(rows), [query for query, _ in rows.values()], [passage for _, passage in rows.values()]]
    write_table(file, pa.table([pa.array(column, pa.string()) for column in columns], schema=PAIRS))
    return file


def tiny_pairs(folder: Path, start: int, count: int) -> dict[str, Path]:
    """Write ``<language>.parquet`` of aligned pairs: seven letters, spelt differently by language.

    The pairs are ``count`` pairs from number ``start`` in a fixed random order of all possible ones.
    """
    words = random.Random(0).sample(range(3**7), start + count)[start:]
    files = {}
    for language, separator in (("de", ""), ("en", " ")):
        rows = {}
        for number in words:
            letters = ["abc"[number // 3**place % 3] for place in range(7)]
            rows[f"{number:04d}"] = (separator.join(letters), separator.join([*letters, "b", "a"]))
        files[language] = write_pairs(folder / f"{language}.parquet", rows)
    return files
