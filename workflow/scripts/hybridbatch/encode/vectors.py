"""Vectors on disk: memory-mapped ``.npy`` shards of bounded size, read as one matrix."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, read_json

Kind = Literal["queries", "passages"]
KINDS: tuple[Kind, ...] = ("queries", "passages")


class Vectors:
    """Matrices read as one, shape (rows, dimension).

    Args:
        shards: matrices of one dimension and type, in row order; may be memory-mapped.
    """

    def __init__(self, shards: Sequence[NDArray[Any]]) -> None:
        self._shards = list(shards)
        self._starts = np.cumsum([0, *(len(shard) for shard in shards)])
        self.dtype: np.dtype[Any] = self._shards[0].dtype
        self.shape: tuple[int, int] = (int(self._starts[-1]), int(self._shards[0].shape[1]))

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Return consecutive rows, as one array in memory."""
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"rows must be consecutive, found a step of {step}")
        pieces = [
            shard[max(start - first, 0) : max(stop - first, 0)]
            for shard, first in zip(self._shards, self._starts[:-1].tolist(), strict=True)
            if first < stop and first + len(shard) > start
        ]
        return np.concatenate(pieces) if pieces else np.empty((0, self.shape[1]), dtype=self.dtype)

    def blocks(self, size: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield all rows in blocks of at most ``size``, each with the number of its first row. No block spans two shards."""
        for shard, first in zip(self._shards, self._starts[:-1].tolist(), strict=True):
            for start in range(0, len(shard), size):
                yield first + start, np.asarray(shard[start : start + size])

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return rows by number, in the given order; shape (len(rows), dimension)."""
        result = np.empty((len(rows), self.shape[1]), dtype=self.dtype)
        shard_of = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(shard_of):
            members = np.flatnonzero(shard_of == number)
            result[members] = self._shards[number][rows[members] - self._starts[number]]
        return result


def shard_name(language: str, kind: Kind, number: int) -> str:
    """Return the name of a shard's file."""
    return f"{language}.{kind}.{number:05d}.npy"


def vector_files(folder: Path, language: str, kind: Kind) -> dict[str, str]:
    """Return the SHA-256 of the shards of one language by their names, in row order.

    Args:
        folder: holds ``manifest.json``, which lists the shards.
        language: language of the texts.
        kind: ``queries`` or ``passages``.

    Raises:
        UserError: if the manifest lists no shard of this language.
    """
    pattern = re.compile(rf"{re.escape(language)}\.{kind}\.\d+\.npy")
    files = {
        name: sha for name, sha in sorted(read_json(folder / MANIFEST)["files"].items()) if pattern.fullmatch(name)
    }
    if not files:
        raise UserError(f"{folder / MANIFEST}: lists no {kind} in {language}; delete the folder and encode again")
    return files


def open_vectors(folder: Path, language: str, kind: Kind) -> Vectors:
    """Open the vectors of one language, memory-mapped; those of passages may be in an index instead.

    Raises:
        UserError: if the manifest lists no shard of this language, or a shard is missing.
    """
    files = [folder / name for name in vector_files(folder, language, kind)]
    missing = [file for file in files if not file.exists()]
    if missing:
        raise UserError(f"{missing[0]}: is missing, and so is an index of its vectors; delete {folder} and run again")
    return Vectors([np.load(file, mmap_mode="r") for file in files])


def discard_passages(folder: Path, language: str) -> None:
    """Delete the shards of passages of one language, whose vectors are in an index now."""
    for name in vector_files(folder, language, "passages"):
        (folder / name).unlink(missing_ok=True)
