"""Cleaning of pairs: every step and its counts; ids, order and alignment are kept."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clean_pairs as program
from hybridbatch.clean.clean_pairs import Origin, clean_pairs
from hybridbatch.clean.decontamination import key
from hybridbatch.clean.steps import normalise
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, write_table
from hybridbatch.config.cleaning import Cleaning
from hybridbatch.data import benchmark
from hybridbatch.data.pairs import PAIRS, PAIRS_WITH_NEGATIVES

Row = tuple[str, str, str]
STEPS = ["normalise", "empty", "length", "duplicates", "contamination", "quality"]
FOLDER = "evaluation/en"
ENGLISH = "The town hall was built in the seventeenth century."
GERMAN = "Das Rathaus wurde im siebzehnten Jahrhundert gebaut."


def write(path: Path, rows: Sequence[Row]) -> Path:
    columns = [pa.array([row[number] for row in rows], pa.string()) for number in range(3)]
    write_table(path, pa.table(columns, schema=PAIRS))
    return path


def rows_of(path: Path) -> list[Row]:
    table = pq.read_table(path)
    return list(zip(*(table[name].to_pylist() for name in PAIRS.names), strict=True))


def cleaned(
    folder: Path,
    rows: Sequence[Row],
    evaluation: Sequence[Path] = (),
    origin: Origin | None = None,
    **changes: object,
) -> tuple[list[Row], dict[str, Any]]:
    raw = write(folder / "raw.parquet", rows)
    record = clean_pairs(
        raw,
        folder / "clean.parquet",
        folder / "record.json",
        Cleaning.model_validate(changes),
        source="made",
        language="de" if origin else "en",
        evaluation=evaluation,
        origin=origin,
    )
    assert record == read_json(folder / "record.json")
    kept = rows_of(folder / "clean.parquet")
    assert record["pairs_in"] == len(rows)
    assert record["pairs_kept"] == len(kept) == len(rows) - sum(row["pairs"] for row in record["removed"])
    return kept, record


def removed(record: dict[str, Any]) -> dict[str, int]:
    return {row["reason"]: row["pairs"] for row in record["removed"] if row["pairs"]}


def evaluation(folder: Path, *texts: str) -> Path:
    ids = [str(number) for number in range(len(texts))]
    nothing = [None] * len(texts)
    passages = {"passage_id": ids, "text": texts, "title": nothing, "context": nothing}
    queries = {"query_id": ["q"], "text": ["What is asked?"]}
    write_table(folder / FOLDER / "queries.parquet", pa.table(queries, schema=benchmark.QUERIES))
    write_table(folder / FOLDER / "passages.parquet", pa.table(passages, schema=benchmark.PASSAGES))
    return folder / FOLDER


def test_dropped_pairs_are_counted_under_their_step(tmp_path: Path) -> None:
    held_out = "Seville has the largest gothic cathedral of the whole world."
    rows = [
        ("kept", " Wer\u00a0 war  es?", "Ein A\u0308rztin war es."),
        ("empty", "?!", "Something."),
        ("blank", "Who?", ""),
        ("long", "Who?", "x" * 101),
        ("same", "wer war es?", "EIN ÄRZTIN WAR ES."),
        ("question", "what IS asked?", "This."),
        ("exact", "Where?", held_out.upper()),
        ("near", "Where, then?", held_out.replace("whole", "whale")),
        ("far", "And where else?", "Cologne has a gothic cathedral, too, and it is quite large."),
    ]
    kept, record = cleaned(tmp_path, rows, [evaluation(tmp_path, held_out)], max_passage_characters=100)
    assert [row[0] for row in kept] == ["kept", "far"]
    assert kept[0] == ("kept", "Wer war es?", "Ein Ärztin war es.")
    assert record["normalised"] == 1
    counts = {"empty": 2, "length": 1, "duplicate": 1, "contaminated": 2, "near_contaminated": 1}
    assert removed(record) == counts
    assert list(removed(record)) == list(counts)
    (example,) = record["removed"][-1]["examples"]
    assert example["pair_id"] == "near"
    assert example["detail"].startswith("evaluation/en, similarity 0.8")


def test_steps_run_in_the_configured_order(tmp_path: Path) -> None:
    rows = [("a", "Who?", "He."), ("b", "Who?", "x" * 11), ("c", "who?", "She."), ("d", "Who?", "x" * 11)]
    kept, record = cleaned(tmp_path, rows, steps=["duplicates", "length"], max_passage_characters=10)
    assert [row[0] for row in kept] == ["a", "c"]
    assert removed(record) == {"duplicate": 1, "length": 1}
    kept, record = cleaned(tmp_path, rows, steps=["duplicate_queries"], max_passage_characters=10)
    assert [row[0] for row in kept] == ["a"]
    assert removed(record) == {"duplicate_query": 3}
    kept, record = cleaned(tmp_path, rows, steps=[])
    assert kept == rows
    assert record["removed"] == []


TEXT = st.text(st.sampled_from("aAä\u0308 \t\u00a0？b\u200b漢ก١"), max_size=6)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=12), st.permutations(STEPS))
def test_cleaning_keeps_ids_and_order_and_is_idempotent(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], steps: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("clean")
    # Every step keeps this pair.
    rows = [*((str(number), *pair) for number, pair in enumerate(texts)), ("sound", "one", "two")]
    kept, _ = cleaned(folder, rows, [evaluation(folder, "ab", "漢ก")], steps=steps)
    before = {row[0]: row[1:] for row in rows}
    ids = [row[0] for row in kept]
    assert ids == [row[0] for row in rows if row[0] in set(ids)]
    for pair_id, *after in kept:
        assert tuple(after) == tuple(map(normalise, before[pair_id]))
    again, record = cleaned(folder, kept, [evaluation(folder, "ab", "漢ก")], steps=steps)
    assert again == kept
    assert record["normalised"] == 0


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_duplicates_are_dropped_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], random: Any
) -> None:
    folder = tmp_path_factory.mktemp("duplicates")
    rows = [(str(number), *pair) for number, pair in enumerate([*texts, *texts])]
    distinct = {(key(query), key(passage)) for query, passage in texts}
    random.shuffle(rows)
    kept, _ = cleaned(folder, rows, steps=["duplicates"])
    assert sorted((key(query), key(passage)) for _, query, passage in kept) == sorted(distinct)


@given(st.text())
def test_normalisation_is_idempotent(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "  " not in once
    assert once == once.strip()


def test_duplicates_are_found_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(str(number), f"query {number % 7}", f"passage {number % 5}") for number in range(100)]
    whole, record = cleaned(tmp_path, rows)
    monkeypatch.setattr("hybridbatch.clean.clean_pairs.ROWS_AT_ONCE", 3)
    assert cleaned(tmp_path, rows) == (whole, record)
    assert len(whole) == 35


def german_pairs(folder: Path, missing: Sequence[str] = ()) -> tuple[list[Row], Origin]:
    source = [(f"id{n}", f"Question number {n}?", f"{ENGLISH} It has {n} doors.") for n in range(12)]
    rows = [
        (pair_id, f"Frage Nummer {pair_id[2:]}?", f"{GERMAN} Es hat {pair_id[2:]} Türen.") for pair_id, _, _ in source
    ]
    origin = Origin("apertium", write(folder / "source.parquet", source), "en")
    return [row for row in rows if row[0] not in missing], origin


@pytest.mark.slow
def test_translations_are_checked_against_their_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two source pairs have no translation.
    rows, origin = german_pairs(tmp_path, missing=["id0", "id5"])
    rows[2] = (*rows[2][:2], f"{ENGLISH} It has 3 doors.")
    rows[4] = (*rows[4][:2], "Городская ратуша была построена давно.")
    rows[6] = (*rows[6][:2], GERMAN * 8)
    kept, record = cleaned(tmp_path, rows, origin=origin)
    assert removed(record) == {"untranslated": 1, "script": 1, "length_ratio": 1}
    bad = {rows[n][0] for n in (2, 4, 6)}
    assert kept == [row for row in rows if row[0] not in bad]
    example = next(row for row in record["removed"] if row["reason"] == "untranslated")["examples"][0]
    assert example["pair_id"] == rows[2][0]
    monkeypatch.setattr("hybridbatch.clean.clean_pairs.ROWS_AT_ONCE", 4)
    assert cleaned(tmp_path, rows, origin=origin) == (kept, record)


def test_trusted_engines_are_not_checked(tmp_path: Path) -> None:
    rows, machine = german_pairs(tmp_path)
    rows[2] = (*rows[2][:2], f"{ENGLISH} It has 2 doors.")
    people = Origin("memory", machine.source_pairs, "en")
    assert removed(cleaned(tmp_path, rows, origin=people)[1]) == {}
    assert removed(cleaned(tmp_path, rows, origin=people, quality={"trusted_engines": []})[1]) == {"untranslated": 1}
    assert removed(cleaned(tmp_path, rows, origin=machine, steps=["duplicates"])[1]) == {}


def test_translation_without_a_source_is_an_error(tmp_path: Path) -> None:
    _, origin = german_pairs(tmp_path)
    with pytest.raises(UserError, match=r"raw.parquet: pair_id 'other' is not in .*source.parquet"):
        cleaned(tmp_path, [("other", "Wer?", "Er.")], origin=origin)
    assert not (tmp_path / "clean.parquet").exists()


def test_dropping_all_pairs_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"raw.parquet: cleaning keeps none of 1 pairs \(empty: 1\); relax"):
        cleaned(tmp_path, [("a", "?", "!")])
    assert [file.name for file in tmp_path.iterdir()] == ["raw.parquet"]


def test_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "raw.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(UserError, match=r"raw.parquet: cannot be read as parquet"):
        clean_pairs(tmp_path / "raw.parquet", tmp_path / "a", tmp_path / "b", Cleaning(), source="made", language="en")


def with_negatives(path: Path, rows: Mapping[str, tuple[str, str, str | None]]) -> Path:
    columns = [list(rows), *zip(*rows.values(), strict=True)]
    write_table(path, pa.table([pa.array(column, pa.string()) for column in columns], schema=PAIRS_WITH_NEGATIVES))
    return path


def test_a_pair_is_dropped_for_its_negative_as_for_its_passage(tmp_path: Path) -> None:
    held_out = "Seville has the largest gothic cathedral of the whole world."
    raw = with_negatives(
        tmp_path / "raw.parquet",
        {
            "kept": ("Who?", "He.", " Not\u00a0 she."),
            "repeated": ("who else?", "He.", "Not she."),
            "missing": ("a?", "A.", None),
            "blank": ("b?", "B.", "?"),
            "long": ("c?", "C.", "x" * 101),
            "same": ("d?", "It is  D.", "it is d."),
            "exact": ("e?", "E.", held_out.upper()),
            "near": ("f?", "F.", held_out.replace("whole", "whale")),
            "query": ("g?", "G.", "What is asked?"),
        },
    )
    settings = Cleaning(max_query_characters=20, max_passage_characters=100)
    evaluated = [evaluation(tmp_path, held_out)]
    output, record = tmp_path / "clean.parquet", tmp_path / "record.json"
    clean_pairs(raw, output, record, settings, source="made", language="en", evaluation=evaluated, negatives=True)
    assert pq.read_table(output).to_pylist() == [
        {"pair_id": "kept", "query": "Who?", "passage": "He.", "negative": "Not she."},
        {"pair_id": "repeated", "query": "who else?", "passage": "He.", "negative": "Not she."},
    ]
    facts = read_json(record)
    assert facts["normalised"] == 1 + 1
    assert removed(facts) == {"empty": 2, "length": 1, "duplicate": 1, "contaminated": 2, "near_contaminated": 1}
    assert facts["removed"][1]["examples"][0]["detail"] == "negative of 101 characters"
    assert facts["removed"][2]["examples"][0]["detail"] == "the negative is the passage"


def test_without_them_negatives_are_neither_kept_nor_looked_at(tmp_path: Path) -> None:
    raw = with_negatives(tmp_path / "raw.parquet", {"a": ("Who?", "He.", "He."), "b": ("Where?", "There.", None)})
    plain = write(tmp_path / "plain.parquet", [("a", "Who?", "He."), ("b", "Where?", "There.")])
    for pairs in (raw, plain):
        command = ["--pairs", str(pairs), "--source", "made", "--language", "en", "--settings", "{}", "--device", "cpu"]
        program.main([*command, "--output", f"{pairs}.clean", "--record", f"{pairs}.json"])
    assert Path(f"{raw}.clean").read_bytes() == Path(f"{plain}.clean").read_bytes()
    assert read_json(Path(f"{raw}.json")) == read_json(Path(f"{plain}.json"))
    with pytest.raises(UserError, match=r"plain\.parquet: has no column 'negative'"):
        clean_pairs(plain, tmp_path / "a", tmp_path / "b", Cleaning(), source="made", language="en", negatives=True)


def test_the_translation_of_a_negative_is_checked(tmp_path: Path) -> None:
    source = with_negatives(tmp_path / "en.parquet", dict.fromkeys("abc", (ENGLISH, ENGLISH, ENGLISH)))
    rows = dict.fromkeys("abc", (GERMAN, GERMAN, f"{GERMAN} Nein."))
    raw = with_negatives(tmp_path / "de.parquet", {**rows, "b": (GERMAN, GERMAN, f"{ENGLISH} No.")})
    output, settings = tmp_path / "clean.parquet", Cleaning(steps=["quality"])
    origin = Origin("apertium", source, "en")
    record = clean_pairs(
        raw, output, tmp_path / "r", settings, source="made", language="de", origin=origin, negatives=True
    )
    assert pq.read_table(output)["pair_id"].to_pylist() == ["a", "c"]
    assert sum(removed(record).values()) == 1


def test_program(tmp_path: Path) -> None:
    rows, origin = german_pairs(tmp_path)
    command = ["--pairs", str(write(tmp_path / "raw.parquet", rows)), "--source", "made", "--language", "de"]
    command += ["--settings", Cleaning().model_dump_json(exclude={"decontaminate": True}), "--engine", "apertium"]
    command += [
        "--output",
        str(tmp_path / "clean.parquet"),
        "--record",
        str(tmp_path / "record.json"),
        "--device",
        "auto",
    ]
    with pytest.raises(UserError, match="--engine, --translated-from and --source-language go together"):
        program.main(command)
    program.main([*command, "--translated-from", str(origin.source_pairs), "--source-language", "en"])
    assert rows_of(tmp_path / "clean.parquet") == rows
    assert read_json(tmp_path / "record.json")["engine"] == "apertium"


@pytest.mark.parametrize("changes", [{"steps": ["length", "length"]}, {"steps": ["wash"]}, {"passages": "some"}])
def test_invalid_settings_are_errors(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"is listed more than once|Input should be"):
        Cleaning.model_validate(changes)
