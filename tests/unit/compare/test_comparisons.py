"""Contributions of questions add up to the tables; comparisons, sentences and the claim of systems whose truth is known."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from example_measures import BENCHMARKS, arguments, layout, write_measures
from hypothesis import given, settings
from hypothesis import strategies as st

import compare_strategies as compare
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, write_table
from hybridbatch.compare.claim import check_claim
from hybridbatch.compare.comparisons import Replicates, analyse
from hybridbatch.compare.question_scores import QuestionScores, read_question_scores
from hybridbatch.compare.wording import comparison_sentence, p_text
from hybridbatch.config.statistics import Claim, Statistics
from hybridbatch.evaluate.names import MEAN, Run
from hybridbatch.evaluate.summary import block_means, main_rows, summarise
from hybridbatch.report.statistics_tables import significance_page

QUICK = Statistics(resamples=2000, permutations=5000)
METRICS = {"mono": "map", "cross": "map", "multi": "map", "bias": "rank_distance"}
LANGUAGES = ["de", "en", "zh"]
QUESTIONS = 60
DOMAINS: dict[str, object] = {"in_domain": [], "out_of_domain": [], "held_out": {}}
COLUMNS = ["benchmark", "setting", "query_language", "passage_language", "query_id"]


def write_system(
    folder: Path, name: str, effects: Mapping[str, float], *, seed_sd: float = 0.0, number: int = 0, kept: float = 1.0
) -> dict[str, Path]:
    """Write measures of a run: difficulty of the question + effect of the setting + noise; some languages lack questions."""
    rng = np.random.default_rng(number)
    shared = np.random.default_rng(99)
    difficulty = shared.normal(0.5, 0.1, QUESTIONS)
    has = shared.random((QUESTIONS, len(LANGUAGES))) < kept
    has[np.arange(QUESTIONS), shared.integers(len(LANGUAGES), size=QUESTIONS)] = True
    seed_effect = rng.normal(0, seed_sd)
    rows = []
    for q, language in enumerate(LANGUAGES):
        blocks = [("mono", language), ("multi", None), *(("cross", other) for other in LANGUAGES if other != language)]
        for setting, passage_language in blocks:
            for question in np.flatnonzero(has[:, q]):
                value = difficulty[question] + effects.get(setting, 0.0) + seed_effect + rng.normal(0, 0.02)
                distance = 100 * (1 - value) if setting == "multi" else None
                rows.append(("quiz", setting, language, passage_language, f"q{question}", value, distance))
    file = folder / f"{name}.parquet"
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "map", "rank_distance"])
    write_table(file, pa.Table.from_pandas(frame, preserve_index=False))
    return {name: file}


def write_experiment(folder: Path, hybrid: Mapping[str, float], seeds: int = 3) -> dict[str, Path]:
    files: dict[str, Path] = {}
    systems: dict[str, Mapping[str, float]] = {"monolingual": {}, "crosslingual": {"mono": -0.1}, "hybrid": hybrid}
    for number, (name, effects) in enumerate(systems.items()):
        for seed in range(1, seeds + 1):
            files |= write_system(
                folder, f"small/{name}/seed{seed}", effects, seed_sd=0.002, number=10 * number + seed, kept=0.7
            )
    return files | write_system(folder, "small/none/seed0", dict.fromkeys(METRICS, -0.3), number=99, kept=0.7)


def compared(
    files: dict[str, Path], settings: Statistics = QUICK
) -> tuple[list[QuestionScores], pd.DataFrame, pd.DataFrame]:
    scores = read_question_scores(files, ["quiz"], METRICS)
    return scores, *analyse(scores, ["monolingual", "crosslingual", "hybrid"], settings)


def check_sums(scores: list[QuestionScores], summary: pd.DataFrame) -> None:
    """Every number of the tables is the sum of the contributions."""
    for measured in scores:
        assert measured.weights.sum(axis=0) == pytest.approx(1)
        rows = summary[(summary["benchmark"] == measured.benchmark) & (summary["setting"] == measured.setting)]
        numbers = rows[rows["metric"] == measured.metric].set_index(["backbone", "strategy", "seed", "language"])[
            "value"
        ]
        for run, contributions in measured.runs.items():
            for column, language in enumerate(measured.columns):
                assert contributions[:, column].sum() == pytest.approx(numbers[(*run, language)])


def test_contributions_add_up_to_the_tables_where_questions_lack_languages(tmp_path: Path) -> None:
    files = write_experiment(tmp_path, {})
    scores = read_question_scores(files, ["quiz"], METRICS)
    assert [measured.table for measured in scores] == ["mono", "cross", "multi", "bias"]
    assert all(len(measured.units) == QUESTIONS and np.ptp(measured.weights[:, -1]) > 0 for measured in scores)
    check_sums(scores, summarise(block_means(files)))


def test_contributions_add_up_to_the_tables_of_the_example(tmp_path: Path) -> None:
    files = {name: file for name, file in write_measures(tmp_path).items() if not name.startswith("bm25")}
    scores = read_question_scores(files, BENCHMARKS, METRICS)
    check_sums(scores, summarise(block_means(files)))
    assert {measured.benchmark: measured.units for measured in scores} == {
        name: ["q0", "q1", "q2", "q3"] for name in BENCHMARKS
    }


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(0, 9), st.sampled_from(LANGUAGES)), st.floats(0, 1), min_size=1))
def test_contributions_add_up_for_any_measures(
    tmp_path_factory: pytest.TempPathFactory, values: dict[tuple[int, str], float]
) -> None:
    rows = [("quiz", "mono", code, code, f"q{number}", value) for (number, code), value in values.items()]
    table = pa.Table.from_pandas(pd.DataFrame(rows, columns=[*COLUMNS, "map"]), preserve_index=False)
    file = tmp_path_factory.mktemp("any") / "seed1.parquet"
    write_table(file, table)
    files = {"small/hybrid/seed1": file}
    for separate in ([], ["quiz"]):
        check_sums(read_question_scores(files, ["quiz"], {"mono": "map"}, separate), summarise(block_means(files)))


def test_equal_ids_of_different_questions_are_units_of_their_language(tmp_path: Path) -> None:
    files = write_system(tmp_path, "small/hybrid/seed1", {}, kept=0.5)
    (measured,) = read_question_scores(files, ["quiz"], {"mono": "map"}, ["quiz"])
    measures = pd.read_parquet(files["small/hybrid/seed1"])
    counts = measures[measures["setting"] == "mono"]["query_language"].value_counts()
    assert len(measured.units) == counts.sum() > QUESTIONS
    assert np.bincount(measured.strata).tolist() == [counts[code] for code in LANGUAGES]
    # Each language keeps its number of questions, so no weights change: the macro-average is over the same languages.
    drawn = Replicates(measured, QUICK).of("small", "hybrid")
    assert not np.isnan(drawn).any()
    assert drawn[:, -1] == pytest.approx(drawn[:, :-1].mean(axis=1))


def test_runs_of_other_queries_are_an_error(tmp_path: Path) -> None:
    files = write_system(tmp_path, "small/hybrid/seed1", {}, kept=0.9)
    files |= write_system(tmp_path, "small/hybrid/seed2", {}, kept=0.5)
    with pytest.raises(UserError, match=r"seed2.*: quiz, mono: has map of other queries"):
        read_question_scores(files, ["quiz"], METRICS)
    with pytest.raises(UserError, match="lacks the column ndcg@10"):
        read_question_scores(files, ["quiz"], {"mono": "ndcg@10"})


def test_true_differences_are_found_and_others_are_not(tmp_path: Path) -> None:
    scores, intervals, comparisons = compared(write_experiment(tmp_path, {"multi": 0.05}))
    assert len(comparisons) == 6 * len(scores)
    found = comparisons.set_index(["setting", "metric", "strategy", "baseline"])
    assert found.loc[("multi", "map", "hybrid", "monolingual"), "significant"]
    assert found.loc[("multi", "map", "hybrid", "monolingual"), "difference"] == pytest.approx(0.05, abs=0.01)
    assert found.loc[("multi", "rank_distance", "hybrid", "monolingual"), "difference"] == pytest.approx(-5, abs=1)
    assert found.loc[("mono", "map", "hybrid", "crosslingual"), "significant"]
    assert not found.loc[("cross", "map", "hybrid", "monolingual"), "significant"]
    assert (comparisons["p_holm"] >= comparisons[["p_permutation", "p_seeds"]].max(axis="columns")).all()
    assert comparisons["low"].le(comparisons["difference"]).all()
    assert comparisons["high"].ge(comparisons["difference"]).all()
    assert intervals["low"].le(intervals["mean"]).all()
    assert intervals["high"].ge(intervals["mean"]).all()
    assert set(intervals["language"]) == {*LANGUAGES, MEAN}
    assert intervals.loc[intervals["strategy"] == "none", "sd"].isna().all()
    text = found.loc[("multi", "map", "hybrid", "monolingual"), "sentence"]
    assert text.startswith("hybrid beats monolingual by ")
    assert " points mAP in multi on quiz (small), p " in text
    assert text.endswith(", 3 seeds.")
    assert found.loc[("multi", "rank_distance", "hybrid", "none"), "sentence"].startswith(
        "hybrid beats the untuned encoder by "
    )


def test_holm_corrects_within_the_family_that_was_named_beforehand(tmp_path: Path) -> None:
    files = write_experiment(tmp_path, {"multi": 0.05})
    scores = read_question_scores(files, ["quiz"], METRICS)
    for out_of_domain, family in (([], "claim"), (["quiz"], "shift")):
        comparisons = analyse(scores, ["monolingual", "crosslingual", "hybrid"], QUICK, out_of_domain)[1]
        primary = (comparisons["strategy"] == "hybrid") & (comparisons["baseline"] != "none")
        assert comparisons["family"].tolist() == [family if first else "exploratory" for first in primary]
        for members in (comparisons[primary], comparisons[~primary]):
            p = members[["p_permutation", "p_seeds"]].max(axis="columns")
            assert members["p_holm"].min() == pytest.approx(min(1, len(members) * p.min()))
            assert (members["p_holm"] >= p).all()


def test_other_readings_of_the_claim_are_tested_apart(tmp_path: Path) -> None:
    """Here crosslingual against monolingual; the claim itself keeps its p-values."""
    files = write_experiment(tmp_path, {"multi": 0.05})
    reading = Claim(strategy="crosslingual", baselines=["monolingual"])
    both = QUICK.model_copy(update={"other_readings": [reading]})
    (scores, _, alone), (_, _, comparisons) = compared(files), compared(files, both)
    families = comparisons.groupby("family")
    assert families.size().to_dict() == {"claim": 8, "claim (crosslingual)": 4, "exploratory": 12}
    keys = ["setting", "metric", "strategy", "baseline"]
    alone, comparisons = alone.set_index(keys), comparisons.set_index(keys)
    claimed = alone["family"] == "claim"
    assert comparisons.loc[alone.index[claimed], "p_holm"].tolist() == alone.loc[claimed, "p_holm"].tolist()
    outcome = check_claim(scores, comparisons.reset_index(), both)
    assert (outcome["verdict"], [other["verdict"] for other in outcome["other_readings"]]) == ("undecided", ["refuted"])
    assert outcome["other_readings"][0]["sentence"].startswith(
        "The claim that crosslingual is at least as good as monolingual in "
    )


def test_relative_and_effect_size_are_those_of_the_formula(tmp_path: Path) -> None:
    files = write_system(tmp_path, "small/monolingual/seed1", {}, number=1)
    files |= write_system(tmp_path, "small/hybrid/seed1", {"mono": 0.1}, number=2)
    row = compared(files)[2].iloc[0]
    means = [
        pd.read_parquet(file).query("setting == 'mono'").groupby("query_id")["map"].mean() for file in files.values()
    ]
    difference = means[1] - means[0]
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["relative"] == pytest.approx(100 * difference.mean() / means[0].mean())
    assert row["effect_size"] == pytest.approx(difference.mean() / difference.std())
    assert row["sentence"].endswith("1 seed, so this is about these models only.")


def test_identical_systems_do_not_differ(tmp_path: Path) -> None:
    files = write_system(tmp_path, "small/monolingual/seed1", {}, number=1)
    files |= write_system(tmp_path, "small/hybrid/seed1", {}, number=1)
    for row in compared(files)[2].to_dict("records"):
        assert (row["difference"], row["low"], row["high"], row["effect_size"]) == (0, 0, 0, 0)
        assert (row["p_permutation"], row["p_t"], row["p_seeds"], row["p_holm"], row["significant"]) == (
            1,
            1,
            1,
            1,
            False,
        )


def test_seeds_widen_the_interval(tmp_path: Path) -> None:
    files: dict[str, Path] = {}
    for name, sd in (("monolingual", 0.0), ("hybrid", 0.1)):
        for seed in (1, 2, 3):
            files |= write_system(tmp_path, f"small/{name}/seed{seed}", {}, seed_sd=sd, number=seed)
    intervals = compared(files)[1].query("setting == 'mono' and language == 'mean'").set_index("strategy")
    widths = intervals["high"] - intervals["low"]
    assert widths["hybrid"] > 1.5 * widths["monolingual"]


@pytest.mark.slow
def test_order_of_the_files_changes_nothing(tmp_path: Path) -> None:
    files = write_experiment(tmp_path, {"multi": 0.05}, seeds=2)
    there = compared(files)[2]
    back = compared(dict(reversed(files.items())))[2]
    assert there["p_permutation"].tolist() == back["p_permutation"].tolist()
    assert there["p_seeds"].to_numpy() == pytest.approx(back["p_seeds"].to_numpy())


@pytest.mark.slow
def test_two_sets_of_seeds_of_one_system_are_not_called_different_more_often_than_the_level() -> None:
    """The whole rule, permutation test and random seeds, under the hypothesis and with real variance between seeds."""
    rng = np.random.default_rng(3)
    trials, level = 150, 0.1
    quick = Statistics(resamples=100, permutations=400, alpha=level)
    found = 0
    for _ in range(trials):
        difficulty = rng.normal(0.5, 0.2, (100, 1))
        weights = np.full((100, 1), 1 / 100)
        runs = {
            Run("small", name, seed): weights * (difficulty + rng.normal(0, 0.02) + rng.normal(0, 0.1, (100, 1)))
            for name in ("monolingual", "hybrid")
            for seed in (1, 2, 3)
        }
        strata = np.zeros(100, dtype=np.int64)
        measured = QuestionScores("quiz", "mono", "map", [MEAN], list(map(str, range(100))), strata, weights, runs)
        found += bool(analyse([measured], ["monolingual", "hybrid"], quick)[1]["significant"].iloc[0])
    assert found / trials <= level + 3 * np.sqrt(level * (1 - level) / trials)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"difference": 0.046, "p_holm": 0.0004, "significant": True},
            "hybrid beats monolingual by 4.6 points mAP in multi on quiz (small), p < .001, 3 seeds.",
        ),
        (
            {"difference": -0.012, "p_holm": 0.0123, "significant": True},
            "hybrid falls behind monolingual by 1.2 points mAP in multi on quiz (small), p = .012, 3 seeds.",
        ),
        (
            {
                "difference": 0.031,
                "p_holm": 0.41,
                "significant": False,
                "low": 0.02,
                "high": 0.04,
                "p_questions": 0.0002,
            },
            "hybrid is 3.1 points mAP above monolingual (95 % interval +2.0 to +4.0) in multi on quiz (small): significant across "
            "questions (p < .001), but not across seeds (p = .410, 3 seeds).",
        ),
        (
            {
                "difference": 0.003,
                "p_holm": 0.41,
                "significant": False,
                "low": -0.002,
                "high": 0.008,
                "p_questions": 0.3,
            },
            "hybrid and monolingual do not differ significantly: +0.3 points mAP (95 % interval -0.2 to +0.8) in multi on quiz "
            "(small), p = .410, 3 seeds.",
        ),
        (
            {"difference": -30.0, "p_holm": 0.001, "significant": True, "metric": "rank_distance"},
            "hybrid beats monolingual by 30.0 ranks of rank distance in multi on quiz (small), p = .001, 3 seeds.",
        ),
    ],
)
def test_sentences(row: dict[str, object], expected: str) -> None:
    place = {"benchmark": "quiz", "setting": "multi", "metric": "map", "backbone": "small", "seeds": "3"}
    systems = {"strategy": "hybrid", "baseline": "monolingual"}
    assert comparison_sentence({**place, **systems, **row}, QUICK) == expected


def test_p_values_are_printed_as_in_papers() -> None:
    assert [p_text(p) for p in (0.0, 0.00099, 0.0123, 0.5, 1.0)] == [
        "p < .001",
        "p < .001",
        "p = .012",
        "p = .500",
        "p = 1",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hybrid", "margin", "verdict"),
    [
        ({"mono": 0.05, "cross": 0.05, "multi": 0.05}, 0.005, "holds"),
        ({"mono": -0.05, "cross": 0.05, "multi": 0.05}, 0.005, "refuted"),
        ({}, 0.0, "undecided"),
        ({}, 0.05, "holds"),
    ],
)
def test_the_claim(tmp_path: Path, hybrid: dict[str, float], margin: float, verdict: str) -> None:
    statistics = QUICK.model_copy(update={"claim": Claim(margin=margin, rank_distance_margin=margin)})
    scores, _, comparisons = compared(write_experiment(tmp_path, hybrid), statistics)
    outcome = check_claim(scores, comparisons, statistics)
    assert outcome["verdict"] == outcome["backbones"]["small"]["verdict"] == verdict
    assert "out_of_domain" not in outcome
    outside = check_claim(scores, comparisons, statistics, ["quiz"])
    assert (outside["verdict"], outside["out_of_domain"]["verdict"]) == ("untested", verdict)
    assert len(outcome["tests"]) == 4 * 2
    assert "hybrid is at least as good as monolingual and crosslingual in every setting" in outcome["sentence"]
    if verdict == "refuted":
        assert "significantly worse than monolingual in mono on quiz (small)" in outcome["sentence"]
        assert [t["baseline"] for t in outcome["tests"] if t["significantly_worse"]] == ["monolingual"]


def test_a_benchmark_may_have_a_main_measure_of_its_own(tmp_path: Path) -> None:
    files = write_measures(tmp_path)
    own = {"quiz_r": "recall@1"}
    scores = read_question_scores(files, BENCHMARKS, METRICS, own=own)
    found = {(measured.benchmark, measured.table): measured.metric for measured in scores}
    assert {metric for (name, table), metric in found.items() if name == "quiz_r" and table != "bias"} == {"recall@1"}
    assert {metric for (name, table), metric in found.items() if name != "quiz_r" and table != "bias"} == {"map"}
    assert found["quiz_r", "bias"] == "rank_distance"
    rows = main_rows(summarise(block_means(files)), {table: [name] for table, name in METRICS.items()}, own)
    assert {*zip(rows["benchmark"], rows["table"], rows["metric"], strict=True)} == {(*k, v) for k, v in found.items()}


def test_a_claim_without_its_strategies_is_not_tested(tmp_path: Path) -> None:
    scores, _, comparisons = compared(write_system(tmp_path, "small/none/seed0", {}))
    assert comparisons.empty
    assert check_claim(scores, comparisons, QUICK)["verdict"] == "untested"
    page = significance_page(comparisons, QUICK)
    assert (page.tables, page.notes) == ([], [])


@pytest.mark.slow
def test_the_program_writes_everything_and_the_same_again(tmp_path: Path) -> None:
    files = write_measures(tmp_path / "measures")
    contents = []
    for attempt in ("first", "second"):
        folder = tmp_path / attempt
        options = [*layout(notice="No <test>"), "--settings", QUICK.model_dump_json(), "--domains", json.dumps(DOMAINS)]
        options += ["--statistics", str(folder / "statistics"), "--tables", str(folder / "tables")]
        compare.main(["--measures", *arguments(files), *options])
        contents.append({str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*") if f.is_file()})
    assert contents[0] == contents[1]
    names = {f"statistics/{name}.csv" for name in ("intervals", "comparisons", "shift")}
    names |= {f"statistics/{name}.json" for name in ("claim", "shift")}
    names |= {f"tables/{table}.{form}" for table in ("significance", "shift") for form in ("csv", "md", "tex", "html")}
    assert set(contents[0]) == names
    page = contents[0]["tables/significance.html"]
    assert "<main>" in page
    assert "No &lt;test&gt;" in page
    rows = list(csv.DictReader(contents[0]["statistics/comparisons.csv"].splitlines()))
    assert {row["setting"] for row in rows} == {"mono", "cross", "multi", "bias"}
    assert not [row for row in rows if "bm25" in row.values()]
    assert len(list(csv.DictReader(contents[0]["tables/significance.csv"].splitlines()))) == len(rows)
    claim = read_json(tmp_path / "first" / "statistics" / "claim.json")
    assert {test["baseline"] for test in claim["tests"]} == {"monolingual"}
    assert claim["sentence"].startswith("The claim that hybrid is at least as good as monolingual in every setting")


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="baselines contains 'hybrid'"):
        Claim(baselines=["hybrid"])
