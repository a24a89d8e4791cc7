"""Hybrid batches: each batch is monolingual with probability alpha, else cross-lingual (arXiv 2408.10536, section 3)."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from hybridbatch.common.errors import UserError


class Pairs(Protocol):
    """What the sampler needs to know of a source; :class:`hybridbatch.train.aligned_pairs.AlignedPairs` is one."""

    name: str
    languages: tuple[str, ...]

    def size(self, query_language: str, passage_language: str) -> int:
        """Return the number of rows that have both languages."""

    def draw(
        self, rng: np.random.Generator, count: int, query_language: str, passage_language: str
    ) -> NDArray[np.int64]:
        """Draw distinct rows that have both languages, at most ``count``."""

    def queries(self, rows: Sequence[int], language: str) -> list[str]:
        """Return the queries of rows in one language."""

    def passages(self, rows: Sequence[int], language: str) -> list[str]:
        """Return the passages of rows in one language."""


class Example(NamedTuple):
    """One query and its passage: where they stand, not their texts."""

    source: int
    row: int
    query_language: str
    passage_language: str


class Cell(NamedTuple):
    """A source in one (query language, passage language), with its number of rows."""

    source: int
    query_language: str
    passage_language: str
    size: int


class HybridBatchSampler(Sampler[list[Example]]):
    """Fill every batch from one source, monolingual with probability ``alpha``, else cross-lingual.

    A batch is a pure function of (seed, step): it does not depend on the batches before it, on the number of devices or on
    whether training was resumed. A monolingual batch has one language for queries and passages. A cross-lingual batch has
    a query language and another passage language: one such pair for the whole batch (``pair_scope="batch"``) or one for
    each example (``"example"``). No row, query text or passage text stands twice in a batch, where it would be its own
    false negative.

    The language (pair) is drawn with probability proportional to its number of rows over all sources to the power
    ``size_exponent``, then the source in proportion to its number of rows in that language (pair) to the same power:
    0 draws languages equally, 1 by size. A language that a source lacks is never drawn for it.

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
        sources: Sequence[Pairs],
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
        cells = [
            Cell(index, query_language, passage_language, source.size(query_language, passage_language))
            for index, source in enumerate(sources)
            for query_language in source.languages
            for passage_language in source.languages
        ]
        self._monolingual = self._enough([c for c in cells if c.query_language == c.passage_language], alpha > 0)
        self._crosslingual = self._enough([c for c in cells if c.query_language != c.passage_language], alpha < 1)

    def _enough(self, cells: list[Cell], needed: bool) -> list[Cell]:
        cells = [cell for cell in cells if cell.size > 0]
        if needed and not cells:
            raise UserError("training.sources: no source has two languages, so no cross-lingual batch can be drawn")
        for cell in cells if needed else []:
            if cell.size < self.batch_size:
                name = self.sources[cell.source].name
                raise UserError(
                    f"training.batch_size: {self.batch_size} is more than the {cell.size} pairs that source {name} has with "
                    f"queries in {cell.query_language} and passages in {cell.passage_language}; lower it or leave one out"
                )
        return cells

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
        cells = self._monolingual if rng.random() < self.alpha else self._crosslingual
        cell = self._draw_cell(rng, cells)
        if cell.query_language == cell.passage_language or self.pair_scope == "batch":
            alternatives = [cell]
        else:
            alternatives = [other for other in cells if other.source == cell.source]
        return self._fill(rng, alternatives)

    def _draw_cell(self, rng: np.random.Generator, cells: Sequence[Cell]) -> Cell:
        sizes: dict[tuple[str, str], int] = {}
        for cell in cells:
            pair = (cell.query_language, cell.passage_language)
            sizes[pair] = sizes.get(pair, 0) + cell.size
        pairs = list(sizes)
        pair = pairs[self._draw(rng, [sizes[p] for p in pairs])]
        having = [cell for cell in cells if (cell.query_language, cell.passage_language) == pair]
        return having[self._draw(rng, [cell.size for cell in having])]

    def _draw(self, rng: np.random.Generator, sizes: Sequence[int]) -> int:
        weights = np.asarray(sizes, dtype=np.float64) ** self.size_exponent
        return int(rng.choice(len(weights), p=weights / weights.sum()))

    def _fill(self, rng: np.random.Generator, cells: Sequence[Cell]) -> list[Example]:
        """Draw rows until ``batch_size`` examples share no row and no text; each takes one of ``cells``."""
        examples: list[Example] = []
        rows_seen: set[int] = set()
        texts_seen: set[str] = set()
        all_rows = max(cell.size for cell in cells) * len(cells)
        count = self.batch_size
        while len(examples) < self.batch_size:
            for example, texts in self._candidates(rng, cells, count):
                if len(examples) == self.batch_size:
                    break
                if example.row in rows_seen or texts_seen & texts:
                    continue
                rows_seen.add(example.row)
                texts_seen |= texts
                examples.append(example)
            if len(examples) < self.batch_size and count >= 2 * all_rows:
                name = self.sources[cells[0].source].name
                raise UserError(
                    f"training.batch_size: {self.batch_size} is more than the distinct texts that source {name} has in "
                    f"{cells[0].query_language} and {cells[0].passage_language}; lower it"
                )
            count *= 2
        return examples

    def _candidates(
        self, rng: np.random.Generator, cells: Sequence[Cell], count: int
    ) -> Iterator[tuple[Example, set[str]]]:
        """Yield about ``count`` random examples of the cells, with their texts."""
        if len(cells) == 1:
            chosen = np.zeros(count, dtype=np.int64)
        else:
            weights = np.asarray([cell.size for cell in cells], dtype=np.float64) ** self.size_exponent
            chosen = rng.choice(len(cells), size=count, p=weights / weights.sum())
        drawn: list[tuple[int, Example, set[str]]] = []
        for index in np.unique(chosen):
            cell = cells[index]
            places = np.flatnonzero(chosen == index)
            source = self.sources[cell.source]
            rows = source.draw(rng, len(places), cell.query_language, cell.passage_language).tolist()
            queries = source.queries(rows, cell.query_language)
            passages = source.passages(rows, cell.passage_language)
            for place, row, query, passage in zip(places, rows, queries, passages, strict=False):
                example = Example(cell.source, row, cell.query_language, cell.passage_language)
                drawn.append((int(place), example, {query, passage}))
        for _, example, texts in sorted(drawn, key=lambda item: item[0]):
            yield example, texts


