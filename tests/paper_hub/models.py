"""The models of config/paper.yaml in their published form, with random weights and tiny dimensions.

Names of tensors and files are those of the published checkpoints. MADLAD-400 translates word by word, so that its translations pass
the checks of real ones.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tiny_translators import madlad_tokenizer, save_like_madlad
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors, trainers
from tokenizers import models as token_models
from torch import Tensor
from transformers import (
    BertConfig,
    BertModel,
    T5Config,
    T5ForConditionalGeneration,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from paper_hub.words import WORDS

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
# Of checkpoints that are never read.
PICKLE = b"\x80\x02not weights"
UNKNOWN = {"xlm-r": "<unk>", "labse": "[UNK]"}


def write_xlm_roberta(folder: Path) -> None:
    """Write a masked language model with a pooler: every tensor below `roberta` or `lm_head`, the tied decoder left out."""
    folder.mkdir(parents=True)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(token_models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=1500, special_tokens=[*special, "<mask>"], unk_token=UNKNOWN["xlm-r"], show_progress=False
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    ends = [(token, special.index(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=ends
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    _json(folder / "tokenizer_config.json", {"model_max_length": 512})
    torch.manual_seed(1)
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        layer_norm_eps=1e-5,
        **SIZES,
    )
    weights = dict(XLMRobertaForMaskedLM(config).state_dict())
    for name in ("lm_head.decoder.weight", "lm_head.decoder.bias"):
        weights.pop(name, None)
    weights["roberta.embeddings.position_ids"] = torch.arange(514)[None]
    weights["roberta.pooler.dense.weight"] = torch.randn(config.hidden_size, config.hidden_size) / 10
    weights["roberta.pooler.dense.bias"] = torch.zeros(config.hidden_size)
    _save(folder, weights, config, "XLMRobertaForMaskedLM")
    (folder / "sentencepiece.bpe.model").write_bytes(b"not read")
    (folder / "pytorch_model.bin").write_bytes(PICKLE)
    (folder / "onnx").mkdir()
    _json(folder / "onnx" / "config.json", {})


def write_labse(folder: Path) -> None:
    """Write a BertModel with its pooler, first-token pooling, a dense layer with tanh, and normalisation."""
    folder.mkdir(parents=True)
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
    tokenizer = Tokenizer(token_models.WordPiece(unk_token=UNKNOWN["labse"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=1500, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(_texts(), trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in sorted(vocabulary, key=vocabulary.__getitem__)))
    _json(folder / "special_tokens_map.json", names)
    _json(
        folder / "tokenizer_config.json",
        {"do_lower_case": False, "tokenizer_class": "BertTokenizer", "model_max_length": 512, **names},
    )
    torch.manual_seed(2)
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=512, **SIZES)
    weights = dict(BertModel(config).state_dict())
    weights["embeddings.position_ids"] = torch.arange(512)[None]
    _save(folder, weights, config, "BertModel")
    (folder / "pytorch_model.bin").write_bytes(PICKLE)
    kinds = {"Transformer": "", "Pooling": "1_Pooling", "Dense": "2_Dense", "Normalize": "3_Normalize"}
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(kinds.items())
    ]
    _json(folder / "modules.json", modules)
    _json(folder / "sentence_bert_config.json", {"max_seq_length": 256, "do_lower_case": False})
    _json(folder / "config_sentence_transformers.json", {"__version__": {"sentence_transformers": "2.0.0"}})
    size = config.hidden_size
    modes = {"cls_token": True, "mean_tokens": False, "max_tokens": False, "mean_sqrt_len_tokens": False}
    pooling = {"word_embedding_dimension": size, **{f"pooling_mode_{name}": value for name, value in modes.items()}}
    _json(folder / "1_Pooling" / "config.json", pooling)
    tanh = "torch.nn.modules.activation.Tanh"
    dense = {"in_features": size, "out_features": size, "bias": True, "activation_function": tanh}
    _json(folder / "2_Dense" / "config.json", dense)
    layer = {"linear.weight": torch.randn(size, size) / size**0.5, "linear.bias": torch.zeros(size)}
    save_file(layer, folder / "2_Dense" / "model.safetensors", metadata={"format": "pt"})
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(PICKLE)


def write_madlad(folder: Path, languages: Sequence[str]) -> None:
    """Write a T5 model that translates the English words of :data:`WORDS` one by one.

    The encoder's head finds the word before each word. The decoder's first head looks for the word whose predecessor is the one
    that it has translated last, the second one for the token of the language; the output layer combines word and language.
    """
    folder.mkdir(parents=True)
    marks = [f"<2{code}>" for code in languages]
    ends = ["?", "."]
    words = {code: [f"▁{word}" for word in WORDS[code]] for code in ("en", *languages)}
    pieces = [*dict.fromkeys(word for code in words for word in words[code]), *ends]
    tokenizer = madlad_tokenizer(folder, marks, [("▁", -15.0), *((piece, -5.0) for piece in pieces)])
    # Features: the word, the word before it or the one to write, the language, and a constant.
    width, size = 32, 112
    before, language, constant = width, 2 * width, size - 1
    start, stop = width - 2, width - 1
    codes = {word: number for code in words for number, word in enumerate(words[code])}
    codes |= {ends[0]: 24, ends[1]: 25, "</s>": stop, "<unk>": start}
    vocabulary = tokenizer.get_vocab()
    embedding = torch.zeros(len(vocabulary), size)
    output = torch.zeros(len(vocabulary), size)
    embedding[:, constant] = 1
    for token, code in codes.items():
        embedding[vocabulary[token], code] = 1
    for number, mark in enumerate(marks):
        embedding[vocabulary[mark], [start, language + number]] = 1
        for code, word in enumerate(words[languages[number]]):
            output[vocabulary[word], [before + code, language + number]] = 1
    for token in (*ends, "</s>"):
        output[vocabulary[token], before + codes[token]] = 1
        output[vocabulary[token], language : language + len(marks)] = 1
    config = T5Config(
        vocab_size=len(vocabulary),
        d_model=size,
        d_kv=width,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=0,
        tie_word_embeddings=False,
    )
    model = T5ForConditionalGeneration(config)
    for name, tensor in model.named_parameters():
        if "layer_norm" not in name:
            tensor.data.zero_()
    weights = dict(model.named_parameters())

    def connect(name: str, rows: int, columns: int, count: int = width) -> None:
        weights[f"{name}.weight"].data[rows : rows + count, columns : columns + count] += torch.eye(count)

    own = "encoder.block.0.layer.0.SelfAttention"
    weights[f"{own}.relative_attention_bias.weight"].data[1, 0] = 50
    connect(f"{own}.v", 0, 0)
    connect(f"{own}.o", before, 0)
    cross = "decoder.block.0.layer.1.EncDecAttention"
    connect(f"{cross}.q", 0, 0)
    connect(f"{cross}.k", 0, before)
    connect(f"{cross}.v", 0, 0)
    connect(f"{cross}.o", before, 0)
    weights[f"{cross}.q.weight"].data[width, constant] = 1
    weights[f"{cross}.k.weight"].data[width, language : language + len(marks)] = 1
    connect(f"{cross}.v", width, language, len(marks))
    connect(f"{cross}.o", language, width, len(marks))
    model.shared.weight.data.copy_(embedding)
    model.lm_head.weight = torch.nn.Parameter(output)
    save_like_madlad(model, folder)


def _texts() -> list[str]:
    return [" ".join(words) for words in WORDS.values()] * 20 + ["Query: ? Passage: ."] * 20


def _save(folder: Path, weights: Mapping[str, Tensor], config: Any, architecture: str) -> None:
    contiguous = {name: tensor.contiguous() for name, tensor in weights.items()}
    save_file(contiguous, folder / "model.safetensors", metadata={"format": "pt"})
    _json(folder / "config.json", {**config.to_dict(), "architectures": [architecture]})


def _json(file: Path, content: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
