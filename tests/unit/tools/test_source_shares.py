"""The shares of sources: the table of the documentation is that of the configuration, and agrees with drawn batches."""

import sys
from pathlib import Path

import datasets
import pytest
import yaml
from snakemake.utils import update_config

sys.path.append(str(Path(__file__).parents[3] / "tools"))

import source_shares

from hybridbatch.config.load import load_config
from hybridbatch.train.aligned_pairs import AlignedPairs
from hybridbatch.train.hybrid_batches import HybridBatchSampler

ROOT = Path(__file__).parents[3]


def test_the_table_in_the_documentation_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    source_shares.main([])
    page = (ROOT / "docs/explanation/batches.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out in page, (
        "run PYTHONPATH=workflow/scripts python tools/source_shares.py, and copy its table"
    )


@pytest.mark.slow
def test_shares_are_those_of_drawn_batches() -> None:
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    table = {"reader": "table", "path": "{language}.tsv"}
    sources = {"small": {**table, "languages": ["de", "en"]}, "large": {**table, "languages": ["en", "fr"]}}
    update_config(values, {"sources": sources, "training": {"sources": [*sources], "validation": None}})
    config, pairs = load_config(values), {"small": 30, "large": 90}
    shares = source_shares.source_shares(config, config.strategies["hybrid"], pairs)
    texts = {name: [f"{name} {number}" for number in range(count)] for name, count in pairs.items()}
    opened = [
        AlignedPairs(
            {
                code: datasets.Dataset.from_dict({"pair_id": rows, "query": rows, "passage": rows})
                for code in sources[name]["languages"]
            },
            name,
        )
        for name, rows in texts.items()
    ]
    batches = list(HybridBatchSampler(opened, 2, 2000, 0.5, seed=1))
    assert sum(batch[0].source == 0 for batch in batches) / 2000 == pytest.approx(shares["small"], abs=0.04)
    # Monolingual: de small, en 30 of 120, fr large; cross-lingual: two of four language pairs are those of small.
    assert shares["small"] == pytest.approx(0.5 * (1 + 0.25 + 0) / 3 + 0.5 * 0.5)
