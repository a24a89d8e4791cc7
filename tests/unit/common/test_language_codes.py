"""Our language codes and those of translation models and Belebele."""

import pytest
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M100_PUBLISHED
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB_PUBLISHED

from hybridbatch.common.errors import UserError
from hybridbatch.common.language_codes import BELEBELE, M2M100, NLLB, check_codes, flores_code, model_codes


def test_tables_are_the_published_lists() -> None:
    assert set(M2M100_PUBLISHED["m2m100"]) == M2M100
    assert set(NLLB_PUBLISHED) == set(NLLB.values())


@pytest.mark.parametrize(
    ("family", "language", "codes"),
    [
        ("nllb", "en", ["eng_Latn"]),
        ("nllb", "ar", ["arb_Arab"]),
        ("nllb", "zh", ["zho_Hans"]),
        ("nllb", "zh-Hant", ["zho_Hant"]),
        ("nllb", "zh-TW", ["zho_Hant"]),
        ("nllb", "pt-BR", ["por_Latn"]),
        ("nllb", "fa", ["pes_Arab"]),
        ("nllb", "sw", ["swh_Latn"]),
        ("nllb", "no", ["nob_Latn"]),
        ("nllb", "fil", ["tgl_Latn"]),
        ("m2m100", "zh", ["zh"]),
        ("m2m100", "fil", ["tl"]),
        ("m2m100", "es-419", ["es"]),
        ("madlad", "te", ["te"]),
        ("madlad", "he", ["he", "iw"]),
        ("marian", "es", ["spa", "es", "spa_Latn", "es_Latn"]),
        ("marian", "zh-Hant", ["cmn_Hant", "zho_Hant", "zh_Hant", "cmn", "zho", "zh"]),
    ],
)
def test_codes_of_models(family: str, language: str, codes: list[str]) -> None:
    assert model_codes(family, language) == codes


@pytest.mark.parametrize(("family", "language"), [("m2m100", "te"), ("m2m100", "zh-Hant"), ("nllb", "sr-Latn")])
def test_an_unknown_language_is_named_with_those_allowed(family: str, language: str) -> None:
    with pytest.raises(UserError, match=rf"language '{language}': models of the family {family} .*; allowed: .*\ben\b"):
        model_codes(family, language)


def test_the_source_language_matters_only_to_models_that_need_its_code() -> None:
    check_codes("marian", "tlh", "es")
    with pytest.raises(UserError, match="'tlh'"):
        check_codes("nllb", "tlh", "es")


def test_models_have_the_languages_of_the_benchmarks() -> None:
    codes = "ar bn de el en es fa fi fr hi id ja ko ru sw te th tr vi yo zh"
    for language in codes.split():
        assert model_codes("nllb", language)
        assert model_codes("madlad", language)


def test_codes_of_belebele() -> None:
    assert len(BELEBELE) == len(set(BELEBELE)) == 122
    wanted = {
        "en": "eng_Latn",
        "ar": "arb_Arab",
        "fa": "pes_Arab",
        "sw": "swh_Latn",
        "zh": "zho_Hans",
        "et": "est_Latn",
    }
    wanted |= {"zh-Hant": "zho_Hant", "hi-Latn": "hin_Latn", "no": "nob_Latn", "lv": "lvs_Latn"}
    assert {language: flores_code(language) for language in wanted} == wanted
    with pytest.raises(ValueError, match="Belebele has no 'eo'"):
        flores_code("eo")
