"""Quality control of translations: each check on bad and on correct translations, in several scripts."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hybridbatch.backbone.encoder import load_encoder
from hybridbatch.clean.translation_quality import (
    QualityControl,
    encoder_similarity,
    identifiable,
    length_ratio,
    other_language,
    repetition,
    same_language,
    script_share,
)
from hybridbatch.common.errors import UserError
from hybridbatch.config.cleaning import Quality
from hybridbatch.data.tmx import read_tmx

DEMO = Path(__file__).parents[3] / "data" / "demo"
ENGLISH = "The town hall was built in the seventeenth century and burnt down twice before the war."
CORRECT = {
    "de": "Das Rathaus wurde im siebzehnten Jahrhundert gebaut und brannte vor dem Krieg zweimal ab.",
    "ru": "Ратуша была построена в семнадцатом веке и дважды сгорела до войны.",
    "zh": "市政厅建于十七世纪，在战前曾两次被烧毁，后来由市民们重新修建起来。",
    "ar": "بُني مبنى البلدية في القرن السابع عشر واحترق مرتين قبل الحرب.",
    "hi": "नगर भवन सत्रहवीं शताब्दी में बनाया गया था और युद्ध से पहले दो बार जल गया था।",
    "th": "ศาลากลางสร้างขึ้นในศตวรรษที่สิบเจ็ดและถูกไฟไหม้สองครั้งก่อนสงคราม",
    "ja": "市庁舎は十七世紀に建てられ、戦争の前に二度焼け落ちました。",
    "ko": "시청은 17세기에 지어졌으며 전쟁 전에 두 번 불에 탔습니다.",
    "te": "పట్టణ మందిరం పదిహేడవ శతాబ్దంలో నిర్మించబడింది మరియు యుద్ధానికి ముందు రెండుసార్లు కాలిపోయింది.",
}


def control(language: str, **settings: object) -> QualityControl:
    return QualityControl(Quality.model_validate(settings), language, {"query": 0.0, "passage": 0.0})


def failure(language: str, text: str, source: str = ENGLISH, **settings: object) -> str | None:
    return control(language, length_log_ratio=[-1.6, 1.6], **settings).failures([text], [source], "passage")[0]


@pytest.mark.parametrize("language", CORRECT)
def test_correct_translations_pass(language: str) -> None:
    assert failure(language, CORRECT[language]) is None


@pytest.mark.parametrize("language", CORRECT)
def test_copies_of_the_source_fail(language: str) -> None:
    assert failure(language, ENGLISH) == "untranslated"
    assert failure(language, ENGLISH.upper().replace("TWICE", "ZWEIMAL")) == "untranslated"


@pytest.mark.parametrize(
    ("language", "other"),
    [("ru", "de"), ("zh", "ru"), ("ar", "hi"), ("hi", "ar"), ("th", "zh"), ("de", "zh"), ("ko", "te"), ("te", "th")],
)
def test_wrong_script_fails(language: str, other: str) -> None:
    assert failure(language, CORRECT[other]) == "script"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", CORRECT["de"]),
        ("de", "L'hôtel de ville a été construit au dix-septième siècle et a brûlé deux fois avant la guerre."),
        ("ru", "Ратушу збудували в сімнадцятому столітті, і до війни вона двічі згоріла."),
        ("ar", "تالار شهر در قرن هفدهم ساخته شد و پیش از جنگ دو بار در آتش سوخت."),
    ],
)
def test_wrong_language_in_the_same_script_fails(language: str, text: str) -> None:
    assert failure(language, text) == "language"


@pytest.mark.parametrize("language", ["de", "ru", "zh"])
def test_short_names_pass(language: str) -> None:
    assert failure(language, "Michel Rocard", "Michel Rocard") is None


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Das Rathaus wurde gebaut und " + "gebaut und " * 12),
        ("zh", "市政厅建于十七世纪" + "十七世纪" * 12),
        ("th", "ศาลากลาง" * 12),
        ("ar", "بني مبنى البلدية " * 8),
    ],
)
def test_loops_fail(language: str, text: str) -> None:
    assert failure(language, text, checks=["repetition"]) == "repetition"
    assert failure(language, CORRECT[language], checks=["repetition"]) is None


def test_repetition_as_in_the_source_passes() -> None:
    song = "We will rock you, we will rock you. " * 5
    assert failure("de", "Wir werden euch rocken, " * 10, song, checks=["repetition"]) is None


def test_lengths_are_relative_to_the_median_of_the_file() -> None:
    long = CORRECT["de"]
    assert control("de", checks=["length_ratio"]).failures([long, long[:12], long * 5], [ENGLISH] * 3, "passage") == [
        None,
        "length_ratio",
        "length_ratio",
    ]
    # A length that is short for German is normal for Chinese.
    chinese = QualityControl(Quality(checks=["length_ratio"]), "zh", {"query": -1.2, "passage": -1.2})
    assert chinese.failures([CORRECT["zh"], long], [ENGLISH] * 2, "passage") == [None, "length_ratio"]


def test_length_ratio_is_a_smoothed_logarithm() -> None:
    assert length_ratio("a" * 190, "a" * 90) == pytest.approx(math.log(2))
    assert abs(length_ratio("Ja", "Certainly")) < 0.5


def test_repetition_is_a_share() -> None:
    assert repetition("") == 0
    assert repetition("abcdefghijklmnop") == 0
    assert repetition("ab" * 50) == pytest.approx(1 - 2 / 93)


@pytest.mark.parametrize(
    ("text", "language", "share"),
    [
        ("Привет, world", "ru", 6 / 11),
        ("日本語カナかな", "ja", 1),
        ("漢字", "zh-Hant", 1),
        ("漢字", "ko", 1),
        ("1234 !?", "ru", 1),
        ("ελληνικά", "en", 0),
        ("zdravo", "sr-Latn", 1),
    ],
)
def test_script_share(text: str, language: str, share: float) -> None:
    assert script_share(text, language) == pytest.approx(share)


def test_similar_languages_count_as_the_same() -> None:
    assert same_language("zh", "wuu")
    assert same_language("pt-BR", "pt")
    assert same_language("nb", "no")
    assert same_language("id", "ms")
    assert not same_language("hi", "mr")
    assert other_language(CORRECT["zh"], "zh") is None


def test_languages_unknown_to_the_identifier_are_not_checked() -> None:
    assert identifiable("yo")
    assert not identifiable("chr")
    assert "language" not in control("chr").checks


def test_dissimilar_translations_fail() -> None:
    def similarity(_sources: object, _texts: object, column: str) -> NDArray[np.float64]:
        assert column == "query"
        return np.array([0.9, 0.1])

    settings = Quality(checks=["similarity"], encoder="me5-small", min_similarity=0.5)
    checked = QualityControl(settings, "de", {"query": 0, "passage": 0}, similarity)
    assert checked.failures(["a", "b"], ["c", "d"], "query") == [None, "similarity"]
    with pytest.raises(UserError, match="needs encoder"):
        QualityControl(settings, "de", {"query": 0, "passage": 0}).failures(["a"], ["b"], "query")


def test_inconsistent_settings_are_errors() -> None:
    with pytest.raises(ValueError, match="go together"):
        Quality(checks=["similarity"])
    with pytest.raises(ValueError, match="low < 0 < high"):
        Quality(length_log_ratio=(0.5, 1.0))


def test_similarity_is_the_cosine_of_the_vectors(backbone: Path) -> None:
    similarity = encoder_similarity(backbone, "auto")
    same, other = similarity(["ab c", "ab c"], ["ab c", "bbb"], "passage")
    assert same == pytest.approx(1, abs=1e-6)
    model = load_encoder(backbone, "cpu")
    assert other == pytest.approx(float(model.similarity(*model.encode_document(["ab c", "bbb"]))), abs=1e-6)
    assert similarity([], [], "query").shape == (0,)


@pytest.mark.parametrize("language", ["ar", "de", "el", "es", "hi", "ru", "tr", "zh"])
def test_human_translations_pass(language: str) -> None:
    memory = read_tmx(DEMO / f"en-{language}.tmx", language)
    median = float(np.median([length_ratio(text, source) for source, text in memory.items()]))
    checked = QualityControl(Quality(), language, {"passage": median})
    failures = [failure for failure in checked.failures(list(memory.values()), list(memory), "passage") if failure]
    assert len(failures) <= 0.01 * len(memory), failures
