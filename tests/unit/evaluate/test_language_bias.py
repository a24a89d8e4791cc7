"""Language bias of rankings against brute force, and by pencil."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.stats
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import measure_language_bias as language_bias
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_table, write_manifest, write_table
from hybridbatch.config.load import load_config
from hybridbatch.encode.vectors import shard_name
from hybridbatch.evaluate.language_bias import (
    NO_PASSAGE,
    QUERY,
    equal_expected_rank,
    language_shares,
    measure_queries,
    normalised_rank_distance,
    own_language_preference,
    own_language_share,
    pooled_top,
    rank_consistency,
    share_divergence,
    spearman,
)

ROOT = Path(__file__).parents[3]
RUN = "tiny/hybrid/seed1"
POOL = {"de": 6, "en": 9, "th": 3}
Ranking = dict[tuple[str, str], list[str]]


def write_topk(file: Path, seed: int, depth: int) -> Ranking:
    """Write blocks with many equal scores; return the whole ranking of each query's pool, ids broken by hand."""
    random = np.random.default_rng(seed)
    rows, rankings = [], {}
    for language in POOL:
        for query in ("q1", "q2", "q3"):
            if (language, query) == ("th", "q3"):
                continue
            scored = [
                (-float(random.integers(5)) / 4, f"{code}/{n}") for code, size in POOL.items() for n in range(size)
            ]
            rankings[language, query] = [passage for _, passage in sorted(scored)]
            for code in POOL:
                block = sorted(pair for pair in scored if pair[1].startswith(code))[:depth]
                rows += [(language, query, code, i + 1, name, -value) for i, (value, name) in enumerate(block)]
    names = ["query_language", "query_id", "passage_language", "rank", "passage_id", "score"]
    frame = pd.DataFrame(rows, columns=names).sample(frac=1, random_state=seed)
    table = pa.Table.from_pandas(frame.astype({"rank": "int32", "score": "float32"}), preserve_index=False)
    for place, name in enumerate(names):
        if pa.types.is_large_string(table[name].type) or pa.types.is_string(table[name].type):
            table = table.set_column(place, name, table[name].dictionary_encode())
    write_table(file, table)
    return rankings


@pytest.mark.parametrize(("seed", "k", "depth"), [(1, 5, 5), (2, 4, 9), (3, 1, 2), (4, 18, 18)])
def test_measures_of_queries_equal_brute_force(tmp_path: Path, seed: int, k: int, depth: int) -> None:
    rankings = {key: ranking[:k] for key, ranking in write_topk(tmp_path / "topk.parquet", seed, depth).items()}
    top = pooled_top(tmp_path / "topk.parquet", k)
    found: Ranking = {}
    for language, query, passage in zip(top["query_language"], top["query_id"], top["passage_id"], strict=True):
        found.setdefault((language, query), []).append(passage)
    assert found == rankings

    measured = measure_queries(top, POOL, k).set_index(["query_language", "query_id"])
    assert len(measured) == len(rankings)
    for (language, query), ranking in rankings.items():
        row = measured.loc[(language, query)]
        own = sum(passage.startswith(language) for passage in ranking) / len(ranking)
        assert row[f"own_language_share@{k}"] == pytest.approx(own)
        assert row[f"own_language_preference@{k}"] == pytest.approx(own - POOL[language] / 18)
        others = [other for other in POOL if other != language and (other, query) in rankings]
        expected = np.mean([correlate(ranking, rankings[other, query]) for other in others])
        assert row[f"rank_consistency@{k}"] == pytest.approx(expected)


def correlate(first: list[str], second: list[str]) -> float:
    """Spearman's correlation over the union, by scipy; what a list lacks stands behind it."""
    union = sorted({*first, *second})
    if len(union) == 1:
        return 1.0
    ranks = [[own.index(item) if item in own else len(own) for item in union] for own in (first, second)]
    return float(scipy.stats.spearmanr(*ranks).statistic)


RANK = st.one_of(st.none(), st.integers(1, 12))
RELEVANT = st.dictionaries(st.sampled_from(["de", "en", "th"]), st.lists(RANK, min_size=1, max_size=4), min_size=1)


@pytest.mark.slow
@given(st.lists(RELEVANT, min_size=1, max_size=4), st.integers(1, 13), st.randoms())
@settings(max_examples=200, deadline=None)
def test_peer_equals_scipy_query_by_query(queries: list[dict[str, list[int | None]]], k: int, random: Random) -> None:
    rows = [
        ("en", f"q{number}", language, rank)
        for number, relevant in enumerate(queries)
        for language, ranks in relevant.items()
        for rank in ranks
    ]
    random.shuffle(rows)
    found = equal_expected_rank(pd.DataFrame(rows, columns=[*QUERY, "passage_language", "rank_in_pool"]), k)
    assert len(found) == len(queries)
    for number, relevant in enumerate(queries):
        groups = [[min(rank or k + 1, k + 1) for rank in ranks] for ranks in relevant.values()]
        different = {rank for group in groups for rank in group}
        testable = len(groups) > 1 and len(different) > 1
        expected = scipy.stats.kruskal(*groups).pvalue if testable else 1
        assert found["en", f"q{number}"] == pytest.approx(expected)


