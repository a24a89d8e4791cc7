"""The laws of the hybrid batch sampler."""

from collections import Counter
from collections.abc import Mapping, Sequence

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridbatch.common.errors import UserError
from hybridbatch.train.aligned_pairs import AlignedPairs
from hybridbatch.train.hybrid_batches import Example, HybridBatchSampler, PairDataset

LANGUAGES = ("ar", "de", "en")


def incomplete(name: str, ids: Mapping[str, Sequence[int]], repeat: int = 1) -> AlignedPairs:
    """Pairs in memory: the ids that each language has; a passage is the same for ``repeat`` consecutive ids."""
    tables = {
        language: datasets.Dataset.from_dict(
            {
                "pair_id": [str(number) for number in numbers],
                "query": [f"{name} q {language} {number}" for number in numbers],
                "passage": [f"{name} p {language} {number // repeat}" for number in numbers],
            }
        )
        for language, numbers in ids.items()
    }
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
        sources.append(incomplete(f"s{index}", ids, REPEAT))
    return HybridBatchSampler(
        sources,
        batch_size=draw(st.integers(2, 6)),
        steps=6,
        alpha=draw(st.sampled_from([0.0, 0.3, 1.0])),
        seed=draw(st.integers(0, 2**32 - 1)),
        size_exponent=draw(st.sampled_from([0.0, 0.5, 1.0])),
        pair_scope=draw(st.sampled_from(["batch", "example"])),
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
        assert len(kinds) == 1, "a batch is monolingual or cross-lingual, never both"
        if kinds == {True} or sampler.pair_scope == "batch":
            assert len(languages_of(batch)) == 1
        assert len({example.row for example in batch}) == len(batch)
        assert len({example.query for example in batch}) == len(batch)
        assert len({example.passage for example in batch}) == len(batch)


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
    sampler = HybridBatchSampler([source], 2, steps, 1.0, seed=5, size_exponent=exponent)
    english = sum(b[0].query_language == "en" for b in sampler) / steps
    assert abs(english - share) < 4 * (share * (1 - share) / steps) ** 0.5


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


def test_every_language_pair_and_row_is_drawn() -> None:
    sampler = HybridBatchSampler([complete("s", 20)], 10, 400, 0.0, seed=0)
    batches = list(sampler)
    assert set().union(*(languages_of(b) for b in batches)) == {(q, p) for q in LANGUAGES for p in LANGUAGES if q != p}
    assert {example.row for batch in batches for example in batch} == set(range(20))


def test_two_seeds_give_two_streams() -> None:
    one, two = (list(HybridBatchSampler([complete("s", 50)], 4, 10, 0.5, seed=seed)) for seed in (1, 2))
    assert one != two


def test_a_batch_larger_than_a_source_is_refused() -> None:
    with pytest.raises(UserError, match=r"training\.batch_size: 50 is more than the 40 pairs that source s has"):
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
