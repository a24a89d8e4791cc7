"""Vectors of texts: in order, the same in every batch, and computed once for equal texts."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from hybridbatch.backbone.encoder import BATCHES_AHEAD, Precision, encode_texts, load_encoder, one_ahead
from hybridbatch.common.errors import UserError


def test_equal_texts_get_equal_vectors(backbone: Path) -> None:
    matrix = encode_texts(load_encoder(backbone, "cpu"), ["c", "a b c", "c", "cc", "a b c"], "query", batch_size=2)
    assert np.array_equal(matrix[0], matrix[2])
    assert np.array_equal(matrix[1], matrix[4])
    assert not np.allclose(matrix[0], matrix[1])


def test_equal_texts_are_encoded_once(backbone: Path) -> None:
    model = load_encoder(backbone, "cpu")
    rows = []
    model[-1].register_forward_hook(lambda _, __, output: rows.append(len(output["sentence_embedding"])))
    assert len(encode_texts(model, ["c", "a b c"] * 50, "query", batch_size=8)) == 100
    assert rows == [2]


def test_truncated_vectors_are_those_of_the_library(backbone: Path) -> None:
    texts = ["c", "a b c", "cc", "ab ba c b"]
    found = encode_texts(load_encoder(backbone, "cpu", 5), texts, "query", batch_size=2)
    plain = SentenceTransformer(str(backbone), device="cpu")
    expected = plain.encode(texts, prompt_name="query", truncate_dim=5, normalize_embeddings=True)
    assert found.shape == (4, 5)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_several_groups_of_batches(backbone: Path) -> None:
    model = load_encoder(backbone, "cpu")
    texts = [" ".join("abc"[int(digit)] for digit in np.base_repr(number, 3)) for number in range(3 * BATCHES_AHEAD)]
    matrix = encode_texts(model, texts, "document", batch_size=2)
    np.testing.assert_allclose(matrix, model.encode_document(texts), atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 1e-2), ("fp16", 1e-3)])
def test_a_gpu_encodes_like_a_cpu(backbone: Path, precision: Precision, tolerance: float) -> None:
    texts = [" ".join("abc"[int(digit)] for digit in np.base_repr(number, 3)) for number in range(3 * BATCHES_AHEAD)]
    slow, fast = (load_encoder(backbone, device) for device in ("cpu", "cuda"))
    found = encode_texts(fast, texts, "query", 4, precision)
    assert found.dtype == np.float32
    assert np.isfinite(found.astype(np.float16)).all()
    expected = encode_texts(slow, texts, "query", 4)
    assert 1 - (found * expected).sum(axis=1).min() < tolerance


@given(st.lists(st.integers()))
def test_one_ahead_yields_all_items_in_order(items: list[int]) -> None:
    assert list(one_ahead(iter(items))) == items


def test_one_ahead_raises_errors_of_its_thread() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise UserError("broken")

    with pytest.raises(UserError, match="broken"):
        list(one_ahead(items()))
