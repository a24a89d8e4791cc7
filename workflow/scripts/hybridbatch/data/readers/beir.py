"""Reader of BEIR's and MTEB's form: a corpus (id, title, text), queries (id, text) and judgements (query-id, corpus-id, score).

Ids stand in ``_id`` (BEIR) or ``id`` (newer data sets of MTEB). A file is JSON lines or parquet, judgements also TSV.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from hybridbatch.data.benchmark_writer import Passage
from hybridbatch.data.qrels import Judged, Judgement, Query, judge, read_beir
from hybridbatch.data.tabular import read_rows, text_of


def judged(queries: Sequence[Path], qrels: Sequence[Path]) -> Judged:
    """Read queries and judgements; see :func:`hybridbatch.data.qrels.judge`.

    Queries without judgements are dropped: a file of queries often serves several splits.

    Raises:
        UserError: naming file and line.
    """
    return judge(_queries(queries), _judgements(qrels), qrels, "drop")


def passages(files: Sequence[Path]) -> Iterator[Passage]:
    """Yield the passages of a corpus.

    Raises:
        UserError: naming file and line.
    """
    for file in sorted(files):
        for place, row in read_rows(file):
            title = text_of(row, place, "title") if row.get("title") is not None else ""
            yield Passage(place, text_of(row, place, "_id", "id"), title, text_of(row, place, "text"))


def _queries(files: Sequence[Path]) -> Iterator[Query]:
    for file in sorted(files):
        for place, row in read_rows(file):
            yield Query(place, text_of(row, place, "_id", "id"), text_of(row, place, "text"))


def _judgements(files: Sequence[Path]) -> Iterator[Judgement]:
    for file in sorted(files):
        yield from read_beir(file)
