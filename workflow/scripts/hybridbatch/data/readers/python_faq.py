"""The FAQ of Python (https://docs.python.org/3/faq/): a gettext file per page and translation, with the English texts as ``msgid``.

The translations belong to different releases of the documentation. Only what all of them share is read, so that every language has the
same questions and passages: questions and paragraphs whose English text is the same and which every language has translated.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polib

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.data.benchmark import BenchmarkData, Files, Judgement, Passage, Query

# The folders of the translations, by language.
FOLDERS = {"es": "es", "fr": "fr", "ja": "ja", "ko": "ko", "pt-BR": "pt-br", "uk": "uk", "zh": "zh-cn"}
PAGES = ("general", "programming", "design", "library", "extending", "windows", "gui")
# Lengths of English texts: a longer text with a question mark is a paragraph, and a shorter paragraph is a fragment, such as
# "For example:".
LONGEST_QUESTION = 120
SHORTEST_PARAGRAPH = 60
HEADING = re.compile(r"[A-Z][A-Za-z ?./()]*[A-Za-z)]")
# Markup of reStructuredText: a literal, a role or link with its optional target, emphasis, and an escaped character.
MARKUP = re.compile(
    r"``(?P<literal>.+?)``"
    r"|(?P<role>:[a-z:]+:)?`(?P<text>[^`<]+?)(?:\s*<[^`>]*>)?`_{0,2}"
    r"|(?<!\w)(?P<stars>\*\*?)(?=\S)(?P<emphasis>[^*]+?)(?<=\S)(?P=stars)(?!\w)"
    r"|\\(?P<escaped>.)"
)


class Answer(NamedTuple):
    """A question and a paragraph of its answer."""

    question: str
    paragraph: str


def file_names(_section: Benchmark, _language: str) -> dict[str, str]:
    """Return the files of all translations, by name, below the folder of the data: each language needs all of them."""
    return {f"{folder}/{page}": f"{folder}/{page}.po" for folder in FOLDERS.values() for page in PAGES}


def benchmark(files: Files, _section: Benchmark, language: str) -> BenchmarkData:
    """Read one language. A query id is ``<page>/<question>``, a passage id ``<page>/<question>/<paragraph>``, in the order of the page.

    Raises:
        UserError: if a file is damaged.
    """
    queries: list[Query] = []
    passages: list[Passage] = []
    judgements: list[Judgement] = []
    for page in PAGES:
        translations = {code: _answers(files[f"{folder}/{page}"][0]) for code, folder in FOLDERS.items()}
        shared = [key for key in translations["es"] if all(key in answers for answers in translations.values())]
        place = f"{page}.po"
        for number, question in enumerate(dict.fromkeys(key.question for key in shared)):
            keys = [key for key in shared if key.question == question]
            texts = keys if language == "en" else [translations[language][key] for key in keys]
            query_id = f"{page}/{number:03d}"
            queries.append(Query(place, query_id, plain_text(texts[0].question)))
            for position, text in enumerate(texts):
                passage_id = f"{query_id}/{position:02d}"
                passages.append(Passage(place, passage_id, plain_text(text.paragraph)))
                judgements.append(Judgement(place, query_id, passage_id))
    return BenchmarkData(queries, passages, judgements)


def plain_text(text: str) -> str:
    """Return a paragraph of reStructuredText without markup: literals, roles and links become their text."""
    plain = " ".join(MARKUP.sub(_without_markup, text).split())
    # Two colons announce code; after a space, they are not printed.
    return re.sub(r" ::$|(?<=:):$", "", plain)


def _without_markup(match: re.Match[str]) -> str:
    if match["escaped"] is not None:
        return match["escaped"].strip()
    if match["role"] == ":pep:":
        return f"PEP {match['text']}"
    if match["role"] and match["text"].startswith("~"):
        return match["text"].rpartition(".")[2].lstrip("~")
    return match["literal"] or match["emphasis"] or match["text"].removeprefix("!")


def _answers(path: Path) -> dict[Answer, Answer]:
    """Return the translated answers of a page, by their English texts."""
    try:
        entries = polib.pofile(str(path), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as gettext ({error}); delete it and download it again") from error
    return dict(_read(entries))


def _read(entries: polib.POFile) -> Iterator[tuple[Answer, Answer]]:
    """Yield English and translated answers. A paragraph answers the question above it, unless a heading is in between."""
    question: polib.POEntry | None = None
    for entry in entries:
        english = entry.msgid
        # Only code has line breaks.
        if entry.obsolete or "\n" in english:
            continue
        if english.endswith("?") and len(english) <= LONGEST_QUESTION:
            question = entry
        elif len(english) < SHORTEST_PARAGRAPH:
            question = None if HEADING.fullmatch(english) else question
        elif question and _is_translated(question) and _is_translated(entry):
            yield Answer(question.msgid, english), Answer(question.msgstr, entry.msgstr)


def _is_translated(entry: polib.POEntry) -> bool:
    """Return whether there is a translation that is not fuzzy, that is, of an older text, nor a copy of the English text."""
    return bool(entry.translated()) and entry.msgstr != entry.msgid
