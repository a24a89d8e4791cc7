"""The resources that jobs request."""

from types import SimpleNamespace

import pytest

from hybridbatch.jobs.resources import growing, share_of_cores


@pytest.mark.parametrize(
    ("jobs", "cores", "threads"), [(1, 4, 4), (1, 64, 8), (4, 8, 2), (30, 8, 1), (0, 2, 2), (30, None, 8)]
)
def test_equal_jobs_share_the_cores_of_a_machine(jobs: int, cores: int | None, threads: int) -> None:
    assert share_of_cores(jobs, cores) == threads


def test_memory_doubles_with_each_attempt() -> None:
    files = SimpleNamespace(size_gb=3.0)
    assert [growing(2)(None, files, attempt) for attempt in (1, 2, 3)] == ["2000MB", "4000MB", "8000MB"]


def test_memory_grows_with_the_input() -> None:
    assert growing(4, times_input=2)(None, SimpleNamespace(size_gb=1.5), 1) == "7000MB"
