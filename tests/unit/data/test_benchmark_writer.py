"""The benchmark that is written: its tables and counts, and what is refused before anything is replaced."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.data import benchmark_writer
from hybridbatch.data.benchmark import BenchmarkData, Judgement, Passage, Query, with_title
from hybridbatch.data.benchmark_writer import write_benchmark
from hybridbatch.data.ids import in_interval
from hybridbatch.data.qrels import select_answerable

SOUND = BenchmarkData(
    [Query("f", "q1", "Wer?"), Query("f", "q2", "Was?")],
    [Passage("f", "1", "Er."), Passage("f", "2", "Es.", "Titel", "Absatz")],
    [Judgement("f", "q1", "2"), Judgement("f", "q2", "1", 2), Judgement("f", "q2", "2", 0)],
)


def test_a_sound_benchmark_is_written(tmp_path: Path) -> None:
    counts = write_benchmark(tmp_path / "de", "de", SOUND)
    tables = {file.stem: pq.read_table(file).to_pylist() for file in (tmp_path / "de").glob("*.parquet")}
    assert tables == {
        "queries": [{"query_id": "q1", "text": "Wer?"}, {"query_id": "q2", "text": "Was?"}],
        "passages": [
            {"passage_id": "de/1", "text": "Er.", "title": None, "context": None},
            {"passage_id": "de/2", "text": "Es.", "title": "Titel", "context": "Absatz"},
        ],
        "qrels": [
            {"query_id": "q1", "passage_id": "de/2", "relevance": 1},
            {"query_id": "q2", "passage_id": "de/1", "relevance": 2},
        ],
    }
    assert read_json(tmp_path / "de" / "record.json") == counts
    assert counts == {
        "queries": 2,
        "passages": 2,
        "qrels": 2,
        "passages_without_text_dropped": 0,
        "judged_not_relevant": 1,
        "queries_without_judgements_dropped": 0,
        "queries_without_relevant_passage_dropped": 0,
    }


UNSOUND = [
    ({"queries": []}, "there are no queries"),
    ({"passages": []}, "language 'de': no passage has text"),
    ({"queries": [*SOUND.queries, Query("f: line 3", "q3", " ")]}, "f: line 3: id or text of the query is blank"),
    ({"queries": [*SOUND.queries, Query("f: line 3", "", "Wo?")]}, "f: line 3: id or text of the query is blank"),
    ({"queries": [*SOUND.queries, Query("f: line 3", "q1", "Wo?")]}, "f: line 3: query 'q1' is also in f"),
    ({"queries": [*SOUND.queries, Query("f: line 3", "q3", "Wo?")]}, "f: line 3: query 'q3' has no judgements"),
    ({"passages": [*SOUND.passages, Passage("f", "2", "Sie.")]}, "passage '2' occurs more than once"),
    ({"passages": [*SOUND.passages, Passage("f: line 3", " ", "Sie.")]}, "f: line 3: the id of the passage is blank"),
    ({"judgements": [*SOUND.judgements, Judgement("f: line 4", "q3", "1")]}, "f: line 4: query 'q3' is judged but not"),
    (
        {"judgements": [*SOUND.judgements, Judgement("f: line 4", "q1", "3")]},
        "f: line 4: passage '3' is judged relevant but not among the 2 passages",
    ),
    ({"passages": [Passage("f", "1", "Er."), Passage("f", "2", "\u3000\n")]}, "passage '2' is judged relevant but not"),
    ({"judgements": [*SOUND.judgements, Judgement("f: line 4", "q2", "1", 1)]}, "f: line 4: contradicts f on passage"),
    ({"judgements": [Judgement("f", "q1", "2", 0), Judgement("f", "q2", "2", 0)]}, "no passage is relevant"),
]


@pytest.mark.parametrize(("changes", "message"), UNSOUND)
def test_an_unsound_benchmark_is_refused_and_replaces_nothing(
    tmp_path: Path, changes: dict[str, list[object]], message: str
) -> None:
    write_benchmark(tmp_path, "de", SOUND)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(UserError, match=message) as caught:
        write_benchmark(tmp_path, "de", replace(SOUND, **changes))
    assert "\n" not in str(caught.value)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_blank_passages_are_dropped_and_counted_and_row_groups_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_writer, "ROW_GROUP", 4)
    passages = (Passage("f", str(n), "text" if n % 3 else " ") for n in range(15))
    counts = write_benchmark(
        tmp_path, "sw", BenchmarkData([Query("", "q", "text")], passages, [Judgement("", "q", "1")])
    )
    file = pq.ParquetFile(tmp_path / "passages.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [4, 4, 2]
    assert (counts["passages"], counts["passages_without_text_dropped"]) == (10, 5)


@pytest.mark.parametrize("keep", [(0.0, 0.5), (0.5, 1.0)])
def test_kept_queries_are_those_whose_pairs_a_source_keeps(tmp_path: Path, keep: tuple[float, float]) -> None:
    names = [f"q{n}" for n in range(40)]
    data = BenchmarkData(
        [Query("f", name, "text") for name in names],
        [Passage("f", name, "text") for name in names],
        [Judgement("f", name, name) for name in names],
    )
    write_benchmark(tmp_path, "de", data, keep)
    kept = [name for name in names if in_interval(name, keep)]
    assert pq.read_table(tmp_path / "queries.parquet")["query_id"].to_pylist() == kept
    assert pq.read_table(tmp_path / "qrels.parquet")["query_id"].to_pylist() == kept
    assert pq.read_table(tmp_path / "passages.parquet").num_rows == 40


def test_a_sample_keeps_the_relevant_passages_of_its_queries(tmp_path: Path) -> None:
    names = [f"q{n}" for n in range(2000)]
    for language, ids in (("de", names), ("en", names[500:])):
        data = BenchmarkData(
            [Query("f", name, "text") for name in ids],
            (Passage("f", f"p{name}", "text") for name in ids),
            [Judgement("f", name, f"p{name}") for name in ids],
        )
        write_benchmark(tmp_path / language, language, data, sampled_rows=5)
    de, en = (set(pq.read_table(tmp_path / code / "queries.parquet")["query_id"].to_pylist()) for code in ("de", "en"))
    assert 5 <= len(de) < 50
    assert en == de & set(names[500:])
    passages = pq.read_table(tmp_path / "de" / "passages.parquet")["passage_id"].to_pylist()
    assert {f"de/p{name}" for name in de} < set(passages)
    assert len(passages) < 100
    assert set(pq.read_table(tmp_path / "de" / "qrels.parquet")["query_id"].to_pylist()) == de


@settings(max_examples=30)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 5), st.integers(-1, 3)), min_size=1, max_size=25)
)
def test_answerable_queries_are_exactly_those_with_a_relevant_passage(rows: list[tuple[str, int, int]]) -> None:
    unique = {(query, passage): relevance for query, passage, relevance in rows}
    judgements = [Judgement("f", query, str(passage), relevance) for (query, passage), relevance in unique.items()]
    queries = [Query("t", name, name) for name in "abcd"]
    relevant = {judgement for judgement in judgements if judgement.relevance > 0}
    if not relevant:
        with pytest.raises(UserError, match="no passage is relevant"):
            select_answerable(queries, judgements, True)
        return
    found = select_answerable(queries, judgements, True)
    assert set(found.relevant) == relevant
    assert {query.query_id for query in found.queries} == {judgement.query_id for judgement in relevant}
    dropped = ["queries_without_judgements_dropped", "queries_without_relevant_passage_dropped"]
    assert len(found.queries) + sum(found.counts[name] for name in dropped) == 4
    assert len(found.relevant) + found.counts["judged_not_relevant"] == len(unique)


def test_text_follows_the_title_after_a_blank_line() -> None:
    assert (with_title("T", "x"), with_title("", "x")) == ("T\n\nx", "x")
