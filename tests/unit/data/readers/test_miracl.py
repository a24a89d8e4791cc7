"""MIRACL's form: topics, TREC judgements and gzipped passages, read as a stream and written whole or not at all."""

import gzip
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miracl_files import DOCS, QRELS, TOPICS, write_miracl

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, read_table
from hybridbatch.data import benchmark_writer as streamed
from hybridbatch.data.benchmark_writer import Passage, passage_text, write_streamed
from hybridbatch.data.qrels import Judged, Judgement, Query, judge
from hybridbatch.data.readers import miracl
from prepare_benchmark import main

REAL = Path(__file__).parents[5] / "shared" / "data" / "miracl"


@pytest.mark.parametrize("separator", ["\t", " "])
def test_a_small_benchmark(tmp_path: Path, separator: str) -> None:
    out = tmp_path / "out"
    main([*write_miracl(tmp_path, separator=separator), "--output-folder", str(out)])
    assert read_table(out / "queries.parquet").to_pylist() == [
        {"query_id": "6", "text": "Bandari kubwa?"},
        {"query_id": "8", "text": "Mji mkuu?"},
    ]
    assert read_table(out / "passages.parquet").to_pylist() == [
        {"passage_id": "sw/10#0", "text": "Kenya\n\nMombasa.", "title": "Kenya", "context": None},
        {"passage_id": "sw/10#1", "text": "Kenya\n\nNairobi.", "title": "Kenya", "context": None},
        {"passage_id": "sw/11#0", "text": "Canberra.", "title": None, "context": None},
    ]
    qrels = read_table(out / "qrels.parquet").to_pylist()
    assert {(row["query_id"], row["passage_id"], row["relevance"]) for row in qrels} == {
        ("6", "sw/10#0", 1),
        ("8", "sw/11#0", 1),
        ("8", "sw/10#0", 1),
    }
    assert read_json(out / "record.json") == {
        "queries": 2,
        "qrels": 3,
        "passages": 3,
        "passages_without_text_dropped": 0,
        "judged_not_relevant": 2,
        "queries_without_judgements_dropped": 0,
        "queries_without_relevant_passage_dropped": 1,
    }


