"""What the common forms of benchmarks and pairs refuse, and the programs that write them."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prepare_benchmark
import prepare_pairs
from hybridbatch.common.errors import UserError
from hybridbatch.data import pairs
from hybridbatch.data.benchmark import PASSAGES, QRELS, QUERIES, Benchmark, check, keep_queries, write


def sound() -> Benchmark:
    return Benchmark(
        "some.json",
        "de",
        pa.table([["q1", "q2"], ["Wer?", "Was?"]], schema=QUERIES),
        pa.table([["de/1", "de/2"], ["Er.", "Es."], [None, None], [None, None]], schema=PASSAGES),
        pa.table([["q1", "q2"], ["de/2", "de/1"], [1, 2]], schema=QRELS),
    )


def test_sound_benchmark_is_written_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "de", sound())
    assert sorted(file.name for file in (tmp_path / "de").iterdir()) == [
        "passages.parquet",
        "qrels.parquet",
        "queries.parquet",
        "record.json",
    ]
    assert pq.read_table(tmp_path / "de" / "queries.parquet").equals(sound().queries)
    assert pq.read_table(tmp_path / "de" / "passages.parquet").equals(sound().passages)
    assert pq.read_table(tmp_path / "de" / "qrels.parquet").equals(sound().qrels)


def queries(ids: list[str], texts: list[str | None]) -> Benchmark:
    return replace(sound(), queries=pa.table([ids, texts], schema=QUERIES))


def passages(ids: list[str], texts: list[str | None]) -> Benchmark:
    nothing = [None] * len(ids)
    return replace(sound(), passages=pa.table([ids, texts, nothing, nothing], schema=PASSAGES))


def qrels(query_ids: list[str], passage_ids: list[str], relevance: list[int | None]) -> Benchmark:
    return replace(sound(), qrels=pa.table([query_ids, passage_ids, relevance], schema=QRELS))


UNSOUND = [
    (queries([], []), "there is no query"),
    (passages([], []), "there is no passage"),
    (queries(["q1", "q2"], ["Wer?", ""]), "query_id 'q2' has an empty text"),
    (queries(["q1", "q2"], ["Wer?", None]), "query_id 'q2' has an empty text"),
    (passages(["de/1", "de/2"], ["Er.", " \u3000\n"]), "passage_id 'de/2' has an empty text"),
    (queries(["q1", "q1"], ["Wer?", "Was?"]), "query_id 'q1' occurs more than once"),
    (passages(["de/2", "de/2"], ["Er.", "Es."]), "passage_id 'de/2' occurs more than once"),
    (qrels(["q1"], ["de/1"], [1]), "query_id 'q2' has no relevant passage"),
    (qrels(["q1", "q2", "q3"], ["de/1"] * 3, [1] * 3), "query_id 'q3', which does not exist"),
    (qrels(["q1", "q2"], ["de/1", "de/3"], [1, 1]), "passage_id 'de/3', which does not exist"),
    (qrels(["q1", "q2"], ["de/1", "de/1"], [1, 0]), "query_id 'q2' has a relevance"),
    (qrels(["q1", "q2"], ["de/1", "de/1"], [1, None]), "query_id 'q2' has a relevance"),
]


@pytest.mark.parametrize(("benchmark", "message"), UNSOUND)
def test_unsound_benchmark_is_refused_and_nothing_written(tmp_path: Path, benchmark: Benchmark, message: str) -> None:
    write(tmp_path, sound())
    with pytest.raises(UserError, match=rf"^some\.json: language 'de': .*{message}"):
        write(tmp_path, benchmark)
    assert pq.read_table(tmp_path / "queries.parquet").equals(sound().queries)
    assert pq.read_table(tmp_path / "qrels.parquet").equals(sound().qrels)


def test_check_accepts_what_is_sound() -> None:
    check(sound())


def make_pairs(ids: list[str], queries: list[str], passages: list[str]) -> pa.Table:
    return pa.table([ids, queries, passages], schema=pairs.PAIRS)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (make_pairs([], [], []), "there are no pairs"),
        (make_pairs(["a", "a"], ["q", "q"], ["p", "p"]), "pair_id 'a' occurs more than once"),
        (make_pairs(["a", "b"], ["q", "\t"], ["p", "p"]), "pair_id 'b' has an empty query"),
        (make_pairs(["a", "b"], ["q", "q"], ["", "p"]), "pair_id 'a' has an empty passage"),
        (make_pairs(["a", " "], ["q", "q"], ["p", "p"]), "a pair_id is empty"),
    ],
)
def test_unsound_pairs_are_refused(table: pa.Table, message: str) -> None:
    with pytest.raises(UserError, match=rf"^f: language 'en': {message}"):
        pairs.check(table, "f", "en")


@given(st.lists(st.text(), unique=True), st.floats(0.01, 0.99))
def test_ranges_split_the_pairs_whatever_their_language(ids: list[str], cut: float) -> None:
    table = make_pairs(ids, ["q"] * len(ids), ["p"] * len(ids))
    low, high = pairs.keep(table, 0, cut), pairs.keep(table, cut, 1)
    assert sorted(low["pair_id"].to_pylist() + high["pair_id"].to_pylist()) == sorted(ids)
    other = make_pairs(ids[::2], ["F"] * len(ids[::2]), ["A"] * len(ids[::2]))
    assert set(pairs.keep(other, 0, cut)["pair_id"].to_pylist()) == set(low["pair_id"].to_pylist()) & set(ids[::2])


def test_position_is_stable_and_even() -> None:
    assert pairs.position("facts-danube-1") == pytest.approx(0.15786, abs=1e-5)
    assert sum(pairs.position(str(number)) < 0.1 for number in range(10_000)) == pytest.approx(1000, abs=100)


@pytest.mark.parametrize("limits", [(0.5, 0.5), (-0.1, 1), (0, 1.1), (0.8, 0.2), (float("nan"), 1)])
def test_no_range_is_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(UserError, match="keep"):
        pairs.keep(make_pairs(["a"], ["q"], ["p"]), *limits)


OWN = make_pairs(["007", "b"], ['"No" he said', "2020-01-01"], ["NA", "1"])
FORMS = {
    ".csv": 'note,pair_id,query,passage\n1,007,"""No"" he said",NA\n2,b,2020-01-01,1\n',
    ".tsv": 'pair_id\tpassage\tquery\n007\tNA\t"No" he said\nb\t1\t2020-01-01\n',
    ".jsonl": '{"pair_id": "007", "query": "\\"No\\" he said", "passage": "NA", "note": 1}\n'
    '{"passage": "1", "query": "2020-01-01", "pair_id": "b"}\n',
}


