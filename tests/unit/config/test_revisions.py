"""Branches and tags: where a configuration names them, and the lock that gives their commits."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hybridbatch.common.errors import UserError
from hybridbatch.config.load import load_config
from hybridbatch.config.revisions import Reference, lock_text, read_lock, references, with_commits

ROOT = Path(__file__).parents[3]
COMMITS = {
    Reference("dataset", "clips/mfaq", "refs/pr/1"): "1" * 40,
    Reference("model", "org/encoder", "main"): "2" * 40,
}


def paper(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text(encoding="utf-8"))
    for key, value in changes.items():
        *path, last = key.split("__")
        section = values
        for name in path:
            section = section[name]
        section[last] = value
    return values


def test_a_configuration_of_commits_needs_no_lock() -> None:
    assert references(paper()) == []
    assert with_commits(paper(), {}) == paper()


@pytest.mark.parametrize(
    ("key", "reference"),
    [
        ("backbones__labse__revision", Reference("model", "sentence-transformers/LaBSE", "main")),
        ("translators__madlad__revision", Reference("model", "google/madlad400-3b-mt", "main")),
        ("sources__mfaq__hub__revision", Reference("dataset", "clips/mfaq", "main")),
        ("sources__mmarco__hub__revision", Reference("dataset", "unicamp-dl/mmarco", "main")),
        ("benchmarks__miracl__hub__revision", Reference("dataset", "miracl/miracl", "main")),
        ("benchmarks__miracl__hub__corpus_revision", Reference("dataset", "miracl/miracl-corpus", "main")),
    ],
)
def test_every_revision_may_be_a_branch(key: str, reference: Reference) -> None:
    values = paper(**{key: "main"})
    assert references(values) == [reference]
    name = key.replace("__", ".")
    with pytest.raises(
        UserError, match=f"^{name}: 'main': no commit in config/revisions.lock; run `snakemake --cores 1 pin`"
    ):
        load_config(values)
    # What follows sees the commit alone.
    pinned = load_config(values, {reference: "a" * 40})
    assert pinned == load_config(paper(**{key: "a" * 40}))
    assert references(values) == [reference]


def test_each_language_of_a_translator_may_have_a_branch() -> None:
    opus = {"family": "marian", "hub": "Helsinki-NLP/opus-mt-en-{language}", "revision": {"de": "main", "es": "b" * 40}}
    values = {"translators": {"opus": opus}}
    reference = Reference("model", "Helsinki-NLP/opus-mt-en-de", "main")
    assert references(values) == [reference]
    pinned = with_commits(values, {reference: "a" * 40})
    assert pinned["translators"]["opus"]["revision"] == {"de": "a" * 40, "es": "b" * 40}


@pytest.mark.parametrize("text", ["0123456", "1234567", "2024-01-01", "1.0"])
def test_a_revision_that_yaml_does_not_read_as_text_must_be_quoted(text: str) -> None:
    values = paper(sources__mfaq__hub__revision=yaml.safe_load(text))
    with pytest.raises(UserError, match=r"^sources\.mfaq\.hub\.revision: must be in quotes"):
        load_config(values)
    assert references(paper(sources__mfaq__hub__revision=text)) == [Reference("dataset", "clips/mfaq", text)]


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    lock = tmp_path / "revisions.lock"
    assert read_lock(lock) == {}
    lock.write_text(lock_text(dict(reversed(COMMITS.items()))), encoding="utf-8")
    assert read_lock(lock) == COMMITS
    lines = lock.read_text(encoding="utf-8").splitlines()
    assert lines[1:] == [f"dataset clips/mfaq refs/pr/1 {'1' * 40}", f"model org/encoder main {'2' * 40}"]
    lock.write_text(f"{lines[0]}\n\n{lines[1][:-1]}\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 3 is not `dataset` or `model`, id, revision and commit"):
        read_lock(lock)
