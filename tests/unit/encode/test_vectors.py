"""Shards of vectors read as one matrix."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_json, write_manifest
from hybridbatch.encode.vectors import Vectors, open_vectors, shard_name

SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def shards(sizes: list[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.standard_normal((size, 3)).astype(np.float32) for size in sizes]


@given(SIZES, st.data())
def test_shards_read_as_one_matrix(sizes: list[int], data: st.DataObject) -> None:
    parts = shards(sizes)
    whole = np.concatenate(parts)
    vectors = Vectors(parts)
    assert vectors.shape == whole.shape
    assert len(vectors) == len(whole)
    assert vectors.dtype == whole.dtype
    start, stop = (data.draw(st.integers(0, len(whole))) for _ in range(2))
    assert np.array_equal(vectors[start:stop], whole[start:stop])
    rows = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1))), dtype=np.int64)
    assert np.array_equal(vectors.take(rows), whole[rows])
    size = data.draw(st.integers(1, 6))
    blocks = list(vectors.blocks(size))
    assert all(len(rows) <= size and np.array_equal(rows, whole[first : first + len(rows)]) for first, rows in blocks)
    assert np.array_equal(np.concatenate([rows for _, rows in blocks]), whole)


def test_only_consecutive_rows_are_sliced() -> None:
    with pytest.raises(ValueError, match="a step of 2"):
        Vectors(shards([3]))[::2]


def test_shards_are_opened_memory_mapped_and_in_order(tmp_path: Path) -> None:
    parts = shards([2, 2, 1])
    for number, part in enumerate(parts):
        np.save(tmp_path / shard_name("zh-Hant", "passages", number), part)
        np.save(tmp_path / shard_name("zh", "passages", number), part + 1)
    write_manifest(tmp_path, {})
    vectors = open_vectors(tmp_path, "zh-Hant", "passages")
    assert np.array_equal(vectors[:], np.concatenate(parts))
    assert all(isinstance(rows.base, np.memmap) for _, rows in vectors.blocks(2))


def test_a_language_without_vectors_is_a_user_error(tmp_path: Path) -> None:
    write_json(tmp_path / "manifest.json", {"files": {"de.queries.00000.npy": ""}})
    with pytest.raises(UserError, match="lists no passages in de"):
        open_vectors(tmp_path, "de", "passages")
