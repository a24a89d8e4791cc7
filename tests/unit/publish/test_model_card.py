"""The card of a trained model: its metadata, its text, and a folder that still loads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from sentence_transformers import SentenceTransformer
from tiny import PROMPTS, tiny_pairs

import train
import write_model_card as program
from hybridbatch.backbone.encoder import load_encoder
from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, sha256, write_text
from hybridbatch.config.load import load_config
from hybridbatch.config.training import Lora, Training
from hybridbatch.publish.lineage import Part, licence_of, read_downloads
from hybridbatch.publish.model_card import cell

ROOT = Path(__file__).parents[3]
RUN = "tiny/hybrid/seed1"
SUMMARY = """benchmark,setting,metric,backbone,strategy,seed,language,value
xquad_r,mono,map,tiny,none,0,mean,0.9
xquad_r,mono,map,tiny,hybrid,1,de,0.2
xquad_r,mono,map,tiny,hybrid,1,en,0.4
xquad_r,mono,map,tiny,hybrid,1,mean,0.30000000000000004
xquad_r,mono,map,tiny,hybrid,2,mean,0.8
xquad_r,cross,map,tiny,hybrid,1,mean,
xquad_r,bias,rank_distance,tiny,hybrid,1,mean,12.34
"""
SETTINGS = Training(steps=2, batch_size=8, validation_every=2, validation_batches=1, validation_batch_size=8)


def configuration(folder: Path, **source: Any) -> dict[str, Any]:
    """Return a resolved configuration of one trained model; ``source`` changes its training source."""
    table = {"reader": "table", "path": "my/pairs.{language}.tsv", "languages": ["de", "en"]}
    values = {
        "experiment": "e",
        "notice": "Only a *test*.",
        "results_dir": str(folder),
        "runs": {"backbones": ["tiny"], "strategies": ["hybrid"], "seeds": [1], "benchmarks": ["xquad_r"]},
        "backbones": {"tiny": {"hub": "some/encoder", "revision": "0" * 40, "prompts": PROMPTS, "max_length": 20}},
        "sources": {"facts": {**table, **source}, "held_out": table},
        "benchmarks": {"xquad_r": {"reader": "lareqa", "path": "lareqa/xquad-r", "languages": ["de", "el", "en"]}},
        "training": {**SETTINGS.model_dump(), "sources": ["facts"], "validation": "held_out"},
    }
    return load_config(values).model_dump(mode="json")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, still_backbone: Path) -> Path:
    """Return the folder of an experiment with a trained model and no card; tests only add the card."""
    folder = tmp_path_factory.mktemp("trained")
    pairs = {"facts": tiny_pairs(folder / "pairs/facts", 0, 40)}
    pairs["held_out"] = tiny_pairs(folder / "pairs/held_out", 40, 10)
    named = {name: [f"{name}:{code}={file}" for code, file in files.items()] for name, files in pairs.items()}
    words = [
        "--backbone",
        str(still_backbone),
        "--training",
        SETTINGS.model_dump_json(),
        "--strategy",
        '{"alpha": 0.5}',
    ]
    words += ["--seed", "1", "--device", "cpu", "--state", str(folder / "state")]
    words += [
        "--output",
        str(folder / "models" / RUN),
        "--pairs",
        *named["facts"],
        "--validation-pairs",
        *named["held_out"],
        "--sizes",
        "facts=1000",
    ]
    train.main(words)
    write_text(folder / "tables/summary.csv", SUMMARY)
    return folder


def write_card(
    folder: Path, *, run: str = RUN, manifest: Path | None = None, truncate_dim: int | None = None, **source: Any
) -> ModelCard:
    """Write the card as the workflow does, and read it as the hub does."""
    config = configuration(folder, **source)
    config["encoding"]["truncate_dim"] = truncate_dim
    write_text(folder / "config.yaml", yaml.safe_dump(config))
    model = folder / "models" / RUN
    options = {
        "run": run,
        "config": folder / "config.yaml",
        "manifest": manifest or model / "manifest.json",
        "summary": folder / "tables/summary.csv",
        "pairs": folder / "pairs",
        "data-files": ROOT / "config/data.csv",
        "output": model / "README.md",
    }
    program.main([word for name, value in options.items() for word in (f"--{name}", str(value))])
    return ModelCard.load(model / "README.md")


def test_the_hub_can_read_the_metadata(trained: Path) -> None:
    data = write_card(trained, licence="CC0-1.0").data
    assert data.library_name == "sentence-transformers"
    assert data.pipeline_tag == "sentence-similarity"
    assert data.language == ["de", "en"]
    assert data.base_model == "some/encoder"
    assert data.license == "unknown"
    assert data.datasets is None
    results = {(r.dataset_name, r.metric_type): r for r in data.eval_results}
    assert {key: r.metric_value for key, r in results.items()} == {
        ("xquad_r (mono)", "map"): 0.30000000000000004,
        ("xquad_r (bias)", "rank_distance"): 12.34,
    }
    assert results["xquad_r (mono)", "map"].dataset_revision == "5405d2a77e83d5ccb47623a3f9e5604c3f103193"


def test_the_text_describes_the_model(trained: Path) -> None:
    text = write_card(trained, licence="CC0-1.0").text
    for expected in (
        "> **Only a \\*test\\*.**",
        "# tiny, hybrid batches, seed 1",
        "some/encoder, revision `" + "0" * 40,
        "| benchmark | setting | mAP | Rank distance |\n|:--|:--|--:|--:|\n| xquad\\_r | mono | 0.3000 | – |\n",
        "| xquad\\_r | bias | – | 12.3 |",
        "CC-BY-SA-4.0",
        "| strategies.alpha | 0.5 |",
        "| strategies.source\\_exponent | 1.0 |",
        "| training.negatives | none |",
        "| sources.facts.size | 1000 |",
        "| training.steps | 2 |",
        "| facts | training | my/pairs.{language}.tsv | – | CC0-1.0 | de 40, en 40 | – |",
        "| held\\_out | validation | my/pairs.{language}.tsv | – | not stated | de 10, en 10 | – |",
        "`ab: ` and\n`ba: `",
        "Trained on de, en; el is evaluated above without training.",
        "the licence of `tiny`.",
    ):
        assert expected in text
    for absent in ("0.9000", "0.8000", "trimmed", "for commercial use", "None", "{{"):
        assert absent not in text
    assert "\n\n\n" not in text


def test_a_non_commercial_source_is_named(trained: Path) -> None:
    assert "**facts is not for commercial use** (CC-BY-NC-4.0)" in write_card(trained, licence="CC-BY-NC-4.0").text


def test_a_source_of_the_hub_has_its_commit(trained: Path) -> None:
    columns = {"query": "q", "passage": "p", "id": "i"}
    hub = {"revision": "1" * 40, "data_files": "{language}.parquet", "columns": columns}
    card = write_card(trained, reader="hub", path="some/pairs", hub=hub, licence="MIT")
    assert card.data.datasets == ["some/pairs"]
    assert f"| facts | training | some/pairs | {'1' * 40} | MIT |" in card.text


def test_a_translated_language_names_its_engine(trained: Path) -> None:
    translation = {"engine": "memory", "memory": "tm/{language}.tmx", "languages": ["de"]}
    text = write_card(trained, languages=["en"], translation=translation).text
    assert "| de: from en by tm/{language}.tmx |" in text


def test_a_trimmed_vocabulary_is_a_limit(trained: Path, tmp_path: Path) -> None:
    manifest = read_json(trained / "models" / RUN / "manifest.json")
    manifest["backbone"]["tokens_kept"] = 77
    write_text(tmp_path / "manifest.json", json.dumps(manifest))
    assert (
        "**The vocabulary is trimmed** to the 77 tokens"
        in write_card(trained, manifest=tmp_path / "manifest.json").text
    )


def test_forms_of_training_are_stated(trained: Path, tmp_path: Path) -> None:
    manifest = read_json(trained / "models" / RUN / "manifest.json")
    text = write_card(trained).text
    for absent in ("LoRA", "lora", "matryoshka", "truncate_dim", "last token", "mAP@100"):
        assert absent not in text
    del manifest["best_validation_loss"]
    manifest["best_validation_map"] = 0.61234
    manifest["backbone"]["pooling"] = "lasttoken"
    manifest["training"] |= {"select_by": "map", "lora": Lora(rank=4).model_dump(), "matryoshka": [4, 8]}
    write_text(tmp_path / "manifest.json", json.dumps(manifest))
    text = write_card(trained, manifest=tmp_path / "manifest.json", truncate_dim=4).text
    for expected in (
        "for this model only. The vectors were truncated to 4 dimensions, as with `truncate_dim=4`.",
        "which has the highest mAP@100 of all validated steps on held-out pairs in the pool of their languages, 0.6123.",
        "Only low-rank matrices (LoRA) were trained; their products have been added to the weights.",
        "A vector is that of the last token.",
        "They were also trained when truncated to\n4, 8 dimensions: "
        '`SentenceTransformer("path/to/this/folder", truncate_dim=8)`.',
        "| training.lora | {'rank': 4, ",
        "| training.matryoshka | \\[4, 8\\] |",
        "| training.select\\_by | map |",
    ):
        assert expected in text
    assert "\n\n\n" not in text


def test_the_folder_loads_with_the_card_and_keeps_its_prompts(trained: Path) -> None:
    folder = trained / "models" / RUN
    before = sha256(folder / "manifest.json")
    (folder / "README.md").unlink(missing_ok=True)
    expected = load_encoder(folder, "cpu").encode_query(["abc", "c b a"])
    write_card(trained)
    manifest = read_json(folder / "manifest.json")
    assert sha256(folder / "manifest.json") == before
    assert "README.md" not in manifest["files"]
    assert all(sha256(folder / name) == digest for name, digest in manifest["files"].items())
    model = SentenceTransformer(str(folder), device="cpu")
    assert model.prompts == {"query": "ab: ", "passage": "ba: ", "document": "ba: "}
    np.testing.assert_array_equal(model.encode_query(["abc", "c b a"]), expected)
    np.testing.assert_allclose(model.encode_query("abc"), model.encode("ab: abc"), atol=1e-6)
    np.testing.assert_allclose(model.encode_document("abc"), model.encode("ba: abc"), atol=1e-6)
    assert not np.allclose(model.encode("abc"), model.encode_query("abc"), atol=1e-3)


def test_a_run_without_scores_is_an_error(trained: Path) -> None:
    with pytest.raises(UserError, match=r"tiny/hybrid/seed7: has no row in the summary"):
        write_card(trained, run="tiny/hybrid/seed7")


def test_missing_pairs_are_an_error(trained: Path, tmp_path: Path) -> None:
    manifest = read_json(trained / "models" / RUN / "manifest.json")
    manifest["pairs"]["facts:fr"] = "0"
    write_text(tmp_path / "manifest.json", json.dumps(manifest))
    with pytest.raises(UserError, match=r"facts/fr\.parquet: cannot be read"):
        write_card(trained, manifest=tmp_path / "manifest.json")


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["MIT", "MIT"], ("mit", None)),
        (["CC BY-SA 4.0", "cc-by-sa-4.0"], ("cc-by-sa-4.0", None)),
        (["MIT", "CC0-1.0"], ("other", "licences-of-its-parts")),
        (["Some Research Licence"], ("other", "licences-of-its-parts")),
        (["MIT", None], ("unknown", None)),
    ],
)
def test_the_licence_is_never_guessed(licences: list[str | None], expected: tuple[str, str | None]) -> None:
    assert licence_of([Part("p", "p", None, licence) for licence in licences]) == expected


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC-BY-NC-4.0", True),
        ("CC BY-NC-SA 3.0", True),
        ("Apache-2.0 (translation), MS MARCO terms, non-commercial research (texts)", True),
        ("noncommercial use", True),
        ("CC-BY-SA-4.0", False),
        ("Vance licence", False),
        (None, False),
    ],
)
def test_non_commercial_licences_are_recognised(licence: str | None, expected: bool) -> None:
    assert Part("p", "p", None, licence).is_non_commercial is expected


def test_the_list_of_downloads_states_licences() -> None:
    found = read_downloads(ROOT / "config/data.csv")
    licences = {"lareqa/xquad-r": "CC-BY-SA-4.0", "lareqa/mlqa-r": "CC-BY-NC-4.0", "faq/bitcoin.org": "MIT"}
    assert {folder: found[folder].licence for folder in licences} == licences


def test_contradictory_downloads_are_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "data.csv", "path,revision,licence\na/1,r,MIT\na/2,r,CC0-1.0\n")
    with pytest.raises(UserError, match="files in a differ in revision or licence"):
        read_downloads(tmp_path / "data.csv")


def test_cells_cannot_break_a_table() -> None:
    assert cell("a | b\n<c>") == "a \\| b \\<c>"
