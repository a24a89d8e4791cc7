"""The embedded parallel data: English pairs and translation memories."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pair_files import write_tmx

import prepare_benchmark
import prepare_pairs
from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.sources import Source
from hybridbatch.data.benchmark import BenchmarkData
from hybridbatch.data.pairs import Pair
from hybridbatch.data.readers import parallel

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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pairs.en.tsv").write_text(HEADER + "".join(ROWS), encoding="utf-8")
    write_tmx(tmp_path / "en-de.tmx", "de", GERMAN)
    return tmp_path


def files(folder: Path, language: str) -> dict[str, list[Path]]:
    english = {"english": [folder / "pairs.en.tsv"]}
    return english if language == "en" else {**english, "translations": [folder / f"en-{language}.tmx"]}


def pairs(folder: Path, language: str, **values: str | None) -> list[Pair]:
    source = Source.model_validate({"reader": "parallel", "path": str(folder), "languages": [language], **values})
    return list(parallel.pairs(files(folder, language), source, language))


def benchmark(folder: Path, language: str) -> BenchmarkData:
    section = Benchmark.model_validate({"reader": "parallel", "path": str(folder), "languages": [language]})
    return parallel.benchmark(files(folder, language), section, language)


@pytest.mark.parametrize(
    ("domain", "split", "ids"),
    [
        (None, None, ["a1"]),
        ("facts", "test", ["a2"]),
        (None, "test", ["a2", "b1"]),
        ("advice", "validation", ["b2"]),
    ],
)
def test_domain_and_split_select(folder: Path, domain: str | None, split: str | None, ids: list[str]) -> None:
    for language in ("en", "de"):
        assert [pair.pair_id for pair in pairs(folder, language, domain=domain, split=split)] == ids


def test_pairs_in_two_languages(folder: Path) -> None:
    assert pairs(folder, "en") == [Pair("a1", 'What is "gold"?', "Gold is a metal.")]
    assert pairs(folder, "de") == [Pair("a1", "Was ist „Gold“?", "Gold ist ein Metall.")]


def test_benchmark(folder: Path) -> None:
    made = benchmark(folder, "de")
    assert [(query.query_id, query.text) for query in made.queries] == [("a2", "Was rostet?"), ("b1", "Wann schlafen?")]
    assert [(passage.passage_id, passage.text) for passage in made.passages] == [
        ("a2", "Eisen rostet."),
        ("b1", "Nachts <schlafen>."),
    ]
    assert [tuple(judgement[1:]) for judgement in made.judgements] == [("a2", "a2", 1), ("b1", "b1", 1)]


def test_english_needs_no_memory(folder: Path) -> None:
    (folder / "en-de.tmx").unlink()
    assert len(list(benchmark(folder, "en").queries)) == 2
    with pytest.raises(UserError, match=r"en-de\.tmx: cannot be read"):
        benchmark(folder, "de")


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
        parallel.read_english(folder / "pairs.en.tsv", domain, split)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("pair_id\tquery\na\tb\n", "columns are pair_id, query; they must be pair_id, domain"),
        ("", "has no pairs"),
        (HEADER + ROWS[0] + "x\ty\n", "line 3: has 2 cells"),
        (HEADER + "a\tb\tc\tdev\tq\tp\n", "line 2: split is 'dev'"),
        (HEADER, "has no pairs"),
    ],
)
def test_bad_table_is_named(folder: Path, content: str, message: str) -> None:
    (folder / "pairs.en.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=rf"pairs\.en\.tsv: {message}"):
        parallel.read_english(folder / "pairs.en.tsv")


def test_missing_translation_names_the_pair(folder: Path) -> None:
    write_tmx(folder / "en-de.tmx", "de", {text: GERMAN[text] for text in GERMAN if text != "Iron rusts."})
    with pytest.raises(UserError, match=r"en-de\.tmx: has no translation for the passage of 'a2'"):
        benchmark(folder, "de")


def test_programs(folder: Path) -> None:
    section = {"reader": "parallel", "path": str(folder), "languages": ["de"]}
    named = [f"{name}={file}" for name, [file] in files(folder, "de").items()]
    common = ["--language", "de", "--files", *named, "--output"]
    prepare_pairs.main(["--source", json.dumps(section), *common, str(folder / "train.parquet")])
    assert pq.read_table(folder / "train.parquet")["pair_id"].to_pylist() == ["a1"]
    prepare_benchmark.main(["--benchmark", json.dumps({**section, "domain": "facts"}), *common, str(folder / "out")])
    assert pq.read_table(folder / "out" / "qrels.parquet")["passage_id"].to_pylist() == ["de/a2"]
    (folder / "pairs.en.tsv").write_text(HEADER + ROWS[0] + ROWS[0])
    with pytest.raises(UserError, match="pair_id 'a1' occurs more than once"):
        prepare_pairs.main(["--source", json.dumps(section), *common, str(folder / "train.parquet")])
