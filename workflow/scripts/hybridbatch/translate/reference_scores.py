"""Samples of translated pairs, and how near translations are to those that people made: chrF and BLEU by sacrebleu."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import langcodes
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from hybridbatch.common.errors import UserError
from hybridbatch.data.pairs import position, read_batches
from hybridbatch.data.tmx import read_tmx

Texts = tuple[str, str]
# Scripts whose words are not set apart by spaces, and the tokeniser of sacrebleu that BLEU then needs.
TOKENISERS = {"zh": "zh", "ja": "char", "th": "char", "lo": "char", "km": "char", "my": "char"}


@dataclass(frozen=True)
class Scores:
    """Corpus scores from 0 to 100, the number of texts, and sacrebleu's signature of each measure."""

    chrf: float
    bleu: float
    texts: int
    signatures: tuple[str, str]


def sample(pairs: Path, size: int) -> dict[str, Texts]:
    """Return query and passage of the ``size`` pairs whose ids come first by their hash, the same in every language.

    Raises:
        UserError: if the file is unreadable.
    """
    kept: list[tuple[float, str, str, str]] = []
    for table in read_batches(pairs):
        for pair_id, query, passage in zip(*(table[name].to_pylist() for name in table.column_names), strict=True):
            entry = (-position(pair_id), pair_id, query, passage)
            if len(kept) < size:
                heapq.heappush(kept, entry)
            elif entry > kept[0]:
                heapq.heapreplace(kept, entry)
    return {pair_id: (query, passage) for _, pair_id, query, passage in sorted(kept, reverse=True)}


def select(pairs: Path, wanted: Mapping[str, Texts]) -> dict[str, Texts]:
    """Return query and passage of the pairs that have the ids of ``wanted``, in the order of ``wanted``.

    Raises:
        UserError: if the file is unreadable.
    """
    found = {}
    for table in read_batches(pairs):
        for pair_id, query, passage in zip(*(table[name].to_pylist() for name in table.column_names), strict=True):
            if pair_id in wanted:
                found[pair_id] = (query, passage)
    return {pair_id: found[pair_id] for pair_id in wanted if pair_id in found}


def references(file: Path, wanted: Mapping[str, Texts], language: str, source_language: str) -> dict[str, Texts]:
    """Return the translations by people of some pairs; a pair whose texts have none is left out.

    Args:
        file: a translation memory (``.tmx``), looked up by text; or pairs, looked up by id.
        wanted: the pairs in the language that was translated from.
        language: the language translated into.
        source_language: the language translated from.

    Raises:
        UserError: if the file is unreadable, or has none of the pairs.
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
        raise UserError(f"{file}: has none of the pairs that were translated; name other references, or none")
    return found


def score(translations: Mapping[str, Texts], reference: Mapping[str, Texts], language: str) -> Scores:
    """Return chrF (Popović 2015) and BLEU (Papineni et al. 2002) of translations that have a reference.

    Raises:
        UserError: if none has one.
    """
    ids = [pair_id for pair_id in translations if pair_id in reference]
    if not ids:
        raise UserError(f"references: none for the translations into {language!r}; name other references, or none")
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


def beside(source: Mapping[str, Texts], translations: Mapping[str, Texts]) -> list[tuple[str, Sequence[Texts]]]:
    """Return, for each pair that both have, its id and (source, translation) of its query and of its passage."""
    return [
        (name, list(zip(source[name], texts, strict=True))) for name, texts in translations.items() if name in source
    ]
