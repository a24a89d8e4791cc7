"""The tables of the training data: numbers that add up, the formats, and scores against translations by people."""

import csv
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from example_measures import layout
from pair_files import demo_pairs

import write_data_tables as tables_data
from hybridbatch.clean.clean_pairs import Origin, clean_pairs
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, write_json, write_table
from hybridbatch.config.cleaning import Cleaning
from hybridbatch.data.ids import position
from hybridbatch.evaluate.names import MISSING
from hybridbatch.report.data_tables import cleaning_page, read_record
from hybridbatch.report.table import show
from hybridbatch.translate.reference_scores import references, sample, score, select, tokeniser

DEMO = Path(__file__).parents[3] / "data" / "demo"


def prepare(results: Path) -> list[str]:
    """Clean the demo's English pairs and what an engine made of them: German with faults in it, and one pair without any."""
    english = demo_pairs("en")
    german = demo_pairs("de")
    passages = german["passage"].to_pylist()
    passages[3] = english["passage"][3].as_py()
    german = german.set_column(2, "passage", pa.array(passages)).slice(0, german.num_rows - 1)
    write_table(results / "raw" / "demo_facts" / "en.parquet", english)
    write_table(results / "translated" / "demo_facts" / "de.parquet", german)
    record = {"engine": "apertium", "revision": "3.8.3", "pairs": german.num_rows, "pairs_without_translation": 1}
    write_json(results / "translated" / "demo_facts" / "de.translation.json", record)
    pairs = results / "pairs" / "demo_facts"
    for language, source, origin in (
        ("en", "raw", None),
        ("de", "translated", Origin("apertium", pairs / "en.parquet", "en")),
    ):
        clean_pairs(
            results / source / "demo_facts" / f"{language}.parquet",
            pairs / f"{language}.parquet",
            pairs / f"{language}.cleaning.json",
            Cleaning(),
            source="demo_facts",
            language=language,
            origin=origin,
        )
    return ["demo_facts/en", "demo_facts/de"]


def run(results: Path, *more: str, notice: str | None = None) -> Path:
    options = ["--results", str(results), "--pairs", *prepare(results), *layout(notice=notice), *more]
    tables_data.main([*options, "--output", str(results / "tables")])
    return results / "tables"


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_tables_add_up_and_score_against_people(tmp_path: Path) -> None:
    tables = run(tmp_path, "--references", f"demo_facts/de={DEMO}/en-de.tmx", notice="Only a test <1>")
    english, german = rows_of(tables / "cleaning.csv")
    assert (english["quality"], german["quality"]) == ("", "1")
    (row,) = rows_of(tables / "translation.csv")
    assert (row["engine"], row["revision"], row["no translation"], row["untranslated"]) == (
        "apertium",
        "3.8.3",
        "1",
        "1",
    )
    total, kept = int(row["pairs in"]), int(row["kept"])
    checks = (
        "no translation",
        "cleaning",
        "untranslated",
        "wrong script",
        "wrong language",
        "length ratio",
        "repetition",
    )
    assert total == kept + sum(int(row[name]) for name in checks)
    assert float(row["drop rate %"]) == pytest.approx(100 * 2 / total)
    # All but one passage are the references themselves.
    assert 95 < float(row["chrF"]) < 100
    assert 95 < float(row["BLEU"]) < 100
    page = (tables / "translation.html").read_text(encoding="utf-8")
    assert "Only a test &lt;1&gt;" in page
    assert "Sample pairs" in page
    assert page.count("<main>") == page.count("</main>") == 1
    assert "chrF|nrefs:1" in page
    assert "apertium" in (tables / "translation.md").read_text(encoding="utf-8")


def test_without_references_there_are_no_scores(tmp_path: Path) -> None:
    tables = run(tmp_path)
    assert "chrF" not in rows_of(tables / "translation.csv")[0]
    assert MISSING in (tables / "cleaning.md").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path: Path) -> None:
    tables = run(tmp_path)
    packages = r"\usepackage[T1]{fontenc}\usepackage{booktabs}\usepackage{adjustbox}"
    body = r"\input{cleaning}\input{translation}"
    (tables / "all.tex").write_text(rf"\documentclass{{article}}{packages}\begin{{document}}{body}\end{{document}}")
    subprocess.run(["pdflatex", "-halt-on-error", "all.tex"], cwd=tables, check=True, capture_output=True)


@pytest.mark.slow
def test_latex_is_escaped(tmp_path: Path) -> None:
    text = (run(tmp_path) / "cleaning.tex").read_text(encoding="utf-8")
    assert r"demo\_facts" in text
    assert "demo_facts" not in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1


def test_a_record_that_does_not_add_up_is_an_error(tmp_path: Path) -> None:
    prepare(tmp_path)
    file = tmp_path / "pairs" / "demo_facts" / "de.cleaning.json"
    record: dict[str, Any] = read_json(file)
    write_json(file, {**record, "pairs_kept": record["pairs_kept"] + 1})
    with pytest.raises(UserError, match="do not add up"):
        read_record(file)
    write_json(file, {"pairs_in": 1})
    with pytest.raises(UserError, match="not a record of cleaning"):
        read_record(file)


def test_a_sample_is_the_same_in_every_language_and_order(tmp_path: Path) -> None:
    table = demo_pairs("de")
    write_table(tmp_path / "a.parquet", table)
    write_table(tmp_path / "b.parquet", table.take(list(reversed(range(table.num_rows)))))
    chosen = sample(tmp_path / "a.parquet", 5)
    assert list(chosen) == sorted(table["pair_id"].to_pylist(), key=position)[:5]
    assert list(sample(tmp_path / "b.parquet", 5).items()) == list(chosen.items())
    assert select(tmp_path / "b.parquet", chosen) == chosen


def test_references_are_pairs_or_a_memory(tmp_path: Path) -> None:
    write_table(tmp_path / "en.parquet", demo_pairs("en"))
    write_table(tmp_path / "zh.parquet", demo_pairs("zh"))
    originals = sample(tmp_path / "en.parquet", 10)
    by_id = references(tmp_path / "zh.parquet", originals, "zh", "en")
    assert references(DEMO / "en-zh.tmx", originals, "zh", "en") == by_id
    perfect = score(by_id, by_id, "zh")
    assert (perfect.chrf, perfect.bleu, perfect.texts) == (pytest.approx(100), pytest.approx(100), 20)
    assert "tok:zh" in perfect.signatures[1]
    with pytest.raises(UserError, match="has none of the"):
        references(DEMO / "en-zh.tmx", {"a": ("not there", "nor this")}, "zh", "en")


def test_scripts_without_spaces_have_their_own_tokeniser() -> None:
    assert [tokeniser(language) for language in ("zh-Hant", "th", "de")] == ["zh", "char", "13a"]


def test_cells() -> None:
    assert [show(value).text for value in (None, 1234567, 2.25, "x")] == [MISSING, "1\u202f234\u202f567", "2.2", "x"]
    assert cleaning_page([]).tables == []


def test_pairs_with_mined_negatives_are_counted(tmp_path: Path) -> None:
    write_json(tmp_path / "mined/demo_facts/en.json", {"pairs_in": 20, "pairs_kept": 17})
    english, german = rows_of(run(tmp_path, "--mined", "demo_facts/en") / "cleaning.csv")
    assert (english["with negatives"], german["with negatives"]) == ("17", "")
    assert "with negatives" not in rows_of(run(tmp_path) / "cleaning.csv")[0]
