"""Pairs: a user's own files, what is refused, and the file that is written."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prepare_pairs
from hybridbatch.common.errors import UserError
from hybridbatch.data.pairs import PAIRS, Pair, check, read_pairs, write_pairs

OWN = [Pair("007", '"No" he said', "NA"), Pair("b", "2020-01-01", "1")]
FORMS = {
    "own.csv": 'note,pair_id,query,passage\n1,007,"""No"" he said",NA\n2,b,2020-01-01,1\n',
    "own.tsv": 'pair_id\tpassage\tquery\n007\tNA\t"No" he said\nb\t1\t2020-01-01\n',
    "own.jsonl": '{"pair_id": "007", "query": "\\"No\\" he said", "passage": "NA", "note": 1}\n'
    '{"passage": "1", "query": "2020-01-01", "pair_id": "b"}\n',
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("gzipped", [False, True])
def test_own_text_file_is_read_as_written(tmp_path: Path, name: str, gzipped: bool) -> None:
    content = FORMS[name].encode()
    path = tmp_path / (name + ".gz" * gzipped)
    path.write_bytes(gzip.compress(content) if gzipped else content)
    assert list(read_pairs(path)) == OWN


def test_own_parquet_file_may_have_numbers_as_ids(tmp_path: Path) -> None:
    pq.write_table(pa.table({"query": ["q"], "passage": ["p"], "pair_id": [7]}), tmp_path / "own.parquet")
    assert list(read_pairs(tmp_path / "own.parquet")) == [Pair("7", "q", "p")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("own.csv", "pair_id,query\na,q\n", "line 2: 'passage' is missing or null; there are: pair_id, query"),
        ("own.tsv", "pair_id\tquery\tpassages\na\tq\tp\n", "line 2: 'passage' is missing"),
        ("own.jsonl", '{"pair_id": "a", "query": "q", "passage": null}\n', "line 1: 'passage' is missing or null"),
        ("own.jsonl", '{"pair_id": "a", "query": "q", "passage": []}\n', "line 1: 'passage' holds list"),
        ("own.jsonl", '{"pair_id": "a", "query": "q', "line 1: is not JSON"),
        ("own.csv", "pair_id,query,passage\na,q\n", "line 2: has 2 cells, but the header has 3"),
        ("own.parquet", "PAR1", "cannot be read as parquet"),
        ("own.txt", "", r"unknown suffix '\.txt'"),
    ],
)
def test_bad_own_file_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=rf"{name}: .*{message}") as caught:
        list(read_pairs(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["own.csv", "own.jsonl", "own.parquet"])
def test_missing_own_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=name):
        list(read_pairs(tmp_path / name))


def test_blank_texts_are_written_and_blank_or_repeated_ids_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(UserError, match="pair_id 'a' occurs more than once"):
        write_pairs(out, [Pair("a", "q", "p"), Pair("b", "q", "p"), Pair("a", "r", "s")], (0.0, 1.0), "d")
    with pytest.raises(UserError, match="a pair_id is blank"):
        write_pairs(out, [Pair(" ", "q", "p")], (0.0, 1.0), "d")
    with pytest.raises(UserError, match="there are no pairs"):
        write_pairs(out, [], (0.0, 1.0), "d")
    assert not out.exists()
    assert write_pairs(out, [Pair("a", "", " ")], (0.0, 1.0), "d") == 1
    assert pq.read_table(out).to_pylist() == [{"pair_id": "a", "query": "", "passage": " "}]


def test_the_program_cuts_a_source_into_disjoint_parts(tmp_path: Path) -> None:
    file = tmp_path / "own.en.jsonl"
    rows = [{"pair_id": f"q{n}", "query": f"{n}?", "passage": "One."} for n in range(40)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ids: list[str] = []
    for keep in ([0, 0.8], [0.8, 1]):
        source = {"reader": "table", "path": "own.{language}.jsonl", "languages": ["en"], "keep": keep}
        arguments = ["--source", json.dumps(source), "--language", "en", "--files", f"pairs={file}"]
        prepare_pairs.main([*arguments, "--output", str(tmp_path / "out" / "pairs.parquet")])
        ids += pq.read_table(tmp_path / "out" / "pairs.parquet")["pair_id"].to_pylist()
    assert sorted(ids) == sorted(f"q{n}" for n in range(40))


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "there are no pairs"), ([("a", "q", "p"), ("b", "\t", "p")], "pair_id 'b' has a blank query")],
)
def test_pairs_that_cannot_be_translated_are_refused(rows: list[tuple[str, ...]], message: str) -> None:
    table = pa.Table.from_pylist([dict(zip(PAIRS.names, row, strict=True)) for row in rows], PAIRS)
    with pytest.raises(UserError, match=rf"^f: language 'en': {message}"):
        check(table, "f", "en")