def test_peer_of_one_relevant_passage_per_language_tells_only_whether_any_is_found() -> None:
    random = np.random.default_rng(1)
    rows = [("en", f"q{n}", f"l{m}", rank) for n in range(50) for m, rank in enumerate(random.permutation(99)[:11] + 1)]
    ranks = pd.DataFrame(rows, columns=[*QUERY, "passage_language", "rank_in_pool"])
    best = ranks.groupby("query_id")["rank_in_pool"].min()
    peer = equal_expected_rank(ranks, 10)["en"]
    assert 0 < (best > 10).sum() < 50
    assert list(peer.loc[best.index]) == pytest.approx(list(np.where(best > 10, 1, scipy.stats.chi2.sf(10, 10))))


@pytest.mark.parametrize("k", [2, 7])
def test_shares_and_their_divergence_equal_brute_force(tmp_path: Path, k: int) -> None:
    rankings = write_topk(tmp_path / "topk.parquet", 5, 9)
    shares = language_shares(pooled_top(tmp_path / "topk.parquet", k), POOL)
    divergence = share_divergence(shares)
    assert len(shares) == 9
    for language in POOL:
        passages = [passage for (own, _), ranking in rankings.items() if own == language for passage in ranking[:k]]
        gaps = []
        for code, size in POOL.items():
            row = shares[(shares["query_language"] == language) & (shares["passage_language"] == code)].iloc[0]
            expected = sum(passage.startswith(code) for passage in passages) / len(passages)
            assert (row["share_in_top"], row["share_in_pool"]) == pytest.approx((expected, size / 18))
            gaps.append(abs(expected - size / 18))
        assert divergence[language] == pytest.approx(sum(gaps) / 2)


LISTS = st.tuples(st.integers(1, 6), st.integers(1, 6), st.permutations(range(7)), st.permutations(range(7)))


