"""The formats of BEIR, MTEB and Belebele, through the program."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, read_table
from prepare_benchmark import main

CORPUS = [
    {"_id": "d1", "title": "Tax", "text": "Tax is due in May."},
    {"_id": "d2", "title": "", "text": "Bonds pay interest."},
    {"_id": "d3", "title": "", "text": " "},
]
QUERIES = [{"_id": "q1", "text": "When is tax due?"}, {"_id": "q2", "text": "Of another split?"}]
QRELS = [{"query-id": "q1", "corpus-id": "d1", "score": 2}, {"query-id": "q1", "corpus-id": "d2", "score": 0}]


def prepare(reader: str, language: str, files: list[str], output: Path) -> None:
    benchmark = {"reader": reader, "path": "data", "languages": [language]}
    main(["--benchmark", json.dumps(benchmark), "--language", language, "--files", *files, "--output", str(output)])


def write_beir(folder: Path) -> list[str]:
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CORPUS))
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUERIES))
    lines = ["\t".join(QRELS[0]), *("\t".join(map(str, row.values())) for row in QRELS)]
    (folder / "qrels" / "test.tsv").write_text("".join(line + "\n" for line in lines))
    names = {"corpus": "corpus.jsonl", "queries": "queries.jsonl", "qrels": "qrels/test.tsv"}
    return [f"{kind}={folder / name}" for kind, name in names.items()]


def write_mteb(folder: Path) -> list[str]:
    words = []
    tables = {"corpus": CORPUS, "queries": QUERIES, "qrels": QRELS}
    for kind, rows in tables.items():
        place = folder / f"en-{kind}"
        place.mkdir(parents=True)
        renamed = [{("id" if key == "_id" else key): value for key, value in row.items()} for row in rows]
        half = (len(renamed) + 1) // 2
        for number, part in enumerate((renamed[:half], renamed[half:])):
            pq.write_table(pa.Table.from_pylist(part), place / f"test-0000{number}-of-00002.parquet")
        words.append(f"{kind}={place}/test-*.parquet")
    return words


@pytest.mark.parametrize("write", [write_beir, write_mteb])
def test_both_forms_give_the_same_benchmark(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "out"
    prepare("beir", "en", write(tmp_path / "data"), out)
    assert read_table(out / "queries.parquet").to_pylist() == [{"query_id": "q1", "text": "When is tax due?"}]
    assert read_table(out / "passages.parquet", ["passage_id", "text"]).to_pylist() == [
        {"passage_id": "en/d1", "text": "Tax\n\nTax is due in May."},
        {"passage_id": "en/d2", "text": "Bonds pay interest."},
    ]
    assert read_table(out / "qrels.parquet").to_pylist() == [{"query_id": "q1", "passage_id": "en/d1", "relevance": 2}]
    record = read_json(out / "record.json")
    assert record["queries_without_judgements_dropped"] == 1
    assert record["passages_without_text_dropped"] == 1
    assert record["judged_not_relevant"] == 1


def test_judgements_without_scores_are_relevant(tmp_path: Path) -> None:
    files = write_beir(tmp_path / "data")
    (tmp_path / "data" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\nq1\td2\n")
    prepare("beir", "en", files, tmp_path / "out")
    assert read_table(tmp_path / "out" / "qrels.parquet")["relevance"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("q1\td9\t1", r"test\.tsv: line 4: passage 'd9' is judged relevant but not among the 2 passages"),
        ("q9\td1\t1", r"test\.tsv: line 4: query 'q9' is judged but"),
        ("q1\td2\tyes", r"test\.tsv: line 4: relevance 'yes' is not a number"),
        ("q1\td2", r"test\.tsv: line 4: has 2 cells"),
    ],
)
def test_bad_judgements_are_named(tmp_path: Path, row: str, message: str) -> None:
    files = write_beir(tmp_path / "data")
    with (tmp_path / "data" / "qrels" / "test.tsv").open("a") as stream:
        stream.write(row + "\n")
    with pytest.raises(UserError, match=message):
        prepare("beir", "en", files, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def belebele_row(dialect: str, link: str, number: int, passage: str, question: str) -> dict[str, object]:
    answers = {f"mc_answer{place}": f"answer {place}" for place in range(1, 5)}
    head = {"link": link, "question_number": number, "flores_passage": passage, "question": question}
    return {**head, **answers, "correct_answer_num": "2", "dialect": dialect, "ds": "2023-05-03"}


def test_belebele_is_parallel_by_link_and_number(tmp_path: Path) -> None:
    for language, dialect in (("en", "eng_Latn"), ("zh", "zho_Hans")):
        places = [("https://b", 1), ("https://a", 1), ("https://a", 2)]
        # The files of two languages need not have the same order.
        rows = [
            belebele_row(dialect, link, n, f"passage {link}", f"{language} {link} {n}")
            for link, n in (places if language == "en" else reversed(places))
        ]
        file = tmp_path / f"{dialect}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        prepare("belebele", language, [f"corpus={file}"], tmp_path / language)
    tables = {language: read_table(tmp_path / language / "qrels.parquet").to_pylist() for language in ("en", "zh")}
    relevant = {
        language: {(row["query_id"], row["passage_id"].removeprefix(f"{language}/")) for row in rows}
        for language, rows in tables.items()
    }
    assert (
        relevant["en"]
        == relevant["zh"]
        == {
            ("https://a#1", "https://a"),
            ("https://a#2", "https://a"),
            ("https://b#1", "https://b"),
        }
    )
    assert read_table(tmp_path / "zh" / "passages.parquet").num_rows == 2


def test_belebele_of_another_language_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "eng_Latn.jsonl"
    file.write_text(json.dumps(belebele_row("deu_Latn", "https://a", 1, "p", "q")) + "\n")
    with pytest.raises(UserError, match=r"eng_Latn\.jsonl: line 1: is in 'deu_Latn', not in eng_Latn"):
        prepare("belebele", "en", [f"corpus={file}"], tmp_path / "out")
