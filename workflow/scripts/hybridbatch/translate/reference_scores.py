"""Samples of translated pairs, and their chrF and BLEU (by sacrebleu) against human translations."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import langcodes
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from hybridbatch.common.errors import UserError
from hybridbatch.data.ids import position
from hybridbatch.data.pairs import read_pairs
from hybridbatch.data.tmx import read_tmx

Texts = tuple[str, str]
# sacrebleu's tokenisers for languages written without spaces between words; others use 13a.
TOKENISERS = {"zh": "zh", "ja": "char", "th": "char", "lo": "char", "km": "char", "my": "char"}


@dataclass(frozen=True)
class Scores:
    """Corpus scores from 0 to 100, the number of texts, and sacrebleu's signature of each measure."""

    chrf: float
    bleu: float
    texts: int
    signatures: tuple[str, str]


def sample(pairs: Path, size: int) -> dict[str, Texts]:
    """Return query and passage of the ``size`` pairs with the lowest :func:`position`, the same ids in every language.

    Raises:
        UserError: if the file is unreadable.
    """
    lowest = heapq.nsmallest(size, read_pairs(pairs), key=lambda pair: position(pair.pair_id))
    return {pair.pair_id: (pair.query, pair.passage) for pair in lowest}


def select(pairs: Path, wanted: Mapping[str, Texts]) -> dict[str, Texts]:
    """Return query and passage of the pairs with the ids of ``wanted``, in the order of ``wanted``.

    Raises:
        UserError: if the file is unreadable.
    """
    found = {pair.pair_id: (pair.query, pair.passage) for pair in read_pairs(pairs) if pair.pair_id in wanted}
    return {pair_id: found[pair_id] for pair_id in wanted if pair_id in found}


def references(file: Path, wanted: Mapping[str, Texts], language: str, source_language: str) -> dict[str, Texts]:
    """Return the human translations of pairs, without the pairs that have none.

    Args:
        file: a translation memory (``.tmx``), looked up by text; or pairs, looked up by id.
        wanted: the pairs in the source language.
        language: the language of the translations.
        source_language: the language of ``wanted``.

    Raises:
        UserError: if the file is unreadable or has none of the pairs.
    """
    if file.suffix == ".tmx":
        memory = read_tmx(file, language, source_language)
        found = {
            pair_id: (memory[query], memory[passage])
            for pair_id, (query, passage) in wanted.items()
            if query in memory and passage in memory
        }
    else:
        found = select(file, wanted)
    if not found:
        raise UserError(f"{file}: has none of the translated pairs; name another file, or remove the reference")
    return found


def score(translations: Mapping[str, Texts], reference: Mapping[str, Texts], language: str) -> Scores:
    """Return chrF (Popović 2015) and BLEU (Papineni et al. 2002) of the translations that have a reference.

    Raises:
        UserError: if none has a reference.
    """
    ids = [pair_id for pair_id in translations if pair_id in reference]
    if not ids:
        raise UserError(
            f"references: none of the translations into {language!r} has one; name another file, or remove the reference"
        )
    texts = [text for pair_id in ids for text in translations[pair_id]]
    wanted = [text for pair_id in ids for text in reference[pair_id]]
    chrf, bleu = CHRF(), BLEU(tokenize=tokeniser(language))
    values = [measure.corpus_score(texts, [wanted]).score for measure in (chrf, bleu)]
    return Scores(values[0], values[1], len(texts), (_signature("chrF", chrf), _signature("BLEU", bleu)))


def tokeniser(language: str) -> str:
    """Return the name of sacrebleu's tokeniser for a language."""
    return TOKENISERS.get(str(langcodes.Language.get(language).language), "13a")


def _signature(name: str, measure: BLEU | CHRF) -> str:
    return f"{name}|{measure.get_signature().format()}"
