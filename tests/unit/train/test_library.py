"""The documented training script runs with the installed package alone."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sentence_transformers import SentenceTransformer
from tiny import tiny_pairs
from training_runs import same_weights, weights

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/use-as-a-library.md"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which the package, and nothing else of the repository, is installed."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "workflow/scripts/hybridbatch", folder / "copy/workflow/scripts/hybridbatch")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / "copy" / name)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(folder / "packages"), str(folder / "copy")], check=True)
    return folder / "packages"


@pytest.mark.slow
@pytest.mark.parametrize("negatives", [False, True])
def test_the_documented_script_trains_a_model(tmp_path: Path, installed: Path, backbone: Path, negatives: bool) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    script = script.replace("intfloat/multilingual-e5-small", str(backbone)).replace("steps=100", "steps=10")
    for language, file in tiny_pairs(tmp_path / "pairs", start=0, count=60).items():
        with (tmp_path / f"{language}.tsv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, delimiter="\t")
            rows = pq.read_table(file).to_pylist()
            if negatives:
                rows = [{**row, "negative": f"{row['passage']} c"} for row in rows]
            writer.writerows([rows[0].keys(), *(row.values() for row in rows)])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), "HF_HOME": str(tmp_path / "cache")}
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    model = tmp_path / "model"
    assert weights(model).keys() == weights(backbone).keys()
    assert not same_weights(model, backbone)
    assert SentenceTransformer(str(model), device="cpu").encode_query("ab c").shape == (16,)
