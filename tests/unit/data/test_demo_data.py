"""What the embedded data promises."""

import unicodedata
from collections import defaultdict
from pathlib import Path

import pytest

from hybridbatch.data.readers.parallel import read_english
from hybridbatch.data.tmx import read_tmx

DEMO = Path(__file__).parents[3] / "data" / "demo"
SCRIPTS = {
    "ar": "ARABIC", "de": "LATIN", "el": "GREEK", "es": "LATIN", "hi": "DEVANAGARI", "ru": "CYRILLIC", "tr": "LATIN", "zh": "CJK",
}  # fmt: skip


def test_sizes_and_domains() -> None:
    pairs = read_english(DEMO / "pairs.en.tsv")
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for pair in pairs:
        counts[pair.domain, pair.split] += 1
    assert len(pairs) == 240
    assert counts == {
        ("facts", "train"): 80, ("facts", "validation"): 16, ("facts", "test"): 64,
        ("advice", "train"): 32, ("advice", "validation"): 8, ("advice", "test"): 40,
    }  # fmt: skip


def test_no_topic_and_no_text_is_in_two_splits() -> None:
    for key in ("topic", "query", "passage"):
        splits = defaultdict(set)
        for pair in read_english(DEMO / "pairs.en.tsv"):
            splits[getattr(pair, key)].add(pair.split)
        assert all(len(found) == 1 for found in splits.values()), key


def test_every_topic_has_four_pairs_that_are_neighbours() -> None:
    topics = defaultdict(int)
    for pair in read_english(DEMO / "pairs.en.tsv"):
        topics[pair.topic] += 1
    assert set(topics.values()) == {4}


@pytest.mark.parametrize("language", sorted(SCRIPTS))
def test_translations_are_complete_distinct_and_in_their_script(language: str) -> None:
    memory = read_tmx(DEMO / f"en-{language}.tmx", language)
    pairs = read_english(DEMO / "pairs.en.tsv")
    assert list(memory) == [text for pair in pairs for text in (pair.query, pair.passage)]
    assert len(set(memory.values())) == 480
    letters = [letter for text in memory.values() for letter in text if letter.isalpha()]
    share = sum(unicodedata.name(letter).startswith(SCRIPTS[language]) for letter in letters) / len(letters)
    assert share > 0.98
    for text in memory.values():
        assert text == unicodedata.normalize("NFC", text).strip()
    assert sum(text == translation for text, translation in memory.items()) == 0
