"""The embedded parallel data: English pairs and translation memories."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prepare_benchmark
import prepare_pairs
from hybridbatch.common.errors import UserError
from hybridbatch.data import benchmark as common
from hybridbatch.data.readers import parallel
from hybridbatch.data.tmx import read_tmx, write_tmx

HEADER = "pair_id\tdomain\ttopic\tsplit\tquery\tpassage\n"
ROWS = [
    'a1\tfacts\tgold\ttrain\tWhat is "gold"?\tGold is a metal.\n',
    "a2\tfacts\tiron\ttest\tWhat rusts?\tIron rusts.\n",
    "b1\tadvice\tsleep\ttest\tWhen to sleep?\tSleep & rest at night.\n",
    "b2\tadvice\tbread\tvalidation\tWhen to bake?\tBake early.\n",
]
GERMAN = {
    'What is "gold"?': "Was ist „Gold“?",
    "Gold is a metal.": "Gold ist ein Metall.",
    "What rusts?": "Was rostet?",
    "Iron rusts.": "Eisen rostet.",
    "When to sleep?": "Wann schlafen?",
    "Sleep & rest at night.": "Nachts <schlafen>.",
    "When to bake?": "Wann backen?",
    "Bake early.": "Früh backen.",
}
# What XML 1.0 can hold, less the carriage return.
SEGMENTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")).filter(str.strip)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pairs.en.tsv").write_text(HEADER + "".join(ROWS), encoding="utf-8")
    write_tmx(tmp_path / "en-de.tmx", "de", GERMAN)
    return tmp_path


@pytest.mark.parametrize(
    ("domain", "split", "ids"),
    [
        (None, None, ["a1", "a2", "b1", "b2"]),
        ("facts", None, ["a1", "a2"]),
        (None, "test", ["a2", "b1"]),
        ("advice", "validation", ["b2"]),
    ],
)
def test_domain_and_split_select(folder: Path, domain: str | None, split: str | None, ids: list[str]) -> None:
    for language in ("en", "de"):
        assert parallel.pairs(folder, language, domain, split)["pair_id"].to_pylist() == ids


def test_pairs_in_two_languages(folder: Path) -> None:
    english, german = parallel.read_pairs(folder, "en")[0], parallel.read_pairs(folder, "de")[0]
    assert (english.query, english.passage) == ('What is "gold"?', "Gold is a metal.")
    assert (german.query, german.passage) == ("Was ist „Gold“?", "Gold ist ein Metall.")
    assert (german.pair_id, german.topic) == (english.pair_id, english.topic)


def test_benchmark(folder: Path) -> None:
    made = parallel.benchmark(folder, "de")
    common.check(made)
    assert made.queries.to_pydict() == {"query_id": ["a2", "b1"], "text": ["Was rostet?", "Wann schlafen?"]}
    assert made.passages.to_pydict() == {
        "passage_id": ["de/a2", "de/b1"],
        "text": ["Eisen rostet.", "Nachts <schlafen>."],
        "title": [None, None],
        "context": [None, None],
    }
    assert made.qrels.to_pydict() == {"query_id": ["a2", "b1"], "passage_id": ["de/a2", "de/b1"], "relevance": [1, 1]}


def test_english_needs_no_memory(folder: Path) -> None:
    (folder / "en-de.tmx").unlink()
    assert parallel.benchmark(folder, "en").queries.num_rows == 2
    with pytest.raises(UserError, match=r"en-de\.tmx: cannot be read"):
        parallel.benchmark(folder, "de")


@pytest.mark.parametrize(
    ("domain", "split", "message"),
    [
        ("law", None, "has no domain 'law'; choose one of advice, facts"),
        (None, "dev", "has no split 'dev'; choose one of train, validation, test"),
        ("facts", "validation", "has no pairs of domain facts and split validation"),
    ],
)
def test_empty_selection_is_refused(folder: Path, domain: str | None, split: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parallel.read_english(folder, domain, split)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("pair_id\tquery\n", "columns are"),
        ("", "columns are"),
        (HEADER + ROWS[0] + "x\ty\n", "line 3: has 2 cells"),
        (HEADER + "a\tb\tc\ttrain\t \tp\n", "line 2: has an empty cell"),
        (HEADER + "a\tb\tc\tdev\tq\tp\n", "line 2: split is 'dev'"),
        (HEADER + ROWS[0] + ROWS[0], "line 3: pair_id 'a1' occurs more than once"),
        (HEADER, "has no pairs"),
    ],
)
def test_bad_table_is_named(folder: Path, content: str, message: str) -> None:
    (folder / "pairs.en.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=rf"pairs\.en\.tsv: {message}"):
        parallel.read_english(folder)


def test_missing_translation_names_the_pair(folder: Path) -> None:
    write_tmx(folder / "en-de.tmx", "de", {text: GERMAN[text] for text in GERMAN if text != "Iron rusts."})
    with pytest.raises(UserError, match=r"en-de\.tmx: has no translation for the passage of 'a2'"):
        parallel.benchmark(folder, "de")


@given(entries=st.dictionaries(SEGMENTS, SEGMENTS, max_size=5))
def test_memory_comes_back_as_written(tmp_path_factory: pytest.TempPathFactory, entries: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("memory") / "en-ar.tmx"
    write_tmx(path, "ar", entries)
    assert list(read_tmx(path, "ar").items()) == list(entries.items())
    first = path.read_bytes()
    write_tmx(path, "ar", entries)
    assert path.read_bytes() == first


def test_memory_looks_like_tmx(folder: Path) -> None:
    lines = (folder / "en-de.tmx").read_text(encoding="utf-8").splitlines()
    assert lines[0] == '<?xml version="1.0" encoding="UTF-8"?>'
    assert lines[2] == '<tmx version="1.4">'
    assert 'srclang="en"' in lines[3]
    assert lines[6:8] == ['      <tuv xml:lang="en">', '        <seg>What is "gold"?</seg>']
    assert len(lines) == 4 + 1 + 8 * len(GERMAN) + 2


@pytest.mark.parametrize("text", ["", " ", "a\rb", "a\x00b", "\ufffe"])
def test_segment_that_xml_cannot_hold_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"en-de\.tmx: de segment"):
        write_tmx(tmp_path / "en-de.tmx", "de", {"a": text})
    assert list(tmp_path.iterdir()) == []


def test_cut_memory_names_file_and_line(folder: Path) -> None:
    lines = (folder / "en-de.tmx").read_text(encoding="utf-8").splitlines()
    (folder / "en-de.tmx").write_text("\n".join(lines[:10]), encoding="utf-8")
    with pytest.raises(UserError, match=r"en-de\.tmx: line 10: is cut or no XML"):
        parallel.pairs(folder, "de")


def test_memory_of_another_language_is_refused(folder: Path) -> None:
    (folder / "en-de.tmx").rename(folder / "en-fr.tmx")
    with pytest.raises(UserError, match=r"en-fr\.tmx: translation unit 1: is in de, en; it must be in en and fr"):
        parallel.pairs(folder, "fr")


UNIT = '<tu><tuv xml:lang="en">{}</tuv><tuv xml:lang="de">{}</tuv></tu>'


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([("<seg>a</seg>", "<seg>b</seg>"), ("<seg>a</seg>", "<seg>c</seg>")], "unit 2: another translation of 'a'"),
        ([("<seg>a</seg>", "<seg/>")], "unit 1: its de variant has no text"),
        ([("<seg>a</seg>", "")], "unit 1: its de variant has no text"),
        ([("<seg>a <ph/></seg>", "<seg>b</seg>")], "unit 1: its en segment has inline markup"),
    ],
)
def test_unsound_memory_is_refused(tmp_path: Path, units: list[tuple[str, str]], message: str) -> None:
    body = "".join(UNIT.format(*unit) for unit in units)
    (tmp_path / "m.tmx").write_text(f'<tmx version="1.4"><body>{body}</body></tmx>', encoding="utf-8")
    with pytest.raises(UserError, match=rf"m\.tmx: translation {message}"):
        read_tmx(tmp_path / "m.tmx", "de")


def test_equal_units_are_one_entry(tmp_path: Path) -> None:
    body = UNIT.format("<seg>a</seg>", "<seg>b</seg>") * 2
    (tmp_path / "m.tmx").write_text(f"<tmx><body>{body}</body></tmx>", encoding="utf-8")
    assert read_tmx(tmp_path / "m.tmx", "de") == {"a": "b"}
    assert read_tmx(tmp_path / "m.tmx", "EN", source_language="de") == {"b": "a"}


def test_programs(folder: Path) -> None:
    arguments = ["--reader", "parallel", "--input", str(folder), "--language", "de"]
    prepare_pairs.main([*arguments, "--output", str(folder / "train.parquet")])
    assert pq.read_table(folder / "train.parquet")["pair_id"].to_pylist() == ["a1"]
    prepare_benchmark.main([*arguments, "--domain", "facts", "--output-folder", str(folder / "out")])
    assert pq.read_table(folder / "out" / "qrels.parquet")["passage_id"].to_pylist() == ["de/a2"]
