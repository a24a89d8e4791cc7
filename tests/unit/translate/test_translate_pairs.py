"""The translation stage: order, one translation per text, resuming interrupted jobs."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_files import write_tmx

import gather_translations
import translate
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import sha256
from hybridbatch.data import pairs
from hybridbatch.translate.cache import open_cache
from hybridbatch.translate.engines import Engine, MemoryEngine
from hybridbatch.translate.translate_pairs import gather, sorted_batches, translate_part

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


class Prefix(Engine):
    """Puts the languages before a text, records its batches, and fails before the batch of number ``fails_at``."""

    name = "prefix"

    def __init__(self, revision: str = "1", fails_at: int = -1, target: str = "de") -> None:
        super().__init__("en", target, revision, {"beam": 4})
        self.fails_at = fails_at
        self.batches: list[list[str]] = []

    def translate(self, texts: Sequence[str]) -> list[str]:
        if len(self.batches) == self.fails_at:
            raise RuntimeError("out of memory")
        self.batches.append(list(texts))
        return [f"{self.source}>{self.target} {text}" for text in texts]

    @property
    def seen(self) -> list[str]:
        return [text for batch in self.batches for text in batch]


def translated(table: pa.Table, engine: Engine, state: Path, batch_size: int = 4) -> tuple[pa.Table, dict[str, object]]:
    return gather(table, [translate_part(table, engine, state=state, batch_size=batch_size)])


def table_of(queries: list[str], passages: list[str]) -> pa.Table:
    return pa.table([[f"id{n}" for n in range(len(queries))], queries, passages], schema=pairs.PAIRS)


TABLE = table_of([f"query {n % 7}" for n in range(20)], [f"passage {'x' * (n % 5)} {n // 2}" for n in range(20)])
TEXTS = st.text(min_size=1)
DISTINCT = set(TABLE["query"].to_pylist()) | set(TABLE["passage"].to_pylist())


@pytest.mark.slow
@settings(deadline=None)  # syncs a database
@given(st.lists(st.tuples(TEXTS, TEXTS)), st.integers(1, 5))
def test_pairs_keep_their_order_and_each_text_is_translated_once(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], batch_size: int
) -> None:
    engine = Prefix()
    table = table_of([query for query, _ in texts], [passage for _, passage in texts])
    made, record = translated(table, engine, tmp_path_factory.mktemp("state"), batch_size)
    assert made["pair_id"].equals(table["pair_id"])
    assert made["query"].to_pylist() == [f"en>de {query}" for query, _ in texts]
    assert made["passage"].to_pylist() == [f"en>de {passage}" for _, passage in texts]
    assert len(engine.seen) == len(set(engine.seen)) == record["distinct_texts"]
    assert all(len(batch) <= batch_size for batch in engine.batches)
    lengths = [len(text) for text in engine.seen]
    assert lengths == sorted(lengths, reverse=True)


def test_failed_run_resumes(tmp_path: Path) -> None:
    first, second, third = Prefix(fails_at=3), Prefix(), Prefix()
    with pytest.raises(RuntimeError):
        translated(TABLE, first, tmp_path)
    made, record = translated(TABLE, second, tmp_path)
    assert len(first.seen) == 12
    assert sorted(first.seen + second.seen) == sorted(DISTINCT)
    fresh = translated(TABLE, third, tmp_path / "other")
    assert made.equals(fresh[0])
    assert record == fresh[1]
    assert first.batches + second.batches == third.batches


KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow.parquet as pq
from hybridbatch.common.files import write_table
from hybridbatch.translate.engines import Engine
from hybridbatch.translate.translate_pairs import gather, translate_part

class Upper(Engine):
    name = "upper"
    batches = 0
    def translate(self, texts):
        if self.batches == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        self.batches += 1
        with open("log", "a") as log:
            log.writelines(text + "\\n" for text in texts)
        return [text.upper() for text in texts]

table = pq.read_table("in.parquet")
part = translate_part(table, Upper("en", "de", "1", {}), state=Path("state"), batch_size=4)
write_table(Path(sys.argv[1]), gather(table, [part])[0])
"""


@pytest.mark.slow
def test_killed_process_resumes(tmp_path: Path) -> None:
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


def test_another_revision_or_language_is_translated_again(tmp_path: Path) -> None:
    for engine, expected in (
        (Prefix("1"), len(DISTINCT)),
        (Prefix("1"), 0),
        (Prefix("2"), len(DISTINCT)),
        (Prefix("1", target="fr"), len(DISTINCT)),
        (Prefix("1"), 0),
    ):
        translated(TABLE, engine, tmp_path)
        assert len(engine.seen) == expected


class Broken(Prefix):
    def __init__(self, answers: list[str]) -> None:
        super().__init__()
        self.answers = answers

    def translate(self, texts: Sequence[str]) -> list[str]:
        super().translate(texts)
        return self.answers


