"""Relevance judgements in TREC's and BEIR's forms, and which queries can be evaluated with them."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hybridbatch.common.errors import UserError
from hybridbatch.data.tabular import read_lines, read_rows, text_of, whole_number

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Query:
    """A query; ``place`` says where it was read."""

    place: str
    query_id: str
    text: str


@dataclass(frozen=True)
class Judgement:
    """What somebody judged: ``relevance`` above 0 is relevant, 0 or less is not; ``place`` says where it was read."""

    place: str
    query_id: str
    passage_id: str
    relevance: int


@dataclass(frozen=True)
class Judged:
    """The queries that can be evaluated, the relevant judgements alone, and counts of the rest."""

    queries: list[Query]
    relevant: list[Judgement]
    counts: dict[str, int]


def read_trec(path: Path) -> Iterator[Judgement]:
    """Yield the judgements of a file in TREC's form: query, Q0, passage and relevance between tabs or spaces.

    Raises:
        UserError: if the file is unreadable or a line has another form.
    """
    for place, line in read_lines(path):
        cells = line.split()
        if len(cells) != 4:
            raise UserError(f"{place}: has {len(cells)} cells; it must have four: query, Q0, passage, relevance")
        yield Judgement(place, cells[0], cells[2], whole_number(cells[3], place))


def read_beir(path: Path) -> Iterator[Judgement]:
    """Yield the judgements of a file in BEIR's form: ``query-id``, ``corpus-id`` and ``score``, which is 1 where it is missing.

    Raises:
        UserError: if the file is unreadable or a row has another form.
    """
    for place, row in read_rows(path):
        relevance = whole_number(row.get("score", 1), place)
        yield Judgement(place, text_of(row, place, "query-id"), text_of(row, place, "corpus-id"), relevance)


def judge(
    queries: Iterable[Query],
    judgements: Iterable[Judgement],
    where: Sequence[Path],
    unjudged: Literal["refuse", "drop"],
) -> Judged:
    """Keep the queries that have a relevant passage, and the judgements that say so.

    A query of which all judged passages are not relevant cannot be evaluated; it is dropped and counted.

    Args:
        queries: queries with unique ids.
        judgements: of these queries.
        where: the files of the judgements, for errors.
        unjudged: whether a query without any judgement is an error, or is dropped and counted.

    Raises:
        UserError: if a query's id or text is empty or its id repeated, a judgement names an unknown query or contradicts
            another one, a query has no judgements where that is refused, or no query is left.
    """
    by_id = _by_id(queries)
    found: dict[tuple[str, str], Judgement] = {}
    for judgement in judgements:
        key = (judgement.query_id, judgement.passage_id)
        if judgement.query_id not in by_id:
            raise UserError(
                f"{judgement.place}: query {judgement.query_id!r} is judged, but is not among the queries; "
                "fetch queries and judgements of the same version"
            )
        if found.setdefault(key, judgement).relevance != judgement.relevance:
            raise UserError(f"{judgement.place}: contradicts {found[key].place} on passage {judgement.passage_id!r}")
    judged = {query_id for query_id, _ in found}
    relevant = [judgement for judgement in found.values() if judgement.relevance > 0]
    answered = {judgement.query_id for judgement in relevant}
    missing = [query for query in by_id.values() if query.query_id not in judged]
    if missing and unjudged == "refuse":
        raise UserError(
            f"{missing[0].place}: query {missing[0].query_id!r} has no judgements in {', '.join(map(str, where))} "
            f"({len(missing)} such queries); remove them or judge them"
        )
    if not answered:
        raise UserError(f"{', '.join(map(str, where))}: no passage is relevant to any query; name other files")
    counts = {
        "judged_not_relevant": len(found) - len(relevant),
        "queries_without_judgements_dropped": len(missing),
        "queries_without_relevant_passage_dropped": len(judged) - len(answered),
    }
    for what, count in counts.items():
        if count:
            LOG.info("%s: %d", what.replace("_", " "), count)
    return Judged([query for query in by_id.values() if query.query_id in answered], relevant, counts)


def _by_id(queries: Iterable[Query]) -> dict[str, Query]:
    by_id: dict[str, Query] = {}
    for query in queries:
        if not query.query_id.strip() or not query.text.strip():
            raise UserError(f"{query.place}: id or text of the query is empty; give it one or remove the query")
        if by_id.setdefault(query.query_id, query) is not query:
            raise UserError(f"{query.place}: query {query.query_id!r} stands also in {by_id[query.query_id].place}")
    if not by_id:
        raise UserError("there are no queries; name a file that holds some")
    return by_id
