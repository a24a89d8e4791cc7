"""The table of language bias beyond rank distance, by pencil."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from example_measures import layout

import write_bias_tables as program
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import write_table


def write_run(folder: Path, run: str, preference: float) -> str:
    """Write what the bias of a run consists of: two languages, of which one has more queries than the other."""
    file = folder / f"{run}.parquet"
    queries = pd.DataFrame(
        [("quiz", "multi", code, None, f"q{i}", preference + (code == "de")) for code, n in (("de", 1), ("en", 3)) for i in range(n)],
        columns=["benchmark", "setting", "query_language", "passage_language", "query_id", "own_language_preference@2"],
    )  # fmt: skip
    write_table(file, pa.Table.from_pandas(queries, preserve_index=False))
    shares = "benchmark,query_language,passage_language,share_in_top,share_in_pool\n"
    shares += "quiz,de,de,1.0,0.5\nquiz,de,en,0.0,0.5\nquiz,en,de,0.5,0.5\nquiz,en,en,0.5,0.5\n"
    file.with_suffix(".shares.csv").write_text(shares, encoding="utf-8")
    probes = f"benchmark,measure,value\nquiz,probe_accuracy,{preference + 0.5}\n"
    file.with_suffix(".identifiability.csv").write_text(probes, encoding="utf-8")
    return f"{run}={file}"


def test_tables_average_over_queries_languages_and_seeds(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path, "small_e5/none/seed0", -0.25),
        write_run(tmp_path, "small_e5/hybrid/seed1", 0.1),
        write_run(tmp_path, "small_e5/hybrid/seed2", 0.3),
    ]
    out = tmp_path / "tables"
    program.main(["--runs", *runs, "--depth", "2", *layout(notice="A demo."), "--output", str(out)])
    with (out / "language_bias.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["benchmark"], row["strategy"], row["seeds"]) for row in rows] == [
        ("quiz", "none", "1"),
        ("quiz", "hybrid", "2"),
    ]
    assert float(rows[0]["own_language_preference@2"]) == pytest.approx(0.25)
    assert rows[0]["own_language_preference@2_sd"] == ""
    assert float(rows[1]["own_language_preference@2"]) == pytest.approx(0.7)
    assert float(rows[1]["own_language_preference@2_sd"]) == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert float(rows[1]["share_divergence@2"]) == pytest.approx(0.25)
    assert float(rows[1]["probe_accuracy"]) == pytest.approx(0.7)

    page = (out / "language_bias.html").read_text(encoding="utf-8")
    assert "<main>" in page and "0.7000" in page and "Own-language preference@2" in page and "A demo." in page
    assert "| quiz | small\\_e5 | hybrid | 2 | 0.7000 ± 0.1414 |" in (out / "language_bias.md").read_text("utf-8")
    assert r"small\_e5" in (out / "language_bias.tex").read_text(encoding="utf-8")
    shares = pd.read_csv(out / "language_shares.csv")
    assert list(shares["seeds"]) == [1] * 4 + [2] * 4
    assert list(shares["share_in_top"]) == [1, 0, 0.5, 0.5] * 2


def test_a_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path, "small_e5/none/seed0", 0)
    (tmp_path / "small_e5" / "none" / "seed0.shares.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"seed0\.shares\.csv: lacks the column benchmark, query_language"):
        program.main(["--runs", run, "--depth", "2", *layout(), "--output", str(tmp_path)])
