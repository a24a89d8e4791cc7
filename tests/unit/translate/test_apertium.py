"""Translation with Apertium; tests that translate are skipped where it is not installed."""

import json
from pathlib import Path

import pytest
import sacrebleu

from hybridbatch.common.errors import UserError
from hybridbatch.data.tmx import read_tmx
from hybridbatch.translate.apertium import ApertiumEngine, find_mode
from hybridbatch.translate.cache import open_cache
from hybridbatch.translate.translate_pairs import translate_texts

ROOT = Path(__file__).parents[3]
XQUAD = ROOT.parent / "shared" / "data" / "lareqa" / "xquad-r"


def missing() -> str:
    try:
        find_mode("en", "es")
    except UserError as error:
        return str(error)
    return ""


installed = pytest.mark.skipif(bool(missing()), reason=f"Apertium en-es cannot run here: {missing()}")


def translated(texts: list[str], state: Path) -> list[str]:
    engine = ApertiumEngine("en", "es")
    with open_cache(state, engine) as cache:
        done = translate_texts(texts, engine, cache, batch_size=256)
    return [done[text] for text in texts]


def questions(language: str) -> dict[str, str]:
    data = json.loads((XQUAD / f"{language}.json").read_text(encoding="utf-8"))["data"]
    rows = [row for article in data for paragraph in article["paragraphs"] for row in paragraph["qas"]]
    return {row["id"]: row["question"] for row in rows}


@pytest.mark.slow
@installed
def test_texts_of_a_batch_are_independent() -> None:
    engine = ApertiumEngine("en", "es")
    texts = ["I have a big", "house", "Hello, world.", "[a] {b} <c> ^d$ e/f \\ @g *h* 50%", "house", "no end", "Yes!"]
    together = engine.translate(texts)
    assert together == [engine.translate([text])[0] for text in texts]
    assert together[1] == together[4]
    assert together[1].lower() == "casa"
    assert together[2] == "Hola, mundo."
    for mark in ("[", "{b}", "<c>", "^d$", "\\", "@g", "*h*", "50%"):
        assert mark in together[3]
    assert engine.translate(["supercalifragilistic"]) == ["supercalifragilistic"]


@installed
def test_line_breaks_are_kept(tmp_path: Path) -> None:
    made = translated(["I have a big\nhouse.\n\nHello."], tmp_path)[0]
    assert [len(part.split("\n")) for part in made.split("\n\n")] == [2, 1]
    assert made.endswith("Hola.")


def check_quality(human: dict[str, str], state: Path) -> None:
    """Check that translations are more similar to human ones than the English texts are."""
    made = translated(list(human), state)
    assert all(made)
    score, copies = (sacrebleu.corpus_chrf(list(texts), [list(human.values())]).score for texts in (made, human))
    assert score > 45
    assert score > copies + 15


@pytest.mark.slow
@installed
def test_demo_texts_are_translated(tmp_path: Path) -> None:
    check_quality(read_tmx(ROOT / "data/demo/en-es.tmx", "es", "en"), tmp_path)


@pytest.mark.slow
@installed
@pytest.mark.skipif(not XQUAD.is_dir(), reason="needs XQuAD-R's files in ../shared/data/lareqa/xquad-r")
def test_xquad_questions_are_translated(tmp_path: Path) -> None:
    spanish = questions("es")
    check_quality({text: spanish[key] for key, text in list(questions("en").items())[:1000]}, tmp_path)


@installed
def test_revision_depends_on_the_data() -> None:
    engine = ApertiumEngine("en", "es")
    assert len(engine.revision) == 64
    assert engine.revision == ApertiumEngine("en", "es").revision != ApertiumEngine("es", "en").revision
    assert engine.options == {"mode": "eng-spa", "unknown_words": "unmarked"}


def test_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        UserError, match="apertium is not installed; install it, on Debian with `apt-get install apertium`"
    ):
        find_mode("en", "es")


def test_missing_language_pair_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "modes").mkdir()
    for name in ("eng-spa", "en-gl", "cat-spa", "eng-por_BR"):
        (tmp_path / "modes" / f"{name}.mode").touch()
    (tmp_path / "apertium").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("APERTIUM_DATADIR", str(tmp_path))
    assert find_mode("en", "es") == "eng-spa"
    assert find_mode("en", "gl") == "en-gl"
    assert find_mode("en", "pt-BR") == "eng-por_BR"
    with pytest.raises(
        UserError, match=r"no mode from en to eu \(installed: cat-spa, .*apertium-eng-eus` or `apertium-eus-eng"
    ):
        find_mode("en", "eu")
