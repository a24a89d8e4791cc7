"""Vectors are in the order of the texts, do not depend on batches, and survive a killed job."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

import encode
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, sha256, write_table
from hybridbatch.encode.shards import read_texts
from hybridbatch.encode.vectors import KINDS, Kind, open_vectors

QUERIES = ["ab ba c", "c", "abba cab b a c", "c", "a b", "cc cc"]
PASSAGES = ["b", "ab ba c", "a a a a a a", "c b a"]
LANGUAGES = ["de", "en"]


def write_texts(folder: Path, language: str, queries: list[str]) -> None:
    ids = [f"q{number}" for number in range(len(queries))]
    write_table(folder / language / "queries.parquet", pa.table({"query_id": ids, "text": queries}))
    ids = [f"{language}/{number}" for number in range(len(PASSAGES))]
    write_table(folder / language / "passages.parquet", pa.table({"passage_id": ids, "text": PASSAGES}))


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    write_texts(tmp_path / "benchmark", "de", QUERIES)
    write_texts(tmp_path / "benchmark", "en", QUERIES[::-1])
    return tmp_path / "benchmark"


def arguments(
    model: Path,
    benchmark: Path,
    output: Path,
    *,
    batch_size: int = 32,
    code: str = "",
    index: str = "",
    **settings: Any,
) -> list[str]:
    words = ["--model", str(model), "--benchmark", str(benchmark), "--languages", *LANGUAGES, "--output", str(output)]
    words += ["--settings", json.dumps(settings), "--batch-size", str(batch_size), "--code", code]
    words += ["--index", index, "--device", "cpu"]
    return words


def encode_all(model: Path, benchmark: Path, output: Path, **options: Any) -> Path:
    """Run the program on both languages."""
    encode.main(arguments(model, benchmark, output, **options))
    return output


def vectors(folder: Path, language: str, kind: Kind) -> NDArray[Any]:
    return open_vectors(folder, language, kind)[:]


def test_rows_are_in_order_normalised_and_have_the_prompts(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    output = encode_all(backbone, benchmark, tmp_path / "out")
    model = SentenceTransformer(str(backbone), device="cpu")
    for language, queries in (("de", QUERIES), ("en", QUERIES[::-1])):
        for kind, texts, prompt in (("queries", queries, "ab: "), ("passages", PASSAGES, "ba: ")):
            matrix = vectors(output, language, kind)
            assert matrix.dtype == np.float32
            assert matrix.flags.c_contiguous
            np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-6)
            expected = np.stack([model.encode(prompt + text) for text in texts])
            np.testing.assert_allclose(matrix, expected, atol=1e-6)
    manifest = read_json(output / "manifest.json")
    names = [f"{language}.{kind}.00000.npy" for language in LANGUAGES for kind in KINDS]
    assert manifest["files"] == {name: sha256(output / name) for name in names}
    assert manifest["model"] == sha256(backbone / "manifest.json")


def test_truncated_vectors_are_those_of_the_library(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    output = encode_all(backbone, benchmark, tmp_path / "out")
    untruncated = read_json(output / "manifest.json")
    encode_all(backbone, benchmark, output, truncate_dim=4)
    model = SentenceTransformer(str(backbone), device="cpu")
    options: dict[str, Any] = {"truncate_dim": 4, "normalize_embeddings": True}
    np.testing.assert_allclose(vectors(output, "de", "queries"), model.encode_query(QUERIES, **options), atol=1e-6)
    np.testing.assert_allclose(vectors(output, "de", "passages"), model.encode_document(PASSAGES, **options), atol=1e-6)
    manifest = read_json(output / "manifest.json")
    assert (untruncated.keys() ^ manifest.keys(), manifest["truncate_dim"]) == ({"truncate_dim"}, 4)


@pytest.mark.parametrize("options", [{"shard_size": 1}, {"shard_size": 4}, {"batch_size": 1}, {"batch_size": 3}])
def test_shards_and_batches_change_nothing(
    tmp_path: Path, backbone: Path, benchmark: Path, options: dict[str, int]
) -> None:
    whole = encode_all(backbone, benchmark, tmp_path / "whole")
    parts = encode_all(backbone, benchmark, tmp_path / "parts", **options)
    for language in LANGUAGES:
        for kind in KINDS:
            np.testing.assert_allclose(vectors(parts, language, kind), vectors(whole, language, kind), atol=1e-6)


def test_shards_have_a_bounded_size_and_stale_ones_are_removed(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    output = encode_all(backbone, benchmark, tmp_path / "out", shard_size=4)
    assert [len(np.load(path)) for path in sorted(output.glob("de.queries.*.npy"))] == [4, 2]
    encode_all(backbone, benchmark, output)
    assert sorted(path.name for path in output.iterdir()) == sorted(
        ["manifest.json"]
        + [f"{code}.{kind}.00000.npy{end}" for code in LANGUAGES for kind in KINDS for end in ("", ".json")]
    )


def test_parts_give_what_one_job_gives(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    one = encode_all(backbone, benchmark, tmp_path / "one", shard_size=1)
    parts = tmp_path / "parts"
    shares = []
    for part in range(3):
        record = tmp_path / f"{part}.json"
        words = arguments(backbone, benchmark, parts, shard_size=1)
        encode.main([*words, "--part", str(part), "3", "--record", str(record)])
        shares.append(read_json(record)["files"])
    assert not (parts / "manifest.json").exists()
    assert [len(share) for share in shares] == [7, 7, 6]
    before = times(parts)
    encode_all(backbone, benchmark, parts, shard_size=1)
    assert times(parts) == before
    manifest = read_json(parts / "manifest.json")
    assert manifest == read_json(one / "manifest.json")
    assert manifest["files"] == {name: digest for share in shares for name, digest in share.items()}


@given(st.lists(st.text(), min_size=1, max_size=12), st.integers(1, 5), st.integers(1, 5))
def test_texts_are_read_in_lists_of_one_size(texts: list[str], size: int, group: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.parquet"
        pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), file, row_group_size=group)
        lists = list(read_texts(file, size))
    assert [text for part in lists for text in part] == texts
    assert all(len(part) == size for part in lists[:-1])


def test_bfloat16_changes_vectors_only_a_little(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    half = vectors(encode_all(backbone, benchmark, tmp_path / "half", precision="bf16"), "de", "queries")
    whole = vectors(encode_all(backbone, benchmark, tmp_path / "whole"), "de", "queries")
    assert half.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-6)
    assert not np.array_equal(half, whole)
    assert (half * whole).sum(axis=1).min() > 0.999


def test_fp16_needs_a_gpu(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    with pytest.raises(UserError, match=r"encoding\.precision: fp16 needs a GPU"):
        encode_all(backbone, benchmark, tmp_path / "out", precision="fp16")


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}


def test_a_killed_job_keeps_finished_shards_without_loading_the_model(
    tmp_path: Path, backbone: Path, benchmark: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(backbone, model)
    output = encode_all(model, benchmark, tmp_path / "out")
    manifest, before = (output / "manifest.json").read_bytes(), times(output)
    (output / "manifest.json").unlink()
    # A model without weights cannot be loaded, so this passes only if nothing is encoded.
    (model / "model.safetensors").unlink()
    encode_all(model, benchmark, output)
    assert times(output) == before
    assert (output / "manifest.json").read_bytes() == manifest


@pytest.mark.slow
def test_a_killed_job_resumes(tmp_path: Path, backbone: Path) -> None:
    many = tmp_path / "many"
    for language in LANGUAGES:
        write_texts(many, language, ["abc"[number % 3] * (number % 17 + 1) for number in range(100)])
    output = tmp_path / "out"
    command = [sys.executable, str(encode.__file__), *arguments(backbone, many, output, shard_size=1)]
    with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL) as job:
        while job.poll() is None and len(list(output.glob("*.npy.json"))) < 5:
            time.sleep(0.01)
        job.send_signal(signal.SIGKILL)
    done = {name: changed for name, changed in times(output).items() if (output / f"{name}.json").exists()}
    assert 5 <= len(done) < 200
    assert not (output / "manifest.json").exists()
    encode_all(backbone, many, output, shard_size=1)
    assert times(output).items() >= done.items()
    whole = encode_all(backbone, many, tmp_path / "whole", shard_size=1)
    assert read_json(output / "manifest.json") == read_json(whole / "manifest.json")
    assert {path.name for path in output.iterdir()} == {path.name for path in whole.iterdir()}


def test_unfinished_shards_are_encoded(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    output = encode_all(backbone, benchmark, tmp_path / "out")
    manifest, before = (output / "manifest.json").read_bytes(), times(output)
    (output / "manifest.json").unlink()
    (output / "en.queries.00000.npy.json").unlink()
    (output / "en.passages.00000.npy").unlink()
    encode_all(backbone, benchmark, output)
    after = times(output)
    assert {name for name in after if after[name] != before[name]} == {"en.queries.00000.npy", "en.passages.00000.npy"}
    assert (output / "manifest.json").read_bytes() == manifest


def test_changed_texts_are_encoded_again(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    output = encode_all(backbone, benchmark, tmp_path / "out")
    before = times(output)
    write_texts(benchmark, "de", QUERIES[:2])
    encode_all(backbone, benchmark, output)
    after = times(output)
    assert {name for name in after if after[name] != before[name]} == {"de.queries.00000.npy"}
    assert len(vectors(output, "de", "queries")) == 2
    assert len(vectors(output, "en", "queries")) == len(QUERIES)


def test_another_model_or_precision_encodes_everything_again(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(backbone, model)
    output = encode_all(model, benchmark, tmp_path / "out")
    first = times(output)
    encode_all(model, benchmark, output, precision="bf16")
    second = times(output)
    (model / "manifest.json").write_text(json.dumps({"seed": 2}))
    encode_all(model, benchmark, output, precision="bf16")
    third = times(output)
    assert all(first[name] != second[name] != third[name] for name in first)


def test_passages_that_an_index_holds_are_not_encoded_again(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    flat, half = '{"index": "Flat"}', '{"index": "SQfp16"}'
    output = encode_all(backbone, benchmark, tmp_path / "out", index=flat, shard_size=2)
    manifest, before = (output / "manifest.json").read_bytes(), times(output)
    matrix = vectors(output, "de", "passages")
    passages = {name for name in before if ".passages." in name}
    for name in passages:
        (output / name).unlink()
    encode_all(backbone, benchmark, output, index=flat, shard_size=2)
    assert times(output) == {name: time for name, time in before.items() if name not in passages}
    assert (output / "manifest.json").read_bytes() == manifest
    encode_all(backbone, benchmark, output, index=half, shard_size=2)
    after = times(output)
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in after.keys() - passages)
    assert np.array_equal(vectors(output, "de", "passages"), matrix)
    # Vectors that stay beside an approximate index.
    encode_all(backbone, benchmark, output, shard_size=2)
    (output / min(passages)).unlink()
    encode_all(backbone, benchmark, output, shard_size=2)
    assert times(output).keys() == before.keys()


def test_another_version_of_the_code_encodes_everything_again(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    output = encode_all(backbone, benchmark, tmp_path / "out", code="one")
    before = times(output)
    encode_all(backbone, benchmark, output, code="one")
    assert times(output) == before
    encode_all(backbone, benchmark, output, code="two")
    assert all(changed != before[name] for name, changed in times(output).items())


def test_a_broken_model_is_a_user_error(tmp_path: Path, backbone: Path, benchmark: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(backbone, model)
    weights = load_file(model / "model.safetensors")
    save_file({name: tensor * float("nan") for name, tensor in weights.items()}, model / "model.safetensors")
    with pytest.raises(UserError, match=r"queries\.parquet: a vector is not finite"):
        encode_all(model, benchmark, tmp_path / "out")
    assert not (tmp_path / "out").exists()
