"""Questions from the shell: exact answers, the right model, and errors that list what is allowed."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from sentence_transformers import SentenceTransformer
from tiny import PROMPTS

import ask
import build_index
import encode
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, sha256, write_json, write_table, write_text
from hybridbatch.config.load import load_config
from hybridbatch.publish.ask import Answer, find_model, kept_tokens, read_experiment

RUN = "tiny/hybrid/seed1"
TEXTS = {
    "de": ["a b c", "abba cab", "c c c", "same words ab"],
    "en": ["b a", "cab  abba", "same words ab", "a" * 300],
    "zh": ["c", "ab ab ab"],
}
QUESTION = "abba b"


def configuration(folder: Path) -> dict[str, Any]:
    values = {
        "experiment": "e",
        "results_dir": str(folder),
        "resources_dir": str(folder / "resources"),
        "runs": {"backbones": ["tiny"], "strategies": ["hybrid"], "seeds": [1], "benchmarks": ["letters"]},
        "backbones": {"tiny": {"path": "tiny_model", "prompts": PROMPTS, "max_length": 20}},
        "sources": {"facts": {"reader": "table", "path": "pairs.{language}.tsv", "languages": ["de", "en"]}},
        "benchmarks": {"letters": {"reader": "lareqa", "path": "lareqa/xquad-r", "languages": list(TEXTS)}},
        "training": {"sources": ["facts"]},
    }
    return load_config(values).model_dump(mode="json")


@pytest.fixture(scope="module", params=[None, 5])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, still_backbone: Path) -> Path:
    """Return the folder of an experiment with an encoded benchmark; tests only read it."""
    folder = tmp_path_factory.mktemp("asking") / "e"
    config = configuration(folder.parent)
    config["encoding"]["truncate_dim"] = request.param
    write_text(folder / "config.yaml", yaml.safe_dump(config))
    shutil.copytree(still_backbone, folder / "models" / RUN)
    for code, texts in TEXTS.items():
        table = {"text": texts, "passage_id": [f"{code}/{number}" for number in range(len(texts))]}
        write_table(folder / f"benchmarks/letters/{code}/passages.parquet", pa.table(table))
        write_table(folder / f"benchmarks/letters/{code}/queries.parquet", pa.table({"query_id": ["q"], "text": ["a"]}))
    options = {"model": folder / "models" / RUN, "benchmark": folder / "benchmarks/letters", "device": "cpu"}
    options["output"] = folder / "embeddings" / RUN / "letters"
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    settings = json.dumps({"truncate_dim": request.param})
    encode.main([*words, "--settings", settings, "--batch-size", "8", "--languages", *TEXTS])
    words = ["--embeddings", str(options["output"]), "--output", str(folder / "indexes" / RUN / "letters")]
    build_index.main([*words, "--settings", "{}", "--languages", *TEXTS])
    return folder


def asked(results: Path, *words: str) -> list[str]:
    return ["--results", str(results), "--run", RUN, "--benchmark", "letters", "--device", "cpu", QUESTION, *words]


def expected(results: Path, languages: list[str]) -> list[tuple[float, str, str]]:
    """All passages with their scores, by brute force."""
    truncate_dim = read_experiment(results).encoding.truncate_dim
    model = SentenceTransformer(str(results / "models" / RUN), device="cpu", truncate_dim=truncate_dim)
    query = model.encode_query(QUESTION, normalize_embeddings=True).astype(np.float64)
    found = []
    for code in languages:
        vectors = model.encode_document(TEXTS[code], normalize_embeddings=True).astype(np.float64)
        scores = np.round(vectors @ query, 10)
        found += [(-score, f"{code}/{number}", TEXTS[code][number]) for number, score in enumerate(scores.tolist())]
    return [(-negative, name, text) for negative, name, text in sorted(found)]


@pytest.mark.parametrize(("languages", "k"), [([], 3), (["de"], 2), (["zh", "en"], 100)])
def test_answers_equal_brute_force(
    results: Path, capsys: pytest.CaptureFixture[str], languages: list[str], k: int
) -> None:
    chosen = [word for code in languages for word in ("--language", code)]
    ask.main(asked(results, *chosen, "-k", str(k), "--json"))
    answers = json.loads(capsys.readouterr().out)
    wanted = expected(results, languages or list(TEXTS))[:k]
    assert [(answer["passage_id"], answer["text"]) for answer in answers] == [(name, text) for _, name, text in wanted]
    assert [answer["score"] for answer in answers] == pytest.approx([score for score, _, _ in wanted], abs=1e-6)
    assert [answer["rank"] for answer in answers] == list(range(1, len(wanted) + 1))
    assert all(answer["passage_id"].startswith(f"{answer['language']}/") for answer in answers)


def test_the_table_has_a_line_for_each_answer(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask.main(asked(results, "-k", "100"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["rank", "score", "language", "id", "text"]
    assert [line.split()[3] for line in lines[1:]] == [name for _, name, _ in expected(results, list(TEXTS))]


def test_long_texts_are_cut_to_the_width_of_the_terminal() -> None:
    answers = [Answer(1, 0.5, "en", "en/1", "word " * 50), Answer(10, 0.25, "zh", "zh/1", "字" * 200)]
    lines = ask.to_text(answers, 80).splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 80 for line in lines)
    assert all(line.endswith("…") for line in lines[1:])
    assert lines[1].startswith("   1  0.5000  en        en/1  word word")
    assert ask.to_text(answers[:1], 1000).endswith("word word\n")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--run", "tiny/hybrid/seed9", "allowed: tiny/none/seed0, tiny/hybrid/seed1"),
        ("--run", "bm25/bm25/seed0", "no such run with an encoder; allowed: tiny/none/seed0"),
        ("--benchmark", "numbers", "no such benchmark; allowed: letters"),
        ("--language", "fr", "--language fr: letters has no passages in it; allowed: de, en, zh"),
        ("--run", "tiny/none/seed0", r"letters/manifest\.json: is missing"),
    ],
)
def test_a_wrong_name_is_reported_with_those_allowed(results: Path, option: str, value: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ask.main([*asked(results), option, value])


def test_a_folder_without_an_experiment_is_reported_with_those_allowed(results: Path) -> None:
    with pytest.raises(UserError, match=f"other: does not hold an experiment.*allowed: {results}"):
        ask.main([*asked(results), "--results", str(results.parent / "other")])


def test_vectors_of_another_model_are_refused(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "e")
    manifest = copy / "models" / RUN / "manifest.json"
    write_json(manifest, {**read_json(manifest), "seed": 2})
    with pytest.raises(UserError, match="vectors are from a model that is not in"):
        ask.main(asked(copy))


def test_a_missing_index_is_reported(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "e")
    shutil.rmtree(copy / "indexes")
    with pytest.raises(
        UserError, match=r"letters/manifest\.json: is missing: letters has no index yet; run the workflow"
    ):
        ask.main(asked(copy))


def test_vectors_of_other_passages_are_refused(results: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(results, tmp_path / "e")
    write_table(copy / "benchmarks/letters/de/passages.parquet", pa.table({"passage_id": ["de/0"], "text": ["a"]}))
    with pytest.raises(UserError, match=r"de/passages\.parquet: has 1 passages, .* 4 vectors"):
        ask.main(asked(copy))


@pytest.mark.parametrize("folder", ["e/backbones/tiny", "resources/backbones/tiny-0123456789ab"])
def test_an_untuned_backbone_is_found(results: Path, tmp_path: Path, folder: str) -> None:
    copy = shutil.copytree(results, tmp_path / "e")
    write_text(copy / "config.yaml", yaml.safe_dump(configuration(tmp_path)))
    shutil.move(copy / "embeddings" / RUN, copy / "embeddings/tiny/none/seed0")
    (tmp_path / folder).parent.mkdir(parents=True)
    shutil.move(copy / "models" / RUN, tmp_path / folder)
    assert find_model(copy, read_experiment(copy), "tiny/none/seed0", "letters") == tmp_path / folder


def test_a_trimmed_vocabulary_causes_a_warning(
    results: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    ask.main(asked(results))
    assert not caplog.records
    copy = shutil.copytree(results, tmp_path / "e")
    manifest, vectors = copy / "models" / RUN / "manifest.json", copy / "embeddings" / RUN / "letters/manifest.json"
    write_json(manifest, {"backbone": {**read_json(manifest), "tokens_kept": 14}})
    assert kept_tokens(manifest.parent) == 14
    write_json(vectors, {**read_json(vectors), "model": sha256(manifest)})
    index = copy / "indexes" / RUN / "letters/manifest.json"
    with pytest.raises(
        UserError, match=r"letters/manifest\.json: is of other vectors than those in .*; run the workflow again"
    ):
        ask.main(asked(copy))
    write_json(index, {**read_json(index), "embeddings": sha256(vectors)})
    caplog.clear()
    ask.main(asked(copy, "--json"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "only the 14 tokens" in caplog.text
    assert "14 tokens" not in capsys.readouterr().out
