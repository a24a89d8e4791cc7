"""Rows of large files: forms, places in errors, damage."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridbatch.common.errors import UserError
from hybridbatch.data.tabular import read_lines, read_rows, text_of, whole_number

ROWS = [{"_id": "1", "text": "erste\u2028Zeile"}, {"_id": "2", "text": "zweite\x85Zeile"}]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_every_form_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        path.write_bytes(gzip.compress(lines) if name.endswith(".gz") else lines)
    assert [row for _, row in read_rows(path)] == ROWS


def test_tsv_needs_as_many_cells_as_its_header(tmp_path: Path) -> None:
    path = tmp_path / "q.tsv"
    path.write_text('query-id\tcorpus-id\tscore\nq1\td"1\t1\n')
    assert [row for _, row in read_rows(path)] == [{"query-id": "q1", "corpus-id": 'd"1', "score": "1"}]
    path.write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\n")
    with pytest.raises(UserError, match=r"q\.tsv: line 3: has 2 cells, but the header has 3"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": \n', r"c\.jsonl: line 2: is no JSON"),
        ('{"a": 1}\n\n[1]\n', r"c\.jsonl: line 3: is a JSON list"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        list(read_rows(path))


@given(cut=st.integers(1, 400))
def test_a_truncated_gzip_is_never_taken_for_whole(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    whole = gzip.compress("".join(json.dumps({"docid": str(n * 7919)}) + "\n" for n in range(500)).encode())
    path = tmp_path_factory.mktemp("cut") / "docs-0.jsonl.gz"
    path.write_bytes(whole[:-cut])
    with pytest.raises(UserError, match=r"docs-0\.jsonl\.gz: is (cut short|damaged) after line \d+"):
        list(read_rows(path))


def test_other_damage_is_named(tmp_path: Path) -> None:
    no_gzip = tmp_path / "a.jsonl.gz"
    no_gzip.write_text('{"a": 1}\n')
    with pytest.raises(UserError, match="is damaged after line 0"):
        list(read_rows(no_gzip))
    latin = tmp_path / "a.jsonl"
    latin.write_bytes('{"a": "ü"}\n'.encode("latin-1"))
    with pytest.raises(UserError, match="is no UTF-8 text"):
        list(read_rows(latin))
    parquet = tmp_path / "a.parquet"
    parquet.write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match="cannot be read as parquet"):
        list(read_rows(parquet))
    with pytest.raises(UserError, match=r"gone\.jsonl: cannot be read"):
        list(read_lines(tmp_path / "gone.jsonl"))
    with pytest.raises(UserError, match=r"suffix '\.csv' is not known"):
        read_rows(tmp_path / "a.csv")


def test_values() -> None:
    assert text_of({"id": 7}, "f: line 1", "_id", "id") == "7"
    with pytest.raises(UserError, match="f: line 1: has no '_id' or 'id'; it has text"):
        text_of({"text": ""}, "f: line 1", "_id", "id")
    with pytest.raises(UserError, match="'text' holds list"):
        text_of({"text": []}, "f: line 1", "text")
    assert [whole_number(value, "") for value in (1, "1", 1.0, "0", "-1")] == [1, 1, 1, 0, -1]
    for bad in ("x", 0.5, None, float("inf"), float("nan")):
        with pytest.raises(UserError, match="relevance"):
            whole_number(bad, "f: line 1")
