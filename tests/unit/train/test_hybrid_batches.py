"""The laws of the hybrid batch sampler."""

from collections import Counter
from collections.abc import Mapping, Sequence

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridbatch.common.errors import UserError
from hybridbatch.train.aligned_pairs import AlignedPairs
from hybridbatch.train.hybrid_batches import Example, HybridBatchSampler, LanguagePair, PairDataset, Shares

LANGUAGES = ("ar", "de", "en")


def incomplete(
    name: str, ids: Mapping[str, Sequence[int]], repeat: int = 1, *negatives: Mapping[int, int]
) -> AlignedPairs:
    """Pairs in memory: the ids that each language has; a passage is the same for ``repeat`` consecutive ids.

    Each column of negatives is the number of another passage for each id.
    """
    tables = {}
    for language, numbers in ids.items():
        columns = {
            "pair_id": [str(number) for number in numbers],
            "query": [f"{name} q {language} {number}" for number in numbers],
            "passage": [f"{name} p {language} {number // repeat}" for number in numbers],
        }
        for place, others in enumerate(negatives, start=1):
            columns[f"negative_{place}"] = [f"{name} p {language} {others[number]}" for number in numbers]
        tables[language] = datasets.Dataset.from_dict(columns)
    return AlignedPairs(tables, name)


def complete(name: str, rows: int, languages: Sequence[str] = LANGUAGES, repeat: int = 1) -> AlignedPairs:
    """Pairs in memory that every language has."""
    return incomplete(name, dict.fromkeys(languages, range(rows)), repeat)


def languages_of(batch: Sequence[Example]) -> set[tuple[str, str]]:
    return {(example.query_language, example.passage_language) for example in batch}


REPEAT = 2


@st.composite
def samplers(draw: st.DrawFn) -> HybridBatchSampler:
    sources = []
    for index in range(draw(st.integers(1, 3))):
        languages = draw(st.sets(st.sampled_from(LANGUAGES), min_size=2))
        rows = draw(st.integers(24, 60))
        ids = {code: sorted(draw(st.sets(st.integers(0, rows - 1), min_size=rows - 4))) for code in sorted(languages)}
        numbers = st.lists(st.integers(0, 2 * rows), min_size=rows, max_size=rows)
        drawn = draw(st.none() | numbers)
        # A second negative is never the first one of the same pair.
        shifts = range(draw(st.integers(1, 2))) if drawn else ()
        negatives = [{n: value + shift * (2 * rows + 1) for n, value in enumerate(drawn or [])} for shift in shifts]
        sources.append(incomplete(f"s{index}", ids, REPEAT, *negatives))
    return HybridBatchSampler(
        sources,
        batch_size=draw(st.integers(2, 6)),
        steps=6,
        alpha=draw(st.sampled_from([0.0, 0.3, 1.0])),
        seed=draw(st.integers(0, 2**32 - 1)),
        language_exponent=draw(st.sampled_from([0.0, 0.5, 1.0])),
        source_exponent=draw(st.sampled_from([0.0, 0.5, 1.0])),
        pair_scope=draw(st.sampled_from(["batch", "example", "mixed"])),
        sizes=draw(st.sampled_from([{}, {"s0": 10_000}])),
    )


@pytest.mark.slow
@given(samplers())
@settings(max_examples=60, deadline=None)
def test_every_batch_obeys_the_laws(sampler: HybridBatchSampler) -> None:
    for batch in sampler:
        assert len(batch) == sampler.batch_size
        assert len({example.source for example in batch}) == 1
        for example in batch:
            name, _, language, number = example.query.split()
            assert (name, language) == (f"s{example.source}", example.query_language)
            assert example.passage == f"{name} p {example.passage_language} {int(number) // REPEAT}"
        kinds = {query == passage for query, passage in languages_of(batch)}
        if sampler.pair_scope != "mixed":
            assert len(kinds) == 1, "a batch is monolingual or cross-lingual, never both"
            if kinds == {True} or sampler.pair_scope == "batch":
                assert len(languages_of(batch)) == 1
        assert len({example.row for example in batch}) == len(batch)
        assert len({example.query for example in batch}) == len(batch)
        assert len({example.passage for example in batch}) == len(batch)
        source = sampler.sources[batch[0].source]
        for example in batch:
            assert example.negatives == source.negatives([example.row], example.passage_language)[0]
            assert [*example.negatives] == source.negative_columns
        if not source.negative_columns:
            continue
        # A passage is the same one in every language.
        texts = [text for example in batch for text in (example.passage, *example.negatives.values())]
        assert len({text.split()[-1] for text in texts}) == (1 + len(source.negative_columns)) * len(batch)


