"""Cutting a text that is too long for an engine, at the ends of sentences, and joining what comes back."""

import re
from collections.abc import Callable, Sequence

from hybridbatch.common.errors import UserError

# Written without spaces between sentences.
UNSPACED = ("zh", "ja", "yue")


def split_text(text: str, language: str, fits: Callable[[str], bool]) -> list[str]:
    """Cut a text into pieces that fit, as few sentences as a piece can be: one.

    A text that fits stays whole. A longer one is cut into its sentences (by `sentencex`, whose rules come with the package),
    a sentence that is still too long at white space, and a word that is too long between characters.

    Args:
        text: any text.
        language: its language, a BCP-47 code; rules of a related language are used for those without.
        fits: tells whether an engine takes a piece; it must hold for every single character.

    Returns:
        The pieces. Together they are the text: each keeps the white space that follows it, and none is blank unless the text is.

    Raises:
        UserError: if not even one character fits.
    """
    if fits(text):
        return [text]
    pieces: list[str] = []
    for sentence in _sentences(text, language):
        pieces += [sentence] if fits(sentence.strip()) else _cut(sentence, fits)
    return _with_white_space(pieces)


def join_pieces(pieces: Sequence[str], translations: Sequence[str], language: str) -> str:
    """Join the translations of the pieces of a text: lines stay lines, sentences are parted as the language does.

    Args:
        pieces: what :func:`split_text` returned.
        translations: one for each piece.
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
    import sentencex  # noqa: PLC0415 - only engines with a limit need it

    return list(sentencex.segment(language.split("-", maxsplit=1)[0], text))


def _cut(sentence: str, fits: Callable[[str], bool]) -> list[str]:
    """Cut a sentence into as many words at once as fit."""
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
    """Cut a word, or a sentence of a script without spaces, into halves until they fit."""
    if fits(word.strip()):
        return [word]
    if len(word) == 1:
        raise UserError(f"max_input_tokens: is too small for the single character {word!r}; raise it")
    middle = len(word) // 2
    return _cut_word(word[:middle], fits) + _cut_word(word[middle:], fits)


def _with_white_space(pieces: Sequence[str]) -> list[str]:
    whole: list[str] = []
    for piece in pieces:
        if whole and (not piece.strip() or not whole[-1].strip()):
            whole[-1] += piece
        else:
            whole.append(piece)
    return whole
