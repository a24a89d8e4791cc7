"""config/paper.yaml on a miniature of the hub, from the downloads to the report; only sizes differ.

With WHOLE_PAPER=1 in the environment, all languages, strategies and backbones; else a part of them.
"""

import gzip
import html
import json
import math
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pandas as pd
import pytest
import yaml
from checkout import ROOT, TIMEOUT, Workflow, copy_sources, merged
from hub_server import HubServer
from paper_hub.hub import hub_server, serve_lareqa
from paper_hub.words import WORDS

pytestmark = [pytest.mark.slow, pytest.mark.workflow]
PAPER = "config/paper.yaml"
SIZES = "config/sizes.yaml"
DATA_FILES = "config/data.csv"
WHOLE = os.environ.get("WHOLE_PAPER") == "1"
ROWS = 48
PARAGRAPHS = 4
# Without WHOLE_PAPER.
PART = {"xquad_r": ["de", "en"], "mlqa_r_context": ["en", "zh"], "miracl": ["sw", "zh"], "mmarco": ["de", "en"]}
TRANSLATED = ["de"]
KEYS = ["benchmark", "setting", "query_language", "passage_language", "query_id"]
TREC = {
    "map": "map",
    "ndcg@10": "ndcg_cut_10",
    "recall@1": "recall_1",
    "recall@10": "recall_10",
    "recall@100": "recall_100",
}