@pytest.mark.slow
@given(samplers(), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_a_batch_depends_on_seed_and_step_alone(sampler: HybridBatchSampler, step: int) -> None:
    assert list(sampler)[step] == sampler.batch(step)


def test_alpha_one_is_monolingual_and_alpha_zero_is_crosslingual() -> None:
    for alpha, monolingual in ((1.0, True), (0.0, False)):
        sampler = HybridBatchSampler([complete("s", 40)], 4, 50, alpha, seed=3)
        for batch in sampler:
            ((query, passage),) = languages_of(batch)
            assert (query == passage) is monolingual


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.8])
def test_share_of_monolingual_batches_is_alpha(alpha: float) -> None:
    steps = 2000
    sampler = HybridBatchSampler([complete("s", 40)], 2, steps, alpha, seed=7)
    monolingual = sum(b[0].query_language == b[0].passage_language for b in sampler)
    assert abs(monolingual / steps - alpha) < 4 * (alpha * (1 - alpha) / steps) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "share"), [(0.0, 0.5), (1.0, 0.75)])
def test_languages_are_drawn_by_size_to_the_exponent(exponent: float, share: float) -> None:
    source = incomplete("s", {"de": range(30), "en": range(90)})
    steps = 2000
    sampler = HybridBatchSampler([source], 2, steps, 1.0, seed=5, language_exponent=exponent)
    english = sum(b[0].query_language == "en" for b in sampler) / steps
    assert abs(english - share) < 4 * (share * (1 - share) / steps) ** 0.5


@pytest.mark.parametrize(
    ("exponent", "sizes", "share"), [(0.0, {}, 1 / 2), (1.0, {}, 1 / 4), (1.0, {"small": 270}, 3 / 4)]
)
def test_sources_are_drawn_by_size_to_the_exponent(exponent: float, sizes: dict[str, int], share: float) -> None:
    sources = [complete("small", 30), complete("large", 90)]
    steps = 2000
    sampler = HybridBatchSampler(sources, 2, steps, 0.5, seed=5, source_exponent=exponent, sizes=sizes)
    small = sum(b[0].source == 0 for b in sampler) / steps
    assert abs(small - share) < 4 * (share * (1 - share) / steps) ** 0.5


def test_a_size_is_shared_by_the_rows_that_a_language_has() -> None:
    sources = [incomplete("a", {"de": range(10), "en": range(40)}), complete("b", 40, ["de", "en"])]
    pairs = [
        LanguagePair(number, code, code, source.size(code, code), source.size(code, code) * size / len(source))
        for number, (source, size) in enumerate(zip(sources, (120, 40), strict=True))
        for code in ("de", "en")
    ]
    shares = {(pair.source, pair.query_language): share for pair, share in Shares(pairs, 0.0, 1.0)}
    assert shares == pytest.approx({(0, "de"): 30 / 140, (1, "de"): 40 / 140, (0, "en"): 60 / 160, (1, "en"): 20 / 160})
    sampler = HybridBatchSampler(sources, 2, 3000, 1.0, seed=1, sizes={"a": 120})
    drawn = Counter((batch[0].source, batch[0].query_language) for batch in sampler)
    assert {key: count / 3000 for key, count in drawn.items()} == pytest.approx(shares, abs=0.04)


@pytest.mark.slow
def test_an_english_only_source_does_not_make_english_more_frequent() -> None:
    sources = [complete("all", 40), complete("english", 400, ["en"])]
    counts = Counter(b[0].query_language for b in HybridBatchSampler(sources, 2, 3000, 1.0, seed=1))
    assert all(abs(counts[code] / 3000 - 1 / 3) < 0.04 for code in LANGUAGES)


def test_pair_scope_example_mixes_pairs_in_a_crosslingual_batch_only() -> None:
    sampler = HybridBatchSampler([complete("s", 200)], 16, 40, 0.5, seed=2, pair_scope="example")
    sizes = {len(languages_of(batch)): batch[0].query_language == batch[0].passage_language for batch in sampler}
    assert sizes[1] is True
    assert max(sizes) > 3


