"""Rankings and judgements as the files that trec_eval, ranx, ir_measures and other tools of the field read.

A query is named ``<language>.<query_id>``, in ``cross`` ``<language>.<passage language>.<query_id>``: every ranking has a name of its
own. The score in a run file is ``depth + 1 - rank``. Tools sort by the score, and break ties each in its own way; whole numbers that
fall from rank to rank leave none, so every tool sees the ranking that was measured here. ``topk.parquet`` has the similarities.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path, read_table

Setting = Literal["mono", "cross", "multi"]
# Rows of a ranking that are held at once.
ROWS = 262_144
# What separates columns or lines for one tool or another: every white space of Unicode, and an empty id is as bad.
UNFIT = r"[\s\p{Z}\x{0b}\x{1c}-\x{1f}\x{85}]|^$"


def write_qrels(benchmark: Path, languages: Sequence[str], setting: Setting, output: Path) -> None:
    """Write the judgements of a benchmark in one setting, lines of ``query 0 passage relevance``.

    Args:
        benchmark: folder with ``<language>/{queries,qrels}.parquet``; the judgements of one language are held at a time.
        languages: the languages of the pool.
        setting: ``mono``, ``cross`` or ``multi``.
        output: the file.

    Raises:
        UserError: if a file is unreadable, or an id has white space, which separates the columns.
    """
    with atomic_path(output) as aside, aside.open("w", encoding="utf-8", newline="\n") as stream:
        for query_language in languages:
            asked = _text(read_table(benchmark / query_language / "queries.parquet", ["query_id"])["query_id"])
            for passage_language in languages:
                if not _belongs(setting, query_language, passage_language):
                    continue
                file = benchmark / passage_language / "qrels.parquet"
                qrels = read_table(file, ["query_id", "passage_id", "relevance"])
                qrels = qrels.filter(pc.is_in(_text(qrels["query_id"]), value_set=asked))
                queries = _ids(qrels["query_id"], file)
                names = _query_names(setting, query_language, passage_language, queries)
                _write_lines(stream, names, "0", _ids(qrels["passage_id"], file), _text(qrels["relevance"]))


def write_run(topk: Path, ranks: Path, setting: Setting, depth: int, tag: str, output: Path) -> None:
    """Write the rankings of a run in one setting, lines of ``query Q0 passage rank score tag``.

    In ``multi`` the ranking of a query is the merge of its blocks, down to ``depth``: so far the blocks have every passage
    of the pool. In the other settings some rows are held at a time, in ``multi`` the rankings of one query language.

    Args:
        topk: ``topk.parquet``.
        ranks: ``ranks.parquet`` of the same search; read for ``multi`` only.
        setting: ``mono``, ``cross`` or ``multi``.
        depth: the greatest rank that a block may have.
        tag: name of the run, the last column.
        output: the file.

    Raises:
        UserError: if a file is unreadable, or an id or the tag has white space, which separates the columns.
    """
    _ids(pa.array([tag]), Path(tag))
    with atomic_path(output) as aside, aside.open("w", encoding="utf-8", newline="\n") as stream:
        for queries, passages, rank in _pool(topk, ranks, depth) if setting == "multi" else _blocks(topk, setting):
            score = pc.subtract(depth + 1, rank)
            _write_lines(stream, queries, "Q0", passages, _text(rank), _text(score), tag)


def place(ranking: Sequence[int], known: Mapping[int, int], depth: int) -> list[int]:
    """Return the first ``depth`` of a ranking with the passages whose rank is known at that rank, the others around them.

    Scores are stored in float32, in which some passages of different languages tie that did not when ranks were computed.

    Args:
        ranking: passages, best first.
        known: rank of each passage that has a known one, from 1.
        depth: passages returned, or fewer if there are fewer.
    """
    fixed = {rank: passage for passage, rank in known.items()}
    others = (passage for passage in ranking if passage not in known)
    placed = (fixed[rank] if rank in fixed else next(others, None) for rank in range(1, depth + 1))
    return [passage for passage in placed if passage is not None]


def _belongs(setting: Setting, query_language: str, passage_language: str) -> bool:
    return setting == "multi" or (setting == "mono") == (query_language == passage_language)


def _blocks(topk: Path, setting: Setting) -> Iterator[tuple[pa.Array, pa.Array, pa.Array]]:
    """Yield names of queries, ids of passages and ranks, row by row of the blocks that belong to ``mono`` or ``cross``."""
    columns = ["query_language", "passage_language", "query_id", "passage_id", "rank"]
    try:
        for batch in pq.ParquetFile(topk).iter_batches(ROWS, columns=columns):
            own = pc.equal(_text(batch["query_language"]), _text(batch["passage_language"]))
            part = batch.filter(own if setting == "mono" else pc.invert(own))
            languages = _text(part["query_language"]), _text(part["passage_language"])
            names = _query_names(setting, *languages, _ids(part["query_id"], topk))
            yield names, _ids(part["passage_id"], topk), part["rank"].cast(pa.int64())
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{topk}: cannot be read as parquet ({error}); delete it and run again") from error


def _pool(topk: Path, ranks: Path, depth: int) -> Iterator[tuple[pa.Array, pa.Array, pa.Array]]:
    """Yield names of queries, ids of passages and ranks in the pool of all languages, one query language at a time."""
    known = read_table(ranks, ["query_language", "query_id", "passage_id", "rank_in_pool"])
    for language in pc.unique(_text(read_table(topk, ["query_language"])["query_language"])).to_pylist():
        columns = ["query_id", "passage_id", "score"]
        found = pq.read_table(topk, columns=columns, filters=[("query_language", "==", language)])
        queries, passages = (_encoded(found[column], topk) for column in ("query_id", "passage_id"))
        own = known.filter(pc.equal(_text(known["query_language"]), language)).drop_null()
        fixed = _known_ranks(own, queries.dictionary, passages.dictionary)
        query = queries.indices.to_numpy()
        passage = passages.indices.to_numpy()
        tie_order = np.argsort(pc.sort_indices(passages.dictionary).to_numpy())[passage]
        order = np.lexsort((tie_order, -found["score"].to_numpy(), query))
        starts = np.searchsorted(query[order], np.arange(len(queries.dictionary) + 1))
        rankings = [
            place(passage[order[start:stop]].tolist(), fixed.get(number, {}), depth)
            for number, (start, stop) in enumerate(pairwise(starts.tolist()))
        ]
        lengths = [len(ranking) for ranking in rankings]
        names = _query_names("multi", language, "", queries.dictionary)
        yield (
            names.take(pa.array(np.repeat(np.arange(len(names)), lengths))),
            passages.dictionary.take(pa.array(np.concatenate([*rankings, []]).astype(np.int64))),
            pa.array(np.concatenate([*(np.arange(1, length + 1) for length in lengths), []]).astype(np.int64)),
        )


def _known_ranks(ranks: pa.Table, queries: pa.Array, passages: pa.Array) -> dict[int, dict[int, int]]:
    """Return the ranks in the pool of the relevant passages, by the numbers of query and passage; what was not found is left out."""
    query = pc.index_in(_text(ranks["query_id"]), value_set=queries)
    passage = pc.index_in(_text(ranks["passage_id"]), value_set=passages)
    found: dict[int, dict[int, int]] = {}
    for row in pa.table({"query": query, "passage": passage, "rank": ranks["rank_in_pool"]}).drop_null().to_pylist():
        found.setdefault(row["query"], {})[row["passage"]] = row["rank"]
    return found


def _encoded(column: pa.ChunkedArray, file: Path) -> pa.DictionaryArray:
    return pc.dictionary_encode(_ids(column, file).combine_chunks())


def _text(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return column.cast(pa.string())


def _ids(column: pa.Array | pa.ChunkedArray, file: Path) -> pa.Array | pa.ChunkedArray:
    """Return ids as text, if a column of a file in TREC's format can hold them."""
    ids = _text(column)
    unfit = ids.filter(pc.match_substring_regex(ids, UNFIT))
    if len(unfit):
        raise UserError(
            f"{file}: the id {unfit[0].as_py()!r} is empty or has white space, which separates the columns of TREC's files; "
            "rename it in the data"
        )
    return ids


def _query_names(
    setting: Setting,
    query_language: str | pa.Array,
    passage_language: str | pa.Array,
    queries: pa.Array | pa.ChunkedArray,
) -> pa.Array | pa.ChunkedArray:
    languages = [query_language, passage_language] if setting == "cross" else [query_language]
    return pc.binary_join_element_wise(*languages, queries, ".")


def _write_lines(stream: TextIO, *columns: str | pa.Array | pa.ChunkedArray) -> None:
    lines = pc.binary_join_element_wise(*columns, " ")
    for start in range(0, len(lines), ROWS):
        stream.writelines(f"{line}\n" for line in lines.slice(start, ROWS).to_pylist())
