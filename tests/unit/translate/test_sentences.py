"""Cutting long texts at sentence boundaries and joining the translations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridbatch.common.errors import UserError
from hybridbatch.translate.sentences import join_pieces, split_text

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from(" .?!。\n"), min_size=1)


def fits(limit: int, text: str) -> bool:
    return len(text) <= limit


@given(WORDS, st.integers(1, 30), st.sampled_from(["en", "zh", "hi", "th", "pt-BR", "sw"]))
def test_pieces_are_the_text_and_fit(text: str, limit: int, language: str) -> None:
    pieces = split_text(text, language, lambda piece: fits(limit, piece))
    assert "".join(pieces) == text
    if len(pieces) > 1:
        assert all(len(piece.strip()) <= limit for piece in pieces)
        assert all(piece.strip() for piece in pieces)


def test_sentences_are_not_cut_at_abbreviations() -> None:
    text = "Dr. Smith lives in Washington D.C. today. He paid $3.5 million.  Really?\n\nYes!"
    pieces = split_text(text, "en", lambda piece: fits(45, piece))
    assert pieces == ["Dr. Smith lives in Washington D.C. today. ", "He paid $3.5 million.  ", "Really?\n\n", "Yes!"]


@pytest.mark.parametrize(
    ("language", "text", "pieces"),
    [
        ("zh", "他来了。我走了！你呢？", ["他来了。", "我走了！", "你呢？"]),
        ("hi", "यह एक है। यह दो है।", ["यह एक है। ", "यह दो है।"]),
        ("ar", "من أنت؟ أنا هنا.", ["من أنت؟ ", "أنا هنا."]),
    ],
)
def test_sentences_of_other_scripts(language: str, text: str, pieces: list[str]) -> None:
    assert split_text(text, language, lambda piece: fits(9, piece)) == pieces


def test_long_sentence_is_cut_between_words_and_a_long_word_inside() -> None:
    assert split_text("one two three", "en", lambda piece: fits(7, piece)) == ["one two ", "three"]
    assert split_text("abcdefgh", "en", lambda piece: fits(3, piece)) == ["ab", "cd", "ef", "gh"]
    with pytest.raises(UserError, match="too small for the single character"):
        split_text("ab", "en", lambda _: False)


def test_joining_keeps_lines_and_follows_the_language() -> None:
    pieces = ["A. ", "B.\n\n", "C."]
    assert join_pieces(pieces, ["x.", "y.", "z."], "es") == "x. y.\n\nz."
    assert join_pieces(pieces, ["x。", "y。", "z。"], "zh-Hant") == "x。y。\n\nz。"
    assert join_pieces(["A"], [" x "], "es") == " x "