def test_mixed_batches_draw_kind_and_languages_for_each_example() -> None:
    for alpha in (0.0, 0.25, 1.0):
        sampler = HybridBatchSampler([complete("s", 200)], 16, 60, alpha, seed=2, pair_scope="mixed")
        batches = list(sampler)
        drawn = [(example.query_language, example.passage_language) for batch in batches for example in batch]
        same = [query == passage for query, passage in drawn]
        assert sum(same) / len(same) == pytest.approx(alpha, abs=0.05)
        assert sum(len(languages_of(batch)) > 1 for batch in batches) > 0.95 * len(batches)
        # Within its kind, every pair of languages is as likely as another.
        counts = Counter(pair for pair, monolingual in zip(drawn, same, strict=True) if not monolingual)
        assert not counts or (len(counts) == 6 and max(counts.values()) < 1.5 * min(counts.values()))


def test_mixed_batches_of_a_source_in_one_language_are_monolingual() -> None:
    sampler = HybridBatchSampler([complete("s", 40, ["en"]), complete("t", 40)], 8, 40, 0.5, seed=2, pair_scope="mixed")
    own = [languages_of(batch) for batch in sampler if batch[0].source == 0]
    assert own
    assert set().union(*own) == {("en", "en")}


def test_every_language_pair_and_row_is_drawn() -> None:
    sampler = HybridBatchSampler([complete("s", 20)], 10, 400, 0.0, seed=0)
    batches = list(sampler)
    assert set().union(*(languages_of(b) for b in batches)) == {(q, p) for q in LANGUAGES for p in LANGUAGES if q != p}
    assert {example.row for batch in batches for example in batch} == set(range(20))


def test_two_seeds_give_two_streams() -> None:
    one, two = (list(HybridBatchSampler([complete("s", 50)], 4, 10, 0.5, seed=seed)) for seed in (1, 2))
    assert one != two


def test_a_batch_larger_than_a_source_is_refused() -> None:
    with pytest.raises(UserError, match="a batch of 50 is more than the 40 pairs that source s has"):
        HybridBatchSampler([complete("s", 40)], 50, 1, 0.5, seed=0)


def test_too_few_distinct_texts_are_refused() -> None:
    sampler = HybridBatchSampler([complete("s", 40, repeat=8)], 10, 1, 1.0, seed=0)
    with pytest.raises(UserError, match="distinct texts"):
        sampler.batch(0)


def test_crosslingual_batches_need_two_languages() -> None:
    with pytest.raises(UserError, match="no source has two languages"):
        HybridBatchSampler([complete("s", 40, ["en"])], 4, 1, 0.5, seed=0)


def test_the_data_set_of_a_trainer_gives_the_texts_of_a_batch() -> None:
    sources = [complete("one", 5), complete("two", 6, ["en"])]
    pairs = PairDataset(sources)
    assert len(pairs) == 3 * 5 + 6
    assert pairs.column_names == ["query", "passage"]
    assert pairs[0] == {"query": "one q ar 0", "passage": "one p ar 0"}
    batch = HybridBatchSampler(sources[:1], 4, 1, 0.0, seed=0).batch(0)
    texts = pairs.__getitems__(batch)
    assert texts == [{"query": example.query, "passage": example.passage} for example in batch]


def test_a_batch_has_the_columns_of_negatives_of_its_source() -> None:
    one, two = {n: n + 30 for n in range(20)}, {n: n + 50 for n in range(20)}
    ids = dict.fromkeys(LANGUAGES, range(20))
    sources = [complete("plain", 20), incomplete("one", ids, 1, one), incomplete("two", ids, 1, one, two)]
    pairs = PairDataset(sources)
    assert pairs.column_names == ["query", "passage", "negative_1", "negative_2"]
    sampler = HybridBatchSampler(sources, 4, 30, 0.5, seed=0)
    found = {}
    for batch in sampler:
        (columns,) = {tuple(texts) for texts in pairs.__getitems__(batch)}
        found[batch[0].source] = columns
    assert found == {number: tuple(pairs.column_names[: 2 + number]) for number in range(3)}


def test_a_negative_that_is_always_another_passage_is_refused() -> None:
    source = incomplete("s", {"en": range(40)}, 1, {n: (n + 1) % 2 for n in range(40)})
    with pytest.raises(UserError, match="distinct texts"):
        HybridBatchSampler([source], 4, 1, 1.0, seed=0).batch(0)


def test_equal_negatives_of_a_pair_are_refused() -> None:
    others = {n: n + 50 for n in range(40)}
    source = incomplete("s", {"en": range(40)}, 1, others, others)
    with pytest.raises(UserError, match="distinct texts"):
        HybridBatchSampler([source], 4, 1, 1.0, seed=0).batch(0)
