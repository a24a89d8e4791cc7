"""Hybrid batches: each batch is monolingual with probability alpha, else cross-lingual (arXiv 2408.10536, section 3)."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import datasets
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from hybridbatch.common.errors import UserError
from hybridbatch.train.aligned_pairs import AlignedPairs


class Example(NamedTuple):
    """One query with its passage.

    Attributes:
        source: index of the source.
        row: row of the source.
        query_language: language of the query.
        passage_language: language of the passage.
        query: text of the query.
        passage: text of the passage.
    """

    source: int
    row: int
    query_language: str
    passage_language: str
    query: str
    passage: str


class LanguagePair(NamedTuple):
    """The rows of one source that have a query language and a passage language; ``size`` is their number."""

    source: int
    query_language: str
    passage_language: str
    size: int


class HybridBatchSampler(Sampler[list[Example]]):
    """Fill every batch from one source, monolingual with probability ``alpha``, else cross-lingual.

    A batch is a pure function of (seed, step): it does not depend on earlier batches, on the number of devices or on whether
    training was resumed. A monolingual batch has one language for queries and passages. A cross-lingual batch has different
    languages for queries and passages: one such language pair for the whole batch (``pair_scope="batch"``) or one for each
    example (``"example"``). No row, query or passage occurs twice in a batch, where it would be its own false negative.

    The language (pair) is drawn with probability proportional to its number of rows over all sources to the power
    ``size_exponent``, then the source in proportion to its number of rows in that language (pair) to the same power:
    0 draws languages equally, 1 by size. A language that a source lacks is never drawn for it.

    With the sentence-transformers trainer, the sampler is the batch sampler of a :class:`PairDataset`.

    Args:
        sources: the aligned pairs of each source.
        batch_size: examples in a batch, over all devices.
        steps: number of batches.
        alpha: probability of a monolingual batch, 0 to 1.
        seed: chooses the stream of batches.
        size_exponent: see above, 0 to 1.
        pair_scope: see above.

    Raises:
        UserError: if the sources cannot fill such batches.
    """

    def __init__(
        self,
        sources: Sequence[AlignedPairs],
        batch_size: int,
        steps: int,
        alpha: float,
        seed: int,
        size_exponent: float = 0.0,
        pair_scope: Literal["batch", "example"] = "batch",
    ) -> None:
        self.sources = sources
        self.batch_size = batch_size
        self.drop_last = True
        self.steps = steps
        self.alpha = alpha
        self.seed = seed
        self.size_exponent = size_exponent
        self.pair_scope = pair_scope
        pairs = [
            LanguagePair(index, query_language, passage_language, source.size(query_language, passage_language))
            for index, source in enumerate(sources)
            for query_language in source.languages
            for passage_language in source.languages
        ]
        self._monolingual = self._usable([p for p in pairs if p.query_language == p.passage_language], alpha > 0)
        self._crosslingual = self._usable([p for p in pairs if p.query_language != p.passage_language], alpha < 1)

    def _usable(self, pairs: list[LanguagePair], needed: bool) -> list[LanguagePair]:
        """Return the pairs that have rows, after a check that each can fill a batch if such batches are needed."""
        pairs = [pair for pair in pairs if pair.size > 0]
        if needed and not pairs:
            raise UserError("training.sources: no source has two languages, so no cross-lingual batch can be drawn")
        for pair in pairs if needed else []:
            if pair.size < self.batch_size:
                name = self.sources[pair.source].name
                raise UserError(
                    f"training.batch_size: {self.batch_size} is more than the {pair.size} pairs that source {name} has with "
                    f"queries in {pair.query_language} and passages in {pair.passage_language}; lower it or leave one out"
                )
        return pairs

    def __len__(self) -> int:
        """Return the number of batches."""
        return self.steps

    def __iter__(self) -> Iterator[list[Example]]:
        """Yield the batches of steps 0, 1, 2, ..."""
        for step in range(self.steps):
            yield self.batch(step)

    def batch(self, step: int) -> list[Example]:
        """Return the batch of one step: ``batch_size`` examples.

        Raises:
            UserError: if the source drawn has too few distinct texts.
        """
        rng = np.random.default_rng((self.seed, step))
        pairs = self._monolingual if rng.random() < self.alpha else self._crosslingual
        pair = self._draw_pair(rng, pairs)
        if pair.query_language == pair.passage_language or self.pair_scope == "batch":
            return self._fill(rng, [pair])
        return self._fill(rng, [other for other in pairs if other.source == pair.source])

    def _draw_pair(self, rng: np.random.Generator, pairs: Sequence[LanguagePair]) -> LanguagePair:
        """Draw languages, then one of the sources that have them."""
        sizes: dict[tuple[str, str], int] = {}
        for pair in pairs:
            languages = (pair.query_language, pair.passage_language)
            sizes[languages] = sizes.get(languages, 0) + pair.size
        drawn = list(sizes)[rng.choice(len(sizes), p=self._shares(list(sizes.values())))]
        choices = [pair for pair in pairs if (pair.query_language, pair.passage_language) == drawn]
        return choices[rng.choice(len(choices), p=self._shares([pair.size for pair in choices]))]

    def _shares(self, sizes: Sequence[int]) -> NDArray[np.float64]:
        """Return the probability of each of several sizes."""
        weights = np.asarray(sizes, dtype=np.float64) ** self.size_exponent
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    def _fill(self, rng: np.random.Generator, pairs: Sequence[LanguagePair]) -> list[Example]:
        """Draw rows until ``batch_size`` examples share no row and no text; each is of one of the language pairs."""
        examples: list[Example] = []
        rows_seen: set[int] = set()
        texts_seen: set[str] = set()
        all_rows = max(pair.size for pair in pairs) * len(pairs)
        count = self.batch_size
        while len(examples) < self.batch_size:
            for example in self._candidates(rng, pairs, count):
                if len(examples) == self.batch_size:
                    break
                texts = {example.query, example.passage}
                if example.row in rows_seen or texts_seen & texts:
                    continue
                rows_seen.add(example.row)
                texts_seen |= texts
                examples.append(example)
            if len(examples) < self.batch_size and count >= 2 * all_rows:
                name = self.sources[pairs[0].source].name
                raise UserError(
                    f"training.batch_size: {self.batch_size} is more than the distinct texts that source {name} has in "
                    f"{pairs[0].query_language} and {pairs[0].passage_language}; lower it"
                )
            count *= 2
        return examples

    def _candidates(self, rng: np.random.Generator, pairs: Sequence[LanguagePair], count: int) -> list[Example]:
        """Return at most ``count`` random examples of the language pairs, in random order."""
        if len(pairs) == 1:
            chosen = np.zeros(count, dtype=np.int64)
        else:
            chosen = rng.choice(len(pairs), size=count, p=self._shares([pair.size for pair in pairs]))
        candidates: dict[int, Example] = {}
        for index in np.unique(chosen):
            number, query_language, passage_language, _ = pairs[index]
            slots = np.flatnonzero(chosen == index).tolist()
            source = self.sources[number]
            rows = source.draw(rng, len(slots), query_language, passage_language).tolist()
            queries, passages = source.queries(rows, query_language), source.passages(rows, passage_language)
            # Fewer rows than slots if the source has no more.
            for slot, row, query, passage in zip(slots, rows, queries, passages, strict=False):
                candidates[slot] = Example(number, row, query_language, passage_language, query, passage)
        return [candidates[slot] for slot in sorted(candidates)]


class PairDataset(datasets.Dataset):  # type: ignore[misc]
    """The pairs of all sources in all their languages, from which a :class:`HybridBatchSampler` draws its batches.

    Its columns are ``query`` and ``passage``, in this order. The examples of a batch bring their texts with them, so that each text
    is read once.
    """

    def __init__(self, sources: Sequence[AlignedPairs]) -> None:
        self.sources = sources
        pairs = datasets.concatenate_datasets([source.texts(code) for source in sources for code in source.languages])
        super().__init__(pairs.data, indices_table=pairs._indices, fingerprint=pairs._fingerprint)

    def __getitems__(self, examples: Sequence[Example]) -> list[dict[str, str]]:
        """Return the texts of a batch."""
        return [{"query": example.query, "passage": example.passage} for example in examples]