def test_missing_translations_are_an_error_and_not_cached(tmp_path: Path) -> None:
    table = table_of(["aa"], ["bbb"])
    with pytest.raises(UserError, match="engine 'prefix': returned 1 translations of 2 texts"):
        translated(table, Broken(["only one"]), tmp_path)
    engine = Prefix()
    translated(table, engine, tmp_path)
    assert engine.seen == ["bbb", "aa"]


def test_pairs_without_translation_are_left_out_and_counted(tmp_path: Path) -> None:
    table = table_of(["a", "b"], ["ccc", "dd"])
    made, record = translated(table, Broken(["C", " \n", "A", "B"]), tmp_path)
    assert made.to_pylist() == [{"pair_id": "id0", "query": "A", "passage": "C"}]
    assert (record["pairs"], record["pairs_without_translation"], record["distinct_texts"]) == (1, 1, 4)
    with pytest.raises(UserError, match="translated none of 2 pairs"):
        translated(table, Broken([""] * 4), tmp_path / "other")


def with_negatives(queries: list[str], passages: list[str], negatives: list[str]) -> pa.Table:
    return table_of(queries, passages).append_column("negative", pa.array(negatives))


def test_negatives_are_translated_with_their_pairs(tmp_path: Path) -> None:
    table = with_negatives(["a", "b"], ["ccc", "dd"], ["dd", "e"])
    engine = Prefix()
    made, record = translated(table, engine, tmp_path)
    assert made.to_pylist() == [
        {"pair_id": "id0", "query": "en>de a", "passage": "en>de ccc", "negative": "en>de dd"},
        {"pair_id": "id1", "query": "en>de b", "passage": "en>de dd", "negative": "en>de e"},
    ]
    assert sorted(engine.seen) == ["a", "b", "ccc", "dd", "e"]
    assert record["distinct_texts"] == 5
    parts = [
        translate_part(table, Prefix(), state=tmp_path / "shards", batch_size=2, shard=shard, shards=3)
        for shard in range(3)
    ]
    assert gather(table, parts) == (made, record)


def test_a_pair_whose_negative_has_no_translation_is_left_out(tmp_path: Path) -> None:
    table = with_negatives(["aaaaa", "bbbb"], ["ccc", "ccc"], ["dd", "e"])
    made, record = translated(table, Broken(["A", "B", "C", "", "E"]), tmp_path, batch_size=5)
    assert made.to_pylist() == [{"pair_id": "id1", "query": "B", "passage": "C", "negative": "E"}]
    assert record["pairs_without_translation"] == 1


def test_a_memory_must_have_the_negatives(tmp_path: Path, arguments: list[str]) -> None:
    pq.write_table(with_negatives(["a"], ["b"], ["c"]), tmp_path / "en.parquet")
    translate.main(arguments)
    assert pq.read_table(tmp_path / "de.parquet").to_pylist() == [
        {"pair_id": "id0", "query": "A", "passage": "B", "negative": "C"}
    ]
    write_tmx(tmp_path / "m.tmx", "de", {"a": "A", "b": "B"})
    with pytest.raises(UserError, match=r"m\.tmx: has no de translation of 'c'"):
        translate.main(arguments)
    pq.write_table(with_negatives(["a"], ["b"], [" "]), tmp_path / "en.parquet")
    with pytest.raises(UserError, match="pair_id 'id0' has a blank negative"):
        translate.main(arguments)


class Sentences(Prefix):
    """Translates one sentence at a time and measures length in words."""

    def split(self, text: str) -> list[str]:
        return re.findall(r"[^.]+\.?\s*", text) or [text]

    def length(self, text: str) -> int:
        return len(text.split())


def test_sentence_in_several_texts_is_translated_once(tmp_path: Path) -> None:
    engine = Sentences()
    table = table_of(["Who?", "One two. Who?"], ["One two.  Three.\nWho?", "Three."])
    made, record = translated(table, engine, tmp_path, batch_size=2)
    assert sorted(engine.seen) == ["One two.", "Three.", "Who?"]
    assert engine.seen[0] == "One two."
    assert made["query"].to_pylist() == ["en>de Who?", "en>de One two. en>de Who?"]
    assert made["passage"].to_pylist() == ["en>de One two. en>de Three.\nen>de Who?", "en>de Three."]
    assert record["distinct_texts"] == 4


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 8), st.none() | st.integers(1, 200))
def test_batches_stay_within_their_limits(lengths: list[int], size: int, tokens: int | None) -> None:
    by_text = {f"{number}": length for number, length in enumerate(sorted(lengths, reverse=True))}
    batches = list(sorted_batches(list(by_text), by_text, size, tokens))
    assert [text for batch in batches for text in batch] == list(by_text)
    for batch in batches:
        assert 1 <= len(batch) <= size
        assert tokens is None or len(batch) == 1 or len(batch) * by_text[batch[0]] <= tokens


