"""The paths of an experiment's files."""

import pytest
from small_config import small

from hybridbatch.jobs.paths import Paths, with_packaged_data

MARIAN = {"family": "marian", "hub": "Helsinki-NLP/opus-mt-en-{language}", "revision": {"de": "a" * 40}}


def test_folders_follow_from_the_configuration() -> None:
    paths = Paths(small({"results_dir": "out", "resources_dir": "shared"}))
    assert (paths.results, paths.logs, paths.state) == ("out/small", "out/small/logs", "out/small/state")
    assert (paths.resources, paths.hub) == ("shared", "shared/hub")


def test_training_on_mined_negatives() -> None:
    mined = {"sources.pairs.mine": {"encoder": "miner"}, "backbones.miner": {"path": "models/miner"}}
    config = small({**mined, "training.negatives": "mined"})
    files = {f"pairs:{code}": f"results/small/mined/pairs/{code}.parquet" for code in ("de", "en")}
    assert Paths(config).training_pairs("hybrid") == files
    assert config.mined_pairs == ["pairs/de", "pairs/en"]
    assert "miner" in config.backbones
    # Without training on them, nothing is mined.
    assert Paths(small(mined)).training_pairs("hybrid") == Paths(small()).training_pairs("hybrid")
    assert small(mined).mined_pairs == []


def test_benchmark_and_pairs() -> None:
    paths = Paths(small())
    assert paths.benchmark("bench", ["queries"]) == [
        "results/small/benchmarks/bench/en/queries.parquet",
        "results/small/benchmarks/bench/de/queries.parquet",
    ]
    assert len(paths.benchmark("bench")) == 6
    pairs = {f"pairs:{code}": f"results/small/pairs/pairs/{code}.parquet" for code in ("de", "en")}
    assert paths.pairs(["pairs"]) == pairs
    assert paths.training_pairs("hybrid") == pairs
    texts = paths.texts()
    assert {*pairs.values(), *paths.benchmark("bench", ["queries", "passages"])} <= {*texts}
    assert "results/small/pairs/held_out/de.parquet" in texts


def test_a_strategy_trains_on_its_languages() -> None:
    values = {"strategies.hybrid": {"alpha": 1.0, "languages": ["de"]}}
    assert list(Paths(small(values)).training_pairs("hybrid")) == ["pairs:de"]


def test_a_prepared_backbone_is_named_by_its_settings() -> None:
    plain = Paths(small()).prepared_backbone("enc")
    assert plain.startswith("resources/backbones/enc-")
    assert Paths(small({"backbones.enc.licence": "mit"})).prepared_backbone("enc") == plain
    assert Paths(small({"backbones.enc.max_length": 64})).prepared_backbone("enc") != plain
    trimmed = Paths(small({"backbones.enc.trim_vocabulary": True}))
    assert trimmed.prepared_backbone("enc") == plain
    assert trimmed.backbone("enc") == "results/small/backbones/enc"


def test_the_model_of_a_run() -> None:
    paths = Paths(small())
    assert paths.model("enc/hybrid/seed1") == "results/small/models/enc/hybrid/seed1"
    assert paths.model("enc/none/seed0") == paths.prepared_backbone("enc")
    assert paths.measures(["enc/none/seed0"]) == {"enc/none/seed0": "results/small/measures/enc/none/seed0.parquet"}


def test_translation_models_are_named_by_their_origin() -> None:
    changes = {"translators": {"opus": MARIAN}, "sources.pairs.translation": {"languages": ["de"]}}
    changes["sources.pairs.translation"] |= {"engine": "transformers", "translator": "opus"}
    paths = Paths(small(changes))
    (folder,) = paths.translators()
    assert folder.startswith("resources/translators/opus-")
    assert paths.translators()[folder]["hub"] == "Helsinki-NLP/opus-mt-en-de"
    assert paths.translator("opus", "de") == folder
    assert Paths(small()).translators() == {}


def test_translated_pairs_have_an_original() -> None:
    paths = Paths(small())
    assert paths.untranslated("pairs/de") == "results/small/pairs/pairs/en.parquet"
    with pytest.raises(ValueError, match="held_out/de"):
        paths.untranslated("held_out/de")


def test_encoding_is_shared_if_it_has_several_jobs() -> None:
    run = "enc/none/seed0"
    assert Paths(small()).encoding_shares(run, "bench") == []
    folder = f"results/small/embeddings/{run}/bench.parts"
    shares = Paths(small({"encoding.jobs": 2})).encoding_shares(run, "bench")
    assert shares == [f"{folder}/0of2.json", f"{folder}/1of2.json"]


def test_packaged_data_is_in_the_folder_of_the_workflow() -> None:
    values = {
        "a": [{"path": "data/demo"}],
        "memory": "data/demo/en-{language}.tmx",
        "own": "data/demonstration",
        "n": 1,
    }
    expected = {"a": [{"path": "../w/data/demo"}], "memory": "../w/data/demo/en-{language}.tmx"}
    assert with_packaged_data(values, "../w/data/demo") == expected | {"own": "data/demonstration", "n": 1}
    assert with_packaged_data(values, "data/demo") == values
