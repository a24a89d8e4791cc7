"""The paper's numbers: whole, true to their printed means, and rightly compared with ours."""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from example_measures import layout
from hypothesis import given
from hypothesis import strategies as st
from published_numbers import FILE, NAMES, PAIRS, UNTESTED, judged, summary_of
from pydantic import ValidationError

import compare_published as verdicts
import verify
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, sha256, write_json
from hybridbatch.compare.published_cells import Names, PublishedCell, by_column, read_published
from hybridbatch.compare.published_comparison import outside_tolerance, verdict_banner, verdicts_document
from hybridbatch.compare.published_effects import COMPARED, SIZES
from hybridbatch.config.published import TOLERANCES, PublishedNumbers
from hybridbatch.evaluate.names import decimals
from hybridbatch.evaluate.summary import to_csv

ROOT = Path(__file__).parents[3]
# The rows "Mean" of the paper's tables, column by column.
RETRIEVAL_MEANS = {
    3: ".7918 .7554 .7977 .6737 .6997 .7053 .5479 .5934 .5927 .7035 .6554 .7086 .5623 .5898 .5976 .4785 .5155 .5169",
    4: ".6475 .6256 .6481 .5843 .6200 .6234 .4731 .5076 .5121 .5463 .5221 .5476 .4680 .5042 .5105 .5873 .6274 .6282",
    5: ".8083 .8008 .8167 .7519 .7618 .7672 .6517 .6791 .6817 .7226 .7124 .7335 .6536 .6654 .6728 .5673 .5948 .5972",
    6: ".6807 .6710 .6864 .6561 .6767 .6811 .5504 .5755 .5785 .5813 .5668 .5880 .5459 .5661 .5754 .6708 .6951 .6941",
    7: "410.2 295.4 286.6 261.5 225.2 221.1",
    8: "287.5 226.7 227.1 225.3 198.3 195.0",
    12: ".4148 .3993 .4054 .7683 .7487 .7628",
    13: ".4551 .4184 .4411 .8120 .7768 .7954",
}
MEDIANS = {12: ".4144 .3758 .4071 .7881 .7465 .7958", 13: ".4333 .3963 .4381 .8220 .7655 .7959"}


@pytest.fixture(scope="module")
def cells() -> list[PublishedCell]:
    return read_published(FILE)


def test_every_cell_is_there_and_has_not_changed(cells: list[PublishedCell]) -> None:
    assert len(cells) == 936
    assert {table: sum(cell.table == table for cell in cells) for table in RETRIEVAL_MEANS} == {
        3: 198, 4: 126, 5: 198, 6: 126, 7: 66, 8: 42, 12: 90, 13: 90,
    }  # fmt: skip
    assert sha256(FILE) == "a54823fd17ac10cf58d7cfb93375350674104aaf598408d7e8f6552da7555453"
    assert {cell.source for cell in cells} == {"arXiv:2408.10536v1"}


@pytest.mark.parametrize(
    ("printed", "statistic"),
    [(RETRIEVAL_MEANS, statistics.fmean), (MEDIANS, statistics.median)],
    ids=["mean", "median"],
)
def test_printed_averages_follow_from_the_cells(
    cells: list[PublishedCell], printed: dict[int, str], statistic: Any
) -> None:
    columns = by_column(cells).items()
    for table, row in printed.items():
        found = [(key, column) for key, column in columns if column[0].table == table]
        expected = [float(number) for number in row.split()]
        assert len(found) == len(expected)
        for (key, column), number in zip(found, expected, strict=True):
            assert round(statistic([cell.value for cell in column]), decimals(key.metric)) == number, key


def test_equal_numbers_are_all_within(cells: list[PublishedCell]) -> None:
    document = verdicts_document(cells, summary_of(cells), NAMES, dict.fromkeys(TOLERANCES, 0.0), UNTESTED, PAIRS)
    counts = {"within": 936, "above": 0, "below": 0, "not run": 0, "covered": 936, "published": 936}
    assert document["counts"] == counts
    assert {cell["difference"] for cell in document["cells"]} == {0}
    assert {mean["verdict"] for mean in document["averages"]} == {"within"}
    assert outside_tolerance(document) == []


@pytest.mark.parametrize(("shift", "verdict"), [(0.11, "above"), (-0.11, "below"), (0.0199, "within")])
def test_shifted_numbers(cells: list[PublishedCell], shift: float, verdict: str) -> None:
    document = judged(cells, summary_of(cells, shift))
    assert document["counts"][verdict] == 936
    assert len(outside_tolerance(document)) == (0 if verdict == "within" else 936)


