"""The registry of readers and the configuration name the same formats."""

from pathlib import Path
from typing import get_args

import pytest

from hybridbatch.common.errors import UserError
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.sources import Source
from hybridbatch.data.readers.registry import READERS, file_names, find_files


def test_the_configuration_knows_the_readers_of_the_registry() -> None:
    assert set(get_args(Source.model_fields["reader"].annotation)) == {n for n, r in READERS.items() if r.pairs}
    assert set(get_args(Benchmark.model_fields["reader"].annotation)) == {n for n, r in READERS.items() if r.benchmark}


def names(language: str, **values: object) -> dict[str, str]:
    return file_names(Benchmark.model_validate({"path": "my", "languages": [language], **values}), language)


def test_files_are_named_as_published_unless_the_configuration_names_others() -> None:
    assert names("sw", reader="miracl") == {
        "corpus": "miracl-corpus-v1.0-sw/docs-*.jsonl.gz",
        "queries": "miracl-v1.0-sw/topics/topics.miracl-v1.0-sw-dev.tsv",
        "qrels": "miracl-v1.0-sw/qrels/qrels.miracl-v1.0-sw-dev.tsv",
    }
    own = {"corpus": "corpus.jsonl", "queries": "queries.jsonl", "qrels": "qrels/{split}.tsv"}
    assert names("en", reader="beir", files=own)["qrels"] == "qrels/test.tsv"
    mteb = names("de", reader="beir", language_names={"de": "deu-deu"}, split="dev")
    assert mteb["corpus"] == "deu-deu-corpus/dev-*.parquet"
    assert names("zh", reader="belebele") == {"corpus": "data/zho_Hans.jsonl"}
    with pytest.raises(UserError, match=r"files\.qrels: reader belebele reads only corpus"):
        names("en", reader="belebele", files={"qrels": "a"})


def test_a_pattern_stands_for_its_files(tmp_path: Path) -> None:
    for name in ("b[1].tsv", "a.tsv"):
        (tmp_path / name).touch()
    found = find_files([("all", tmp_path / "*.tsv"), ("one", tmp_path / "b[1].tsv")])
    assert found == {"all": [tmp_path / "a.tsv", tmp_path / "b[1].tsv"], "one": [tmp_path / "b[1].tsv"]}
    with pytest.raises(UserError, match=r"\*\.csv: there is no such file"):
        find_files([("all", tmp_path / "*.csv")])
    (tmp_path / "c.tsv").symlink_to(tmp_path / "missing")
    with pytest.raises(UserError, match=r"c\.tsv: there is no such file"):
        find_files([("all", tmp_path / "*.tsv")])
