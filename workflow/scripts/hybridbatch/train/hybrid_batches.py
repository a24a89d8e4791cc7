"""Hybrid batches: each batch is monolingual with probability alpha, else cross-lingual (arXiv 2408.10536, section 3)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import datasets
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from hybridbatch.common.errors import UserError
from hybridbatch.config.training import PairScope
from hybridbatch.train.aligned_pairs import AlignedPairs

LOWER = "lower training.batch_size, or training.validation_batch_size if it is the source of training.validation"


class Example(NamedTuple):
    """One query with its passage and, if its source has negatives, passages that do not answer it.

    Attributes:
        source: index of the source.
        row: row of the source.
        query_language: language of the query.
        passage_language: language of the passage and the negatives.
        query: text of the query.
        passage: text of the passage.
        negatives: texts of the negatives by column.
    """

    source: int
    row: int
    query_language: str
    passage_language: str
    query: str
    passage: str
    negatives: Mapping[str, str]

    @property
    def texts(self) -> dict[str, str]:
        """The texts by column."""
        return {"query": self.query, "passage": self.passage, **self.negatives}


class LanguagePair(NamedTuple):
    """The rows of one source that have a query language and a passage language.

    Attributes:
        source: index of the source.
        query_language: language of the queries.
        passage_language: language of the passages.
        rows: number of rows.
        size: the number that exponents count, which differs from ``rows`` if the configuration gives the source a size.
    """

    source: int
    query_language: str
    passage_language: str
    rows: int
    size: float


class Shares:
    """The probability of each of several language pairs: first languages are drawn, then one of the sources that have them.

    Languages have a probability proportional to their size over all sources to the power ``language_exponent``, then a source has
    one proportional to its size in these languages to the power ``source_exponent``. 0 draws equally, 1 by size.
    """

    def __init__(self, pairs: Sequence[LanguagePair], language_exponent: float, source_exponent: float) -> None:
        self._choices: dict[tuple[str, str], list[LanguagePair]] = {}
        for pair in pairs:
            self._choices.setdefault((pair.query_language, pair.passage_language), []).append(pair)
        sizes = [sum(pair.size for pair in choices) for choices in self._choices.values()]
        self._of_languages = powers(sizes, language_exponent)
        self._of_sources = [
            powers([pair.size for pair in choices], source_exponent) for choices in self._choices.values()
        ]

    def __iter__(self) -> Iterator[tuple[LanguagePair, float]]:
        """Yield every language pair of every source with its probability."""
        for choices, share, shares in zip(self._choices.values(), self._of_languages, self._of_sources, strict=True):
            yield from zip(choices, (share * shares).tolist(), strict=True)

    def draw(self, rng: np.random.Generator) -> LanguagePair:
        """Draw languages, then one of the sources that have them."""
        drawn = rng.choice(len(self._of_languages), p=self._of_languages)
        choices = list(self._choices.values())[drawn]
        return choices[rng.choice(len(choices), p=self._of_sources[drawn])]


def powers(sizes: Sequence[float], exponent: float) -> NDArray[np.float64]:
    """Return probabilities proportional to sizes to the power of an exponent; shape (n,)."""
    weights = np.asarray(sizes, dtype=np.float64) ** exponent
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


class HybridBatchSampler(Sampler[list[Example]]):
    """Fill every batch from one source, monolingual with probability ``alpha``, else cross-lingual.

    A batch is a pure function of (seed, step): it does not depend on earlier batches, on the number of devices or on whether
    training was resumed. A monolingual batch has one language for queries and passages. A cross-lingual batch has different
    languages for queries and passages: one such language pair for the whole batch (``pair_scope="batch"``) or one for each
    example (``"example"``). With ``"mixed"``, each example of every batch has its own languages, and is monolingual with probability
    ``alpha``. No row, query or passage occurs twice in a batch, where it would be its own false negative.

    If a source has negatives, each of its examples has them, in the language of the passage. No negative is also a query, a passage or
    another negative of the batch, not even in another language.

    The language (pair) and the source are drawn as :class:`Shares` says. A language that a source lacks is never drawn for it.

    With the sentence-transformers trainer, the sampler is the batch sampler of a :class:`PairDataset`.

    Args:
        sources: the aligned pairs of each source.
        batch_size: examples in a batch, over all devices.
        steps: number of batches.
        alpha: probability of a monolingual batch, 0 to 1.
        seed: chooses the stream of batches.
        language_exponent: see :class:`Shares`; 0 to 1.
        source_exponent: see :class:`Shares`; 0 to 1.
        pair_scope: see above.
        sizes: for sources, by name, the size that exponents count instead of the number of rows. In languages that some rows of
            the source lack, it is smaller in proportion.

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
        language_exponent: float = 0.0,
        source_exponent: float = 1.0,
        pair_scope: PairScope = "batch",
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.sources = sources
        self.batch_size = batch_size
        self.drop_last = True
        self.steps = steps
        self.alpha = alpha
        self.seed = seed
        self.language_exponent = language_exponent
        self.pair_scope = pair_scope
        pairs = [
            LanguagePair(
                index,
                query_language,
                passage_language,
                rows,
                rows * (sizes or {}).get(source.name, len(source)) / len(source),
            )
            for index, source in enumerate(sources)
            for query_language in source.languages
            for passage_language in source.languages
            if (rows := source.size(query_language, passage_language))
        ]
        self._monolingual = self._usable([p for p in pairs if p.query_language == p.passage_language], alpha > 0)
        self._crosslingual = self._usable([p for p in pairs if p.query_language != p.passage_language], alpha < 1)
        self._shares = [
            Shares(kind, language_exponent, source_exponent) for kind in (self._monolingual, self._crosslingual)
        ]

    def _usable(self, pairs: list[LanguagePair], needed: bool) -> list[LanguagePair]:
        """Return the pairs, after a check that each can fill a batch if such batches are needed."""
        if needed and not pairs:
            raise UserError("training.sources: no source has two languages, so no cross-lingual batch can be drawn")
        for pair in pairs if needed else []:
            if pair.rows < self.batch_size:
                name = self.sources[pair.source].name
                raise UserError(
                    f"a batch of {self.batch_size} is more than the {pair.rows} pairs that source {name} has with queries in "
                    f"{pair.query_language} and passages in {pair.passage_language}; {LOWER}, or leave one out"
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
        monolingual, crosslingual = self._shares
        pair = (monolingual if rng.random() < self.alpha else crosslingual).draw(rng)
        if self.pair_scope == "batch":
            return self._fill(rng, [pair], np.ones(1))
        own, others = ([p for p in kind if p.source == pair.source] for kind in (self._monolingual, self._crosslingual))
        if self.pair_scope == "mixed" and own and others:
            shares = [self.alpha * self._powers(own), (1 - self.alpha) * self._powers(others)]
            return self._fill(rng, [*own, *others], np.concatenate(shares))
        if pair.query_language == pair.passage_language:
            return self._fill(rng, [pair], np.ones(1))
        return self._fill(rng, others, self._powers(others))

    def _powers(self, pairs: Sequence[LanguagePair]) -> NDArray[np.float64]:
        return powers([pair.size for pair in pairs], self.language_exponent)

    def _fill(
        self, rng: np.random.Generator, pairs: Sequence[LanguagePair], shares: NDArray[np.float64]
    ) -> list[Example]:
        """Draw rows until ``batch_size`` examples share no row and no text; each is of a language pair drawn by its share."""
        examples: list[Example] = []
        rows_seen: set[int] = set()
        texts_seen: set[str] = set()
        all_rows = max(pair.rows for pair in pairs) * len(pairs)
        count = self.batch_size
        while len(examples) < self.batch_size:
            for example, texts in self._candidates(rng, pairs, shares, count):
                if len(examples) == self.batch_size:
                    break
                own, negatives = {example.query, example.passage}, example.negatives.values()
                repeats = len(own.union(negatives)) < len(own) + len(negatives)
                if example.row in rows_seen or texts_seen & texts or repeats:
                    continue
                rows_seen.add(example.row)
                texts_seen |= texts
                examples.append(example)
            if len(examples) < self.batch_size and count >= 2 * all_rows:
                name = self.sources[pairs[0].source].name
                raise UserError(
                    f"a batch of {self.batch_size} is more than the distinct texts that source {name} has in "
                    f"{pairs[0].query_language} and {pairs[0].passage_language}; {LOWER}"
                )
            count *= 2
        return examples

    def _candidates(
        self, rng: np.random.Generator, pairs: Sequence[LanguagePair], shares: NDArray[np.float64], count: int
    ) -> Iterator[tuple[Example, set[str]]]:
        """Yield at most ``count`` random examples of the language pairs in random order, with the texts that others must not have."""
        chosen = np.zeros(count, dtype=np.int64) if len(pairs) == 1 else rng.choice(len(pairs), size=count, p=shares)
        number = pairs[0].source
        source = self.sources[number]
        drawn: list[tuple[int, int, str, str]] = []
        for index in np.unique(chosen):
            _, query_language, passage_language, *_ = pairs[index]
            slots = np.flatnonzero(chosen == index).tolist()
            rows = source.draw(rng, len(slots), query_language, passage_language).tolist()
            # Fewer rows than slots if the source has no more.
            drawn += [(slot, row, query_language, passage_language) for slot, row in zip(slots, rows, strict=False)]
        _, rows, query_languages, passage_languages = map(list, zip(*sorted(drawn), strict=True))
        queries = source.queries(rows, query_languages)
        passages, negatives = source.passages(rows, passage_languages), source.negatives(rows, passage_languages)
        # In several languages, one passage is several texts.
        other_texts = source.translations(rows) if source.negative_columns and len(pairs) > 1 else [set()] * len(rows)
        columns = (rows, query_languages, passage_languages, queries, passages, negatives)
        for others, *values in zip(other_texts, *columns, strict=True):
            example = Example(number, *values)
            yield example, others.union(example.texts.values())


class PairDataset(datasets.Dataset):  # type: ignore[misc]
    """The pairs of all sources in all their languages, from which a :class:`HybridBatchSampler` draws its batches.

    Its columns are ``query``, ``passage`` and those of negatives, in this order. The examples of a batch bring their texts with them, so
    that each text is read once. A batch has the columns of negatives that its source has.
    """

    def __init__(self, sources: Sequence[AlignedPairs]) -> None:
        self.sources = sources
        # The first data set decides the order of the columns.
        ordered = sorted(sources, key=lambda source: -len(source.negative_columns))
        pairs = datasets.concatenate_datasets([source.texts(code) for source in ordered for code in source.languages])
        super().__init__(pairs.data, indices_table=pairs._indices, fingerprint=pairs._fingerprint)

    def __getitems__(self, examples: Sequence[Example]) -> list[dict[str, str]]:
        """Return the texts of a batch."""
        return [example.texts for example in examples]