def test_seeds_are_averaged(cells: list[PublishedCell]) -> None:
    document = judged(cells, summary_of(cells, seeds=(1, 2, 3)))
    for cell in document["cells"]:
        assert cell["seeds"] == 3
        assert cell["ours"] == pytest.approx(cell["published"], abs=1e-9)
        assert cell["sd"] == pytest.approx(0.001, abs=1e-6)


def test_nothing_run(cells: list[PublishedCell]) -> None:
    document = judged(cells, summary_of([]))
    assert document["counts"]["not run"] == 936
    assert document["effects"] == document["orientation"] == []
    assert verdict_banner(document) == "This experiment covers none of the paper's 936 numbers: nothing is reproduced."


def test_a_missing_value_is_not_run(cells: list[PublishedCell]) -> None:
    summary = summary_of(cells)
    summary.loc[0, "value"] = float("nan")
    document = judged(cells, summary)
    assert document["counts"]["not run"] == 1
    assert document["cells"][0]["verdict"] == "not run"
    assert [mean["verdict"] for mean in document["averages"]].count("not run") == 1


def test_another_set_of_languages_is_another_task_across_languages(cells: list[PublishedCell]) -> None:
    german = [cell for cell in cells if cell.language == "de" and cell.key.benchmark == "xquad_r"]
    document = judged(cells, summary_of(german))
    covered = {cell["setting"] for cell in document["cells"] if cell["verdict"] != "not run"}
    assert covered == {"mono"}
    assert document["counts"]["covered"] == 2 * 3 * 2  # measures, strategies, backbones


def test_the_sentence_says_which_candidates_are_compared(cells: list[PublishedCell]) -> None:
    names = Names(NAMES.benchmarks, NAMES.backbones, {"xquad_r": "the sentence alone", "xquad_r_context": "both"})
    document = judged(cells, summary_of(cells), names)
    assert document["sentence"].endswith(
        "0 are not run. Compared are xquad_r with xquad_r (candidates: the sentence alone)."
    )
    # Another reading is compared by its name alone.
    summary = summary_of(cells).replace({"xquad_r": "xquad_r_context"})
    other = judged(cells, summary, Names({"xquad_r": "xquad_r_context"}, NAMES.backbones, names.candidates))
    assert other["counts"]["covered"] == 2 * (198 + 33)
    assert other["sentence"].endswith("Compared are xquad_r with xquad_r_context (candidates: both).")


def test_other_names(cells: list[PublishedCell]) -> None:
    summary = summary_of(cells).replace({"xquad_r": "whole", "xlm-r": "large"})
    mapped = Names({"xquad_r": "whole"}, {"xlm-r": "large"})
    assert judged(cells, summary, mapped)["counts"]["covered"] == 198 + 33
    # A backbone of the paper's name that is not the paper's is never taken for it.
    assert judged(cells, summary_of(cells), Names(NAMES.benchmarks, {}))["counts"]["covered"] == 0


def test_other_backbones_are_shown_without_verdict(cells: list[PublishedCell]) -> None:
    xquad = [cell for cell in cells if cell.key.benchmark == "xquad_r" and cell.key.backbone == "xlm-r"]
    document = judged(cells, summary_of(xquad, 0.01).replace({"xlm-r": "me5-small"}))
    assert document["counts"]["covered"] == 0
    rows = {
        (row["origin"], row["backbone"], row["strategy"]): row["value"]
        for row in document["orientation"]
        if (row["setting"], row["metric"]) == ("mono", "map")
    }
    assert rows["published", "labse", "hybrid"] == 0.8167
    assert rows["ours", "me5-small", "hybrid"] == pytest.approx(0.7977 + 0.01, abs=1e-4)
    assert len(rows) == 9
    assert {row["benchmark"] for row in document["orientation"]} == {"xquad_r"}


def comparisons_of(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*COMPARED, "backbone", *SIZES])


XQUAD = [("mono", "map"), ("cross", "map"), ("multi", "map"), ("multi", "rank_distance")]
OTHER_PAIRS = [*PAIRS, ("hybrid_example", "crosslingual_example", "crosslingual")]


def test_effects_of_the_paper_follow_from_its_cells(cells: list[PublishedCell]) -> None:
    xquad = [cell for cell in cells if cell.key.benchmark == "xquad_r" and cell.key.backbone == "xlm-r"]
    comparisons = comparisons_of(
        [
            ("xquad_r", *measure, "hybrid", baseline, "me5", 0.0, 0.0, 0.0)
            for measure in XQUAD
            for baseline in ("monolingual", "crosslingual")
        ]
    )
    document = judged(cells, summary_of(xquad).replace({"xlm-r": "me5"}), comparisons=comparisons)
    assert document["counts"]["covered"] == 0
    # From the row "Mean" of the paper's tables 3 and 7: points of mAP, and ranks.
    expected = {"monolingual": [0.6, 3.2, 4.5, -123.6], "crosslingual": [4.2, 0.6, -0.1, -8.8]}
    for baseline, gains in expected.items():
        own = [row for row in document["effects_of_hybrid"] if row["baseline"] == baseline]
        assert [(row["setting"], row["metric"]) for row in own] == [*XQUAD[:3], ("bias", "rank_distance")]
        found = [row["published"]["xlm-r"] for row in own]
        assert [100 * gain for gain in found[:3]] == pytest.approx(gains[:3], abs=0.05)
        assert found[3] == pytest.approx(gains[3], abs=0.1)


