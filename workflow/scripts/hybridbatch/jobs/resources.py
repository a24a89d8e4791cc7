"""What jobs ask of a machine."""

from collections.abc import Callable
from typing import Protocol

MOST_THREADS = 8


class InputFiles(Protocol):
    """The input files of a job, as Snakemake gives them to a function of a resource."""

    size_gb: float


def share_of_cores(jobs: int, cores: int | None, on_cluster: bool) -> int:
    """Return the threads of one of several equal jobs: many small jobs side by side are faster than one after the other.

    Args:
        jobs: how many there are.
        cores: of this machine.
        on_cluster: whether each job gets a machine, or a part of one, to itself.
    """
    if on_cluster or cores is None:
        return MOST_THREADS
    return max(1, min(MOST_THREADS, cores // max(1, jobs)))


def growing(gigabytes: float, times_input: float = 0) -> Callable[[object, InputFiles, int], str]:
    """Return a function that gives a job's memory, doubled at each new attempt.

    Args:
        gigabytes: what every job needs.
        times_input: what it needs besides, as a multiple of the size of its input files.
    """

    def memory(wildcards: object, input: InputFiles, attempt: int) -> str:  # noqa: A002, ARG001 - Snakemake's names
        size = gigabytes + (times_input * input.size_gb if times_input else 0)
        return f"{round(size * 2 ** (attempt - 1) * 1000)}MB"

    return memory