@pytest.mark.parametrize("suffix", FORMS)
def test_own_text_file_is_read_as_written(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"own{suffix}").write_text(FORMS[suffix], encoding="utf-8")
    assert pairs.read(tmp_path / f"own{suffix}").equals(OWN)


def test_own_parquet_file_may_have_numbers_as_ids(tmp_path: Path) -> None:
    pq.write_table(pa.table({"query": ["q"], "passage": ["p"], "pair_id": [7]}), tmp_path / "own.parquet")
    assert pairs.read(tmp_path / "own.parquet").equals(make_pairs(["7"], ["q"], ["p"]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("own.csv", "pair_id,query\na,q\n", "column 'passage' is missing"),
        ("own.tsv", "pair_id\tquery\tpassages\na\tq\tp\n", "column 'passage' is missing"),
        ("own.jsonl", '{"pair_id": "a", "query": "q"}\n', "column 'passage' is missing or null in 1 of 1 rows"),
        ("own.jsonl", '{"pair_id": "a", "query": "q", "passage": 3}\n', "passage"),
        ("own.jsonl", '{"pair_id": "a", "query": "q', "line 1: cannot be read as JSON"),
        ("own.csv", "pair_id,query,passage\na,q\n", "cannot be read as csv"),
        ("own.csv", "", "cannot be read as csv"),
        ("own.parquet", "PAR1", "cannot be read as parquet"),
        ("own.txt", "", r"suffix '\.txt' is not known"),
    ],
)
def test_bad_own_file_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=rf"{name}: .*{message}") as caught:
        pairs.read(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own.csv.gz", "pair_id,query,passage\na,q,p\n"),
        ("own.jsonl.gz", '{"pair_id": "a", "query": "q", "passage": "p"}\n'),
    ],
)
def test_gzipped_own_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    assert pairs.read(tmp_path / name).equals(make_pairs(["a"], ["q"], ["p"]))
    (tmp_path / name).write_bytes(gzip.compress(text.encode())[:-12])
    with pytest.raises(UserError, match=rf"{name}: is a truncated or damaged gzip file"):
        pairs.read(tmp_path / name)


@pytest.mark.parametrize("name", ["own.csv", "own.jsonl", "own.parquet"])
def test_missing_own_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=name):
        pairs.read(tmp_path / name)


def test_own_column_of_another_type_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"pair_id": ["a"], "query": [1], "passage": ["p"]}), tmp_path / "own.parquet")
    with pytest.raises(UserError, match="column 'query' is of type int64"):
        pairs.read(tmp_path / "own.parquet")


@pytest.fixture
def squad(tmp_path: Path) -> Path:
    qas = [{"id": f"q{n}", "question": f"{n}?", "answers": [{"answer_start": 0, "text": "O"}]} for n in range(40)]
    paragraph = {"context": "One.", "sentences": ["One."], "sentence_breaks": [[0, 4]], "qas": qas}
    path = tmp_path / "en.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}), encoding="utf-8")
    return path


def test_programs(squad: Path, tmp_path: Path) -> None:
    arguments = ["--reader", "lareqa", "--input", str(squad), "--language", "en"]
    prepare_benchmark.main([*arguments, "--output-folder", str(tmp_path / "out")])
    assert pq.read_table(tmp_path / "out" / "queries.parquet").num_rows == 40

    ids: list[str] = []
    for low, high in (("0", "0.8"), ("0.8", "1")):
        prepare_pairs.main([*arguments, "--keep", low, high, "--output", str(tmp_path / "pairs.parquet")])
        ids += pq.read_table(tmp_path / "pairs.parquet")["pair_id"].to_pylist()
    assert sorted(ids) == sorted(f"q{n}" for n in range(40))

    for program, output in ((prepare_benchmark, "--output-folder"), (prepare_pairs, "--output")):
        with pytest.raises(UserError, match="--domain"):
            program.main([*arguments, "--domain", "law", output, str(tmp_path / "refused")])
    assert not (tmp_path / "refused").exists()


def test_kept_queries_are_those_that_a_source_with_the_same_range_keeps() -> None:
    whole = sound()
    table = pa.table([["q1", "q2"], ["a", "b"], ["c", "d"]], names=["pair_id", "query", "passage"])
    for low, high in ((0.0, 0.5), (0.5, 1.0), (0.0, 1.0)):
        part = keep_queries(whole, low, high)
        kept = pairs.keep(table, low, high)["pair_id"].to_pylist()
        assert part.queries["query_id"].to_pylist() == kept
        assert sorted(part.qrels["query_id"].to_pylist()) == kept
        assert part.passages.equals(whole.passages)
    with pytest.raises(UserError, match="LOW < HIGH"):
        keep_queries(whole, 0.5, 0.5)
