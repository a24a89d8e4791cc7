"""Backbones from a local folder, the hub cache and a package become sentence-transformers folders."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer
from tiny import PROMPTS, TEXTS, tiny_model
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    BertModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from hybridbatch.backbone.encoder import encode_texts, load_encoder
from hybridbatch.backbone.prepare import check_local_backbone, prepare_backbone
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json

PROGRAM = Path(__file__).parents[3] / "workflow/scripts/prepare_backbone.py"
REVISION = "0123456789abcdef0123456789abcdef01234567"


def token_vectors(folder: Path, text: str) -> torch.Tensor:
    model = BertModel.from_pretrained(folder, dtype=torch.float32).eval()
    ids = PreTrainedTokenizerFast.from_pretrained(folder)(text, return_tensors="pt").input_ids
    with torch.no_grad():
        return model(ids).last_hidden_state[0]


def test_mean_pooling_prompts_and_normalisation(tmp_path: Path) -> None:
    source = tiny_model(tmp_path / "source")
    prepare_backbone(tmp_path / "out", path=str(source), max_length=20, prompts=PROMPTS)
    model = SentenceTransformer(str(tmp_path / "out"), device="cpu")
    assert model.max_seq_length == 20
    for encode, prompt in ((model.encode_query, "ab: "), (model.encode_document, "ba: ")):
        for text, embedding in zip(TEXTS, encode(TEXTS), strict=True):
            mean = token_vectors(source, prompt + text).mean(0)
            np.testing.assert_allclose(embedding, mean / mean.norm(), atol=1e-5)
    facts = read_json(tmp_path / "out/manifest.json")
    expected = {
        "kind": "path",
        "path": str(source),
        "pooling": "mean",
        "prompts": PROMPTS,
        "max_length": 20,
        "dimension": 16,
    }
    assert {key: facts[key] for key in expected} == expected
    assert facts["parameters"] == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("padding", ["left", "right"])
@pytest.mark.parametrize("positions", ["rotary", "absolute"])
def test_last_token_pooling_of_a_decoder(tmp_path: Path, positions: str, padding: str) -> None:
    """Vectors of a batch are those of each text alone, whatever the side on which the tokenizer pads, if it can pad at all."""
    source = tiny_model(tmp_path / "source")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(source)
    tokenizer.padding_side, tokenizer.eos_token, tokenizer.pad_token = padding, "[SEP]", None
    tokenizer.save_pretrained(source)
    torch.manual_seed(0)
    decoder: PreTrainedModel = (
        LlamaModel(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=64,
            )
        )
        if positions == "rotary"
        else GPT2Model(GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=2, n_head=2, n_positions=64))
    ).eval()
    decoder.save_pretrained(source)
    prompts = {"query": "ab: ab ba c : ", "passage": ""}
    prepare_backbone(tmp_path / "out", path=str(source), pooling="lasttoken", max_length=20, prompts=prompts)
    vectors = SentenceTransformer(str(tmp_path / "out"), device="cpu").encode_query(TEXTS)
    np.testing.assert_allclose(
        encode_texts(load_encoder(tmp_path / "out", "cpu"), TEXTS, "query", 8), vectors, atol=1e-6
    )
    for text, vector in zip(TEXTS, vectors, strict=True):
        with torch.no_grad():
            ids = tokenizer(prompts["query"] + text, return_tensors="pt").input_ids
            last = decoder(input_ids=ids).last_hidden_state[0, -1]
        np.testing.assert_allclose(vector, last / last.norm(), atol=1e-5)
    assert read_json(tmp_path / "out/manifest.json")["pooling"] == "lasttoken"


def test_cls_pooling(tmp_path: Path) -> None:
    source = tiny_model(tmp_path / "source")
    prepare_backbone(
        tmp_path / "out", path=str(source), pooling="cls", max_length=20, prompts={"query": "", "passage": ""}
    )
    embedding = SentenceTransformer(str(tmp_path / "out"), device="cpu").encode_query("ab c")
    first = token_vectors(source, "ab c")[0]
    np.testing.assert_allclose(embedding, first / first.norm(), atol=1e-5)


@pytest.mark.parametrize(("pooling", "dimension"), [("auto", 4), ("mean", 16)])
def test_sentence_transformers_folder(tmp_path: Path, pooling: str, dimension: int) -> None:
    transformer = Transformer(str(tiny_model(tmp_path / "source")))
    own = SentenceTransformer(modules=[transformer, Pooling(16, "cls"), Dense(16, 4)], device="cpu")
    own.save_pretrained(str(tmp_path / "st"), create_model_card=False)
    prepare_backbone(
        tmp_path / "out",
        path=str(tmp_path / "st"),
        pooling=pooling,
        max_length=20,
        prompts={"query": "", "passage": ""},
    )
    embeddings = SentenceTransformer(str(tmp_path / "out"), device="cpu").encode(TEXTS)
    assert embeddings.shape == (len(TEXTS), dimension)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    if pooling == "auto":
        np.testing.assert_allclose(embeddings, own.encode(TEXTS, normalize_embeddings=True), atol=1e-6)


def test_half_precision_without_pooler_becomes_reproducible_float32(tmp_path: Path) -> None:
    source = tiny_model(tmp_path / "source", dtype=torch.float16, pooler=False)
    for seed, name in enumerate(["first", "second"]):
        torch.manual_seed(seed)
        prepare_backbone(tmp_path / name, path=str(source), max_length=20, prompts=PROMPTS)
    assert (tmp_path / "first/manifest.json").read_bytes() == (tmp_path / "second/manifest.json").read_bytes()
    model = SentenceTransformer(str(tmp_path / "first"), device="cpu")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_tokenizer_file_has_precedence_over_its_class(tmp_path: Path) -> None:
    source = tiny_model(tmp_path / "source")
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0), ("a", -2.0), ("b", -2.0)]
    tokenizer = Tokenizer(models.Unigram([*vocabulary, ("<mask>", 0.0)], unk_id=3))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.save(str(source / "tokenizer.json"))
    (source / "tokenizer_config.json").write_text('{"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 24}')
    prepare_backbone(tmp_path / "out", path=str(source), max_length=20, prompts=PROMPTS)
    saved = SentenceTransformer(str(tmp_path / "out"), device="cpu").tokenizer
    assert saved("AB b").input_ids == tokenizer.encode("ab b").ids
    assert 3 not in saved("AB b").input_ids
    assert (saved.pad_token_id, saved.mask_token_id) == (1, 7)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "has no model.safetensors",
        ),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer.json"),
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (shutil.rmtree, "is not a folder"),
        (
            lambda folder: (folder / "modules.json").write_text('[{"type": "own.Encoder", "path": ""}]'),
            "is custom code",
        ),
        (lambda folder: (folder / "modules.json").write_text("{}"), "first module must be a Transformer"),
        (lambda folder: (folder / "modules.json").write_text("no json"), "is not a list"),
        (
            lambda folder: (folder / "model.safetensors.index.json").write_text(
                '{"weight_map": {"x": "part-2.safetensors"}}'
            ),
            "has no part-2.safetensors",
        ),
    ],
)
def test_unusable_folder_is_an_error_and_nothing_is_written(tmp_path: Path, broken, message: str) -> None:  # type: ignore[no-untyped-def]
    source = tiny_model(tmp_path / "source")
    check_local_backbone(source)
    broken(source)
    with pytest.raises(UserError, match=message) as error:
        check_local_backbone(source)
    assert str(source) in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=message):
        prepare_backbone(tmp_path / "out", path=str(source), max_length=20, prompts=PROMPTS)
    assert [path.name for path in tmp_path.iterdir() if path != source] == []


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_of_a_module_is_named(tmp_path: Path, name: str) -> None:
    transformer = Transformer(str(tiny_model(tmp_path / "source")))
    own = SentenceTransformer(modules=[transformer, Pooling(16, "cls"), Dense(16, 4)], device="cpu")
    own.save_pretrained(str(tmp_path / "st"), create_model_card=False)
    check_local_backbone(tmp_path / "st")
    (tmp_path / "st/2_Dense" / name).rename(tmp_path / "st/2_Dense/pytorch_model.bin")
    with pytest.raises(UserError, match=rf"st/2_Dense/{name}: is missing, .*pytorch_model\.bin, a pickle"):
        check_local_backbone(tmp_path / "st")


def test_truncated_weights_are_an_error(tmp_path: Path) -> None:
    source = tiny_model(tmp_path / "source")
    weights = source / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UserError, match="cannot be loaded"):
        prepare_backbone(tmp_path / "out", path=str(source), max_length=20, prompts=PROMPTS)
    assert not (tmp_path / "out").exists()


def test_too_large_max_length_is_an_error(tmp_path: Path) -> None:
    source = tiny_model(tmp_path / "source")
    with pytest.raises(UserError, match="max_length: 25 is more than the 24 tokens"):
        prepare_backbone(tmp_path / "out", path=str(source), max_length=25, prompts=PROMPTS)


def test_checks_do_not_import_torch() -> None:
    code = "import sys, hybridbatch.backbone.prepare; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(PROGRAM.parent)})


def hub_cache(home: Path) -> Path:
    """Lay out a cached snapshot as huggingface_hub does: blobs, links to them, and a named revision."""
    source = tiny_model(home / "source")
    cache = home / "hub/models--org--tiny"
    snapshot = cache / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs/main").write_text(REVISION)
    (cache / "blobs").mkdir()
    for number, file in enumerate(sorted(source.iterdir())):
        blob = cache / "blobs" / f"{number:040x}"
        shutil.copyfile(file, blob)
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    shutil.rmtree(source)
    return home


def prepare_offline(home: Path, revision: str) -> subprocess.CompletedProcess[str]:
    settings = {"hub": "org/tiny", "revision": revision, "max_length": 20, "prompts": PROMPTS}
    return subprocess.run(
        [sys.executable, PROGRAM, "--settings", json.dumps(settings), "--output", home / "out"],
        env={**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_hub_snapshot_offline(tmp_path: Path) -> None:
    home = hub_cache(tmp_path)
    done = prepare_offline(home, REVISION)
    assert done.returncode == 0, done.stderr
    facts = read_json(home / "out/manifest.json")
    assert (facts["kind"], facts["hub"], facts["revision"]) == ("hub", "org/tiny", REVISION)
    assert SentenceTransformer(str(home / "out"), device="cpu").encode_query("ab").shape == (16,)


@pytest.mark.slow
def test_missing_hub_revision_is_an_error(tmp_path: Path) -> None:
    other = "f" * 40
    done = prepare_offline(hub_cache(tmp_path), other)
    assert done.returncode == 1
    _, error = done.stderr.strip().splitlines()  # the first line is the command
    assert f"hub: org/tiny, revision {other}, is neither" in error
    assert "HF_HOME" in error
    assert not (tmp_path / "out").exists()
