"""Questions that rules ask a configuration about its runs, benchmarks and pairs."""

from typing import Any

from small_config import SMALL, small

from hybridbatch.config.evaluation import Evaluation
from hybridbatch.config.experiment import Config

TWO_BACKBONES = {"backbones.b": {"path": "b"}, "runs.backbones": ["enc", "b"], "runs.seeds": [2, 1]}
MIRACL = {"reader": "miracl", "path": "data/miracl", "languages": ["sw", "en"]}
BENCH = SMALL["benchmarks"]["bench"]


def benchmarks(**sections: dict[str, Any]) -> Config:
    return small(
        {**{f"benchmarks.{name}": section for name, section in sections.items()}, "runs.benchmarks": [*sections]}
    )


def test_runs_by_kind() -> None:
    config = small({**TWO_BACKBONES, "ablation": {"alpha": [0.25, 0.5]}})
    trained = ["hybrid/seed2", "hybrid/seed1", "hybrid-alpha0.25/seed2", "hybrid-alpha0.25/seed1"]
    assert config.encoder_runs == [f"{name}/{run}" for name in ("enc", "b") for run in ["none/seed0", *trained]]
    assert config.trained_runs == [f"{name}/{run}" for name in ("enc", "b") for run in trained]
    assert config.compared_runs == [
        "bm25/bm25/seed0",
        *(f"{name}/{run}" for name in ("enc", "b") for run in ("none/seed0", "hybrid/seed2", "hybrid/seed1")),
    ]
    assert config.projected_runs == ["enc/none/seed0", "enc/hybrid/seed2", "b/none/seed0", "b/hybrid/seed2"]


def test_the_first_seed_of_a_strategy_is_drawn_even_if_another_is_0() -> None:
    assert small({"runs.seeds": [1, 0]}).projected_runs == ["enc/none/seed0", "enc/hybrid/seed1"]


def test_benchmarks_by_what_is_measured() -> None:
    parallel = {**BENCH, "reader": "beir", "path": "my"}
    config = benchmarks(
        bench=BENCH,
        cut={**BENCH, "keep": [0.5, 1]},
        miracl=MIRACL,
        all={**parallel, "settings": ["multi", "mono", "cross"]},
    )
    assert config.pooled_benchmarks == ["bench", "cut", "all"]
    assert config.whole_benchmarks == ["bench", "miracl", "all"]
    assert config.separate_questions == ["miracl"]
    assert config.restricted_settings == {"miracl": ["mono"]}


def test_exported_settings_are_those_with_rankings() -> None:
    config = benchmarks(bench=BENCH, single={**BENCH, "languages": ["de"]})
    assert config.exported_settings("bench") == ["mono", "cross", "multi"]
    assert config.exported_settings("bench", "enc/none/seed0") == ["mono", "cross", "multi"]
    assert config.exported_settings("bench", "bm25/bm25/seed0") == ["mono"]
    assert config.exported_settings("single") == ["mono"]


def test_languages_that_training_lacks_are_unseen() -> None:
    more = {"benchmarks.bench.languages": ["en", "tr", "de", "el"]}
    assert small(more).unseen_languages == ["el", "tr"]
    assert small({**more, "runs.strategies": []}).unseen_languages == []


def test_pairs_by_origin() -> None:
    config = small()
    assert config.native_pairs == ["pairs/en", "held_out/en", "held_out/de"]
    assert config.translated_pairs == ["pairs/de"]
    assert config.used_pairs == ["pairs/de", "pairs/en", "held_out/de", "held_out/en"]
    untrained = small({"runs.strategies": []})
    assert untrained.native_pairs == untrained.translated_pairs == untrained.used_pairs == []


def test_evaluation_texts_are_those_in_the_language_and_in_english() -> None:
    config = small({"benchmarks.bench.languages": ["en", "de", "fr"]})
    assert config.evaluation_texts("de") == ["bench/en", "bench/de"]
    assert config.evaluation_texts("tr") == ["bench/en"]
    assert small({"cleaning.steps": ["empty"]}).evaluation_texts("de") == []
    assert small({"cleaning.decontaminate": []}).evaluation_texts("de") == []


def test_only_translations_of_untrusted_engines_are_compared_by_an_encoder() -> None:
    similarity = {"checks": ["similarity"], "encoder": "enc", "min_similarity": 0.8}
    trusting = small({"cleaning.quality": similarity})
    assert trusting.has_models_on_pairs
    assert trusting.similarity_encoder("pairs/de") is None
    config = small({"cleaning.quality": {**similarity, "trusted_engines": []}})
    assert config.similarity_encoder("pairs/de") == "enc"
    assert config.similarity_encoder("pairs/en") is None
    assert config.similarity_encoder("held_out/de") is None
    assert not small().has_models_on_pairs


def test_references_by_source_and_language() -> None:
    config = small({"sources.pairs.translation.reference": "people/{language}.tsv"})
    assert config.reference_files == {"pairs/de": "people/de.tsv"}
    assert small().reference_files == {}


def test_domains_name_the_benchmarks_of_the_shift() -> None:
    config = small(
        {
            "benchmarks.other": BENCH,
            "runs.benchmarks": ["bench", "other"],
            "sources.more": {"reader": "parallel", "path": "p", "languages": ["en", "fr"]},
            "training.sources": ["pairs", "more"],
            "shift.in_domain": ["bench"],
            "shift.out_of_domain": ["other"],
            "shift.held_out": {"fiction": {"sources": ["more"], "benchmarks": ["other"]}},
        }
    )
    assert config.domains == {"in_domain": ["bench"], "out_of_domain": ["other"], "held_out": {"fiction": ["other"]}}


def test_bm25_uses_the_first_backbone_s_tokenizer_by_default() -> None:
    assert small(TWO_BACKBONES).bm25_tokenizer == "enc"
    assert small({**TWO_BACKBONES, "bm25.tokenizer": "b"}).bm25_tokenizer == "b"


def test_measuring_depends_on_no_table() -> None:
    own = {"measures": ["ndcg@10"], "tables": {"mono": ["ndcg@10"], "cross": ["ndcg@10"], "multi": ["ndcg@10"]}}
    settings = small({"evaluation": own}).evaluation.for_measuring()
    assert Evaluation.model_validate_json(settings).measures == ["ndcg@10"]
    assert small({"evaluation": own | {"tables": {"mono": ["ndcg@10"]}}}).evaluation.for_measuring() == settings
