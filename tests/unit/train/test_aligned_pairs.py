"""Aligned pairs behave like a dictionary of texts by id and language."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import write_pairs

from hybridbatch.common.errors import UserError
from hybridbatch.train.aligned_pairs import AlignedPairs

SCRIPTS = Path(__file__).parents[3] / "workflow/scripts"
IDS = [f"id{number}" for number in range(7)]


def pair(pair_id: str, language: str) -> tuple[str, str]:
    return f"query {pair_id} {language}", f"passage {pair_id} {language}"


def open_pairs(folder: Path, ids: dict[str, list[str]]) -> AlignedPairs:
    """Write and open the pairs of a source: the ids of each language in the order of its file."""
    files = {
        language: write_pairs(folder / f"{language}.parquet", {i: pair(i, language) for i in rows})
        for language, rows in ids.items()
    }
    return AlignedPairs(files, "source", folder / "cache")


def rows_by_id(aligned: AlignedPairs, language: str) -> dict[str, int]:
    """Return the row of each id that a language has, found through its texts."""
    rows = aligned.draw(np.random.default_rng(0), len(aligned), language, language).tolist()
    return {text.split()[1]: row for text, row in zip(aligned.queries(rows, language), rows, strict=True)}


def test_complete_languages_in_different_orders(tmp_path: Path) -> None:
    aligned = open_pairs(tmp_path, {"en": IDS, "de": IDS[::-1], "fr": IDS})
    assert len(aligned) == len(IDS)
    assert aligned.languages == ("de", "en", "fr")
    assert {aligned.size(q, p) for q in aligned.languages for p in aligned.languages} == {len(IDS)}
    rows = [4, 0, 4]
    ids = {language: [text.split()[1] for text in aligned.queries(rows, language)] for language in aligned.languages}
    assert ids["de"] == ids["en"] == ids["fr"]
    assert ids["en"][0] == ids["en"][2] != ids["en"][1]


def test_rows_keep_the_order_of_files_that_agree(tmp_path: Path) -> None:
    aligned = open_pairs(tmp_path, {"en": IDS, "de": IDS})
    assert aligned.queries(range(7), "de") == [pair(i, "de")[0] for i in IDS]
    assert aligned.passages([6, 2], "en") == [pair("id6", "en")[1], pair("id2", "en")[1]]


def test_languages_that_lack_ids(tmp_path: Path) -> None:
    aligned = open_pairs(tmp_path, {"en": IDS, "de": IDS[3:], "fr": IDS[:4]})
    assert len(aligned) == len(IDS)
    assert [aligned.size(*pair) for pair in (("en", "de"), ("de", "en"), ("fr", "de"), ("fr", "fr"))] == [4, 4, 1, 4]
    assert aligned.size("en", "es") == aligned.size("es", "es") == 0
    (row,) = aligned.draw(np.random.default_rng(0), 10, "fr", "de")
    assert aligned.queries([row], "fr") == [pair("id3", "fr")[0]]
    assert aligned.passages([row], "de") == [pair("id3", "de")[1]]


def test_draws_are_distinct_random_and_repeatable(tmp_path: Path) -> None:
    aligned = open_pairs(tmp_path, {"en": IDS, "de": IDS[1:]})
    drawn = [aligned.draw(np.random.default_rng(seed), 4, "en", "de").tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    counts = np.zeros(len(aligned))
    rng = np.random.default_rng(0)
    for _ in range(600):
        rows = aligned.draw(rng, 2, "en", "de")
        assert len(set(rows.tolist())) == 2
        counts[rows] += 1
    absent = rows_by_id(aligned, "en")["id0"]
    assert counts[absent] == 0
    # Six rows, each drawn with probability 1/3: 200 times on average, with a standard deviation of 12.
    assert np.all(np.abs(np.delete(counts, absent) - 200) < 60)


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (128, 50), (1_000, 1_000), (25_000, 100), (25_000, 25_000)])
def test_draws_are_those_from_a_list_of_the_common_rows(rows: int, count: int) -> None:
    random = np.random.default_rng(rows)
    ids = {code: [str(n) for n in random.permutation(rows) if n % 7 != gap] for code, gap in (("de", 3), ("en", 5))}
    tables = {
        code: datasets.Dataset.from_dict(dict.fromkeys(("pair_id", "query", "passage"), own))
        for code, own in ids.items()
    }
    aligned = AlignedPairs(tables)
    union = list(dict.fromkeys([*ids["de"], *ids["en"]]))
    for first, second in (("de", "en"), ("en", "de"), ("en", "en")):
        both = set(ids[first]) & set(ids[second])
        common = np.array([row for row, name in enumerate(union) if name in both])
        expected = common[np.random.default_rng(1).choice(len(common), size=min(count, len(common)), replace=False)]
        assert aligned.draw(np.random.default_rng(1), count, first, second).tolist() == expected.tolist()


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    open_pairs(tmp_path, {"en": IDS})
    aligned = open_pairs(tmp_path, {"en": IDS[:2]})
    assert aligned.queries(range(len(aligned)), "en") == [pair(i, "en")[0] for i in IDS[:2]]


@pytest.mark.slow
def test_processes_share_a_cache(tmp_path: Path) -> None:
    """Two processes open the same files at once; a third finds their copies and writes nothing."""
    files = {
        language: write_pairs(tmp_path / f"{language}.parquet", {"1": pair("1", language)}) for language in ("de", "en")
    }
    program = "import sys; from hybridbatch.train.aligned_pairs import AlignedPairs as A; A(eval(sys.argv[1]), cache=sys.argv[2])"
    command = [sys.executable, "-c", program, str({language: str(file) for language, file in files.items()})]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    started = [subprocess.Popen([*command, str(tmp_path / "cache")], env=environment) for _ in range(2)]
    assert [process.wait(timeout=60) for process in started] == [0, 0]
    copies = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.arrow")}
    assert len(copies) == 2
    assert AlignedPairs(files, cache=tmp_path / "cache").queries([0], "de") == [pair("1", "de")[0]]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.arrow")} == copies


def test_data_sets_in_memory_in_any_order_and_format() -> None:
    tables = {}
    for language in ("de", "en"):
        columns = {
            "pair_id": IDS,
            "query": [pair(i, language)[0] for i in IDS],
            "passage": [pair(i, language)[1] for i in IDS],
        }
        tables[language] = datasets.Dataset.from_dict({**columns, "unused": range(len(IDS))})
    aligned = AlignedPairs({"de": tables["de"].shuffle(seed=1), "en": tables["en"].with_format("numpy")})
    rows = aligned.draw(np.random.default_rng(0), len(IDS), "de", "en").tolist()
    numbers = [text.split()[1] for text in aligned.queries(rows, "de")]
    assert sorted(numbers) == IDS
    assert aligned.passages(rows, "en") == [pair(i, "en")[1] for i in numbers]
    assert sorted(aligned.texts("de")["query"]) == sorted(pair(i, "de")[0] for i in IDS)


def test_a_language_without_pairs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^source source has no pairs in de; leave the language out"):
        open_pairs(tmp_path, {"en": IDS, "de": []})


def test_a_language_without_a_column() -> None:
    table = datasets.Dataset.from_dict({"pair_id": ["1"], "query": ["q"]})
    with pytest.raises(
        UserError, match=r"^source pairs in en: has no column 'passage'; give pair_id, query and passage"
    ):
        AlignedPairs({"en": table})


PARTS = st.lists(st.sampled_from(IDS), min_size=1, unique=True)


@pytest.mark.slow
@settings(max_examples=25)
@given(ids=st.dictionaries(st.sampled_from(["de", "en", "fr"]), PARTS, min_size=1), seed=st.integers(0, 99))
def test_the_same_as_a_dictionary(ids: dict[str, list[str]], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        aligned = open_pairs(Path(folder), ids)
        assert len(aligned) == len(set().union(*ids.values()))
        rng = np.random.default_rng(seed)
        for query_language, query_ids in ids.items():
            assert set(rows_by_id(aligned, query_language)) == set(query_ids)
            for passage_language, passage_ids in ids.items():
                both = set(query_ids) & set(passage_ids)
                assert aligned.size(query_language, passage_language) == len(both)
                count = int(rng.integers(1, 9))
                rows = aligned.draw(rng, count, query_language, passage_language)
                assert len(set(rows.tolist())) == len(rows) == min(count, len(both))
                queries = aligned.queries(rows.tolist(), query_language)
                passages = aligned.passages(rows.tolist(), passage_language)
                for query, passage in zip(queries, passages, strict=True):
                    pair_id = query.split()[1]
                    assert pair_id in both
                    assert query == pair(pair_id, query_language)[0]
                    assert passage == pair(pair_id, passage_language)[1]
