"""Rankings and judgements in TREC's format, which trec_eval, ranx, ir_measures and other tools read.

A query is named ``<language>.<query_id>``, and in ``cross`` ``<language>.<passage language>.<query_id>``, so that every ranking has a
unique name. The score in a run file is ``depth + 1 - rank``: tools sort by score and break ties differently, but whole numbers that
decrease with each rank have no ties, so every tool sees the ranking that was evaluated. ``topk.parquet`` has the similarities.

Rankings are compressed with gzip, without a time or a name, so that equal rankings are equal files.
"""

import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import atomic_path, read_json, read_table
from hybridbatch.config.base import Setting

# Rows in memory at once.
ROWS = 262_144
# Of a compressed line of a ranking; 11 to 24, by the length of the passages' ids.
BYTES_PER_LINE = 20
# Not allowed in an id: Unicode white space, which some tools take as a separator, or nothing at all.
INVALID = r"[\s\p{Z}\x{0b}\x{1c}-\x{1f}\x{85}]|^$"


def write_qrels(benchmark: Path, languages: Sequence[str], setting: Setting, output: Path) -> None:
    """Write the judgements of a benchmark in one setting, in lines of ``query 0 passage relevance``.

    Args:
        benchmark: folder with ``<language>/{queries,qrels}.parquet``; one language is in memory at a time.
        languages: the languages of the pool.
        setting: ``mono``, ``cross`` or ``multi``.
        output: the file.

    Raises:
        UserError: if a file is unreadable, or an id is empty or has white space.
    """
    with atomic_path(output) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        for query_language in languages:
            query_ids = _text(read_table(benchmark / query_language / "queries.parquet", ["query_id"])["query_id"])
            for passage_language in languages:
                if not _belongs(setting, query_language, passage_language):
                    continue
                file = benchmark / passage_language / "qrels.parquet"
                qrels = read_table(file, ["query_id", "passage_id", "relevance"])
                qrels = qrels.filter(pc.is_in(_text(qrels["query_id"]), value_set=query_ids))
                queries = _ids(qrels["query_id"], file)
                names = _query_names(setting, query_language, passage_language, queries)
                _write_lines(stream, names, "0", _ids(qrels["passage_id"], file), _text(qrels["relevance"]))


def write_run(topk: Path, ranks: Path, setting: Setting, depth: int, tag: str, output: Path) -> None:
    """Write the rankings of a run in one setting, in lines of ``query Q0 passage rank score tag``, compressed.

    In ``multi``, the ranking of a query is the merge of its blocks down to ``depth``; above that rank the blocks contain every passage
    of the pool. Memory holds the rankings of one query language in ``multi``, and some rows in the other settings.

    Args:
        topk: ``topk.parquet``.
        ranks: ``ranks.parquet`` of the same search; read for ``multi`` only.
        setting: ``mono``, ``cross`` or ``multi``.
        depth: the greatest rank in a block.
        tag: name of the run, the last column.
        output: the file.

    Raises:
        UserError: if a file is unreadable, or an id or the tag is empty or has white space.
    """
    _ids(pa.array([tag]), Path(tag))
    with (
        atomic_path(output) as temporary,
        temporary.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as compressed,
        io.TextIOWrapper(compressed, encoding="utf-8", newline="\n") as stream,
    ):
        for queries, passages, rank in _pool(topk, ranks, depth) if setting == "multi" else _blocks(topk, setting):
            score = pc.subtract(depth + 1, rank)
            _write_lines(stream, queries, "Q0", passages, _text(rank), _text(score), tag)


def count_lines(benchmark: Path, languages: Sequence[str], setting: Setting, depth: int) -> int | None:
    """Return the number of lines that :func:`write_run` writes; BM25 may find fewer passages. None if the benchmark is not prepared.

    Args:
        benchmark: folder with ``<language>/record.json``.
        languages: the languages of the pool.
        setting: ``mono``, ``cross`` or ``multi``.
        depth: the greatest rank in a block.
    """
    files = [benchmark / language / "record.json" for language in languages]
    if not all(file.is_file() for file in files):
        return None
    counts = [read_json(file) for file in files]
    found = [min(depth, count["passages"]) for count in counts]
    pool = min(depth, sum(count["passages"] for count in counts))
    lines = 0
    for count, own in zip(counts, found, strict=True):
        lines += count["queries"] * {"mono": own, "cross": sum(found) - own, "multi": pool}[setting]
    return lines


