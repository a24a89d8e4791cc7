"""How far vectors tell their language: against loops, and where the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hybridbatch.evaluate.language_identifiability import (
    Sample,
    centroid_distance,
    choose_questions,
    language_variance,
    measure_identifiability,
    offset_share,
    probe_accuracy,
)


def sample(vectors: NDArray[np.float64], keep: NDArray[np.bool_] | None = None) -> Sample:
    """Return the sample of an array of shape (questions, languages, dimension), or the part of it to keep."""
    question, language = np.indices(vectors.shape[:2])
    kept = np.ones(vectors.shape[:2], dtype=bool) if keep is None else keep
    return Sample(vectors[kept], language[kept], question[kept])


def random_vectors(seed: int, questions: int = 40, languages: int = 3, dimension: int = 8) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(questions, languages, dimension))


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_distances_and_variance_equal_loops(seed: int, questions: int, languages: int) -> None:
    vectors = random_vectors(seed, questions, languages, 3)
    keep = np.random.default_rng(seed).random(vectors.shape[:2]) < 0.8
    keep[0] = True
    distances, shares = [], []
    for a in range(languages):
        for b in range(a + 1, languages):
            both = [i for i in range(questions) if keep[i, a] and keep[i, b]]
            first = sum(vectors[i, a] for i in both) / len(both)
            second = sum(vectors[i, b] for i in both) / len(both)
            distances.append(1 - sum(first * second) / (sum(first**2) * sum(second**2)) ** 0.5)
            whole = sum(sum((vectors[i, a] - vectors[i, b]) ** 2) for i in both) / len(both)
            shares.append(sum((first - second) ** 2) / whole)
    kept = [(vectors[i, code], code) for i in range(questions) for code in range(languages) if keep[i, code]]
    mean = sum(vector for vector, _ in kept) / len(kept)
    means = {}
    for code in range(languages):
        own = [vector for vector, other in kept if other == code]
        means[code] = sum(own) / len(own)
    between = sum(sum((means[code] - mean) ** 2) for _, code in kept)
    total = sum(sum((vector - mean) ** 2) for vector, _ in kept)

    found = sample(vectors, keep)
    assert centroid_distance(found) == pytest.approx(np.mean(distances))
    assert offset_share(found) == pytest.approx(np.mean(shares))
    assert language_variance(found) == pytest.approx(between / total)
    assert 0 <= offset_share(found) <= 1 + 1e-12
    assert 0 <= language_variance(found) <= 1 + 1e-12


def test_a_constant_step_between_languages_is_all_offset() -> None:
    vectors = random_vectors(1)
    vectors[:] = vectors[:, :1] + np.arange(3)[None, :, None]
    assert offset_share(sample(vectors)) == pytest.approx(1)
    assert probe_accuracy(sample(vectors)) < 1


def test_equal_translations_have_no_language() -> None:
    vectors = np.repeat(random_vectors(2, languages=1), 3, axis=1)
    measured = measure_identifiability(sample(vectors))
    assert measured["probe_chance"] == pytest.approx(1 / 3)
    assert measured["probe_accuracy"] == pytest.approx(1 / 3, abs=0.1)
    for name in ("centroid_distance", "offset_share", "language_variance"):
        assert measured[name] == pytest.approx(0, abs=1e-12)


def test_a_dimension_of_the_language_is_found_however_small() -> None:
    vectors = random_vectors(3)
    vectors[:, :, 0] = 1e-3 * np.arange(3)
    vectors[:, :, 1] = 1e-3 * (np.arange(3) == 1)
    assert probe_accuracy(sample(vectors)) == 1
    assert language_variance(sample(vectors)) < 0.1


def test_vectors_of_noise_are_told_by_chance() -> None:
    assert probe_accuracy(sample(random_vectors(4, questions=200))) == pytest.approx(1 / 3, abs=0.06)


def test_the_probe_never_sees_a_translation_of_what_it_is_asked() -> None:
    # A vector tells its question and nothing else. Whoever has seen its translation names that one's language: always wrong.
    vectors = np.repeat(10 * np.eye(60)[:, None], 4, axis=1)
    keep = np.zeros((60, 4), dtype=bool)
    keep[:30, :2] = keep[30:, 2:] = True
    assert probe_accuracy(sample(vectors, keep)) > 0.05


def test_unlike_numbers_of_questions_do_not_move_chance() -> None:
    keep = np.ones((200, 3), dtype=bool)
    keep[20:, 2] = False
    assert probe_accuracy(sample(random_vectors(5, 200), keep)) == pytest.approx(1 / 3, abs=0.08)


def test_one_language_or_one_question_measures_nothing() -> None:
    assert measure_identifiability(sample(random_vectors(6, languages=1))) == {}
    assert measure_identifiability(sample(random_vectors(6, questions=1))) == {}


def test_questions_are_shared_and_drawn_alike() -> None:
    ids = {"de": [f"q{i:03}" for i in range(50)], "en": [f"q{i:03}" for i in range(25, 90)], "th": ["q001", "x"]}
    chosen = choose_questions(ids, 10)
    assert chosen == choose_questions({code: names[::-1] for code, names in ids.items()}, 10)
    shared = {"q001", *(f"q{i:03}" for i in range(25, 50))}
    assert len(chosen) == 10 and chosen == sorted(chosen) and set(chosen) < shared
    assert set(choose_questions(ids, 1000)) == shared
