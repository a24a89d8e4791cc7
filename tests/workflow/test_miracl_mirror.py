"""Benchmarks of the hub from a mirror, without network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from miracl_files import write_miracl

from hybridbatch.common.files import read_json, read_table

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.workflow
def test_miracl_is_prepared_from_a_mirror(tmp_path: Path) -> None:
    """The mirror has topics in the hub's cache layout, and passages as plain files."""
    hub = yaml.safe_load((ROOT / "config" / "miracl.yaml").read_text())["benchmarks"]["miracl"]["hub"]
    topics = tmp_path / "mirror" / "hub" / "datasets--miracl--miracl" / "snapshots" / hub["revision"]
    corpus = tmp_path / "mirror" / "hub" / "miracl" / "miracl-corpus"
    topics.mkdir(parents=True)
    corpus.mkdir(parents=True)
    write_miracl(tmp_path)
    (tmp_path / "miracl-v1.0-sw").rename(topics / "miracl-v1.0-sw")
    (tmp_path / "miracl-corpus-v1.0-sw").rename(corpus / "miracl-corpus-v1.0-sw")
    own = {"results_dir": str(tmp_path / "results"), "resources_dir": str(tmp_path / "resources")}
    own |= {"mirror": str(tmp_path / "mirror"), "benchmarks": {"miracl": {"languages": ["sw"]}}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    folder = tmp_path / "results" / "miracl" / "benchmarks" / "miracl" / "sw"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", "--quiet", "rules"]
    files = ["--configfile", "config/miracl.yaml", str(tmp_path / "own.yaml")]
    run = subprocess.run(
        [*command, *files, "--", str(folder / "qrels.parquet")],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert read_table(folder / "passages.parquet")["passage_id"].to_pylist() == ["sw/10#0", "sw/10#1", "sw/11#0"]
    assert read_json(folder / "record.json")["queries"] == 2