@pytest.mark.slow
@given(st.lists(LISTS, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_spearman_equals_scipy_for_lists_of_any_lengths(pairs: list[tuple[int, int, list[int], list[int]]]) -> None:
    first, second = (np.full((len(pairs), 6), NO_PASSAGE, dtype=np.int64) for _ in range(2))
    expected = []
    for row, (a, b, left, right) in enumerate(pairs):
        first[row, :a], second[row, :b] = left[:a], right[:b]
        expected.append(correlate([str(n) for n in left[:a]], [str(n) for n in right[:b]]))
    assert spearman(first, second) == pytest.approx(expected)
    assert spearman(second, first) == pytest.approx(expected)
    assert spearman(first, first) == pytest.approx(np.ones(len(pairs)))


def test_lists_without_a_common_passage_stay_above_minus_one() -> None:
    places = np.arange(10)[None]
    assert spearman(places, places + 10) == pytest.approx(-0.858369, abs=1e-6)
    assert spearman(places[:, :1], places[:, :1] + 10) == pytest.approx(-1)


def one_language(languages: list[str], passages: list[list[str]]) -> pd.DataFrame:
    """Return the best passages of one question in several languages; a passage's language is its first two letters."""
    rows = [
        (language, "q", passage[:2], passage, position + 1)
        for language, ranking in zip(languages, passages, strict=True)
        for position, passage in enumerate(ranking)
    ]
    frame = pd.DataFrame(rows, columns=["query_language", "query_id", "passage_language", "passage_id", "position"])
    return frame.astype(dict.fromkeys(["query_language", "query_id", "passage_language", "passage_id"], "category"))


def test_a_single_language_is_degenerate() -> None:
    top = one_language(["en"], [["en1", "en2"]])
    share = own_language_share(top)
    assert list(share) == [1]
    assert list(own_language_preference(share, {"en": 4})) == [0]
    assert list(share_divergence(language_shares(top, {"en": 4}))) == [0]
    assert rank_consistency(top, 2).isna().all()


def test_the_own_language_may_be_avoided_and_be_absent_from_the_pool() -> None:
    share = own_language_share(one_language(["en", "fr"], [["de1", "de2"], ["de1", "en1"]]))
    assert list(own_language_preference(share, {"de": 3, "en": 1})) == [-0.25, 0]


def test_normalised_rank_distance_by_pencil() -> None:
    distances = np.array([0.0, 5.0, 10.0, np.nan])
    assert normalised_rank_distance(distances, 11) == pytest.approx([0, 0.5, 1, np.nan], nan_ok=True)
    assert np.isnan(normalised_rank_distance(np.zeros(1), 1)).all()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "topk.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"topk\.parquet: cannot be read as parquet"):
        pooled_top(tmp_path / "topk.parquet", 3)


def write_experiment(folder: Path) -> list[str]:
    """Write a run over a benchmark of three languages, of which one lacks a question; return the program's options."""
    rankings = write_topk(folder / f"search/{RUN}/quiz/topk.parquet", 7, 9)
    random = np.random.default_rng(7)
    embeddings = folder / f"embeddings/{RUN}/quiz"
    embeddings.mkdir(parents=True)
    for code, size in POOL.items():
        queries = [query for language, query in rankings if language == code]
        prepared = folder / "benchmarks" / "quiz" / code
        write_table(prepared / "queries.parquet", pa.table({"query_id": queries}))
        write_table(prepared / "passages.parquet", pa.table({"passage_id": [f"{code}/{n}" for n in range(size)]}))
        np.save(embeddings / shard_name(code, "queries", 0), random.normal(size=(len(queries), 4)).astype("float32"))
    write_manifest(embeddings, {})
    relevant = [(*key, code, random.choice(12) + 1) for key in rankings for code in ("de", "en") for _ in range(2)]
    ranks = pd.DataFrame(relevant, columns=["query_language", "query_id", "passage_language", "rank_in_pool"])
    ranks.loc[0, "rank_in_pool"] = None
    write_table(folder / f"search/{RUN}/quiz/ranks.parquet", pa.Table.from_pandas(ranks, preserve_index=False))
    measures = pd.DataFrame(
        [("quiz", setting, *key, 8.5) for key in rankings for setting in ("mono", "multi")],
        columns=["benchmark", "setting", "query_language", "query_id", "rank_distance"],
    )
    measures.loc[measures["setting"] == "mono", "rank_distance"] = None
    write_table(folder / f"measures/{RUN}.parquet", pa.Table.from_pandas(measures, preserve_index=False))
    options = ["--run", RUN, "--results", str(folder), "--languages", json.dumps({"quiz": list(POOL)})]
    return [*options, "--settings", json.dumps({"bias_depth": 4}), "--output", str(folder / "seed1.parquet")]


def test_the_program_writes_a_row_per_query_like_measures(tmp_path: Path) -> None:
    language_bias.main(write_experiment(tmp_path))
    rows = read_table(tmp_path / "seed1.parquet").to_pandas()
    assert list(rows.columns) == [
        *("benchmark", "setting", "query_language", "passage_language", "query_id", "normalised_rank_distance"),
        *("own_language_share@4", "own_language_preference@4", "rank_consistency@4", "peer@4"),
    ]
    assert len(rows) == 8
    assert set(rows["setting"]) == {"multi"} and rows["passage_language"].isna().all()
    assert rows["normalised_rank_distance"].tolist() == [0.5] * 8
    assert rows.drop(columns="passage_language").notna().all(axis=None)
    shares = pd.read_csv(tmp_path / "seed1.shares.csv")
    assert shares.groupby("query_language")["share_in_top"].sum().tolist() == pytest.approx([1, 1, 1])
    probe = pd.read_csv(tmp_path / "seed1.identifiability.csv").set_index("measure")["value"]
    assert probe["probe_chance"] == pytest.approx(1 / 3)
    assert set(probe.index) == {
        *("probe_accuracy", "probe_chance", "centroid_distance", "offset_share", "language_variance")
    }


def test_vectors_of_a_sample_are_those_of_its_questions(tmp_path: Path) -> None:
    write_experiment(tmp_path)
    languages = list(POOL)
    found = language_bias.read_sample(
        tmp_path / "benchmarks" / "quiz", tmp_path / f"embeddings/{RUN}/quiz", languages, 2
    )
    questions = np.unique(found.question)
    assert len(questions) == 2
    for number, code in enumerate(languages):
        stored = np.load(tmp_path / f"embeddings/{RUN}/quiz" / shard_name(code, "queries", 0))
        own = found.vectors[found.language == number]
        assert len(own) in (1, 2)
        assert all((stored == vector).all(axis=1).any() for vector in own.astype("float32"))


def test_the_depth_of_bias_is_no_more_than_that_of_search() -> None:
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    values |= {"search": {"depth": 20}}
    assert load_config(values | {"evaluation": {"bias_depth": 20}}).evaluation.bias_depth == 20
    with pytest.raises(UserError, match=r"evaluation\.bias_depth: 21 is more than search\.depth: 20"):
        load_config(values | {"evaluation": {"bias_depth": 21}})
