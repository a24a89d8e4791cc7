"""A million pairs (600 MB of text) need hardly more memory than ten thousand: buffers of a fixed size, no table."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

from prepare_pairs_memory import CASES, measure

MORE_MB = 300


@pytest.mark.slow
# What is memory-mapped counts among the memory of a process, although it can be given back at any time.
@pytest.mark.parametrize("case", [case for case in CASES if "memory-mapped" not in case])
def test_memory_does_not_grow_with_the_pairs(tmp_path: Path, case: str) -> None:
    small = measure(case, tmp_path, 10_000)
    large = measure(case, tmp_path, 1_000_000)
    assert large["peak_mb"] < small["peak_mb"] + MORE_MB
