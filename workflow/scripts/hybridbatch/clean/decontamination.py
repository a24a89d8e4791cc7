"""Search for training texts that are duplicates or near-duplicates of evaluation texts.

Two texts are near-duplicates if the Jaccard similarity of their sets of character n-grams reaches a threshold. MinHash
(Broder 1997, "On the resemblance and containment of documents") with banding (Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", 3.4) selects candidates, whose exact similarity is then computed.
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rensa import RMinHash

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table
from hybridbatch.config.cleaning import NearDuplicates

# Hash functions of MinHash: more of them find more of the pairs near the threshold.
PERMUTATIONS = 128
SEED = 1
# Shorter texts are only compared exactly, since one word changes what a short question asks.
MIN_CHARACTERS = 20
ROWS_AT_ONCE = 10_000
CHARACTERS_AT_ONCE = 2**20
# Probability that a near-duplicate exactly at the threshold becomes a candidate.
RECALL = 0.99
TEXTS = pa.schema([("text", pa.string()), ("benchmark", pa.string())])
# Multipliers of Knuth's multiplicative hashing and of the finaliser of SplitMix64.
STEP = np.uint64(0x9E3779B97F4A7C15)
MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True)
class Match:
    """An evaluation text that matches a training text, its ``benchmark/language``, and their similarity (1: equal)."""

    text: str
    benchmark: str
    similarity: float


def key(text: str) -> str:
    """Return the form in which texts are compared: NFKC, casefolded, with white space collapsed."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", " ".join(folded.split()))


def digest(text: str) -> int:
    """Return a 64-bit hash of a text; the probability of a collision among 10^7 texts is 3 in 10^6."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def contains(ordered: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return which of ``wanted`` are in ``ordered``, a sorted array."""
    if not len(ordered):
        return np.zeros(len(wanted), bool)
    indices = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[indices] == wanted
    return found


def ngrams(text: str, size: int) -> frozenset[str]:
    """Return the character n-grams of a text; a text shorter than ``size`` is its only n-gram."""
    return frozenset(text[start : start + size] for start in range(max(1, len(text) - size + 1)))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the size of the intersection over the size of the union; 1 for two empty sets."""
    union = len(first | second)
    return len(first & second) / union if union else 1.0


def bands(threshold: float, permutations: int) -> tuple[int, int]:
    """Return the number of bands and of rows per band: the longest bands that reach ``RECALL`` at the threshold.

    A pair of similarity s shares a band with probability 1 - (1 - s^rows)^bands.
    """
    for rows in range(permutations, 1, -1):
        count = permutations // rows
        if 1 - (1 - threshold**rows) ** count >= RECALL:
            return count, rows
    return permutations, 1


def signatures(keys: Sequence[str], ngram: int) -> NDArray[np.uint32]:
    """Return the MinHash signatures of texts of at least ``ngram`` characters, shape (texts, ``PERMUTATIONS``)."""
    parts = [_sign(part, ngram) for part in _parts(keys)]
    return np.concatenate([np.empty((0, PERMUTATIONS), np.uint32), *parts])


def _parts(keys: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in lists of about ``CHARACTERS_AT_ONCE`` characters."""
    part: list[str] = []
    characters = 0
    for text in keys:
        part.append(text)
        characters += len(text)
        if characters >= CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
    if part:
        yield part


def _sign(keys: list[str], ngram: int) -> NDArray[np.uint32]:
    codes = np.frombuffer("".join(keys).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([len(text) for text in keys], np.int64)
    hashes = _ngram_hashes(codes, ngram)
    # N-grams must not span two texts.
    inside = np.ones(len(hashes), bool)
    ends = np.cumsum(lengths)
    for back in range(1, ngram):
        across = ends - back
        inside[across[across < len(hashes)]] = False
    offsets = np.concatenate([[0], np.cumsum(lengths - ngram + 1)]).astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes[inside], offsets, PERMUTATIONS, SEED)
    return np.array(matrix.to_rows(), np.uint32)


def _ngram_hashes(codes: NDArray[np.uint32], size: int) -> NDArray[np.uint64]:
    count = len(codes) - size + 1
    hashes = np.zeros(max(0, count), np.uint64)
    for start in range(size):
        hashes *= STEP
        hashes += codes[start : start + count]
    for shift, factor in zip((30, 27), MIX, strict=True):
        hashes ^= hashes >> np.uint64(shift)
        hashes *= factor
    hashes ^= hashes >> np.uint64(31)
    return hashes


def _band_keys(signature: NDArray[np.uint32], count: int, rows: int) -> NDArray[np.uint64]:
    """Return a hash of each band of each signature, shape (bands, texts)."""
    parts = signature[:, : count * rows].reshape(len(signature), count, rows)
    keys = np.zeros((len(signature), count), np.uint64)
    for row in range(rows):
        keys = (keys ^ parts[:, :, row]) * STEP
        keys ^= keys >> np.uint64(29)
    return np.ascontiguousarray(keys.T)


