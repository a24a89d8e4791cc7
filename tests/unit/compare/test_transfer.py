"""Transfer to unseen languages: groups, their means, the table and the figure."""

from pathlib import Path

import pandas as pd
import pytest

import write_transfer as program
from hybridbatch.compare.language_groups import FAMILIES, groups
from hybridbatch.compare.transfer import group_means, transfer_blocks
from hybridbatch.config.benchmarks import Setting
from hybridbatch.report.score_tables import DEFAULT_METRICS, SUMMARY_COLUMNS

LANGUAGES = {"de": 0.8, "en": 0.9, "ru": 0.5, "zh": 0.3}
UNSEEN = ["ru", "zh"]


def summary(setting: Setting = "mono") -> pd.DataFrame:
    rows = []
    for strategy, seeds, gain in (("none", [0], 0.0), ("hybrid", [1, 2], 0.1)):
        for seed in seeds:
            for language, value in LANGUAGES.items():
                rows.append(("b", setting, "map", "e", strategy, seed, language, value + gain + 0.01 * seed))
            rows.append(("b", setting, "map", "e", strategy, seed, "mean", 0.0))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def test_groups_of_languages() -> None:
    assert groups("ru", UNSEEN) == {"training": "unseen", "script": "Cyrl", "family": "Indo-European"}
    assert groups("zh-Hant", []) == {"training": "seen", "script": "Hant", "family": "Sino-Tibetan"}
    assert groups("qu", [])["family"] == "unknown"
    codes = [code for family in FAMILIES.values() for code in family]
    assert len(codes) == len(set(codes))


def test_a_group_mean_is_the_mean_over_its_languages_and_then_over_seeds() -> None:
    means = group_means(summary(), UNSEEN, DEFAULT_METRICS).set_index(["strategy", "grouping", "group"])
    assert means.loc[("none", "training", "seen"), "mean"] == pytest.approx(0.85)
    assert means.loc[("hybrid", "training", "unseen"), "mean"] == pytest.approx(0.4 + 0.1 + 0.015)
    assert means.loc[("hybrid", "training", "unseen"), "sd"] == pytest.approx(0.01 / 2**0.5)
    assert means.loc[("hybrid", "script", "Latn"), "languages"] == "de en"
    assert pd.isna(means.loc[("none", "training", "seen"), "sd"])


def test_the_table_has_a_column_per_group_and_marks_the_best() -> None:
    (block,) = transfer_blocks(group_means(summary(), UNSEEN, DEFAULT_METRICS))
    assert block.benchmark == "b, monolingual"
    assert block.columns == [
        "seen (2)", "unseen (2)", "Cyrl (1)", "Hans (1)", "Latn (2)", "Indo-European (3)", "Sino-Tibetan (1)",
    ]  # fmt: skip
    untuned, hybrid = block.rows
    assert (untuned.strategy, hybrid.strategy, hybrid.seeds) == ("none", "hybrid", 2)
    assert all(cell.best for cell in hybrid.cells) and not any(cell.best for cell in untuned.cells)


def test_the_best_rank_distance_is_the_lowest() -> None:
    distances = summary("mono").assign(setting="bias", metric="rank_distance")
    (block,) = transfer_blocks(group_means(distances, UNSEEN, DEFAULT_METRICS))
    assert [row.cells[0].best for row in block.rows] == [True, False]


def test_the_program_writes_table_and_figure_alike_twice(tmp_path: Path) -> None:
    file = tmp_path / "summary.csv"
    summary().to_csv(file, index=False)
    for folder in ("one", "two"):
        argv = ["--summary", str(file), "--strategies", "hybrid", "--unseen", *UNSEEN]
        program.main([*argv, "--tables", str(tmp_path / folder), "--figures", str(tmp_path / folder)])
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert written == [f"transfer.{suffix}" for suffix in ("csv", "html", "md", "pdf", "svg", "tex")]
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert "change of mAP" in (tmp_path / "one" / "transfer.svg").read_text(encoding="utf-8")
