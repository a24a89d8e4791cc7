"""Relevance judgements: which queries can be evaluated with them."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.data.benchmark import Judgement, Query

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answerable:
    """The queries that have a relevant passage, the judgements above 0, and counts of everything else."""

    queries: list[Query]
    relevant: list[Judgement]
    counts: dict[str, int]


def whole_number(value: Any, place: str) -> int:
    """Return a relevance, given as a number or as text.

    Raises:
        UserError: if it is not a whole number.
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"{place}: relevance {value!r} is not a number; correct it") from error
    if not number.is_integer():
        raise UserError(f"{place}: relevance {value!r} is not a whole number; correct it")
    return int(number)


def select_answerable(queries: Iterable[Query], judgements: Iterable[Judgement], unjudged_queries: bool) -> Answerable:
    """Select the queries that have a relevant passage, and the judgements that say so.

    A query with no relevant passage cannot be evaluated: it is dropped and counted.

    Args:
        queries: queries with unique ids.
        judgements: judgements of these queries.
        unjudged_queries: whether a query without any judgement is dropped and counted, or is an error.

    Raises:
        UserError: if there are no queries, the id or text of a query is blank, an id is repeated, a judgement names an unknown
            query or contradicts another one, a query without judgements is an error, or no query is left.
    """
    by_id = _by_id(queries)
    found: dict[tuple[str, str], Judgement] = {}
    for judgement in judgements:
        key = (judgement.query_id, judgement.passage_id)
        if judgement.query_id not in by_id:
            raise UserError(
                f"{judgement.place}: query {judgement.query_id!r} is judged but not among the queries; "
                "fetch queries and judgements of the same version"
            )
        if found.setdefault(key, judgement).relevance != judgement.relevance:
            raise UserError(f"{judgement.place}: contradicts {found[key].place} on passage {judgement.passage_id!r}")
    judged = {query_id for query_id, _ in found}
    relevant = [judgement for judgement in found.values() if judgement.relevance > 0]
    answered = {judgement.query_id for judgement in relevant}
    missing = [query for query in by_id.values() if query.query_id not in judged]
    if missing and not unjudged_queries:
        raise UserError(
            f"{missing[0].place}: query {missing[0].query_id!r} has no judgements "
            f"({len(missing)} such queries); remove them or judge them"
        )
    if not answered:
        raise UserError(f"{next(iter(by_id.values())).place}: no passage is relevant to any query; name other files")
    counts = {
        "judged_not_relevant": len(found) - len(relevant),
        "queries_without_judgements_dropped": len(missing),
        "queries_without_relevant_passage_dropped": len(judged) - len(answered),
    }
    for name, count in counts.items():
        if count:
            LOG.info("%s: %d", name.replace("_", " "), count)
    return Answerable([query for query in by_id.values() if query.query_id in answered], relevant, counts)


def _by_id(queries: Iterable[Query]) -> dict[str, Query]:
    by_id: dict[str, Query] = {}
    for query in queries:
        if not query.query_id.strip() or not query.text.strip():
            raise UserError(f"{query.place}: id or text of the query is blank; fill it in or remove the query")
        if by_id.setdefault(query.query_id, query) is not query:
            raise UserError(f"{query.place}: query {query.query_id!r} is also in {by_id[query.query_id].place}")
    if not by_id:
        raise UserError("there are no queries; name a file that has some, or widen keep")
    return by_id
