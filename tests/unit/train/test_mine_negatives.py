"""Hard negatives against a brute-force search."""

import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sentence_transformers import SentenceTransformer
from tiny import write_pairs

import mine_negatives
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json
from hybridbatch.config.mining import Mining

WORDS = ["".join(letters) for letters in ("ab", "ba", "c", "cc", "aab", "bca")]
Row = tuple[str, str]


def rows(language: str, count: int, seed: int = 0) -> dict[str, Row]:
    """Return pairs with some repeated queries, some repeated passages, and passages that another language has, too."""
    draw = random.Random(f"{language}{seed}")
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(2, 5))) for _ in range(count)]
    shared = [" ".join(random.Random(seed + n).choices(WORDS, k=3)) for n in range(count)]
    found = {}
    for number in range(count):
        passage = shared[number] if number % 3 == 0 else texts[number // 5 * 5 if number % 5 == 1 else number]
        found[f"{(number * 7) % count:02d}"] = (texts[(number * 3) % (count - 4)], passage)
    return found


def mine(folder: Path, backbone: Path, pairs: dict[str, dict[str, Row]], **settings: Any) -> dict[str, dict[str, str]]:
    """Run the program for every language; return the negatives by language and id."""
    files = {language: write_pairs(folder / f"{language}.parquet", found) for language, found in pairs.items()}
    mined = {}
    for language, own in pairs.items():
        output = folder / f"{language}.mined.parquet"
        words = ["--pairs", *(f"{code}={file}" for code, file in files.items()), "--language", language]
        words += ["--settings", Mining(encoder="enc", **settings).model_dump_json(), "--encoder", str(backbone)]
        words += ["--batch-size", "8", "--device", "cpu", "--output", str(output)]
        mine_negatives.main([*words, "--record", str(folder / f"{language}.json")])
        table = pq.read_table(output)
        assert table.column_names == ["pair_id", "query", "passage", "negative"]
        mined[language] = {row["pair_id"]: row["negative"] for row in table.to_pylist()}
        kept = [row for row in own if row in mined[language]]
        assert table["pair_id"].to_pylist() == kept
        record = read_json(folder / f"{language}.json")
        assert (record["pairs_in"], record["pairs_kept"]) == (len(own), len(kept))
    return mined


@pytest.mark.parametrize("settings", [{}, {"skip": 3}, {"margin": 0.0}, {"margin": 0.03, "skip": 1}])
def test_negatives_are_those_of_a_search_through_all_passages(
    tmp_path: Path, still_backbone: Path, settings: dict[str, Any]
) -> None:
    pairs = {"de": rows("de", 24), "en": rows("en", 20)}
    mined = mine(tmp_path, still_backbone, pairs, **settings)
    model = SentenceTransformer(str(still_backbone), device="cpu")
    skip, margin = settings.get("skip", 0), settings.get("margin", 0.05)
    for language, found in pairs.items():
        expected = {}
        for pair_id, (query, passage) in found.items():
            same = [other for other, (asked, _) in found.items() if asked == query]
            excluded = {texts[other][1] for texts in pairs.values() for other in same if other in texts}
            lowest = {text: min(i for i, (_, p) in found.items() if p == text) for _, text in found.values()}
            texts = sorted(lowest, key=lambda text: lowest[text])
            scores = dict(zip(texts, (model.encode_query([query]) @ model.encode_document(texts).T)[0], strict=True))
            limit = scores[passage] - abs(scores[passage]) * margin
            allowed = [text for text in texts if text not in excluded and scores[text] <= limit]
            # Sorting is stable, so equal scores stay in the order of ids.
            ranked = sorted(allowed, key=lambda text: -scores[text])
            if len(ranked) > skip:
                expected[pair_id] = ranked[skip]
        assert expected
        assert mined[language] == expected
        for pair_id, negative in mined[language].items():
            assert negative not in {texts[pair_id][1] for texts in pairs.values() if pair_id in texts}


def test_equal_scores_are_ordered_by_id(tmp_path: Path, still_backbone: Path) -> None:
    # Beyond 20 tokens texts are truncated, so these passages have the same vector.
    first, second = (" ".join(["a b"] * 12) + end for end in (" b", " c"))
    model = SentenceTransformer(str(still_backbone), device="cpu")
    vectors = dict(zip([first, second, *WORDS], model.encode_document([first, second, *WORDS]), strict=True))
    assert (vectors[first] == vectors[second]).all()
    scores = {word: vectors[word] @ model.encode_query("ab c") for word in vectors}
    best = max(WORDS, key=lambda word: scores[word])
    assert scores[best] > scores[first]
    found = {"3": ("ab c", best), "2": ("b", second), "1": ("c", first)}
    assert mine(tmp_path, still_backbone, {"en": found}, margin=0.0)["en"]["3"] == first
    swapped = {"3": ("ab c", best), "1": ("b", second), "2": ("c", first)}
    assert mine(tmp_path, still_backbone, {"en": swapped}, margin=0.0)["en"]["3"] == second


def test_pairs_without_candidates_are_an_error(tmp_path: Path, still_backbone: Path) -> None:
    with pytest.raises(UserError, match=r"en\.parquet: no pair finds a negative; lower skip or margin"):
        mine(tmp_path, still_backbone, {"en": {"1": ("a", "b"), "2": ("a", "c")}})