def test_our_effects_are_turned_towards_hybrid_and_their_signs_compared(cells: list[PublishedCell]) -> None:
    xquad = [cell for cell in cells if cell.key.benchmark == "xquad_r" and cell.key.backbone == "xlm-r"]
    rows = [
        ("xq", "multi", "map", "hybrid", "monolingual", "e", 0.03, 0.01, 0.04),
        ("xq", "multi", "map", "crosslingual", "hybrid", "e", 0.02, -0.01, 0.05),
        ("xq", "multi", "map", "hybrid_example", "crosslingual_example", "e", 0.01, -0.01, 0.02),
        ("xq", "multi", "rank_distance", "hybrid", "monolingual", "e", 9.0, -1.0, 20.0),
        ("other", "multi", "map", "hybrid", "monolingual", "e", 0.03, 0.01, 0.04),
    ]
    summary = summary_of(xquad).replace({"xquad_r": "xq", "xlm-r": "e"})
    names = Names({"xquad_r": "xq"}, {})
    effects = judged(cells, summary, names, comparisons_of(rows), OTHER_PAIRS)["effects_of_hybrid"]
    keys = ("benchmark", "setting", "backbone", "strategy", "baseline", *SIZES, "same_sign")
    assert [tuple(row[key] for key in keys) for row in effects] == [
        ("xquad_r", "multi", "e", "hybrid", "monolingual", 0.03, 0.01, 0.04, ["xlm-r", "labse"]),
        # The paper's difference is -0.07 points with XLM-R and 0.26 with LaBSE.
        ("xquad_r", "multi", "e", "hybrid", "crosslingual", -0.02, -0.05, 0.01, ["xlm-r"]),
        ("xquad_r", "multi", "e", "hybrid_example", "crosslingual_example", 0.01, -0.01, 0.02, ["labse"]),
        ("xquad_r", "bias", "e", "hybrid", "monolingual", 9.0, -1.0, 20.0, []),
    ]
    # In other languages, a benchmark is not the paper's.
    fewer = summary[summary["language"] != "de"]
    assert judged(cells, fewer, names, comparisons_of(rows), OTHER_PAIRS)["effects_of_hybrid"] == []


@pytest.mark.slow
@given(scale=st.floats(-3, 3))
def test_an_effect_scaled_by_a_number_has_that_ratio(scale: float) -> None:
    cells = [cell for cell in read_published(FILE) if cell.table == 3 and cell.key.metric == "map"]
    base = {(cell.key[:-1], cell.language): cell.value for cell in cells if cell.key.strategy == "monolingual"}
    summary = summary_of(cells)
    summary["value"] = [base[cell.key[:-1], cell.language] * (1 - scale) + scale * cell.value for cell in cells]
    effects = [e for e in judged(cells, summary)["effects"] if e["baseline"] == "monolingual"]
    assert len(effects) == 2 * 3
    for effect in effects:
        assert effect["ratio"] == pytest.approx(scale, abs=1e-6)
        assert effect["languages"] == 11


def test_no_effect_in_the_paper_has_no_ratio(cells: list[PublishedCell]) -> None:
    same = [cell for cell in cells if cell.table == 7 and cell.language == "hi"]
    level = [PublishedCell(c.table, c.key, c.language, 1.0, c.source) for c in same]
    assert {effect["ratio"] for effect in judged(level, summary_of(level))["effects"]} == {None}


def test_rounding_is_the_papers(cells: list[PublishedCell]) -> None:
    cell = next(c for c in cells if c.key.metric == "map")
    summary = summary_of([cell], 0.02004)
    found = judged([cell], summary)["cells"][0]
    # 0.7581 + 0.02004 prints as 0.7781: the printed numbers differ by 0.02, which is within.
    assert (found["difference"], found["verdict"]) == (0.02, "within")
    assert found["ours"] == pytest.approx(0.77814)


