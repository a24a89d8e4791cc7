"""Belebele (Bandarkar et al., 2024, https://aclanthology.org/2024.acl-long.44): one file of JSON lines per language.

A row is a question about a passage of FLORES-200. In every language, the link identifies a passage, and link and question number
identify a question. Questions are the queries and passages the candidates; both are parallel across languages.
"""

import logging

from hybridbatch.common.errors import UserError
from hybridbatch.common.language_codes import flores_code
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.data.benchmark import BenchmarkData, Files, Judgement, Passage, Query
from hybridbatch.data.published import fill
from hybridbatch.data.tabular import read_rows, text_of

LOG = logging.getLogger(__name__)
FILES = {"corpus": "data/{language}.jsonl"}


def file_names(section: Benchmark, language: str) -> dict[str, str]:
    """Return the file of one language, by name."""
    return fill(FILES, section, section.language_names.get(language) or flores_code(language))


def benchmark(files: Files, _section: Benchmark, _language: str) -> BenchmarkData:
    """Read one language: a query ``<link>#<number>`` for each question, a passage for each link.

    Raises:
        UserError: if a row lacks a key or belongs to another language than the file's name.
    """
    queries: list[Query] = []
    passages: dict[str, Passage] = {}
    judgements: list[Judgement] = []
    other_texts = 0
    [path] = files["corpus"]
    for place, row in read_rows(path):
        link, number = text_of(row, place, "link"), text_of(row, place, "question_number")
        passage = Passage(place, link, text_of(row, place, "flores_passage"))
        dialect = row.get("dialect", path.stem)
        if dialect != path.stem:
            raise UserError(f"{place}: is in {dialect!r}, not in {path.stem}; give the file of the right language")
        other_texts += passages.setdefault(link, passage).text != passage.text
        queries.append(Query(place, f"{link}#{number}", text_of(row, place, "question")))
        judgements.append(Judgement(place, f"{link}#{number}", link))
    if other_texts:
        LOG.warning("%s: %d questions repeat their passage with another text; the first one is kept", path, other_texts)
    return BenchmarkData(queries, passages.values(), judgements)
