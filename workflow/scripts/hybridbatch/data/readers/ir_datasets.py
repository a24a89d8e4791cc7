"""Collections of the package ir_datasets (MacAvaney et al., SIGIR 2021, https://arxiv.org/abs/2103.02280), by id.

The package downloads them, or says where to put files that it may not, in ``IR_DATASETS_HOME``. It is imported when needed, because
reading a configuration needs no collections.
"""

from collections.abc import Iterator
from typing import Any

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.data.benchmark import BenchmarkData, Files, Judgement, Passage, Query, with_title


def load(section: Benchmark, language: str) -> Any:
    """Return the data set of one language, without reading its files.

    Raises:
        UserError: if ir_datasets has no data set of this id, or it lacks documents, queries or judgements, or the query field.
    """
    import ir_datasets  # noqa: PLC0415

    name = section.path.replace("{language}", section.language_names.get(language, language))
    try:
        data = ir_datasets.load(name)
    except KeyError:
        raise UserError(
            f"path: ir_datasets has no {name!r}; see https://ir-datasets.com, or correct path, languages or language_names"
        ) from None
    missing = [kind for kind in ("docs", "queries", "qrels") if not getattr(data, f"has_{kind}")()]
    if missing:
        raise UserError(f"path: {name} of ir_datasets has no {', '.join(missing)}; choose a part of it that has them")
    fields = data.queries_cls()._fields
    if section.query_field is not None and section.query_field not in fields:
        raise UserError(f"query_field: {name} has no {section.query_field!r}; allowed: {', '.join(fields)}")
    return data


def benchmark(_files: Files, section: Benchmark, language: str) -> BenchmarkData:
    """Read one language. Queries without judgements may occur: topics often serve several collections.

    Raises:
        UserError: as :func:`load`.
    """
    data = load(section, language)
    place = data.dataset_id()
    return BenchmarkData(
        _queries(data, section.query_field, place),
        _passages(data, section.title, place),
        _judgements(data, place),
        True,
    )


def _queries(data: Any, field: str | None, place: str) -> Iterator[Query]:
    for query in data.queries_iter():
        yield Query(place, query.query_id, getattr(query, field) if field else query.default_text())


def _passages(data: Any, prepend_title: bool, place: str) -> Iterator[Passage]:
    for passage in data.docs_iter():
        title = getattr(passage, "title", None) or ""
        text = getattr(passage, "text", None)
        if text is None:
            yield Passage(place, passage.doc_id, passage.default_text())
        else:
            yield Passage(place, passage.doc_id, with_title(title, text) if prepend_title else text, title or None)


def _judgements(data: Any, place: str) -> Iterator[Judgement]:
    for judged in data.qrels_iter():
        yield Judgement(place, judged.query_id, judged.doc_id, judged.relevance)
