"""The translation stage: order, one translation a text, and what a killed job leaves."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gather_translations
import translate
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import sha256
from hybridbatch.data import pairs
from hybridbatch.data.tmx import write_tmx
from hybridbatch.translate.translate_pairs import (
    MemoryEngine,
    WholeTexts,
    gather,
    open_cache,
    shorten,
    sorted_batches,
    translate_pairs,
    translate_part,
)

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


class Upper(WholeTexts):
    """Translates to upper case, records its batches, and fails before the batch of number ``fails_at``."""

    name = "upper"

    def __init__(self, revision: str = "1", fails_at: int = -1) -> None:
        self.revision = revision
        self.options = {"beam": 4}
        self.fails_at = fails_at
        self.batches: list[list[str]] = []

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        if len(self.batches) == self.fails_at:
            raise RuntimeError("out of memory")
        self.batches.append(list(texts))
        return [f"{source}>{target} {text}" for text in texts]

    @property
    def seen(self) -> list[str]:
        return [text for batch in self.batches for text in batch]


def table_of(queries: list[str], passages: list[str]) -> pa.Table:
    return pa.table([[f"id{n}" for n in range(len(queries))], queries, passages], schema=pairs.PAIRS)


TABLE = table_of([f"query {n % 7}" for n in range(20)], [f"passage {'x' * (n % 5)} {n // 2}" for n in range(20)])
TEXTS = st.text(min_size=1)
DISTINCT = set(TABLE["query"].to_pylist()) | set(TABLE["passage"].to_pylist())


@settings(deadline=None)  # it syncs a database
@given(st.lists(st.tuples(TEXTS, TEXTS)), st.integers(1, 5))
def test_order_stays_and_each_text_is_translated_once(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], batch_size: int
) -> None:
    engine = Upper()
    table = table_of([query for query, _ in texts], [passage for _, passage in texts])
    made, record = translate_pairs(
        table, engine, "en", "de", state=tmp_path_factory.mktemp("state"), batch_size=batch_size
    )
    assert made["pair_id"].equals(table["pair_id"])
    assert made["query"].to_pylist() == [f"en>de {query}" for query, _ in texts]
    assert made["passage"].to_pylist() == [f"en>de {passage}" for _, passage in texts]
    assert len(engine.seen) == len(set(engine.seen)) == record["distinct_texts"]
    assert all(len(batch) <= batch_size for batch in engine.batches)
    lengths = [len(text) for text in engine.seen]
    assert lengths == sorted(lengths, reverse=True)


def test_failed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first, second, third = Upper(fails_at=3), Upper(), Upper()
    with pytest.raises(RuntimeError):
        translate_pairs(TABLE, first, "en", "de", state=tmp_path, batch_size=4)
    made, record = translate_pairs(TABLE, second, "en", "de", state=tmp_path, batch_size=4)
    assert len(first.seen) == 12
    assert sorted(first.seen + second.seen) == sorted(DISTINCT)
    fresh = translate_pairs(TABLE, third, "en", "de", state=tmp_path / "other", batch_size=4)
    assert made.equals(fresh[0])
    assert record == fresh[1]
    assert first.batches + second.batches == third.batches


KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow.parquet as pq
from hybridbatch.common.files import write_table
from hybridbatch.translate.translate_pairs import WholeTexts, translate_pairs

class Engine(WholeTexts):
    name, revision, options = "upper", "1", {}
    batches = 0
    def translate(self, texts, source, target):
        if self.batches == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        self.batches += 1
        with open("log", "a") as log:
            log.writelines(text + "\\n" for text in texts)
        return [text.upper() for text in texts]

made, _ = translate_pairs(pq.read_table("in.parquet"), Engine(), "en", "de", state=Path("state"), batch_size=4)
write_table(Path(sys.argv[1]), made)
"""


def test_killed_process_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "in.parquet")
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}

    def start(kill_at: int) -> int:
        command = [sys.executable, "-c", KILLED, "out.parquet", str(kill_at)]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode

    assert start(2) == -signal.SIGKILL
    assert not (tmp_path / "out.parquet").exists()
    assert len((tmp_path / "log").read_text().splitlines()) == 8
    assert start(-1) == 0
    assert sorted((tmp_path / "log").read_text().splitlines()) == sorted(DISTINCT)
    made = pq.read_table(tmp_path / "out.parquet")
    assert made["query"].to_pylist() == [text.upper() for text in TABLE["query"].to_pylist()]
    assert made["passage"].to_pylist() == [text.upper() for text in TABLE["passage"].to_pylist()]