def sizes(paper: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes of the configuration: two steps of small batches on a CPU, and fewer shards, languages and runs."""
    training = {"steps": 2, "batch_size": 8, "precision": "fp32", "log_every": 1}
    training |= {"validation_every": 1, "validation_batches": 1, "validation_batch_size": 8}
    changes: dict[str, Any] = {"device": "cpu", "training": training, "encoding": {"batch_size": 32}}
    changes["translators"] = {"madlad": {"compute_type": "int8"}}
    changes["runs"] = {"seeds": [1]} if WHOLE else {"seeds": [1], "strategies": ["hybrid"], "untuned": False}
    translation = {"shards": 2} if WHOLE else {"shards": 1, "languages": TRANSLATED}
    changes["sources"] = {
        name: {"translation": translation} for name, source in paper["sources"].items() if "translation" in source
    }
    if not WHOLE:
        changes["ablation"] = {"language_exponent": [], "source_exponent": [], "pair_scope": []}
        changes["runs"]["benchmarks"] = [name for name in paper["benchmarks"] if name in PART]
        changes["benchmarks"] = {}
        for section in ("sources", "benchmarks"):
            changes[section] |= {name: {"languages": PART[name]} for name in paper[section] if name in PART}
    return changes


@pytest.fixture(scope="module")
def changes() -> dict[str, Any]:
    """What differs from config/paper.yaml."""
    return sizes(yaml.safe_load((ROOT / PAPER).read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def hub(changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """The miniature of the hub."""
    paper = yaml.safe_load((ROOT / PAPER).read_text(encoding="utf-8"))
    with hub_server(tmp_path_factory.mktemp("hub"), merged(paper, changes), ROWS) as server:
        yield server


@pytest.fixture(scope="module")
def paper(hub: HubServer, changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The experiment after a whole run, which uses the hub for the downloads only; tests only read it."""
    folder = tmp_path_factory.mktemp("paper")
    copy_sources(folder)
    serve_lareqa(hub, folder / DATA_FILES, PARAGRAPHS)
    workflow = configured(folder, changes)
    replace(workflow, hub=hub.url).succeed("downloads")
    workflow.succeed("all", "trec")
    return workflow


@pytest.fixture
def fresh(paper: Workflow, tmp_path: Path) -> Path:
    """A checkout that has nothing but the data manifest of the miniature."""
    (tmp_path / "copy").mkdir()
    copy_sources(tmp_path / "copy")
    shutil.copyfile(paper.folder / DATA_FILES, tmp_path / "copy" / DATA_FILES)
    return tmp_path / "copy"


def configured(folder: Path, changes: Mapping[str, Any]) -> Workflow:
    (folder / SIZES).write_text(yaml.safe_dump(changes), encoding="utf-8")
    return Workflow(folder, "paper", (PAPER, SIZES), timeout=2 * 3600 if WHOLE else TIMEOUT)


def resolved(paper: Workflow) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((paper.results / "config.yaml").read_text(encoding="utf-8"))
    return values


def measured(paper: Workflow) -> dict[str, pd.DataFrame]:
    """Return the measures of every run."""
    folder = paper.results / "measures"
    runs = {str(file.relative_to(folder).with_suffix("")): pd.read_parquet(file) for file in folder.rglob("*.parquet")}
    assert len(runs) == (14 if WHOLE else 2)
    return runs


def test_downloads_are_those_of_the_pinned_commits_and_no_pickles(hub: HubServer, paper: Workflow) -> None:
    fetched = [path for path, _ in hub.requests]
    for kind, name, revision in hub.repositories:
        folder = f"{'datasets/' if kind == 'dataset' else ''}{name}/resolve/{revision}/"
        assert any(path.startswith(f"/{folder}") for path in fetched), folder
    assert not [path for path in fetched if path.endswith(".bin") or "/onnx/" in path]
    assert len(list((paper.folder / "resources/data").rglob("*.json"))) == (18 if WHOLE else 4)


def test_translations_are_used(paper: Workflow) -> None:
    """The miniature of MADLAD-400 translates word by word, so nearly all pairs pass the checks of translations."""
    dictionary = {**dict(zip(WORDS["en"], WORDS["de"], strict=True)), "?": "?", ".": "."}
    english, german = (pd.read_parquet(paper.results / f"pairs/wikiqa/{code}.parquet") for code in ("en", "de"))
    assert len(german) > 0.9 * len(english) > 30
    both = english.merge(german, on="pair_id")
    assert len(both) == len(german)
    for column in ("query", "passage"):
        for text, translation in zip(both[f"{column}_x"], both[f"{column}_y"], strict=True):
            words = [dictionary[word] for word in text[:-1].split()]
            assert translation == " ".join(words) + text[-1]


def test_the_published_negatives_are_trained_with(paper: Workflow) -> None:
    for pairs in ("mmarco/de", "mmarco/en", "mr_tydi/en"):
        assert pd.read_parquet(paper.results / f"pairs/{pairs}.parquet")["negative"].notna().all()
    for run in measured(paper):
        if "/none/" not in run:
            manifest = json.loads((paper.results / "models" / run / "manifest.json").read_text())
            assert manifest["training"]["negatives"] == "given"


def test_measures_are_those_of_brute_force_over_the_vectors(paper: Workflow) -> None:
    benchmarks = resolved(paper)["benchmarks"]
    for run, table in measured(paper).items():
        expected = [row for name, section in benchmarks.items() for row in brute_force(paper, run, name, section)]
        both = table.merge(pd.DataFrame(expected), on=KEYS, suffixes=("", "_expected"), how="outer", indicator=True)
        assert (both["_merge"] == "both").all()
        for name in ("map", "recall@1", "recall@10", "ndcg@10", "rank_distance"):
            np.testing.assert_allclose(both[name], both[f"{name}_expected"], atol=1e-12, err_msg=f"{run} {name}")


def brute_force(paper: Workflow, run: str, benchmark: str, section: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the measures of every query of a benchmark, from all products of its vectors and its judgements."""
    folder = paper.results / "embeddings" / run / benchmark
    texts = paper.results / "benchmarks" / benchmark
    languages = section["languages"]
    ids, relevant, vectors = {}, {}, {}
    for code in languages:
        ids[code] = pd.read_parquet(texts / code / "passages.parquet")["passage_id"]
        relevant[code] = pd.read_parquet(texts / code / "qrels.parquet").groupby("query_id")["passage_id"].agg(set)
        index = faiss.read_index(str(paper.results / "indexes" / run / benchmark / f"{code}.00000.faiss"))
        vectors[code] = index.reconstruct_n(0, index.ntotal).astype(np.float64)
    for own in languages:
        queries = pd.read_parquet(texts / own / "queries.parquet")["query_id"]
        rows = np.load(folder / f"{own}.queries.00000.npy").astype(np.float64)
        for query, vector in zip(queries, rows, strict=True):
            scored = {
                code: sorted(zip((-np.round(vectors[code] @ vector, 10)).tolist(), ids[code], strict=True))
                for code in languages
            }
            wanted = {code: relevant[code].get(query, set()) for code in languages}
            multi = "miracl" not in benchmark
            for code in languages if multi else [own]:
                keys = ("mono" if code == own else "cross", own, code, query)
                yield {**dict(zip(KEYS, (benchmark, *keys), strict=True)), **scores(scored[code], wanted[code])}
            if multi:
                pool = sorted(item for found in scored.values() for item in found)
                keys = ("multi", own, None, query)
                values = scores(pool, set().union(*wanted.values()))
                ranks = [rank for rank, (_, name) in enumerate(pool) if name in set().union(*wanted.values())]
                distance = max(ranks) - min(ranks)
                yield {**dict(zip(KEYS, (benchmark, *keys), strict=True)), **values, "rank_distance": distance}


def scores(ranking: Sequence[tuple[float, str]], relevant: set[str]) -> dict[str, float]:
    """Return average precision, recall and nDCG of a ranking, by their definitions with binary relevance."""
    hits = [name in relevant for _, name in ranking]
    precisions = [sum(hits[: rank + 1]) / (rank + 1) for rank, hit in enumerate(hits) if hit]
    gain = sum(1 / math.log2(rank + 2) for rank, hit in enumerate(hits[:10]) if hit)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(10, len(relevant))))
    found = {f"recall@{depth}": sum(hits[:depth]) / len(relevant) for depth in (1, 10)}
    return {"map": sum(precisions) / len(relevant), "ndcg@10": gain / ideal, **found}


def test_trec_eval_computes_the_same_measures_from_the_exported_files(paper: Workflow) -> None:
    """But mAP of queries with relevant passages below the depth of the rankings, which is over the whole pool."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    folder = paper.results / "trec"
    for run, table in measured(paper).items():
        for (benchmark, setting), part in table.groupby(["benchmark", "setting"]):
            [judgements] = folder.glob(f"{benchmark}/{setting}.qrels*")
            [rankings] = folder.glob(f"{run}/{benchmark}.{setting}.run*")
            qrels, found = pytrec_eval.parse_qrel(lines(judgements)), pytrec_eval.parse_run(lines(rankings))
            results = pytrec_eval.RelevanceEvaluator(qrels, {*TREC.values(), "num_rel", "num_rel_ret"}).evaluate(found)
            assert len(results) == len(part)
            for row in part.to_dict("records"):
                languages = [row["query_language"], *([row["passage_language"]] if setting == "cross" else [])]
                values = results[".".join([*languages, row["query_id"]])]
                reached = [name for name in TREC if name != "map" or values["num_rel_ret"] == values["num_rel"]]
                assert [values[TREC[name]] for name in reached] == pytest.approx([row[name] for name in reached])
                assert values["map"] <= row["map"] + 1e-9


def lines(file: Path) -> list[str]:
    body = file.read_bytes()
    return (gzip.decompress(body) if file.suffix == ".gz" else body).decode().splitlines()


@pytest.mark.parametrize("name", ["mono", "cross", "multi", "bias"])
def test_tables_show_the_means_of_the_measures(paper: Workflow, name: str) -> None:
    runs = measured(paper)
    setting = "multi" if name == "bias" else name
    rows = pd.read_csv(paper.results / f"tables/{name}.csv").to_dict("records")
    assert rows
    for row in rows:
        metric = "rank_distance" if name == "bias" else row["metric"]
        seeds = [run for run in runs if run.startswith(f"{row['backbone']}/{row['strategy']}/")]
        by_seed = []
        for run in seeds:
            table = runs[run][(runs[run]["benchmark"] == row["benchmark"]) & (runs[run]["setting"] == setting)]
            blocks = table.groupby(["query_language", "passage_language"], dropna=False)[metric].mean()
            by_seed.append(blocks.groupby("query_language").mean())
        means = pd.concat(by_seed, axis=1).mean(axis=1)
        assert {code: row[code] for code in means.index} == pytest.approx(means.to_dict())
        assert row["mean"] == pytest.approx(means.mean())
    assert (name == "mono") == ("miracl" in {row["benchmark"] for row in rows})


def test_the_report_is_complete(paper: Workflow) -> None:
    page = html.unescape((paper.results / "report.html").read_text(encoding="utf-8"))
    for name in resolved(paper)["runs"]["benchmarks"]:
        assert name in page
    assert resolved(paper)["notice"] in page


def test_random_models_are_not_verified(paper: Workflow) -> None:
    done = paper.snakemake("verify")
    assert done.returncode == 1
    assert "covered numbers are outside tolerance; investigate them" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_resources_of_a_run_are_a_mirror(paper: Workflow, fresh: Path, changes: dict[str, Any]) -> None:
    """Without network, another checkout gets the same files and benchmarks from them."""
    workflow = configured(fresh, changes | {"mirror": str(paper.folder / "resources")})
    benchmarks = sorted((paper.results / "benchmarks").rglob("*.parquet"))
    workflow.succeed("downloads", *(str(file.relative_to(paper.folder)) for file in benchmarks))
    compared = benchmarks + sorted((paper.folder / "resources/hub/manifests").iterdir())
    assert len(compared) >= 10
    for file in compared:
        assert (fresh / file.relative_to(paper.folder)).read_bytes() == file.read_bytes(), file


def test_a_mended_shard_of_a_mirror_is_read_again(
    paper: Workflow, hub: HubServer, fresh: Path, changes: dict[str, Any], tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    for (_, name, _), files in hub.repositories.items():
        for path, body in files.items():
            if name.startswith("miracl/"):
                file = mirror / "hub" / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(body)
    workflow = configured(fresh, changes | {"mirror": str(mirror)})
    target = "results/paper/benchmarks/miracl/zh/passages.parquet"
    [shard] = mirror.rglob("miracl-corpus-v1.0-zh/docs-1.jsonl.gz")
    body = shard.read_bytes()

    shard.write_bytes(body[: len(body) // 2])
    assert shard.name in workflow.fail(target)
    shard.unlink()
    assert f"{shard.name}: there is no such file" in workflow.fail(target)
    shard.write_bytes(body)
    workflow.succeed(target)
    assert (fresh / target).read_bytes() == (paper.folder / target).read_bytes()


def test_planning_takes_little_memory(tmp_path: Path) -> None:
    copy_sources(tmp_path)
    workflow = Workflow(tmp_path, "paper", (PAPER,))
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(workflow.command("--dry-run"), cwd=tmp_path, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (tmp_path / "output").read_text()
    # Kibibytes on Linux.
    assert usage.ru_maxrss < 1_000_000