def test_without_title(tmp_path: Path) -> None:
    main([*write_miracl(tmp_path), "--no-title", "--output-folder", str(tmp_path / "out")])
    assert read_table(tmp_path / "out" / "passages.parquet")["text"][0].as_py() == "Mombasa."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qrels": [*QRELS, ("99", "10#0", 1)]}, r"qrels\.miracl-v1\.0-sw-dev\.tsv: line 6: query '99' is judged, but"),
        (
            {"qrels": [*QRELS, ("6", "77#7", 1)]},
            r"qrels\.miracl-v1\.0-sw-dev\.tsv: line 6: passage '77#7' is judged rel",
        ),
        (
            {"topics": {**TOPICS, "13": "Timu?"}},
            r"topics\.miracl-v1\.0-sw-dev\.tsv: line 4: query '13' has no judgements",
        ),
        ({"qrels": [*QRELS, ("6", "10#0", 0)]}, r"tsv: line 6: contradicts .*line 1 on passage '10#0'"),
        ({"qrels": [("6", "10#0", 0), ("8", "10#0", 0), ("12", "10#0", 0)]}, "no passage is relevant to any query"),
        ({"topics": {**TOPICS, "": "Nini?"}}, r"tsv: line 4: id or text of the query is empty"),
        ({"docs": {**DOCS, " ": ("a", "b")}}, r"docs-1\.jsonl\.gz: line 2: the id of the passage is empty"),
    ],
)
def test_bad_content_is_named_and_nothing_is_written(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    arguments = write_miracl(tmp_path, **changes)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        main([*arguments, "--output-folder", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists() or not os.listdir(tmp_path / "out")  # noqa: PTH208


def test_bad_files_are_named_and_leave_the_old_ones(tmp_path: Path) -> None:
    arguments, out = write_miracl(tmp_path), tmp_path / "out"
    main([*arguments, "--output-folder", str(out)])
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    corpus = tmp_path / "miracl-corpus-v1.0-sw"
    whole = (corpus / "docs-1.jsonl.gz").read_bytes()
    damage = {
        whole[:-12]: r"docs-1\.jsonl\.gz: is cut short after line",
        gzip.compress(b'{"docid": "1", "text": \n'): r"docs-1\.jsonl\.gz: line 1: is no JSON",
        gzip.compress(b'{"docid": "1"}\n'): r"docs-1\.jsonl\.gz: line 1: has no 'text'; it has docid",
        gzip.compress(b'{"docid": "10#0", "title": "", "text": "a"}\n' * 2): "'10#0' stands more than once",
    }
    for content, message in damage.items():
        (corpus / "docs-1.jsonl.gz").write_bytes(content)
        with pytest.raises(UserError, match=message):
            main([*arguments, "--output-folder", str(out)])
    (corpus / "docs-1.jsonl.gz").rename(corpus / "docs-2.jsonl.gz")
    with pytest.raises(UserError, match=r"has docs-2\.jsonl\.gz, but not number 1"):
        main([*arguments, "--output-folder", str(out)])
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_a_language_without_files(tmp_path: Path) -> None:
    arguments = [text.replace("-sw", "-xx") for text in write_miracl(tmp_path)]
    with pytest.raises(UserError, match=r"no file is there; .* choose a language that the benchmark has"):
        main([*arguments, "--output-folder", str(tmp_path / "out")])


def test_files_are_read_by_number() -> None:
    files = [Path(f"docs-{number}.jsonl.gz") for number in (10, 2, 0, 1, *range(3, 10))]
    assert [int(file.name[5:-9]) for file in miracl.in_order(files)] == list(range(11))


def test_hashes_that_collide_are_no_repetition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "hash", lambda _: 1, raising=False)
    passages = [Passage(f"f: line {n}", str(n), "", "text") for n in range(5)]
    judged = Judged([Query("", "q", "text")], [Judgement("", "q", "3", 1)], {})
    assert write_streamed(tmp_path, "sw", iter(passages), judged, True)["passages"] == 5
    with pytest.raises(UserError, match="'3' stands more than once"):
        write_streamed(tmp_path, "sw", iter([*passages, passages[3]]), judged, True)


@settings(max_examples=30)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 5), st.integers(-1, 3)), min_size=1, max_size=25)
)
def test_judge_keeps_exactly_the_queries_with_a_relevant_passage(rows: list[tuple[str, int, int]]) -> None:
    unique = {(query, passage): relevance for query, passage, relevance in rows}
    judgements = [Judgement("f", query, str(passage), relevance) for (query, passage), relevance in unique.items()]
    queries = [Query("t", name, name) for name in "abcd"]
    relevant = {(j.query_id, j.passage_id, j.relevance) for j in judgements if j.relevance > 0}
    if not relevant:
        with pytest.raises(UserError, match="no passage is relevant"):
            judge(queries, judgements, [], "drop")
        return
    judged = judge(queries, judgements, [], "drop")
    assert {(j.query_id, j.passage_id, j.relevance) for j in judged.relevant} == relevant
    assert {query.query_id for query in judged.queries} == {query for query, _, _ in relevant}
    dropped = ["queries_without_judgements_dropped", "queries_without_relevant_passage_dropped"]
    assert len(judged.queries) + sum(judged.counts[name] for name in dropped) == 4
    assert len(judged.relevant) + judged.counts["judged_not_relevant"] == len(unique)


def test_text_follows_the_title_after_a_blank_line() -> None:
    assert passage_text(Passage("", "1", "T", "x"), True) == "T\n\nx"
    assert passage_text(Passage("", "1", "T", "x"), False) == "x"
    assert passage_text(Passage("", "1", "", "x"), True) == "x"


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "ROW_GROUP", 4)
    passages = (Passage(f"f: line {n}", str(n), "", "text" if n % 3 else " ") for n in range(15))
    judged = Judged([Query("", "q", "text")], [Judgement("", "q", "1", 1)], {})
    counts = write_streamed(tmp_path, "sw", passages, judged, True)
    file = pq.ParquetFile(tmp_path / "passages.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [4, 4, 2]
    assert (counts["passages"], counts["passages_without_text_dropped"]) == (10, 5)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} with MIRACL's real topics is not there")
@pytest.mark.parametrize(("language", "topics"), [("sw", 482), ("te", 828), ("yo", 119)])
def test_real_topics_and_judgements(language: str, topics: int) -> None:
    files = [[REAL / f"{kind}.miracl-v1.0-{language}-dev.tsv"] for kind in ("topics", "qrels")]
    judged = miracl.judged(*files)
    assert len(judged.queries) + judged.counts["queries_without_relevant_passage_dropped"] == topics
    assert judged.counts["queries_without_judgements_dropped"] == 0
    rows = len(files[1][0].read_text().splitlines())
    assert len(judged.relevant) + judged.counts["judged_not_relevant"] == rows
    assert {judgement.query_id for judgement in judged.relevant} == {query.query_id for query in judged.queries}
