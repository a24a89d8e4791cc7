"""A smoke run: Snakemake runs every stage once, apart from the real run."""

import pyarrow.parquet as pq
import pytest
from checkout import Workflow

pytestmark = [pytest.mark.slow, pytest.mark.workflow]


def test_every_stage_runs_once_on_a_part_of_the_data(fresh: Workflow) -> None:
    few = {"training": {"batch_size": 2, "validation_batch_size": 2, "steps": 1000}}
    fresh.configure(
        runs={"strategies": ["hybrid"], "bm25": False, "benchmarks": ["demo_facts"], "seeds": [1, 2]}, **few
    )
    fresh.succeed("--config", "smoke=true")
    results = fresh.folder / "results/tiny_smoke"
    assert (results / "report.html").is_file()
    trained = [path.parent.relative_to(results / "models") for path in results.glob("models/*/*/*/manifest.json")]
    assert [str(path) for path in trained] == ["tiny/hybrid/seed1"]
    curves = (results / "models/tiny/hybrid/seed1/curves.csv").read_text(encoding="utf-8")
    assert [line.split(",")[0] for line in curves.splitlines()] == ["step", "1", "2", "3", "4"]
    # Ten batches are more than a hundredth of the data.
    assert pq.read_metadata(results / "raw/demo_facts/en.parquet").num_rows == 20
    assert not fresh.results.exists()