def fix_ranks(ranking: Sequence[int], ranks: Mapping[int, int], depth: int) -> list[int]:
    """Return the first ``depth`` passages of a ranking after moving passages with known ranks to these ranks.

    The scores in ``topk.parquet`` are float32, in which passages of different languages may tie that did not tie when ranks were
    computed.

    Args:
        ranking: passages, best first.
        ranks: the known ranks, from 1, by passage.
        depth: number of passages returned; fewer if the ranking is shorter.
    """
    fixed = {rank: passage for passage, rank in ranks.items()}
    others = (passage for passage in ranking if passage not in ranks)
    merged = (fixed[rank] if rank in fixed else next(others, None) for rank in range(1, depth + 1))
    return [passage for passage in merged if passage is not None]


def _belongs(setting: Setting, query_language: str, passage_language: str) -> bool:
    return setting == "multi" or (setting == "mono") == (query_language == passage_language)


def _blocks(topk: Path, setting: Setting) -> Iterator[tuple[pa.Array, pa.Array, pa.Array]]:
    """Yield names of queries, ids of passages and ranks of the blocks of ``mono`` or ``cross``, in batches."""
    columns = ["query_language", "passage_language", "query_id", "passage_id", "rank"]
    try:
        for batch in pq.ParquetFile(topk).iter_batches(ROWS, columns=columns):
            same = pc.equal(_text(batch["query_language"]), _text(batch["passage_language"]))
            part = batch.filter(same if setting == "mono" else pc.invert(same))
            languages = _text(part["query_language"]), _text(part["passage_language"])
            names = _query_names(setting, *languages, _ids(part["query_id"], topk))
            yield names, _ids(part["passage_id"], topk), part["rank"].cast(pa.int64())
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{topk}: cannot be read as parquet ({error}); delete it and run again") from error


def _pool(topk: Path, ranks: Path, depth: int) -> Iterator[tuple[pa.Array, pa.Array, pa.Array]]:
    """Yield names of queries, ids of passages and ranks in the pool of all languages, one query language at a time."""
    judged = read_table(ranks, ["query_language", "query_id", "passage_id", "rank_in_pool"])
    for language in pc.unique(_text(read_table(topk, ["query_language"])["query_language"])).to_pylist():
        columns = ["query_id", "passage_id", "score"]
        found = pq.read_table(topk, columns=columns, filters=[("query_language", "==", language)])
        queries, passages = (_encoded(found[column], topk) for column in ("query_id", "passage_id"))
        of_language = judged.filter(pc.equal(_text(judged["query_language"]), language)).drop_null()
        fixed = _known_ranks(of_language, queries.dictionary, passages.dictionary)
        query = queries.indices.to_numpy()
        passage = passages.indices.to_numpy()
        tie_order = np.argsort(pc.sort_indices(passages.dictionary).to_numpy())[passage]
        order = np.lexsort((tie_order, -found["score"].to_numpy(), query))
        starts = np.searchsorted(query[order], np.arange(len(queries.dictionary) + 1))
        rankings = [
            fix_ranks(passage[order[start:stop]].tolist(), fixed.get(number, {}), depth)
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
    """Return the ranks in the pool of the judged passages that were found, by the numbers of query and passage."""
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
    """Return ids as text; raise UserError if one cannot be in a file in TREC's format."""
    ids = _text(column)
    invalid = ids.filter(pc.match_substring_regex(ids, INVALID))
    if len(invalid):
        raise UserError(
            f"{file}: the id {invalid[0].as_py()!r} is empty or has white space, which separates the columns of TREC's format; "
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
