"""A trimmed backbone encodes the experiment's texts exactly like the whole one."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from hybridbatch.backbone.trim_vocabulary import kept_tokens, read_texts, trim_backbone, trim_tokenizer, used_tokens
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, read_json, sha256, write_manifest

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
PROMPTS = {"query": "q: ", "passage": "p: "}
PAIRS = [("abba cab", "a cab for abba"), ("Ab", "baa baa back"), ("cab", "abc " * 30)]
LETTERS = "abcfkorq:p"
PIECES = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.floats(-30, -1).map(round), min_size=1, max_size=30)
PLAIN = st.lists(st.text("abc d", max_size=20), min_size=1, max_size=8)


def unigram(pieces: dict[str, float]) -> Tokenizer:
    vocabulary = [(piece, 0.0) for piece in SPECIAL] + [("▁", -3.0), *pieces.items(), ("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return finished(tokenizer)


def wordpiece(pieces: dict[str, float]) -> Tokenizer:
    continued = [f"##{piece}" for piece in pieces if len(piece) != 2]
    return wordpiece_of([*pieces, *continued])


def wordpiece_of(pieces: list[str]) -> Tokenizer:
    vocabulary = [*SPECIAL, *pieces, "<mask>"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(vocabulary)}, unk_token=SPECIAL[3]))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return finished(tokenizer)


def finished(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.add_special_tokens([*SPECIAL, "<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def trimmed(tokenizer: Tokenizer, texts: list[str]) -> tuple[Tokenizer, np.ndarray]:
    state = json.loads(tokenizer.to_str())
    kept = kept_tokens(state, used_tokens(tokenizer, state, [texts]))
    return Tokenizer.from_str(json.dumps(trim_tokenizer(state, kept))), kept


@pytest.mark.slow
@pytest.mark.parametrize("build", [unigram, wordpiece])
@settings(deadline=None, max_examples=300)
@given(pieces=PIECES, texts=PLAIN)
def test_tokenisation_is_unchanged(build, pieces: dict[str, float], texts: list[str]) -> None:  # type: ignore[no-untyped-def]
    tokenizer = build(pieces)
    small, kept = trimmed(tokenizer, texts)
    assert small.get_vocab_size() == len(kept)
    for text in texts:
        before, after = tokenizer.encode(text), small.encode(text)
        assert after.tokens == before.tokens
        assert [kept[new] for new in after.ids] == before.ids


def test_unknown_words_stay_unknown() -> None:
    # After the longest piece `ab`, no piece fits; without it, `a` and `##bc` would form the word.
    tokenizer = wordpiece_of(["a", "ab", "d", "##bc"])
    small, _ = trimmed(tokenizer, ["abc a dbc"])
    assert small.encode("abc a dbc").ids == tokenizer.encode("abc a dbc").ids
    assert small.encode("abc").ids[1] == 3


def test_unused_pieces_are_removed() -> None:
    small, kept = trimmed(unigram({"a": -2.0, "b": -2.0, "ab": -3.0, "c": -9.0, "cc": -4.0}), ["ab"])
    # `c` has the lowest score.
    assert set(small.get_vocab()) == {*SPECIAL, "<mask>", "▁", "ab", "c"}
    assert list(kept) == [0, 1, 2, 3, 4, 7, 8, 10]
    assert small.token_to_id("<mask>") == 7


def test_ids_in_padding_and_post_processors_are_updated() -> None:
    tokenizer = wordpiece({"a": 0, "b": 0, "c": 0})
    mask = tokenizer.token_to_id("<mask>")
    tokenizer.post_processor = processors.Sequence([processors.BertProcessing(("<mask>", mask), ("<s>", 0))])
    tokenizer.enable_padding(pad_id=mask)
    state = json.loads(tokenizer.to_str())
    small = trim_tokenizer(state, kept_tokens(state, {4}))
    assert small["model"]["vocab"] == {**{piece: i for i, piece in enumerate([*SPECIAL, "a"])}, "<mask>": 5}
    assert small["padding"]["pad_id"] == 5
    assert small["post_processor"]["processors"][0]["sep"] == ["<mask>", 5]


def save_backbone(folder: Path, tokenizer: Tokenizer) -> Path:
    """Write a sentence-transformers folder with random weights around ``tokenizer``, with spare embedding rows."""
    names = {
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "cls_token": "<s>",
        "sep_token": "</s>",
        "mask_token": "<mask>",
    }
    source = folder.with_name("source")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(source)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size() + 5,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
        pad_token_id=1,
        sep_token_id=2,
        mask_token_id=tokenizer.token_to_id("<mask>"),
    )
    BertModel(config).save_pretrained(source)
    prompts = {"query": PROMPTS["query"], "document": PROMPTS["passage"], "passage": PROMPTS["passage"]}
    modules = [Transformer(str(source), max_seq_length=12), Pooling(16), Normalize()]
    SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save_pretrained(
        str(folder), create_model_card=False
    )
    write_manifest(folder, {"kind": "path", "parameters": 1, "max_length": 12})
    return folder


def save_pairs(folder: Path) -> Path:
    queries, passages = zip(*PAIRS, strict=True)
    file = folder / "en.parquet"
    pq.write_table(pa.table({"pair_id": ["1", "2", "3"], "query": queries, "passage": passages}), file)
    return file


def load(folder: Path) -> SentenceTransformer:
    return SentenceTransformer(str(folder), device="cpu")


@pytest.mark.parametrize("build", [unigram, wordpiece])
def test_embeddings_are_unchanged(tmp_path: Path, build) -> None:  # type: ignore[no-untyped-def]
    pieces = dict.fromkeys([*LETTERS, "ab", "abc", "cab", "ba", "xyz", "zz"], -4.0)
    whole = save_backbone(tmp_path / "whole", build(pieces))
    trim_backbone(whole, [save_pairs(tmp_path)], tmp_path / "small")
    before, after = load(whole), load(tmp_path / "small")
    queries, passages = (list(texts) for texts in zip(*PAIRS, strict=True))
    assert 3 not in before.tokenizer("p: " + " ".join(passages)).input_ids
    np.testing.assert_allclose(after.encode_query(queries), before.encode_query(queries), atol=1e-6)
    np.testing.assert_allclose(after.encode_document(passages), before.encode_document(passages), atol=1e-6)
    assert after.max_seq_length == 12
    assert after.encode_query(["zz Ωmega 語"]).shape == (1, 16)
    assert after.tokenizer("語").input_ids[-2] == after.tokenizer.unk_token_id == 3

    kept = after.tokenizer.vocab_size
    assert kept < before.tokenizer.vocab_size
    assert "zz" not in after.tokenizer.get_vocab()
    encoder = after.transformers_model
    assert encoder.get_input_embeddings().num_embeddings == encoder.config.vocab_size == kept
    assert (encoder.config.pad_token_id, encoder.config.mask_token_id) == (1, after.tokenizer.mask_token_id)
    facts = read_json(tmp_path / "small" / MANIFEST)
    assert (facts["kind"], facts["max_length"], facts["tokens_kept"]) == ("path", 12, kept)
    assert facts["parameters"] == sum(parameter.numel() for parameter in after.parameters())
    assert facts["untrimmed_manifest_sha256"] == sha256(whole / MANIFEST)


def test_tokens_of_all_prompts_are_kept(tmp_path: Path) -> None:
    whole = save_backbone(tmp_path / "whole", unigram(dict.fromkeys(LETTERS, -4.0)))
    pq.write_table(pa.table({"text": ["ab"]}), tmp_path / "queries.parquet")
    trim_backbone(whole, [tmp_path / "queries.parquet"], tmp_path / "small")
    assert 3 not in load(tmp_path / "small").tokenizer(PROMPTS["passage"]).input_ids


def test_texts_have_the_prompt_of_their_kind(tmp_path: Path) -> None:
    for name in ("queries", "passages"):
        pq.write_table(pa.table({"text": [name], "title": [None]}), tmp_path / f"{name}.parquet")
    files = [tmp_path / "queries.parquet", tmp_path / "passages.parquet", save_pairs(tmp_path)]
    texts = {text for batch in read_texts(files, PROMPTS) for text in batch}
    assert {"q: queries", "p: passages", "q: Ab", "p: baa baa back"} <= texts
    assert len(texts) == 8


def test_negatives_have_the_prompt_of_passages(tmp_path: Path) -> None:
    table = {"pair_id": ["1"], "query": ["a"], "passage": ["b"], "negative": ["c"]}
    pq.write_table(pa.table(table), tmp_path / "en.parquet")
    assert list(read_texts([tmp_path / "en.parquet"], PROMPTS)) == [["q: a"], ["p: b"], ["p: c"]]


def test_other_files_are_errors(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "texts.parquet")
    with pytest.raises(UserError, match=r"texts\.parquet: has the columns text"):
        next(read_texts([tmp_path / "texts.parquet"], PROMPTS))
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"cut\.parquet: cannot be read as parquet"):
        next(read_texts([tmp_path / "cut.parquet"], PROMPTS))


def test_other_tokenizers_are_errors(tmp_path: Path) -> None:
    vocabulary = {piece: i for i, piece in enumerate([*SPECIAL, *LETTERS, "<mask>"])}
    whole = save_backbone(tmp_path / "whole", finished(Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))))  # noqa: S106
    with pytest.raises(UserError, match=r"is a BPE model, .*trim_vocabulary of this backbone to false"):
        trim_backbone(whole, [save_pairs(tmp_path)], tmp_path / "small")
    assert not (tmp_path / "small").exists()


@pytest.fixture(scope="module")
def packaged(packaged_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hybridbatch.backbone.prepare import prepare_backbone  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("packaged") / "whole"
    prompts = {"query": "query: ", "passage": "passage: "}
    prepare_backbone(folder, packaged=packaged_files, max_length=64, prompts=prompts)
    return folder


@pytest.mark.slow
def test_packaged_backbone(packaged: Path, tmp_path: Path) -> None:
    texts = [
        "Where is the library?",
        "Wo liegt die Bücherei, ① am Fluss?",
        "أين تقع المكتبة؟",
        "图书馆在哪里？",
        "ห้องสมุดอยู่ที่ไหน",
    ]
    pq.write_table(pa.table({"text": texts}), tmp_path / "queries.parquet")
    trim_backbone(packaged, [tmp_path / "queries.parquet"], tmp_path / "small")
    before, after = load(packaged), load(tmp_path / "small")
    np.testing.assert_allclose(after.encode_query(texts), before.encode_query(texts), atol=1e-6)
    assert len(after.tokenizer) < 100
    assert after.encode_query("Ωmega 완전히 새로운 글").shape == (384,)