def programs(cells: list[PublishedCell], folder: Path, shift: float) -> Path:
    (folder / "summary.csv").write_text(to_csv(summary_of(cells, shift)), encoding="utf-8")
    (folder / "comparisons.csv").write_text(to_csv(UNTESTED), encoding="utf-8")
    settings = PublishedNumbers(benchmarks=NAMES.benchmarks, backbones=NAMES.backbones)
    given = [f"--{name}={folder / name}.csv" for name in ("summary", "comparisons")]
    given += ["--published", str(FILE), "--effects", json.dumps(PAIRS), "--output", str(folder), *layout()]
    verdicts.main([*given, "--settings", settings.model_dump_json(), "--verdicts", str(folder / "verdicts.json")])
    return folder / "verdicts.json"


def test_verify_fails_on_a_deviation_and_lists_it(
    cells: list[PublishedCell], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = programs(cells, tmp_path, 0.0)
    verify.main([str(file)])
    assert "936 within tolerance" in capsys.readouterr().out
    file = programs(cells, tmp_path, -0.11)
    with pytest.raises(UserError, match="936 of 936 covered numbers are outside tolerance"):
        verify.main([str(file), "--lines", "3"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 3 + 1
    assert re.fullmatch(
        r"below: table \d+, .*: ours \S+, published \S+, difference -0\.1100, allowed 0\.0200", lines[1]
    )
    assert lines[-1] == "... and 933 more, furthest outside first"


@pytest.mark.workflow
def test_verify_ends_a_tiny_workflow_with_status_1(cells: list[PublishedCell], tmp_path: Path) -> None:
    rule = (ROOT / "workflow" / "rules" / "compare.smk").read_text(encoding="utf-8").partition("\nrule verify:")[2]
    command = re.search(r'    shell:\n +"(.*)"', rule)
    assert command
    (tmp_path / "Snakefile").write_text(
        'rule verify:\n    input: verdicts="verdicts.json"\n    log: "verify.log"\n    params: program="verify.py"\n'
        f'    shell: "{command.group(1)}"\n',
        encoding="utf-8",
    )
    scripts = ROOT / "workflow" / "scripts"
    shutil.copy(scripts / "verify.py", tmp_path)
    (tmp_path / "hybridbatch").symlink_to(scripts / "hybridbatch")
    for shift, status in ((0.0, 0), (0.11, 1)):
        programs(cells, tmp_path, shift)
        run = subprocess.run(
            [sys.executable, "-m", "snakemake", "verify", "--cores", "1", "--quiet", "rules", "--forcerun", "verify"],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == status, run.stderr
        assert f"{936 * (1 - status)} within tolerance" in run.stdout


@pytest.mark.parametrize("content", [{}, {"counts": 3}, {"counts": {"covered": 0}}])
def test_verify_names_a_file_that_holds_no_verdicts(content: dict[str, Any], tmp_path: Path) -> None:
    write_json(tmp_path / "verdicts.json", content)
    with pytest.raises(UserError, match="has no verdicts"):
        verify.main([str(tmp_path / "verdicts.json")])


def test_verdicts_survive_json(cells: list[PublishedCell], tmp_path: Path) -> None:
    document = judged(cells, summary_of(cells))
    write_json(tmp_path / "verdicts.json", document)
    assert read_json(tmp_path / "verdicts.json") == json.loads(json.dumps(document))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3,xquad_r,mono,map,xlm-r,hybrid,ar,high,x", "line 3: table must be"),
        ("0,xquad_r,mono,map,xlm-r,hybrid,ar,.5,x", "line 3: table must be"),
        ("3,xquad_r,mono,map,xlm-r,hybrid,ar,nan,x", "line 3: table must be"),
        ("3,xquad_r,mono,map,xlm-r,monolingual,ar,.5,x", "line 3 gives a cell for the second time"),
    ],
)
def test_bad_published_numbers(line: str, message: str, tmp_path: Path) -> None:
    head = FILE.read_text(encoding="utf-8").splitlines()[:2]
    (tmp_path / "p.csv").write_text("\n".join([*head, line]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_published(tmp_path / "p.csv")


def test_a_file_with_other_columns_or_none(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UserError, match="has other columns"):
        read_published(tmp_path / "p.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_published(tmp_path / "absent.csv")


def test_settings() -> None:
    settings = PublishedNumbers(
        tolerances={"map": 0.01}, benchmarks={"xquad_r": "mine", "miracl": None}, backbones={"labse": "mine"}
    )
    assert settings.tolerances == {**TOLERANCES, "map": 0.01}
    resolved = settings.resolved({"mine", "mlqa_r", "miracl", "xquad_r"}, {"me5-small"})
    assert (resolved.benchmarks, resolved.backbones) == ({"xquad_r": "mine", "mlqa_r": "mlqa_r"}, {})
    assert settings.only(set(), {"mine"}).benchmarks == {"miracl": None}
    with pytest.raises(ValidationError, match="two of the paper's names"):
        PublishedNumbers(backbones={"labse": "mine", "xlm-r": "mine"})
