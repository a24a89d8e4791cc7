"""How well vectors identify their language: a linear probe, distances of language centroids, variance between languages.

All measures use queries, which are translations of each other: their vectors differ in language and translation, not in
subject.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import cast

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5
SEED = 1


@dataclass(frozen=True)
class Sample:
    """Vectors of questions in several languages.

    Attributes:
        vectors: shape (vectors, dimension), float64.
        language: number of the language of each vector, shape (vectors,).
        question: number of the question of each vector, shape (vectors,); each question at most once in a language.
    """

    vectors: NDArray[np.float64]
    language: NDArray[np.int64]
    question: NDArray[np.int64]


def choose_questions(ids: Mapping[str, Sequence[str]], limit: int) -> list[str]:
    """Return up to ``limit`` questions that two or more languages have, drawn with a fixed seed, in alphabetical order.

    Args:
        ids: the query ids of each language.
        limit: how many at most.
    """
    counts = Counter(name for names in ids.values() for name in names)
    shared = sorted(name for name, count in counts.items() if count > 1)
    chosen = np.random.default_rng(SEED).permutation(len(shared))[:limit]
    return [shared[index] for index in sorted(chosen)]


def measure_identifiability(sample: Sample) -> dict[str, float]:
    """Return every measure of this module by name; none if there are fewer than two languages or two questions."""
    languages = len(np.unique(sample.language))
    if languages < 2 or len(np.unique(sample.question)) < 2:
        return {}
    return {
        "probe_accuracy": probe_accuracy(sample),
        "probe_chance": 1 / languages,
        "centroid_distance": centroid_distance(sample),
        "offset_share": offset_share(sample),
        "language_variance": language_variance(sample),
    }


def probe_accuracy(sample: Sample) -> float:
    """Return how well a linear classifier predicts the languages of vectors of questions that it was not trained on.

    Multinomial logistic regression (L2, C = 1) on standardised dimensions, as a linear probe (Alain and Bengio,
    arXiv 1610.01644); Libovický, Rosa and Fraser (arXiv 2004.05160) probe the languages of multilingual encoders this way.
    Cross-validated in 5 folds of questions: the translations of a question are in the same fold, so that they do not
    give each other away. The value is the mean over languages of the share of correct predictions (balanced accuracy): it is
    1 / languages by chance, however many questions each language has. Lower is more language-neutral.

    Degenerate: saturates at 1 for most encoders, as one direction that carries the language is enough, however small compared with the
    others: dimensions are standardised. Fewer vectors of a language than dimensions leave the probe underfitted.

    Args:
        sample: two or more languages and two or more questions.
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    folds = GroupKFold(min(FOLDS, len(np.unique(sample.question))), shuffle=True, random_state=SEED)
    predicted = cross_val_predict(probe, sample.vectors, sample.language, groups=sample.question, cv=folds)
    return float(balanced_accuracy_score(sample.language, predicted))


def centroid_distance(sample: Sample) -> float:
    """Return the mean cosine distance between the centroids of two languages, over all pairs of languages.

    1 - cos(mean of a, mean of b), the means over the questions that both languages have; language centroids as in Libovický,
    Rosa and Fraser (arXiv 2004.05160). From 0, which is language-neutral, to 2.

    Degenerate: with few questions, translation noise alone keeps the centroids apart. Vectors that all point into one cone are
    close whatever their language, so it does not compare between backbones: see :func:`offset_share`. Undefined (NaN) where a
    centroid is 0.
    """
    distances = []
    for first, second in _translations(sample):
        a, b = first.mean(axis=0), second.mean(axis=0)
        norms = np.linalg.norm(a) * np.linalg.norm(b)
        distances.append(1 - a @ b / norms if norms else np.nan)
    return float(np.mean(distances))


def offset_share(sample: Sample) -> float:
    """Return the part of the distance between translations that a constant offset between their languages explains.

    For a pair of languages, ||mean of a - mean of b||^2 / mean of ||a_i - b_i||^2 over the questions i that both have: the squared mean of
    the differences over their mean square, which is at least as large. From 0 to 1; 1: each translation is the same step
    away. The mean over pairs of languages. The distance of the centroids (Libovický, Rosa and Fraser, arXiv 2004.05160) on the
    scale of the distance of translations, so that backbones with narrow and wide cones compare; the scale is this project's choice.

    Degenerate: 1 with one shared question; about 1 / questions, not 0, where differences have no common part. 0 where all
    translations coincide.
    """
    shares = []
    for first, second in _translations(sample):
        whole = ((first - second) ** 2).sum(axis=1).mean()
        shares.append(((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum() / whole if whole else 0.0)
    return float(np.mean(shares))


def language_variance(sample: Sample) -> float:
    """Return the share of the vectors' variance that is between languages.

    Sum over languages of n ||mean of the language - mean||^2, divided by the sum over vectors of ||vector - mean||^2: eta squared,
    over all dimensions (the R^2 of Anderson 2001, A new method for non-parametric multivariate analysis of variance, with
    Euclidean distances). From 0, which is language-neutral, to 1.

    Degenerate: about (languages - 1) / (vectors - 1), not 0, without any effect. If languages have different questions, their
    subjects count as language. 0 where all vectors are equal.
    """
    mean = sample.vectors.mean(axis=0)
    total = ((sample.vectors - mean) ** 2).sum()
    parts = (sample.vectors[sample.language == code] for code in np.unique(sample.language))
    between = sum(len(part) * ((part.mean(axis=0) - mean) ** 2).sum() for part in parts)
    return float(between / total) if total else 0.0


def _translations(sample: Sample) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return, for each pair of languages with common questions, the vectors of these, in the same order."""
    rows = {
        code: dict(zip(sample.question[sample.language == code], np.flatnonzero(sample.language == code), strict=True))
        for code in np.unique(sample.language)
    }
    pairs = []
    for a, b in combinations(rows.values(), 2):
        shared = [question for question in a if question in b]
        if shared:
            pairs.append(tuple(sample.vectors[[side[question] for question in shared]] for side in (a, b)))
    return cast(list[tuple[NDArray[np.float64], NDArray[np.float64]]], pairs)
