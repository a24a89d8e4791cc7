"""Tiny translation models with random weights, of the same classes as real ones."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers import models as token_models
from transformers import (
    GenerationConfig,
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MarianConfig,
    MarianMTModel,
    NllbTokenizer,
    T5Config,
    T5ForConditionalGeneration,
)

DEMO = Path(__file__).parents[1] / "data" / "demo" / "pairs.en.tsv"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
SIZES: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 128,
    "init_std": 0.6,
}


def sentences() -> list[str]:
    """Return the English texts of the demo."""
    with DEMO.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    return list(dict.fromkeys(row[column] for row in rows for column in ("query", "passage")))


def make_translator(folder: Path, family: str, seed: int = 0, **config: Any) -> Path:
    """Write a tiny model of a family, in transformers layout."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    model = {"m2m100": _m2m100, "nllb": _nllb, "madlad": _madlad, "marian": _marian}[family](folder, config)
    if family == "madlad":
        save_like_madlad(model, folder)
    else:
        model.save_pretrained(folder)
    return folder


def _pieces(folder: Path, name: str) -> list[str]:
    texts = folder / "texts.txt"
    texts.write_text("\n".join(sentences()), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(texts), model_prefix=str(folder / "trained"), vocab_size=300, model_type="bpe", minloglevel=2
    )
    texts.unlink()
    (folder / "trained.vocab").unlink()
    (folder / "trained.model").replace(folder / name)
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / name))
    return [model.id_to_piece(number) for number in range(3, model.get_piece_size())]


def _m2m100(folder: Path, config: dict[str, Any]) -> Any:
    pieces = _pieces(folder, "sentencepiece.bpe.model")
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate([*SPECIAL, *pieces])}))
    tokenizer = M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "sentencepiece.bpe.model"))
    tokenizer.save_pretrained(folder)
    size = tokenizer.vocab_size + len(tokenizer.lang_token_to_id) + tokenizer.num_madeup_words
    return M2M100ForConditionalGeneration(M2M100Config(vocab_size=size, **{**SIZES, **config}))


def _nllb(folder: Path, config: dict[str, Any]) -> Any:
    tokenizer = Tokenizer(token_models.BPE(unk_token=SPECIAL[3]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(sentences(), trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIAL))
    trained = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(merge) for merge in trained["merges"]]
    classed = NllbTokenizer(vocab=trained["vocab"], merges=merges)
    classed.save_pretrained(folder)
    return M2M100ForConditionalGeneration(M2M100Config(vocab_size=len(classed), **{**SIZES, **config}))


def madlad_tokenizer(folder: Path, marks: list[str], pieces: list[tuple[str, float]]) -> Tokenizer:
    """Write the files of MADLAD's tokenizer, with tokens for languages, and pieces and their scores."""
    byte_tokens = [f"<0x{number:02X}>" for number in range(256)]
    start = [(token, 0.0) for token in ("<unk>", "<s>", "</s>", *marks)]
    vocabulary = [*start, *((token, -20.0) for token in byte_tokens), *pieces]
    tokenizer = Tokenizer(token_models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.add_tokens(marks)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<s>", "unk_token": "<unk>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", **names}))
    return tokenizer


def _madlad(folder: Path, config: dict[str, Any]) -> Any:
    marks = [f"<2{code}>" for code in ("en", "es", "de", "iw", "zh")]
    learnt = [(piece, -10.0 - rank / 100) for rank, piece in enumerate(_pieces(folder, "spiece.model"))]
    tokenizer = madlad_tokenizer(folder, marks, learnt)
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "initializer_factor": 3.0}
    settings = {"pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 0, "tie_word_embeddings": False}
    size = tokenizer.get_vocab_size()
    model = T5ForConditionalGeneration(
        T5Config(vocab_size=size, feed_forward_proj="gated-gelu", **sizes, **settings, **config)
    )
    model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    return model


def save_like_madlad(model: Any, folder: Path) -> None:
    """Save a T5 model like the published ones: an embedding under the decoder's name only, and a head of its own."""
    left_out = ("shared.weight", "encoder.embed_tokens.weight")
    weights = {name: tensor for name, tensor in model.state_dict().items() if name not in left_out}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    settings = {**model.config.to_dict(), "architectures": [type(model).__name__], "tie_word_embeddings": False}
    del settings["scale_decoder_outputs"]
    (folder / "config.json").write_text(json.dumps(settings))
    model.generation_config.save_pretrained(folder)


def _marian(folder: Path, config: dict[str, Any]) -> Any:
    marks = config.pop("marks", [])
    languages = config.pop("languages", {})
    pieces = _pieces(folder, "source.spm")
    shutil.copyfile(folder / "source.spm", folder / "target.spm")
    # As in the published models: the end first, the padding last.
    vocabulary = ["</s>", "<unk>", *pieces, *(f">>{mark}<<" for mark in marks), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(vocabulary)}))
    named = {"tokenizer_class": "MarianTokenizer", **languages}
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    pad = len(vocabulary) - 1
    tokens = {"pad_token_id": pad, "eos_token_id": 0, "decoder_start_token_id": pad, "bos_token_id": 0}
    options = {**SIZES, "scale_embedding": True, "activation_function": "swish", "static_position_embeddings": True}
    settings = {**options, **config, **tokens}
    model = MarianMTModel(MarianConfig(vocab_size=len(vocabulary), decoder_vocab_size=len(vocabulary), **settings))
    # As in the published models: padding starts a translation and never occurs in it; the other settings are not ours.
    model.generation_config = GenerationConfig(
        **tokens, bad_words_ids=[[pad]], num_beams=6, max_length=512, forced_eos_token_id=0
    )
    return model
