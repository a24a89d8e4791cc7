"""A million pairs (600 MB of text) need hardly more memory than ten thousand: buffers have a fixed size."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

from prepare_pairs_memory import CASES, measure

MORE = 300 * 2**20


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_memory_does_not_grow_with_the_pairs(tmp_path: Path, case: str) -> None:
    (_, small), (_, large) = (measure(case, tmp_path / str(number), number) for number in (10_000, 1_000_000))
    assert large.peak < small.peak + MORE
