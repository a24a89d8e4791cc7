"""Reader of MIRACL (Zhang et al., 2023, https://doi.org/10.1162/tacl_a_00595): topics, TREC judgements, JSON lines of passages."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hybridbatch.common.errors import UserError
from hybridbatch.data.benchmark_writer import Passage
from hybridbatch.data.qrels import Judged, Judgement, Query, judge, read_trec
from hybridbatch.data.tabular import read_lines, read_rows, text_of

NUMBER = re.compile(r"-(\d+)\.")


def judged(topics: Sequence[Path], qrels: Sequence[Path]) -> Judged:
    """Read topics and judgements; see :func:`hybridbatch.data.qrels.judge`. A topic without judgements is an error.

    Raises:
        UserError: naming file and line.
    """
    return judge(_topics(topics), _judgements(qrels), qrels, "refuse")


def passages(files: Sequence[Path]) -> Iterator[Passage]:
    """Yield the passages of a corpus: ``docid``, ``title`` and ``text`` of each line.

    Raises:
        UserError: naming file and line; or if a file of the series ``docs-0``, ``docs-1``, ... is missing.
    """
    for file in in_order(files):
        for place, row in read_rows(file):
            title = text_of(row, place, "title") if row.get("title") is not None else ""
            yield Passage(place, text_of(row, place, "docid"), title, text_of(row, place, "text"))


def in_order(files: Sequence[Path]) -> list[Path]:
    """Return numbered files by their numbers.

    Raises:
        UserError: if a number is missing between 0 and the greatest.
    """
    numbered = {int(match[1]): file for file in files if (match := NUMBER.search(file.name))}
    if len(numbered) != len(files):
        return sorted(files)
    for number in range(len(numbered)):
        if number not in numbered:
            last = numbered[max(numbered)]
            raise UserError(f"{last.parent}: has {last.name}, but not number {number} of the series; fetch it too")
    return [numbered[number] for number in sorted(numbered)]


def _topics(files: Sequence[Path]) -> Iterator[Query]:
    for file in files:
        for place, line in read_lines(file):
            query_id, tab, text = line.partition("\t")
            if not tab:
                raise UserError(f"{place}: has no tab; it must have an id, a tab and the text of a query")
            yield Query(place, query_id, text)


def _judgements(files: Sequence[Path]) -> Iterator[Judgement]:
    for file in files:
        yield from read_trec(file)
