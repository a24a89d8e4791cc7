"""Splitting texts that are too long for an engine at sentence boundaries, and joining the translations."""

import re
from collections.abc import Callable, Sequence

from hybridbatch.common.errors import UserError

# Languages without spaces between sentences.
UNSPACED = ("zh", "ja", "yue")


def split_text(text: str, language: str, fits: Callable[[str], bool]) -> list[str]:
    """Split a text into pieces that fit.

    A text that fits stays whole. A longer text is split into sentences (with `sentencex`), a sentence that is too long at
    white space, and a word that is too long between characters.

    Args:
        text: any text.
        language: its BCP-47 code; languages without sentence rules use those of a related language.
        fits: whether an engine accepts a piece; must be true for every single character.

    Returns:
        The pieces. Joined, they are the text: each keeps the white space that follows it, and none is blank unless the text is.

    Raises:
        UserError: if a single character does not fit.
    """
    if fits(text):
        return [text]
    pieces: list[str] = []
    for sentence in _sentences(text, language):
        pieces += [sentence] if fits(sentence.strip()) else _cut(sentence, fits)
    return _merge_blanks(pieces)


def join_pieces(pieces: Sequence[str], translations: Sequence[str], language: str) -> str:
    """Join the translations of the pieces of a text; line breaks are kept, sentences are spaced as in ``language``.

    Args:
        pieces: the result of :func:`split_text`.
        translations: the translation of each piece.
        language: the language of the translations.
    """
    if len(pieces) == 1:
        return translations[0]
    space = "" if language.split("-", maxsplit=1)[0] in UNSPACED else " "
    parts = []
    for piece, translation in zip(pieces, translations, strict=True):
        lines = piece[len(piece.rstrip()) :].count("\n")
        parts += [translation.strip(), "\n" * lines or space]
    return "".join(parts[:-1])


def _sentences(text: str, language: str) -> list[str]:
    import sentencex  # noqa: PLC0415 - only for engines with a limit

    return list(sentencex.segment(language.split("-", maxsplit=1)[0], text))


def _cut(sentence: str, fits: Callable[[str], bool]) -> list[str]:
    """Split a sentence into pieces of as many words as fit."""
    pieces: list[str] = []
    for word in re.findall(r"\s*\S+\s*", sentence):
        if pieces and fits((pieces[-1] + word).strip()):
            pieces[-1] += word
        elif fits(word.strip()):
            pieces.append(word)
        else:
            pieces += _cut_word(word, fits)
    return pieces


def _cut_word(word: str, fits: Callable[[str], bool]) -> list[str]:
    """Halve a word, or a sentence in a script without spaces, until the parts fit."""
    if fits(word.strip()):
        return [word]
    if len(word) == 1:
        raise UserError(f"max_input_tokens: is too small for the single character {word!r}; increase it")
    middle = len(word) // 2
    return _cut_word(word[:middle], fits) + _cut_word(word[middle:], fits)


def _merge_blanks(pieces: Sequence[str]) -> list[str]:
    """Attach blank pieces to their neighbours."""
    merged: list[str] = []
    for piece in pieces:
        if merged and (not piece.strip() or not merged[-1].strip()):
            merged[-1] += piece
        else:
            merged.append(piece)
    return merged
