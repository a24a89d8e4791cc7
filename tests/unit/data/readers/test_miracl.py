"""MIRACL: topics, TREC judgements and gzipped passages."""

import gzip
import os
from pathlib import Path

import pytest
from miracl_files import DOCS, QRELS, TOPICS, write_miracl

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, read_table
from hybridbatch.data.qrels import select_answerable
from hybridbatch.data.readers import miracl
from prepare_benchmark import main

REAL = Path(__file__).parents[5] / "shared" / "data" / "miracl"


@pytest.mark.parametrize("separator", ["\t", " "])
def test_a_small_benchmark(tmp_path: Path, separator: str) -> None:
    out = tmp_path / "out"
    main([*write_miracl(tmp_path, separator=separator), "--output", str(out)])
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
    main([*write_miracl(tmp_path, title=False), "--output", str(tmp_path / "out")])
    assert read_table(tmp_path / "out" / "passages.parquet")["text"][0].as_py() == "Mombasa."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qrels": [*QRELS, ("99", "10#0", 1)]}, r"qrels\.miracl-v1\.0-sw-dev\.tsv: line 6: query '99' is judged but"),
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
        ({"topics": {**TOPICS, "": "Nini?"}}, r"tsv: line 4: id or text of the query is blank"),
        ({"docs": {**DOCS, " ": ("a", "b")}}, r"docs-1\.jsonl\.gz: line 2: the id of the passage is blank"),
    ],
)
def test_bad_content_is_named_and_nothing_is_written(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    arguments = write_miracl(tmp_path, **changes)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        main([*arguments, "--output", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists() or not os.listdir(tmp_path / "out")  # noqa: PTH208


def test_bad_files_are_named_and_leave_the_old_ones(tmp_path: Path) -> None:
    arguments, out = write_miracl(tmp_path), tmp_path / "out"
    main([*arguments, "--output", str(out)])
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    corpus = tmp_path / "miracl-corpus-v1.0-sw"
    whole = (corpus / "docs-1.jsonl.gz").read_bytes()
    damage = {
        whole[:-12]: r"docs-1\.jsonl\.gz: is truncated after line",
        gzip.compress(b'{"docid": "1", "text": \n'): r"docs-1\.jsonl\.gz: line 1: is not JSON",
        gzip.compress(b'{"docid": "1"}\n'): r"docs-1\.jsonl\.gz: line 1: 'text' is missing or null; there are: docid",
        gzip.compress(b'{"docid": "10#0", "title": "", "text": "a"}\n' * 2): "'10#0' occurs more than once",
    }
    for content, message in damage.items():
        (corpus / "docs-1.jsonl.gz").write_bytes(content)
        with pytest.raises(UserError, match=message):
            main([*arguments, "--output", str(out)])
    (corpus / "docs-1.jsonl.gz").rename(corpus / "docs-2.jsonl.gz")
    with pytest.raises(UserError, match=r"has docs-2\.jsonl\.gz, but not number 1"):
        main([*arguments, "--output", str(out)])
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_a_language_without_files(tmp_path: Path) -> None:
    arguments = [text.replace("-sw", "-xx") for text in write_miracl(tmp_path)]
    with pytest.raises(UserError, match=r"there is no such file; .* choose a language that the data has"):
        main([*arguments, "--output", str(tmp_path / "out")])


def test_files_are_read_by_number() -> None:
    files = [Path(f"docs-{number}.jsonl.gz") for number in (10, 2, 0, 1, *range(3, 10))]
    assert [int(file.name[5:-9]) for file in miracl.in_order(files)] == list(range(11))


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} with MIRACL's real topics is not there")
@pytest.mark.parametrize(("language", "topics"), [("sw", 482), ("te", 828), ("yo", 119)])
def test_real_topics_and_judgements(language: str, topics: int) -> None:
    queries, qrels = [[REAL / f"{kind}.miracl-v1.0-{language}-dev.tsv"] for kind in ("topics", "qrels")]
    found = select_answerable(miracl.queries(queries), miracl.judgements(qrels), False)
    assert len(found.queries) + found.counts["queries_without_relevant_passage_dropped"] == topics
    assert found.counts["queries_without_judgements_dropped"] == 0
    assert len(found.relevant) + found.counts["judged_not_relevant"] == len(qrels[0].read_text().splitlines())
    assert {judgement.query_id for judgement in found.relevant} == {query.query_id for query in found.queries}