def test_other_revision_other_language_are_translated_anew(tmp_path: Path) -> None:
    for engine, target, expected in (
        (Upper("1"), "de", len(DISTINCT)),
        (Upper("1"), "de", 0),
        (Upper("2"), "de", len(DISTINCT)),
        (Upper("1"), "fr", len(DISTINCT)),
        (Upper("1"), "de", 0),
    ):
        translate_pairs(TABLE, engine, "en", target, state=tmp_path, batch_size=100)
        assert len(engine.seen) == expected


class Broken(Upper):
    def __init__(self, answers: list[str]) -> None:
        super().__init__()
        self.answers = answers

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        super().translate(texts, source, target)
        return self.answers


def test_engine_that_loses_a_text_is_refused_and_not_cached(tmp_path: Path) -> None:
    table = table_of(["aa"], ["bbb"])
    with pytest.raises(UserError, match=r"engine 'upper': gave 1 translations for 2 texts"):
        translate_pairs(table, Broken(["only one"]), "en", "de", state=tmp_path, batch_size=4)
    engine = Upper()
    translate_pairs(table, engine, "en", "de", state=tmp_path, batch_size=4)
    assert engine.seen == ["bbb", "aa"]


def test_pairs_without_translation_are_left_out_and_counted(tmp_path: Path) -> None:
    table = table_of(["a", "b"], ["ccc", "dd"])
    made, record = translate_pairs(table, Broken(["C", " \n", "A", "B"]), "en", "de", state=tmp_path, batch_size=4)
    assert made.to_pylist() == [{"pair_id": "id0", "query": "A", "passage": "C"}]
    assert (record["pairs"], record["pairs_without_translation"], record["distinct_texts"]) == (1, 1, 4)
    with pytest.raises(UserError, match="gave no translation for any of 2 pairs"):
        translate_pairs(table, Broken([""] * 4), "en", "de", state=tmp_path / "other", batch_size=4)


class Sentences(Upper):
    """Takes one sentence at a time, and says its length in words."""

    def split(self, text: str, source: str) -> list[str]:  # noqa: ARG002
        return re.findall(r"[^.]+\.?\s*", text) or [text]

    def length(self, text: str) -> int:
        return len(text.split())


def test_sentence_of_several_texts_is_translated_once(tmp_path: Path) -> None:
    engine = Sentences()
    table = table_of(["Who?", "One two. Who?"], ["One two.  Three.\nWho?", "Three."])
    made, record = translate_pairs(table, engine, "en", "de", state=tmp_path, batch_size=2)
    assert sorted(engine.seen) == ["One two.", "Three.", "Who?"]
    assert engine.seen[0] == "One two."
    assert made["query"].to_pylist() == ["en>de Who?", "en>de One two. en>de Who?"]
    assert made["passage"].to_pylist() == ["en>de One two. en>de Three.\nen>de Who?", "en>de Three."]
    assert record["distinct_texts"] == 4


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 8), st.none() | st.integers(1, 200))
def test_batches_keep_to_their_size(lengths: list[int], size: int, tokens: int | None) -> None:
    by_text = {f"{place}": length for place, length in enumerate(sorted(lengths, reverse=True))}
    batches = list(sorted_batches(list(by_text), by_text, size, tokens))
    assert [text for batch in batches for text in batch] == list(by_text)
    for batch in batches:
        assert 1 <= len(batch) <= size
        assert tokens is None or len(batch) == 1 or len(batch) * by_text[batch[0]] <= tokens


@settings(deadline=None)  # it syncs several databases
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1), st.integers(1, 5))
def test_shards_together_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], shards: int
) -> None:
    table = table_of([query for query, _ in texts], [passage for _, passage in texts])
    folder = tmp_path_factory.mktemp("state")
    engine = Upper()
    parts = [
        translate_part(table, engine, "en", "de", state=folder, batch_size=3, shard=shard, shards=shards)
        for shard in range(shards)
    ]
    assert len(engine.seen) == len(set(engine.seen)) == sum(part.num_rows for part, _ in parts)
    sizes = [part.num_rows for part, _ in parts]
    assert max(sizes) - min(sizes) <= 1
    made = gather(table, parts)
    assert made == translate_pairs(table, Upper(), "en", "de", state=folder / "whole", batch_size=3)


def test_parts_of_different_engines_are_refused(tmp_path: Path) -> None:
    parts = [
        translate_part(TABLE, Upper(revision), "en", "de", state=tmp_path, batch_size=9, shard=n, shards=2)
        for n, revision in enumerate("12")
    ]
    with pytest.raises(UserError, match="different engines or options"):
        gather(TABLE, parts)
    with pytest.raises(UserError, match="lack a text of pair 'id"):
        gather(TABLE, parts[:1])
    with pytest.raises(UserError, match="shard: 2 is no part of 2"):
        translate_part(TABLE, Upper(), "en", "de", state=tmp_path, batch_size=9, shard=2, shards=2)


