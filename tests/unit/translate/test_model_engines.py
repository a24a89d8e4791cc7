"""Translation models with random weights: order, batches, languages, interruption, conversion."""

import functools
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_translators import make_translator, sentences
from transformers.utils import logging as transformers_logging

import convert_translator
import prepare_translator
import translate
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import sha256
from hybridbatch.data import pairs
from hybridbatch.translate.cache import open_cache
from hybridbatch.translate.model_engines import CTranslate2Engine, TransformersEngine
from hybridbatch.translate.model_files import check_local_languages, check_model_folder, prepare_model
from hybridbatch.translate.model_tokenizer import load_tokenizer
from hybridbatch.translate.translate_pairs import translate_texts

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"
DECODING: dict[str, Any] = {
    "beam_size": 1,
    "max_input_tokens": 128,
    "max_output_tokens": 16,
    "compute_type": "float32",
}
FAMILIES = ["m2m100", "nllb", "madlad", "marian"]
MARKS = {"marks": ["spa", "deu"]}
FIRST = {"m2m100": "__es__", "nllb": "spa_Latn"}
READ = {"madlad": "<2es>", "marian": ">>spa<<"}
transformers_logging.disable_progress_bar()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that returns the prepared folder of a family, or its conversion."""
    root = tmp_path_factory.mktemp("models")

    @functools.cache
    def prepared(family: str, compute_type: str | None = None) -> Path:
        folder = root / family
        if compute_type is None:
            made = make_translator(root / "hub" / family, family, **(MARKS if family == "marian" else {}))
            settings = json.dumps({"family": family, "path": str(made)})
            prepare_translator.main(["--settings", settings, "--output", str(folder)])
            return folder
        output = root / f"{family}.{compute_type}"
        model = str(prepared(family))
        convert_translator.main(["--model", model, "--compute-type", compute_type, "--output", str(output)])
        return output

    return prepared


def engine(models: Any, family: str, target: str = "es", **decoding: Any) -> TransformersEngine:
    return TransformersEngine(models(family), "en", target, {**DECODING, "family": family, **decoding}, "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_translations_do_not_depend_on_batches_or_order(family: str, models: Any, tmp_path: Path) -> None:
    texts = sentences()[:40]
    random.Random(1).shuffle(texts)
    one_by_one = engine(models, family)
    expected = {text: one_by_one.translate([text])[0] for text in texts}
    made = []
    for size in (1, 32):
        together = engine(models, family)
        with open_cache(tmp_path / str(size), together) as cache:
            made.append(translate_texts(texts, together, cache, batch_size=size))
    assert list(made[1]) == texts
    assert made[0] == made[1] == expected
    # With a single translation for all texts, the order could not be tested.
    assert len(set(expected.values())) > 10


@pytest.mark.parametrize("family", FAMILIES)
def test_target_language_is_set(family: str, models: Any) -> None:
    made = engine(models, family)
    encoded = made.tokenizer.encode("Where is the river?")
    output = made.generate([encoded])[0]
    other = engine(models, family, "de").generate(
        [engine(models, family, "de").tokenizer.encode("Where is the river?")]
    )[0]
    assert made.tokenizer.tokens(encoded)[-1] == "</s>"
    if family in FIRST:
        assert made.tokenizer.tokens(encoded)[0] == {"m2m100": "__en__", "nllb": "eng_Latn"}[family]
        assert made.tokenizer.tokens(output)[0] == FIRST[family]
        assert made.tokenizer.tokens(other)[0] == {"m2m100": "__de__", "nllb": "deu_Latn"}[family]
    else:
        assert READ[family] in made.tokenizer.tokens(encoded)
        assert output != other
    translated = made.translate(["Where is the river?"])[0]
    assert translated
    assert not any(mark in translated for mark in ("__es__", "spa_Latn", "</s>", "<pad>"))


@pytest.mark.parametrize("family", FAMILIES)
def test_generation_settings_of_the_model_are_replaced(family: str, models: Any) -> None:
    settings = engine(models, family, beam_size=3)._model.generation_config
    assert (settings.num_beams, settings.max_new_tokens, settings.do_sample) == (3, 16, False)
    assert settings.decoder_start_token_id is not None
    assert settings.forced_eos_token_id is None


@pytest.mark.parametrize("family", FAMILIES)
def test_long_texts_are_split_into_sentences(family: str, models: Any) -> None:
    short = engine(models, family, max_input_tokens=60)
    texts = [text for text in sentences() if short.length(text) <= 60 and text.endswith(".")][:5]
    assert len(texts) == 5
    long = "  ".join(texts)
    pieces = short.split(long)
    assert [piece.strip() for piece in pieces] == texts
    assert short.split(texts[0]) == [texts[0]]
    assert all(short.length(piece) <= 60 for piece in short.split("word " * 300))


@pytest.mark.parametrize("family", ["m2m100", "nllb"])
def test_texts_cannot_contain_special_tokens(family: str, models: Any) -> None:
    made = engine(models, family)
    encoded = made.tokenizer.encode(f"a {FIRST[family]} </s> b")
    special = {made.tokenizer.forced, encoded[-1], encoded[0]}
    assert not special & set(encoded[1:-1])


@pytest.mark.parametrize("beam_size", [1, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_converted_model_translates_like_the_original(family: str, beam_size: int, models: Any) -> None:
    first = engine(models, family, beam_size=beam_size)
    folder = models(family, "float32")
    second = CTranslate2Engine(folder, "en", "es", {**DECODING, "family": family, "beam_size": beam_size}, "cpu")
    inputs = [first.tokenizer.encode(text) for text in sentences()[:40]]
    expected, made = first.generate(inputs), second.generate(inputs)
    # The nameless tokens of M2M-100 (`madeup words`) become the unknown token.
    expected = [first.tokenizer.ids(first.tokenizer.tokens(ids)) for ids in expected]
    assert sum(a == b for a, b in zip(expected, made, strict=True)) >= 39
    assert second.translate(["Where is the river?"])[0]
    assert first.revision != second.revision


@pytest.mark.parametrize("beam_size", [1, 4])
def test_engines_end_translations_at_the_same_token(beam_size: int, tmp_path: Path) -> None:
    published = make_translator(tmp_path / "published", "marian", **MARKS)
    weights = load_file(published / "model.safetensors")
    weights["final_logits_bias"][0, json.loads((published / "config.json").read_text())["eos_token_id"]] = 12
    save_file(weights, published / "model.safetensors", {"format": "pt"})
    prepared, converted = tmp_path / "prepared", tmp_path / "converted"
    settings = json.dumps({"family": "marian", "path": str(published)})
    prepare_translator.main(["--settings", settings, "--output", str(prepared)])
    convert_translator.main(["--model", str(prepared), "--compute-type", "float32", "--output", str(converted)])
    decoding = {**DECODING, "family": "marian", "beam_size": beam_size}
    first = TransformersEngine(prepared, "en", "es", decoding, "cpu")
    second = CTranslate2Engine(converted, "en", "es", decoding, "cpu")
    inputs = [first.tokenizer.encode(text) for text in sentences()[:40]]
    expected, made = first.generate(inputs), second.generate(inputs)
    assert len({len(ids) for ids in expected}) > 2
    assert sum(a == b for a, b in zip(expected, made, strict=True)) >= 39


def test_madlad_is_loaded_as_published(models: Any) -> None:
    published = load_file(models("madlad") / "model.safetensors")
    embedding, head = published["decoder.embed_tokens.weight"], published["lm_head.weight"]
    assert not torch.equal(embedding, head)
    assert "shared.weight" not in published
    made = engine(models, "madlad")
    loaded = made._model
    assert torch.equal(loaded.encoder.embed_tokens.weight, embedding)
    assert torch.equal(loaded.decoder.embed_tokens.weight, embedding)
    assert torch.equal(loaded.lm_head.weight, head)
    tokenizer = load_tokenizer(models("madlad"), "madlad")
    assert len(tokenizer) == len(embedding)
    names = json.loads((models("madlad") / "special_tokens_map.json").read_text())
    assert {name: getattr(tokenizer, name) for name in names} == names


@pytest.mark.parametrize("family", FAMILIES)
def test_int8_weights(family: str, models: Any) -> None:
    small, large = (models(family, kind) / "model.bin" for kind in ("int8", "float32"))
    assert small.stat().st_size < 0.5 * large.stat().st_size
    made = CTranslate2Engine(
        small.parent, "en", "de", {**DECODING, "family": family, "compute_type": "int8", "beam_size": 2}, "cpu"
    )
    assert all(made.translate(sentences()[:4]))


def test_unsupported_compute_type_is_an_error(models: Any) -> None:
    decoding = {**DECODING, "family": "nllb", "compute_type": "float8"}
    made = CTranslate2Engine(models("nllb", "float32"), "en", "es", decoding, "cpu")
    with pytest.raises(UserError, match=r"compute_type: float8 is not supported on cpu; use one of .*int8"):
        made.translate(["a"])


def test_truncated_translations_are_counted(models: Any, caplog: pytest.LogCaptureFixture) -> None:
    made = engine(models, "nllb", max_output_tokens=8)
    made.translate(sentences()[:5])
    assert "5 translations so far were truncated after max_output_tokens, 8" in caplog.text


@pytest.mark.parametrize(
    ("family", "target", "message"),
    [
        ("m2m100", "te", "language 'te': models of the family m2m100 do not have it"),
        ("madlad", "fr", "no token for language 'fr' .looked for <2fr>"),
        ("marian", "fr", "no token for language 'fr' .looked for >>fra<<, >>fr<<"),
    ],
)
def test_unknown_language_is_an_error(family: str, target: str, message: str, models: Any) -> None:
    with pytest.raises(UserError, match=message):
        engine(models, family, target)
    if family != "m2m100":
        with pytest.raises(UserError, match="no token for language 'fr'"):
            check_local_languages(models(family), family, target)
        check_local_languages(models(family), family, "es")


def test_tiny_madlad_is_always_the_same(models: Any, tmp_path: Path) -> None:
    make_translator(tmp_path, "madlad")
    for name in ("tokenizer.json", "model.safetensors"):
        assert sha256(tmp_path / name) == sha256(models("madlad") / name)


def test_alternative_language_codes_are_tried(models: Any) -> None:
    assert engine(models, "madlad", "he").tokenizer.target_code == "iw"


def test_bilingual_model(tmp_path: Path) -> None:
    languages = {"source_lang": "eng", "target_lang": "spa"}
    folder = make_translator(tmp_path / "pair", "marian", languages=languages)
    prepare_model(tmp_path / "ready", "marian", path=str(folder))
    decoding = {**DECODING, "family": "marian"}
    made = TransformersEngine(tmp_path / "ready", "en", "es", decoding, "cpu")
    assert made.tokenizer.target_code == ""
    assert made.translate(["Where is the river?"])[0]
    with pytest.raises(UserError, match="target_lang is 'spa', not 'de'; choose the model of the pair en to de"):
        TransformersEngine(tmp_path / "ready", "en", "de", decoding, "cpu")


def test_invalid_settings_are_errors(models: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="max_input_tokens: 300 is more than the 128 tokens of"):
        engine(models, "m2m100", max_input_tokens=300)
    with pytest.raises(UserError, match="is a model of the family nllb, not m2m100"):
        TransformersEngine(models("nllb"), "en", "es", {**DECODING, "family": "m2m100"}, "cpu")
    with pytest.raises(UserError, match=r"has no manifest\.json; create the folder with"):
        TransformersEngine(tmp_path, "en", "es", {**DECODING, "family": "nllb"}, "cpu")
    with pytest.raises(UserError, match="model_type is 'm2m_100', a model of the family madlad has 't5'"):
        check_model_folder(models("nllb"), "madlad")


def test_pickled_weights_are_an_error(tmp_path: Path) -> None:
    folder = make_translator(tmp_path / "model", "nllb")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (folder / "code.py").write_text("raise SystemExit")
    with pytest.raises(UserError, match=r"has no model\.safetensors; \.bin weights are pickles and are not read"):
        prepare_model(tmp_path / "ready", "nllb", path=str(folder))
    (folder / "pytorch_model.bin").rename(folder / "model.safetensors")
    prepare_model(tmp_path / "ready", "nllb", path=str(folder))
    assert not (tmp_path / "ready" / "code.py").exists()


@pytest.mark.slow
def test_hub_model_is_pinned_to_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    make_translator(tmp_path / "hub" / "models--some--nllb" / "snapshots" / commit, "nllb")
    settings = json.dumps({"family": "nllb", "hub": "some/nllb", "revision": commit})
    command = [sys.executable, SCRIPTS / "prepare_translator.py", "--settings", settings]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "hub")}
    made = functools.partial(subprocess.run, env=environment, check=False, capture_output=True, text=True)
    assert made([*command, "--output", tmp_path / "ready"]).returncode == 0
    monkeypatch.chdir(tmp_path)
    ready = TransformersEngine(tmp_path / "ready", "en", "es", {**DECODING, "family": "nllb"}, "cpu")
    assert ready.options["model"] == f"some/nllb@{commit}"
    other = settings.replace(commit, "f" * 40)
    failed = made([*command[:-1], other, "--output", tmp_path / "other"])
    assert failed.returncode == 1
    assert "hub: some/nllb, revision ffff" in failed.stderr.splitlines()[-1]
    assert not (tmp_path / "other").exists()


def arguments(folder: Path, model: Path, family: str, name: str, *more: str) -> list[str]:
    settings = {"engine": "transformers", "translator": "tiny", "languages": ["es"]}
    translator = {**DECODING, "family": family, "path": str(model), "max_input_tokens": 60, "batch_tokens": 200}
    return [
        *("--pairs", f"{folder}/en.parquet", "--settings", json.dumps(settings), "--language", "es"),
        *("--model", str(model), "--translator", json.dumps(translator), "--device", "cpu"),
        *("--state", f"{folder}/{name}", "--output", f"{folder}/{name}.parquet", "--record", f"{folder}/{name}.json"),
        *more,
    ]


def write_pairs(file: Path) -> None:
    texts = sentences()
    rows = [(f"id{n}", texts[n % 10], f"{texts[n]} {texts[n + 1]}") for n in range(30)]
    pq.write_table(pa.table([list(column) for column in zip(*rows, strict=True)], schema=pairs.PAIRS), file)


KILLED = """
import os, signal, sys
import translate
from hybridbatch.translate.cache import open_cache
from hybridbatch.translate.model_engines import TransformersEngine
whole, batches = TransformersEngine.translate, []
def killed(self, texts):
    if len(batches) == int(os.environ["KILL_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)
    batches.append(texts)
    with open("log", "a") as log:
        log.writelines(text + "\\n" for text in texts)
    return whole(self, texts)
TransformersEngine.translate = killed
translate.main(sys.argv[1:])
"""


@pytest.mark.slow
def test_interrupted_shard_resumes(models: Any, tmp_path: Path) -> None:
    write_pairs(tmp_path / "en.parquet")
    shard = ["--shard", "1", "--shards", "3"]
    options = arguments(tmp_path, models("m2m100"), "m2m100", "killed", *shard)

    def start(kill_at: int) -> int:
        environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "KILL_AT": str(kill_at)}
        command = [sys.executable, "-c", KILLED, *options]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True).returncode

    assert start(2) == -signal.SIGKILL
    before = (tmp_path / "log").read_text().splitlines()
    assert before
    assert not (tmp_path / "killed.parquet").exists()
    assert start(-1) == 0
    lines = (tmp_path / "log").read_text().splitlines()
    translate.main(arguments(tmp_path, models("m2m100"), "m2m100", "whole", *shard))
    whole = pq.read_table(tmp_path / "whole.parquet")
    assert pq.read_table(tmp_path / "killed.parquet").equals(whole)
    assert len(lines) == len(set(lines)) > len(before)
    split = engine(models, "m2m100", max_input_tokens=60).split
    pieces = {piece.strip() for text in whole["text"].to_pylist() for piece in split(text)}
    assert any(len(split(text)) > 1 for text in whole["text"].to_pylist())
    assert set(lines) == pieces


def test_record_names_the_model(models: Any, tmp_path: Path) -> None:
    write_pairs(tmp_path / "en.parquet")
    translate.main(arguments(tmp_path, models("nllb"), "nllb", "made"))
    record = json.loads((tmp_path / "made.json").read_text())
    manifest = json.loads((models("nllb") / "manifest.json").read_text())
    assert manifest["files"]["model.safetensors"] == sha256(models("nllb") / "model.safetensors")
    assert record["engine"] == "transformers"
    assert len(record["revision"]) == 64
    assert record["options"] == {
        **DECODING,
        "max_input_tokens": 60,
        "family": "nllb",
        "model": manifest["model"],
        "source_code": "eng_Latn",
        "target_code": "spa_Latn",
    }
    assert (record["pairs"], record["pairs_without_translation"]) == (30, 0)
