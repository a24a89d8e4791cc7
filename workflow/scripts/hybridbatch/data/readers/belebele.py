"""Reader of Belebele (Bandarkar et al., 2024, https://aclanthology.org/2024.acl-long.44): a file of JSON lines per language.

A row is a question on a passage of FLORES-200. Link and question number name a question in every language, the link alone
its passage; so questions are queries, passages are the candidates, and both are parallel over languages.
"""

import logging
from pathlib import Path

import pyarrow as pa

from hybridbatch.common.errors import UserError
from hybridbatch.data.benchmark import PASSAGES, QRELS, QUERIES, Benchmark
from hybridbatch.data.tabular import read_rows, text_of

LOG = logging.getLogger(__name__)


def benchmark(path: Path, language: str) -> Benchmark:
    """Read one language: a query ``<link>#<number>`` for each question, a passage ``<language>/<link>`` for each link.

    Raises:
        UserError: if the file is unreadable or cut, a row lacks a key, or belongs to another language than the file's name.
    """
    queries: list[dict[str, str]] = []
    passages: dict[str, str] = {}
    qrels: list[dict[str, object]] = []
    other_texts = 0
    for place, row in read_rows(path):
        link, number = text_of(row, place, "link"), text_of(row, place, "question_number")
        passage = text_of(row, place, "flores_passage")
        dialect = row.get("dialect", path.stem)
        if dialect != path.stem:
            raise UserError(f"{place}: is in {dialect!r}, not in {path.stem}; give the file of the language wanted")
        other_texts += passages.setdefault(link, passage) != passage
        queries.append({"query_id": f"{link}#{number}", "text": text_of(row, place, "question")})
        qrels.append({"query_id": f"{link}#{number}", "passage_id": f"{language}/{link}", "relevance": 1})
    if other_texts:
        LOG.warning("%s: %d questions repeat their passage with another text; the first one is kept", path, other_texts)
    rows = [{"passage_id": f"{language}/{link}", "text": text} for link, text in passages.items()]
    return Benchmark(
        str(path),
        language,
        pa.Table.from_pylist(queries, QUERIES),
        pa.Table.from_pylist(rows, PASSAGES),
        pa.Table.from_pylist(qrels, QRELS),
    )
