"""Quality control of translations: checks that compare a translation with its source text."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import langcodes
import numpy as np
import regex
from numpy.typing import NDArray
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from hybridbatch.clean.decontamination import jaccard, key, ngrams
from hybridbatch.common.errors import UserError
from hybridbatch.config.cleaning import Check, Quality

if TYPE_CHECKING:
    from hybridbatch.backbone.encoder import Task

# Texts with fewer letters are often names, which stay the same in another language.
MIN_LETTERS = 20
# Jaccard similarity of the character n-grams of source and translation at which the translation is a copy.
COPY_NGRAM = 3
COPY_SIMILARITY = 0.8
# Smallest share of letters in a script of the language.
SCRIPT_SHARE = 0.5
# Share of repeated character n-grams, minus the same share in the source, at which a translation is a loop.
LOOP_NGRAM = 8
REPETITION = 0.4
# Added to both lengths so that one word does not make a short text an outlier.
LENGTH_SMOOTHING = 10
# The scripts of CLDR's writing systems that combine several scripts of Unicode or have another name there.
WRITING_SYSTEMS = {
    "Hans": ["Hani"],
    "Hant": ["Hani"],
    "Jpan": ["Hani", "Hira", "Kana"],
    "Kore": ["Hang", "Hani"],
    "Aran": ["Arab"],
}
# Varieties that the identifier distinguishes from the standard language.
VARIETIES = {"zh": {"wuu", "yue"}, "ar": {"ary", "arz"}, "gn": {"gug"}, "ki": {"kik"}, "ff": {"fuv"}}
# Languages up to this distance in CLDR's language matching are too similar to distinguish: nn and nb, ms and id.
MAX_DISTANCE = 20
NO_LANGUAGE = "zxx"


def letters(text: str) -> int:
    """Return the number of letters in a text."""
    return len(regex.findall(r"\p{L}", text))


def length_ratio(text: str, source: str) -> float:
    """Return the natural logarithm of the ratio of the lengths in characters, smoothed for short texts."""
    return math.log((len(text) + LENGTH_SMOOTHING) / (len(source) + LENGTH_SMOOTHING))


def script_share(text: str, language: str) -> float:
    """Return the share of a text's letters that are in a script of its language; 1 if it has no letters.

    The scripts follow from CLDR's likely subtags: Deva for hi, Hani for zh, Cyrl for sr.
    """
    all_letters = letters(text)
    return len(_own_letters(language).findall(text)) / all_letters if all_letters else 1.0


@cache
def _own_letters(language: str) -> "regex.Pattern[str]":
    system = str(langcodes.Language.get(language).maximize().script)
    scripts = "".join(rf"\p{{Script={script}}}" for script in WRITING_SYSTEMS.get(system, [system]))
    return regex.compile(rf"(?V1)[\p{{L}}&&[{scripts}]]")


def repetition(text: str) -> float:
    """Return the share of a text's character n-grams that repeat an earlier one: 0 for none, near 1 for a loop."""
    folded = key(text)
    return 1 - len(ngrams(folded, LOOP_NGRAM)) / max(1, len(folded) - LOOP_NGRAM + 1)


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def identifiable(language: str) -> bool:
    """Return whether the language identifier covers a language."""
    return any(same_language(language, str(label)) for label in _identifier().labels if label != NO_LANGUAGE)


def other_language(text: str, language: str) -> tuple[str, float] | None:
    """Return the language of a text and its probability, or None if the language is ``language``."""
    found, probability = _identifier().classify(text)
    if str(found) == NO_LANGUAGE or same_language(language, str(found)):
        return None
    return str(found), float(probability)


@cache
def same_language(expected: str, found: str) -> bool:
    """Return whether two codes name the same language, or two languages that are too similar to distinguish."""
    base = str(langcodes.Language.get(expected).language)
    return found == base or found in VARIETIES.get(base, ()) or langcodes.tag_distance(base, found) <= MAX_DISTANCE


Similarity = Callable[[Sequence[str], Sequence[str], str], NDArray[np.float64]]


class QualityControl:
    """Checks translations into one language as configured.

    Attributes:
        checks: the checks in order; without ``language`` if the identifier does not cover the language.
    """

    def __init__(
        self,
        settings: Quality,
        language: str,
        medians: Mapping[str, float],
        similarity: Similarity | None = None,
    ) -> None:
        """Prepare the checks.

        Args:
            settings: the checks, in order, and their thresholds.
            language: the language of the translations.
            medians: the median :func:`length_ratio` of the file's texts, by column.
            similarity: returns the cosine similarities of sources and translations; its last argument is the column.
        """
        self._settings = settings
        self._language = language
        self._medians = medians
        self._similarity = similarity
        self.checks: list[Check] = [check for check in settings.checks if check != "language" or identifiable(language)]

    def failures(self, texts: Sequence[str], sources: Sequence[str], column: str) -> list[Check | None]:
        """Return the first check that each translation fails, or None.

        Args:
            texts: the translations.
            sources: the source texts.
            column: ``query``, ``passage`` or ``negative``.
        """
        found: list[Check | None] = [None] * len(texts)
        for check in self.checks:
            waiting = [index for index, failure in enumerate(found) if failure is None]
            for index in self._fail(check, [texts[i] for i in waiting], [sources[i] for i in waiting], column):
                found[waiting[index]] = check
        return found

    def _fail(self, check: Check, texts: list[str], sources: list[str], column: str) -> list[int]:
        if check != "similarity":
            pairs = enumerate(zip(texts, sources, strict=True))
            return [index for index, (text, source) in pairs if self._fails(check, text, source, column)]
        if self._similarity is None or self._settings.min_similarity is None:
            raise UserError("cleaning.quality: the check similarity needs encoder and min_similarity; set both")
        similar = self._similarity(sources, texts, column)
        return [int(index) for index in np.flatnonzero(similar < self._settings.min_similarity)]

    def _fails(self, check: Check, text: str, source: str, column: str) -> bool:
        if check == "length_ratio":
            low, high = self._settings.length_log_ratio
            return not low <= length_ratio(text, source) - self._medians[column] <= high
        if check == "repetition":
            return repetition(text) - repetition(source) >= REPETITION
        if letters(text) < MIN_LETTERS:
            return False
        if check == "untranslated":
            return jaccard(ngrams(key(text), COPY_NGRAM), ngrams(key(source), COPY_NGRAM)) >= COPY_SIMILARITY
        if check == "script":
            return script_share(text, self._language) < SCRIPT_SHARE
        other = other_language(text, self._language)
        return other is not None and other[1] >= self._settings.language_confidence


def encoder_similarity(folder: Path, device: str, batch_size: int = 64) -> Similarity:
    """Return the cosine similarity of the vectors of an encoder, a sentence-transformers folder."""
    from hybridbatch.backbone.encoder import encode_texts, load_encoder  # noqa: PLC0415 - slow to load and rarely used
    from hybridbatch.common.devices import choose_device  # noqa: PLC0415

    model = load_encoder(folder, choose_device(device))

    def similarity(first: Sequence[str], second: Sequence[str], column: str) -> NDArray[np.float64]:
        if not first:
            return np.empty(0)
        task: Task = "query" if column == "query" else "document"
        vectors = [encode_texts(model, list(texts), task, batch_size) for texts in (first, second)]
        cosines: NDArray[np.float64] = np.einsum("ij,ij->i", *vectors, dtype=np.float64)
        return cosines

    return similarity
