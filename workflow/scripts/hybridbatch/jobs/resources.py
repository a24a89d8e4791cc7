"""The resources that jobs request."""

from collections.abc import Callable
from typing import Protocol

MOST_THREADS = 8


class InputFiles(Protocol):
    """The input files of a job, as Snakemake passes them to resource functions."""

    size_gb: float


def share_of_cores(jobs: int, cores: int | None) -> int:
    """Return the threads of one of several equal jobs: many small jobs side by side are faster than one after the other.

    Args:
        jobs: number of jobs.
        cores: cores of this machine; None on a cluster, where no job shares its cores.
    """
    return MOST_THREADS if cores is None else max(1, min(MOST_THREADS, cores // max(1, jobs)))


def growing(gigabytes: float, times_input: float = 0) -> Callable[[object, InputFiles, int], str]:
    """Return a function that computes a job's memory, which doubles with each attempt.

    Args:
        gigabytes: the memory that every job needs.
        times_input: additional memory, as a multiple of the size of the input files.
    """

    def memory(wildcards: object, input: InputFiles, attempt: int) -> str:  # noqa: ARG001 - Snakemake's names
        size = gigabytes + (times_input * input.size_gb if times_input else 0)
        return f"{round(size * 2 ** (attempt - 1) * 1000)}MB"

    return memory