def test_cache_has_one_writer(tmp_path: Path) -> None:
    with (
        open_cache(tmp_path, Upper(), "en", "de"),
        pytest.raises(UserError, match=r"en-de\.sqlite: .*locked"),
        open_cache(tmp_path, Upper(), "en", "de"),
    ):
        pass
    with open_cache(tmp_path, Upper(), "en", "de") as cache:
        assert cache.get(["a"]) == {}


def test_damaged_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "en-de.sqlite").write_text("no database at all, but long enough to be looked at" * 100)
    with pytest.raises(UserError, match=r"en-de\.sqlite: .*delete it"):
        translate_pairs(TABLE, Upper(), "en", "de", state=tmp_path, batch_size=4)


def test_cache_of_many_texts(tmp_path: Path) -> None:
    texts = [str(number) for number in range(2500)]
    with open_cache(tmp_path, Upper(), "en", "de") as cache:
        cache.add({text: f"t{text}" for text in texts[:2000]})
        assert cache.get(texts) == {text: f"t{text}" for text in texts[:2000]}


def test_missing_entry_is_named(tmp_path: Path) -> None:
    write_tmx(tmp_path / "m.tmx", "de", {"a": "A"})
    engine = MemoryEngine(tmp_path / "m.tmx")
    assert engine.translate(["a", "a"], "en", "de") == ["A", "A"]
    with pytest.raises(UserError, match=r"m\.tmx: has no de translation of 'long long [a-z ]*…'; add it"):
        engine.translate(["a", "long " * 100], "en", "de")


def test_shorten() -> None:
    assert shorten("a\n b") == "a b"
    assert shorten("x" * 61) == "x" * 59 + "…"


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    pq.write_table(table_of(["a", "b"], ["b", "c"]), tmp_path / "en.parquet")
    write_tmx(tmp_path / "m.tmx", "de", {"a": "A", "b": "B", "c": "C"})
    values = {
        "--pairs": tmp_path / "en.parquet",
        "--engine": "memory",
        "--memory": tmp_path / "m.tmx",
        "--source-language": "en",
        "--target-language": "de",
        "--state": tmp_path / "state",
        "--output": tmp_path / "de.parquet",
        "--record": tmp_path / "de.json",
    }
    return [str(word) for item in values.items() for word in item]


def test_program(arguments: list[str], tmp_path: Path) -> None:
    translate.main(arguments)
    assert pq.read_table(tmp_path / "de.parquet").equals(table_of(["A", "B"], ["B", "C"]))
    first = (tmp_path / "de.json").read_bytes()
    assert json.loads(first) == {
        "engine": "memory",
        "revision": sha256(tmp_path / "m.tmx"),
        "options": {},
        "source_language": "en",
        "target_language": "de",
        "pairs": 2,
        "pairs_without_translation": 0,
        "distinct_texts": 3,
    }
    translate.main(arguments)
    assert (tmp_path / "de.json").read_bytes() == first


def test_sharded_programs_give_the_same_file(arguments: list[str], tmp_path: Path) -> None:
    translate.main(arguments)
    parts, records = [], []
    for shard in range(2):
        parts.append(f"{tmp_path / str(shard)}.parquet")
        records.append(f"{tmp_path / str(shard)}.json")
        places = ["--output", parts[-1], "--record", records[-1]]
        translate.main([*arguments, "--shard", str(shard), "--shards", "2", *places])
    places = ["--output", f"{tmp_path}/both.parquet", "--record", f"{tmp_path}/both.json"]
    pairs_file = ["--pairs", f"{tmp_path}/en.parquet"]
    gather_translations.main([*pairs_file, "--parts", *parts, "--part-records", *records, *places])
    assert (tmp_path / "both.parquet").read_bytes() == (tmp_path / "de.parquet").read_bytes()
    assert (tmp_path / "both.json").read_bytes() == (tmp_path / "de.json").read_bytes()


def test_failed_program_writes_nothing(arguments: list[str], tmp_path: Path) -> None:
    write_tmx(tmp_path / "m.tmx", "de", {"a": "A", "b": "B"})
    with pytest.raises(UserError, match=r"m\.tmx: has no de translation of 'c'"):
        translate.main(arguments)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["en.parquet", "m.tmx", "state"]


@pytest.mark.parametrize(
    ("change", "message"),
    [(["--memory", "none.tmx"], r"none\.tmx: does not exist"), (["--batch-size", "0"], "batch size: 0 is too small")],
)
def test_bad_argument_is_named(arguments: list[str], change: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        translate.main([*arguments, *change])
