"""Means over queries, languages and seeds of measures that can be checked with a pencil."""

import math
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from example_measures import BENCHMARKS, LANGUAGES, measures, write_measures

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_table
from hybridbatch.evaluate.names import metric_label, parse_run, table_measures
from hybridbatch.evaluate.summary import block_means, over_seeds, read_csv, read_summary, summarise, to_csv


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_measures(tmp_path_factory.mktemp("measures"))


@pytest.fixture(scope="module")
def summary(files: dict[str, Path]) -> pd.DataFrame:
    return summarise(block_means(files))


def value(summary: pd.DataFrame, setting: str, metric: str, strategy: str, seed: int, language: str) -> float:
    keys = {
        "benchmark": "quiz_r",
        "setting": setting,
        "metric": metric,
        "strategy": strategy,
        "seed": seed,
        "language": language,
    }
    rows = summary[(summary[list(keys)] == pd.Series(keys)).all(axis="columns")]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


@pytest.mark.parametrize(
    ("setting", "metric", "strategy", "seed", "language", "expected"),
    [
        ("mono", "map", "hybrid", 1, "de", 0.6),
        ("mono", "map", "monolingual", 2, "el", 0.44),
        ("mono", "map", "bm25", 0, "en", 0.5),
        ("mono", "recall@1", "hybrid", 1, "en", 0.25),
        ("mono", "recall@1", "hybrid", 1, "mean", (1 + 1 / 2 + 1 / 4) / 3),
        # de -> el 0.4, en 0.6; el -> de 0.4, en 0.5; en -> de 0.6, el 0.5
        ("cross", "map", "hybrid", 1, "de", 0.5),
        ("cross", "map", "hybrid", 1, "el", 0.45),
        ("cross", "map", "hybrid", 1, "en", 0.55),
        ("cross", "map", "hybrid", 1, "mean", 0.5),
        ("multi", "map", "monolingual", 1, "en", 0.3),
        ("multi", "rank_distance", "monolingual", 2, "mean", 60.0),
    ],
)
def test_summary_has_the_means_of_the_pencil(
    summary: pd.DataFrame, setting: str, metric: str, strategy: str, seed: int, language: str, expected: float
) -> None:
    assert value(summary, setting, metric, strategy, seed, language) == pytest.approx(expected, abs=1e-12)


def test_summary_order_is_that_of_the_command_line(summary: pd.DataFrame) -> None:
    assert list(summary["benchmark"].unique()) == list(BENCHMARKS)
    first = summary[(summary["benchmark"] == "quiz_r") & (summary["setting"] == "mono") & (summary["metric"] == "map")]
    assert list(first["strategy"].unique()) == ["bm25", "none", "monolingual", "hybrid"]
    assert list(first["language"])[:4] == [*sorted(LANGUAGES), "mean"]
    assert set(summary.loc[summary["strategy"] == "bm25", "setting"]) == {"mono"}


def test_benchmarks_are_chosen_and_ordered(files: dict[str, Path]) -> None:
    assert list(block_means(files, ["a<b_r"])["benchmark"].unique()) == ["a<b_r"]
    assert list(summarise(block_means(files, list(reversed(BENCHMARKS))))["benchmark"].unique()) == list(
        reversed(BENCHMARKS)
    )


def test_means_over_fewer_languages_or_blocks_are_missing(tmp_path: Path) -> None:
    whole, cut = measures("small_e5/hybrid/seed1"), measures("small_e5/hybrid/seed2")
    cut = cut[~((cut["setting"] == "cross") & (cut["query_language"] == "de") & (cut["passage_language"] == "el"))]
    cut = cut[~((cut["setting"] == "mono") & (cut["query_language"] == "el"))]
    files = {}
    for run, frame in (("e/hybrid/seed1", whole), ("e/hybrid/seed2", cut)):
        files[run] = tmp_path / f"{run.replace('/', '.')}.parquet"
        write_table(files[run], pa.Table.from_pandas(frame, preserve_index=False))
    summary = summarise(block_means(files))
    assert math.isnan(value(summary, "cross", "map", "hybrid", 2, "de"))
    assert value(summary, "cross", "map", "hybrid", 2, "en") == pytest.approx(0.55)
    assert math.isnan(value(summary, "cross", "map", "hybrid", 2, "mean"))
    assert math.isnan(value(summary, "mono", "map", "hybrid", 2, "mean"))
    assert value(summary, "mono", "map", "hybrid", 1, "mean") == pytest.approx(0.6)


def test_summary_file_keeps_every_bit_and_has_rank_distance_in_bias(summary: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text(to_csv(summary), encoding="utf-8")
    written = pd.read_csv(tmp_path / "summary.csv")
    assert set(written.loc[written["metric"] == "rank_distance", "setting"]) == {"bias"}
    assert set(written.loc[written["metric"] != "rank_distance", "setting"]) == {"mono", "cross", "multi"}
    pd.testing.assert_frame_equal(read_summary(tmp_path / "summary.csv"), summary, check_exact=True, check_dtype=False)


def test_over_seeds_counts_averages_and_spreads() -> None:
    values = pd.DataFrame({"strategy": ["b", "b", "a"], "value": [1.0, 3.0, 5.0]})
    assert over_seeds(values, ["strategy"]).fillna(-1).to_numpy().tolist() == [["b", 2, 2, 2**0.5], ["a", 1, 5, -1]]


def test_names_are_parsed_and_printed() -> None:
    assert parse_run("me5-small/hybrid/seed12") == ("me5-small", "hybrid", 12)
    labels = [metric_label(name) for name in ("map", "recall@10", "ndcg@10", "rank_distance")]
    assert labels == ["mAP", "Recall@10", "nDCG@10", "Rank distance"]


def test_tables_without_chosen_measures_have_the_default() -> None:
    assert table_measures({"mono": ["mrr"]}) == {
        "mono": ["mrr"],
        "cross": ["map", "recall@1"],
        "multi": ["map", "recall@10"],
        "bias": ["rank_distance"],
    }


def test_wrong_files_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    write_table(broken, pa.table({"benchmark": ["b"]}))
    with pytest.raises(UserError, match=r"broken\.parquet: lacks the column setting"):
        block_means({"e/hybrid/seed1": broken})
    with pytest.raises(UserError, match="hybrid: not a run name"):
        parse_run("hybrid")
    with pytest.raises(UserError, match=r"summary\.csv: cannot be read"):
        read_summary(tmp_path / "summary.csv")
    (tmp_path / "few.csv").write_text("step,loss\n1,2\n")
    with pytest.raises(UserError, match=r"few\.csv: lacks the column rate, end"):
        read_csv(tmp_path / "few.csv", ["step", "rate", "end"], ["step"])
