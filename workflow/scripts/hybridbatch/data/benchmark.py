"""The common form of a retrieval benchmark in one language: what readers yield, and the tables that are written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

QUERIES = pa.schema([("query_id", pa.string()), ("text", pa.string())])
PASSAGES = pa.schema(
    [("passage_id", pa.string()), ("text", pa.string()), ("title", pa.string()), ("context", pa.string())]
)
QRELS = pa.schema([("query_id", pa.string()), ("passage_id", pa.string()), ("relevance", pa.int32())])

# The files of one language, by the name that their format gives them.
Files = Mapping[str, list[Path]]


class Query(NamedTuple):
    """A query; ``place`` is where it was read, for error messages."""

    place: str
    query_id: str
    text: str


class Passage(NamedTuple):
    """A passage: ``text`` is what is encoded; ``context`` is the paragraph it is taken from, if any."""

    place: str
    passage_id: str
    text: str
    title: str | None = None
    context: str | None = None


class Judgement(NamedTuple):
    """A judgement of a passage: ``relevance`` above 0 means relevant, 0 or less means not relevant."""

    place: str
    query_id: str
    passage_id: str
    relevance: int = 1


@dataclass(frozen=True)
class BenchmarkData:
    """Queries, passages and judgements, each iterated over once; ids are those of the files, without the language.

    ``unjudged_queries`` says whether the files may have queries without any judgement, which are dropped, or whether such a query is
    an error.
    """

    queries: Iterable[Query]
    passages: Iterable[Passage]
    judgements: Iterable[Judgement]
    unjudged_queries: bool = False


def with_title(title: str, text: str) -> str:
    """Return a text after its title and a blank line, as Pyserini joins them; the text alone if the title is empty."""
    return f"{title}\n\n{text}" if title else text
