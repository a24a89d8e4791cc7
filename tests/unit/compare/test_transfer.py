"""Transfer to unseen languages: groups and their means."""

import pandas as pd
import pytest
from example_measures import UNSEEN, transfer_summary

from hybridbatch.compare.language_groups import FAMILIES, groups
from hybridbatch.compare.transfer import group_means


def test_groups_of_languages() -> None:
    assert groups("ru", UNSEEN) == {"training": "unseen", "script": "Cyrl", "family": "Indo-European"}
    assert groups("zh-Hant", []) == {"training": "seen", "script": "Hant", "family": "Sino-Tibetan"}
    assert groups("qu", [])["family"] == "unknown"
    codes = [code for family in FAMILIES.values() for code in family.split()]
    assert len(codes) == len(set(codes))


def test_a_group_mean_is_the_mean_over_its_languages_and_then_over_seeds() -> None:
    means = group_means(transfer_summary(), UNSEEN).set_index(["strategy", "grouping", "group"])
    assert means.loc[("none", "training", "seen"), "mean"] == pytest.approx(0.85)
    assert means.loc[("hybrid", "training", "unseen"), "mean"] == pytest.approx(0.4 + 0.1 + 0.015)
    assert means.loc[("hybrid", "training", "unseen"), "sd"] == pytest.approx(0.01 / 2**0.5)
    assert means.loc[("hybrid", "script", "Latn"), "languages"] == "de en"
    assert pd.isna(means.loc[("none", "training", "seen"), "sd"])
