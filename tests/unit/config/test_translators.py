"""Validation of translators and translations, before any job starts."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_translators import make_translator

from hybridbatch.common.errors import UserError
from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config
from hybridbatch.jobs.preflight import check_machine

ROOT = Path(__file__).parents[3]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NLLB = {"family": "nllb", "hub": "facebook/nllb-200-distilled-600M", "revision": COMMIT}


def values(translation: dict[str, Any], translators: dict[str, Any] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    made["sources"]["demo_facts"]["translation"] = {"languages": ["es", "de"], **translation}
    return {**made, "translators": translators or {}}


def loaded(translation: dict[str, Any], translators: dict[str, Any] | None = None) -> Config:
    return load_config(values(translation, translators))


@pytest.mark.parametrize(
    ("translation", "translators", "message"),
    [
        ({"engine": "memory"}, {}, "engine: memory needs memory; name one"),
        ({"engine": "apertium", "memory": "a"}, {}, "memory belongs to engine: memory, this one is apertium"),
        ({"engine": "memory", "memory": "x-{language}", "translator": "a"}, {}, "translator belongs to engine: trans"),
        ({"engine": "transformers"}, {}, "engine: transformers needs translator"),
        ({"engine": "transformers", "translator": "nlb"}, {"nllb": NLLB}, "'nlb' is not defined .did you mean 'nllb'"),
        ({"engine": "google"}, {}, "translation.engine: Input should be 'memory'"),
        ({"engine": "apertium", "shards": 0}, {}, "shards"),
        ({"engine": "apertium", "beam_size": 2}, {}, "translation.beam_size: unknown key"),
        (
            {"engine": "transformers", "translator": "a", "languages": ["es", "tlh"]},
            {"a": NLLB},
            "sources.demo_facts.translation.languages: translators.a: language 'tlh': models of the family nllb",
        ),
        (
            {"engine": "transformers", "translator": "a"},
            {"a": {**NLLB, "compute_type": "int8"}},
            "translators.a.compute_type: int8 is for engine: ctranslate2",
        ),
        (
            {"engine": "transformers", "translator": "a"},
            {"a": {"family": "marian", "hub": "O/opus-mt-en-{language}", "revision": {"es": COMMIT}}},
            "translators.a: revision has no commit for language 'de'",
        ),
        ({"engine": "apertium"}, {"a": {"family": "nllb"}}, "exactly one of path and hub must be given, found none"),
        ({"engine": "apertium"}, {"a": {**NLLB, "revision": None}}, "hub and revision go together"),
        ({"engine": "apertium"}, {"a": {**NLLB, "revision": "main"}}, "revision"),
        (
            {"engine": "apertium"},
            {"a": {**NLLB, "hub": "a/{language}"}},
            "revision must give a commit for each language",
        ),
    ],
)
def test_errors_are_one_line(translation: dict[str, Any], translators: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        loaded(translation, translators)
    assert "\n" not in str(caught.value)


def test_resolved_configuration_round_trips() -> None:
    for translation, translators in (
        ({"engine": "ctranslate2", "translator": "a"}, {"a": {**NLLB, "compute_type": "int8"}, "unused": NLLB}),
        ({"engine": "memory", "memory": "data/demo/en-{language}.tmx"}, {}),
    ):
        config = loaded(translation, translators)
        assert load_config(yaml.safe_load(config.to_yaml())) == config
        assert "unused" not in config.translators


def test_a_model_for_each_language() -> None:
    revisions = {"es": COMMIT, "de": COMMIT[::-1]}
    opus = {"family": "marian", "hub": "Helsinki-NLP/opus-mt-en-{language}", "revision": revisions}
    translator = loaded({"engine": "transformers", "translator": "opus"}, {"opus": opus}).translators["opus"]
    expected = {"family": "marian", "hub": "Helsinki-NLP/opus-mt-en-de", "revision": COMMIT[::-1]}
    assert translator.for_language("de") == expected


def test_local_models_are_checked_before_any_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    folder = make_translator(tmp_path / "model", "marian", marks=["spa"])
    translators = {"a": {"family": "marian", "path": str(folder)}}
    places = {"results_dir": str(tmp_path / "results"), "resources_dir": str(tmp_path / "resources")}
    translation = {"engine": "transformers", "translator": "a", "languages": ["es"]}
    check_machine(load_config({**values(translation, translators), **places}), Path("config/data.csv"), packages=False)
    config = load_config({**values({**translation, "languages": ["es", "fr"]}, translators), **places})
    with pytest.raises(UserError, match=r"sources\.demo_facts\.translation: .*no token for language 'fr'"):
        check_machine(config, Path("config/data.csv"), packages=False)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"sources\.demo_facts\.translation: .*has no model\.safetensors"):
        check_machine(config, Path("config/data.csv"), packages=False)
