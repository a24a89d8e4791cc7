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


def mine(
    folder: Path, backbone: Path, pairs: dict[str, dict[str, Row]], **settings: Any
) -> dict[str, dict[str, list[str]]]:
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
        columns = [f"negative_{number + 1}" for number in range(settings.get("count", 1))]
        assert table.column_names == ["pair_id", "query", "passage", *columns]
        mined[language] = {row["pair_id"]: [row[column] for column in columns] for row in table.to_pylist()}
        kept = [row for row in own if row in mined[language]]
        assert table["pair_id"].to_pylist() == kept
        record = read_json(folder / f"{language}.json")
        assert (record["pairs_in"], record["pairs_kept"]) == (len(own), len(kept))
    return mined


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"range": [3, 20]},
        {"margin": 0.0, "count": 4},
        {"margin": 0.01, "range": [1, 4], "count": 2},
    ],
)
def test_negatives_are_those_of_a_search_through_all_passages(
    tmp_path: Path, still_backbone: Path, settings: dict[str, Any]
) -> None:
    pairs = {"de": rows("de", 24), "en": rows("en", 20)}
    mined = mine(tmp_path, still_backbone, pairs, **settings)
    model = SentenceTransformer(str(still_backbone), device="cpu")
    (skip, last), margin, count = (
        settings.get("range", (0, 100)),
        settings.get("margin", 0.05),
        settings.get("count", 1),
    )
    for language, found in pairs.items():
        texts = sorted({passage for _, passage in found.values()})
        excluded = {query: {
            translations[other][1]
            for translations in pairs.values() for other, (asked, _) in found.items()
            if asked == query and other in translations
        } for query, _ in found.values()}  # fmt: skip
        most = max(len(answers.intersection(texts)) for answers in excluded.values())
        expected = {}
        for pair_id, (query, _) in found.items():
            scores = dict(zip(texts, (model.encode_query([query]) @ model.encode_document(texts).T)[0], strict=True))
            lowest = min(scores[text] for text in excluded[query] if text in scores)
            # As many more passages are searched as a query has answers.
            nearest = sorted(texts, key=lambda text: -scores[text])[: last + most]
            limit = lowest - abs(lowest) * margin
            ranked = [text for text in nearest if text not in excluded[query] and scores[text] <= limit][skip:last]
            if len(ranked) >= count:
                expected[pair_id] = ranked[:count]
        assert expected
        assert mined[language] == expected
        for pair_id, negatives in mined[language].items():
            assert not {translations[pair_id][1] for translations in pairs.values() if pair_id in translations} & {
                *negatives
            }


def test_a_passage_left_untranslated_in_another_language_is_no_negative(tmp_path: Path, still_backbone: Path) -> None:
    """The German passage of a pair is the text of another pair in English."""
    english, german = rows("en", 20), rows("de", 20)
    for folder in ("without", "with"):
        (tmp_path / folder).mkdir()
    pair_id, (negative,) = next(iter(mine(tmp_path / "without", still_backbone, {"en": english})["en"].items()))
    german[pair_id] = ("a", negative)
    mined = mine(tmp_path / "with", still_backbone, {"de": german, "en": english})
    assert negative not in mined["en"].get(pair_id, [])


def test_pairs_without_candidates_are_an_error(tmp_path: Path, still_backbone: Path) -> None:
    with pytest.raises(UserError, match=r"en\.parquet: no pair finds enough negatives; lower count or margin"):
        mine(tmp_path, still_backbone, {"en": {"1": ("a", "b"), "2": ("a", "c")}})
