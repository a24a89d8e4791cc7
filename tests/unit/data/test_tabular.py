"""Rows of files: every format, places in errors, damage."""

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridbatch.common.errors import UserError
from hybridbatch.data.qrels import whole_number
from hybridbatch.data.tabular import read_lines, read_rows, text_of

ROWS = [{"_id": "1", "text": "erste\u2028Zeile"}, {"_id": "2", "text": "zweite\x85Zeile"}]


FORMATS = ["a.jsonl", "a.jsonl.gz", "a.json", "list.json", "a.csv", "a.csv.gz", "a.tsv", "a.parquet"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    if name == "list.json":
        text = json.dumps(ROWS, ensure_ascii=False, indent=1)
    elif ".csv" in name or ".tsv" in name:
        delimiter = "," if ".csv" in name else "\t"
        text = "".join(delimiter.join(row) + "\n" for row in [ROWS[0].keys(), *(row.values() for row in ROWS)])
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    assert [row for _, row in read_rows(path)] == ROWS


def test_quoted_cells_may_hold_anything(tmp_path: Path) -> None:
    cells = ["a,\tb", 'say "no"', "two\nlines", "x" * 200_000]
    for name, delimiter in (("q.csv", ","), ("q.tsv", "\t")):
        with (tmp_path / name).open("w", newline="", encoding="utf-8-sig") as stream:
            csv.writer(stream, delimiter=delimiter).writerows([["a", "b", "c", "d"], cells, [], cells])
        rows = list(read_rows(tmp_path / name, quoted_tsv=True))
        assert [list(row.values()) for _, row in rows] == [cells, cells]
        assert [place.rpartition(" ")[2] for place, _ in rows] == ["3", "6"]
        assert list(rows[0][1]) == ["a", "b", "c", "d"]
    (tmp_path / "q.csv").write_text('a,b\n1,2\n3,"4\n')
    with pytest.raises(UserError, match=r"q\.csv: line 3: unexpected end of data"):
        list(read_rows(tmp_path / "q.csv"))


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
        ('{"a": 1}\n{"a": \n', r"c\.jsonl: line 2: is not JSON"),
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
    with pytest.raises(UserError, match=r"docs-0\.jsonl\.gz: is (truncated|damaged) after line \d+"):
        list(read_rows(path))


def test_other_damage_is_named(tmp_path: Path) -> None:
    no_gzip = tmp_path / "a.jsonl.gz"
    no_gzip.write_text('{"a": 1}\n')
    with pytest.raises(UserError, match="is damaged after line 0"):
        list(read_rows(no_gzip))
    latin = tmp_path / "a.jsonl"
    latin.write_bytes('{"a": "ü"}\n'.encode("latin-1"))
    with pytest.raises(UserError, match="is not UTF-8"):
        list(read_rows(latin))
    parquet = tmp_path / "a.parquet"
    parquet.write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match="cannot be read as parquet"):
        list(read_rows(parquet))
    with pytest.raises(UserError, match=r"gone\.jsonl: cannot be read"):
        list(read_lines(tmp_path / "gone.jsonl"))
    with pytest.raises(UserError, match=r"unknown suffix '\.txt'"):
        read_rows(tmp_path / "a.txt")


def test_values() -> None:
    assert text_of({"id": 7}, "f: line 1", "_id", "id") == "7"
    with pytest.raises(UserError, match="f: line 1: '_id' or 'id' is missing or null; there are: text"):
        text_of({"text": ""}, "f: line 1", "_id", "id")
    with pytest.raises(UserError, match="'text' holds list"):
        text_of({"text": []}, "f: line 1", "text")
    assert [whole_number(value, "") for value in (1, "1", 1.0, "0", "-1")] == [1, 1, 1, 0, -1]
    for bad in ("x", 0.5, None, float("inf"), float("nan")):
        with pytest.raises(UserError, match="relevance"):
            whole_number(bad, "f: line 1")