class EvaluationTexts:
    """An index of evaluation texts: sorted hashes in memory; the texts may be in a memory-mapped file."""

    def __init__(self, texts: pa.Table, settings: NearDuplicates) -> None:
        """Index texts.

        Args:
            texts: table of the schema ``TEXTS``; its texts are keys (see :func:`key`).
            settings: the definition of near-duplicates.
        """
        self._settings = settings
        self._texts = texts
        digests, signed, rows = [], [], []
        shape = bands(settings.threshold, PERMUTATIONS)
        start = 0
        for batch in texts.to_batches(max_chunksize=ROWS_AT_ONCE):
            keys = batch.column("text").to_pylist()
            digests.append(np.array([digest(text) for text in keys], np.uint64))
            chosen = self._long(keys)
            signed.append(_band_keys(signatures([keys[row] for row in chosen], settings.ngram), *shape))
            rows.append(np.array(chosen, np.int64) + start)
            start += len(keys)
        self._shape = shape
        self._digests, self._digest_rows = _sorted(_join(digests, (0,), 0))
        self._bands = [_sorted(band) for band in _join(signed, (shape[0], 0), 1)]
        self._rows = np.concatenate([np.empty(0, np.int64), *rows])

    def __len__(self) -> int:
        """Return the number of texts."""
        return int(self._texts.num_rows)

    def exact(self, keys: Sequence[str]) -> list[Match | None]:
        """Return the equal evaluation text for each key, or None."""
        wanted = np.array([digest(text) for text in keys], np.uint64)
        found: list[Match | None] = [None] * len(keys)
        for index in np.flatnonzero(contains(self._digests, wanted)):
            rank = np.searchsorted(self._digests, wanted[index])
            found[index] = self._match(int(self._digest_rows[rank]), 1.0)
        return found

    def near(self, keys: Sequence[str]) -> list[Match | None]:
        """Return the most similar evaluation text for each key, or None if all are below the threshold."""
        found: list[Match | None] = [None] * len(keys)
        for index, rows in self._candidates(keys).items():
            own = ngrams(keys[index], self._settings.ngram)
            similar = [(jaccard(own, ngrams(self._text(row), self._settings.ngram)), -row) for row in rows]
            best, row = max(similar)
            if best >= self._settings.threshold:
                found[index] = self._match(-row, best)
        return found

    def _candidates(self, keys: Sequence[str]) -> dict[int, set[int]]:
        chosen = self._long(keys) if self._settings.enabled and len(self._rows) else []
        candidates: dict[int, set[int]] = {}
        if not chosen:
            return candidates
        signed = _band_keys(signatures([keys[index] for index in chosen], self._settings.ngram), *self._shape)
        for wanted, (band, order) in zip(signed, self._bands, strict=True):
            low, high = np.searchsorted(band, wanted, "left"), np.searchsorted(band, wanted, "right")
            for position in np.flatnonzero(high > low):
                rows = self._rows[order[low[position] : high[position]]]
                candidates.setdefault(chosen[position], set()).update(rows.tolist())
        return candidates

    def _long(self, keys: Sequence[str]) -> list[int]:
        shortest = max(MIN_CHARACTERS, self._settings.ngram)
        return [index for index, text in enumerate(keys) if len(text) >= shortest]

    def _text(self, row: int) -> str:
        return str(self._texts["text"][row].as_py())

    def _match(self, row: int, similarity: float) -> Match:
        return Match(self._text(row), str(self._texts["benchmark"][row].as_py()), similarity)


@contextmanager
def evaluation_texts(folders: Sequence[Path], passages: str, settings: NearDuplicates) -> Iterator[EvaluationTexts]:
    """Yield an index of the evaluation texts: queries, passages, and the paragraphs that contain the passages.

    Args:
        folders: ``<benchmark>/<language>`` folders with ``queries.parquet``, ``passages.parquet`` and ``qrels.parquet``.
        passages: ``all``, or ``relevant`` for passages with a relevance judgement.
        settings: the definition of near-duplicates.

    Raises:
        UserError: if a file is missing or not a parquet file.
    """
    with TemporaryDirectory(prefix="evaluation-texts-") as folder:
        path = Path(folder) / "texts.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TEXTS) as writer:
            for texts in folders:
                for keys in _read_keys(texts, passages):
                    names = [f"{texts.parent.name}/{texts.name}"] * len(keys)
                    writer.write_batch(pa.record_batch([pa.array(keys, pa.string()), names], schema=TEXTS))
        with pa.memory_map(str(path)) as source:
            yield EvaluationTexts(pa.ipc.open_file(source).read_all(), settings)


def _read_keys(folder: Path, passages: str) -> Iterator[list[str]]:
    judged = read_table(folder / "qrels.parquet", ["passage_id"])["passage_id"] if passages == "relevant" else None
    for name in ("queries", "passages"):
        columns = ["text"] if name == "queries" else ["passage_id", "text", "context"]
        with open_parquet(folder / f"{name}.parquet") as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns):
                rows = batch
                if name == "passages" and judged is not None:
                    rows = batch.filter(pc.is_in(batch.column("passage_id"), value_set=judged))
                for column in columns:
                    if column != "passage_id":
                        keys = dict.fromkeys(map(key, rows.column(column).drop_null().to_pylist()))
                        keys.pop("", None)
                        yield list(keys)


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a parquet file; errors while it is open are reported as errors of this file.

    Raises:
        UserError: if the file is missing, truncated, or not a parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: cannot be read as parquet ({error}); delete it and run again") from error


def _join(parts: list[NDArray[np.uint64]], empty: tuple[int, ...], axis: int) -> NDArray[np.uint64]:
    return np.concatenate(parts, axis=axis) if parts else np.empty(empty, np.uint64)


def _sorted(values: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    order = np.argsort(values, kind="stable")
    return values[order], order