@pytest.mark.slow
@settings(deadline=None)  # syncs several databases
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1), st.integers(1, 5))
def test_shards_add_up_to_the_whole(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], shards: int
) -> None:
    table = table_of([query for query, _ in texts], [passage for _, passage in texts])
    folder = tmp_path_factory.mktemp("state")
    engine = Prefix()
    parts = [
        translate_part(table, engine, state=folder, batch_size=3, shard=shard, shards=shards) for shard in range(shards)
    ]
    assert len(engine.seen) == len(set(engine.seen)) == sum(part.num_rows for part, _ in parts)
    sizes = [part.num_rows for part, _ in parts]
    assert max(sizes) - min(sizes) <= 1
    made = gather(table, parts)
    assert made == translated(table, Prefix(), folder / "whole")


def test_inconsistent_parts_are_errors(tmp_path: Path) -> None:
    parts = [
        translate_part(TABLE, Prefix(revision), state=tmp_path, batch_size=9, shard=n, shards=2)
        for n, revision in enumerate("12")
    ]
    with pytest.raises(UserError, match="different engines or options"):
        gather(TABLE, parts)
    with pytest.raises(UserError, match="lack a text of pair 'id"):
        gather(TABLE, parts[:1])
    with pytest.raises(UserError, match="shard: 2 does not exist among 2"):
        translate_part(TABLE, Prefix(), state=tmp_path, batch_size=9, shard=2, shards=2)


def test_the_second_job_finds_what_the_first_translated(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = Prefix(), Prefix()
    with ThreadPoolExecutor() as pool:
        with open_cache(tmp_path, first) as cache:
            waiting = pool.submit(translated, TABLE, second, tmp_path)
            time.sleep(0.3)
            assert not waiting.done()
            cache.add({text: first.translate([text])[0] for text in DISTINCT})
        waiting.result(timeout=30)
    assert second.seen == []
    assert "en-de.sqlite is in use by process" in caplog.text


def test_damaged_cache_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "en-de.sqlite").write_text("not a database, but long enough to be read" * 100)
    with pytest.raises(UserError, match=r"en-de\.sqlite: .*delete it"):
        translated(TABLE, Prefix(), tmp_path)


def test_cache_of_many_texts(tmp_path: Path) -> None:
    texts = [str(number) for number in range(2500)]
    with open_cache(tmp_path, Prefix()) as cache:
        cache.add({text: f"t{text}" for text in texts[:2000]})
        assert cache.get(texts) == {text: f"t{text}" for text in texts[:2000]}


def test_missing_memory_entry_is_an_error(tmp_path: Path) -> None:
    write_tmx(tmp_path / "m.tmx", "de", {"a": "A"})
    engine = MemoryEngine(tmp_path / "m.tmx", "en", "de")
    assert engine.translate(["a", "a"]) == ["A", "A"]
    with pytest.raises(UserError, match=r"m\.tmx: has no de translation of 'long long [a-z ]{50}'; add it"):
        engine.translate(["a", "long " * 100])


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    pq.write_table(table_of(["a", "b"], ["b", "c"]), tmp_path / "en.parquet")
    write_tmx(tmp_path / "m.tmx", "de", {"a": "A", "b": "B", "c": "C"})
    values = {
        "--pairs": tmp_path / "en.parquet",
        "--settings": json.dumps({"memory": f"{tmp_path}/{{language}}.tmx", "languages": ["de"]}),
        "--language": "de",
        "--memory": tmp_path / "m.tmx",
        "--device": "cpu",
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


def test_sharded_jobs_write_the_same_file(arguments: list[str], tmp_path: Path) -> None:
    translate.main(arguments)
    parts, records = [], []
    for shard in range(2):
        parts.append(f"{tmp_path / str(shard)}.parquet")
        records.append(f"{tmp_path / str(shard)}.json")
        outputs = ["--output", parts[-1], "--record", records[-1]]
        translate.main([*arguments, "--shard", str(shard), "--shards", "2", *outputs])
    outputs = ["--output", f"{tmp_path}/both.parquet", "--record", f"{tmp_path}/both.json"]
    pairs_file = ["--pairs", f"{tmp_path}/en.parquet"]
    gather_translations.main([*pairs_file, "--parts", *parts, "--part-records", *records, *outputs])
    assert (tmp_path / "both.parquet").read_bytes() == (tmp_path / "de.parquet").read_bytes()
    assert (tmp_path / "both.json").read_bytes() == (tmp_path / "de.json").read_bytes()


def test_failed_program_writes_nothing(arguments: list[str], tmp_path: Path) -> None:
    write_tmx(tmp_path / "m.tmx", "de", {"a": "A", "b": "B"})
    with pytest.raises(UserError, match=r"m\.tmx: has no de translation of 'c'"):
        translate.main(arguments)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["en.parquet", "m.tmx", "state"]


def test_missing_memory_is_an_error(arguments: list[str]) -> None:
    with pytest.raises(UserError, match=r"none\.tmx: does not exist"):
        translate.main([*arguments, "--memory", "none.tmx"])
