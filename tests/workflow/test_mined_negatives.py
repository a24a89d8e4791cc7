"""Training on hard negatives that an encoder mines, with LoRA, Matryoshka and a tracker, from the data to the model and the table of the data."""

import csv

import pyarrow.parquet as pq
import pytest
from checkout import Workflow

from hybridbatch.common.files import read_json, sha256

pytestmark = pytest.mark.workflow


def test_a_model_is_trained_on_mined_negatives(fresh: Workflow) -> None:
    sources = {"demo_facts": {"mine": {"encoder": "tiny", "margin": 0.0, "count": 2}}}
    training = {"negatives": "mined", "lora": {"targets": ["query", "value"]}, "matryoshka": [4, 8]}
    fresh.configure(sources=sources, training={**training, "report_to": ["tensorboard"]})
    model, table = (
        f"results/tiny/{name}" for name in ("models/tiny/hybrid/seed1/manifest.json", "tables/cleaning.csv")
    )
    fresh.succeed(model, table)
    manifest = read_json(fresh.folder / model)
    pairs = {
        code: pq.read_table(fresh.results / f"pairs/demo_facts/{code}.parquet").to_pylist() for code in ("de", "en")
    }
    answers = {
        row["pair_id"]: {
            other["passage"] for rows in pairs.values() for other in rows if other["pair_id"] == row["pair_id"]
        }
        for row in pairs["en"]
    }
    with (fresh.folder / table).open(encoding="utf-8", newline="") as stream:
        counts = {(row["source"], row["language"]): row["with negatives"] for row in csv.DictReader(stream)}
    for code, rows in pairs.items():
        file = fresh.results / f"mined/demo_facts/{code}.parquet"
        assert manifest["pairs"][f"demo_facts:{code}"] == sha256(file)
        mined = pq.read_table(file).to_pylist()
        assert counts["demo_facts", code] == str(len(mined))
        for row in mined:
            negatives = {row["negative_1"], row["negative_2"]}
            assert len(negatives) == 2
            assert negatives <= {other["passage"] for other in rows} - answers[row["pair_id"]]
    assert ("demo_facts_validation", "de") in counts
    assert list((fresh.results / "logs/tensorboard/tiny/hybrid/seed1").glob("events.*"))
    # Trackers change no model.
    fresh.configure(sources=sources, training=training)
    assert fresh.planned(model, table) == set()
    fresh.configure(sources=sources, training={**training, "lora": {"targets": ["query", "q_proj"]}})
    assert "training.lora.targets: " in fresh.fail("--dry-run", model)