class PairDataset(Dataset[dict[str, str]]):
    """The texts behind the examples of :class:`HybridBatchSampler`: ``{"query": str, "passage": str}``, in this order."""

    def __init__(self, sources: Sequence[Pairs]) -> None:
        self.sources = sources

    def __len__(self) -> int:
        """Return the number of rows of all sources."""
        return sum(source.size(language, language) for source in self.sources for language in source.languages)

    def __getitem__(self, example: Example) -> dict[str, str]:
        """Return the texts of one example."""
        return self.__getitems__([example])[0]

    def __getitems__(self, examples: Sequence[Example]) -> list[dict[str, str]]:
        """Return the texts of a batch, read by source and language at once."""
        queries = self._read(examples, [(e.source, e.query_language) for e in examples], "queries")
        passages = self._read(examples, [(e.source, e.passage_language) for e in examples], "passages")
        return [{"query": query, "passage": passage} for query, passage in zip(queries, passages, strict=True)]

    def _read(
        self, examples: Sequence[Example], places: Sequence[tuple[int, str]], kind: Literal["queries", "passages"]
    ) -> list[str]:
        texts = [""] * len(examples)
        for place in sorted(set(places)):
            source, language = place
            members = [index for index, other in enumerate(places) if other == place]
            read = self.sources[source].queries if kind == "queries" else self.sources[source].passages
            for index, text in zip(members, read([examples[i].row for i in members], language), strict=True):
                texts[index] = text
        return texts
