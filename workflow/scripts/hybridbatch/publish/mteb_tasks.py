"""The benchmarks of an experiment as retrieval tasks of MTEB (Muennighoff et al., 2023, https://aclanthology.org/2023.eacl-main.148).

A task is a benchmark in one setting, with a subset for each query language (``mono``, ``multi``) or each pair of query and passage
language (``cross``, named ``<language>.<passage language>``). Any model that MTEB can load is scored with::

    import mteb
    task = benchmark_task(Path("results/xquad/benchmarks/xquad_r"), ["de", "en"], "multi")
    mteb.evaluate(mteb.get_model("intfloat/multilingual-e5-base"), [task])

MTEB ranks the first 1000 passages, and breaks ties by descending id; here, ``map`` has no cutoff, and ties are broken by ascending id.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import langcodes
import pyarrow as pa
from datasets import Dataset, concatenate_datasets
from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata

from hybridbatch.common.files import read_table
from hybridbatch.config.base import Setting

SPLIT = "test"
# The query language and the passage languages of each subset.
Subsets = Mapping[str, tuple[str, tuple[str, ...]]]
DESCRIPTIONS: dict[Setting, str] = {
    "mono": "passages in the language of the query",
    "cross": "passages in one other language",
    "multi": "passages of all languages in one pool",
}


def benchmark_task(folder: Path, languages: Sequence[str], setting: Setting) -> AbsTaskRetrieval:
    """Return a prepared benchmark in one setting as a task, which reads its files when MTEB loads it.

    Args:
        folder: holds ``<language>/{queries,passages,qrels}.parquet``; its name is that of the benchmark.
        languages: the languages of the pool.
        setting: ``mono``, ``cross`` or ``multi``.
    """
    by_setting: dict[Setting, Subsets] = {
        "mono": {code: (code, (code,)) for code in languages},
        "cross": {f"{own}.{other}": (own, (other,)) for own in languages for other in languages if own != other},
        "multi": {code: (code, tuple(languages)) for code in languages},
    }
    subsets = by_setting[setting]

    # MTEB wants the metadata in the class.
    class BenchmarkTask(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name=f"{folder.name}.{setting}",
            description=f"{folder.name}: queries in one language, {DESCRIPTIONS[setting]}.",
            type="Retrieval",
            category="t2t",
            eval_splits=[SPLIT],
            eval_langs={
                name: list(dict.fromkeys(map(mteb_language, [own, *others]))) for name, (own, others) in subsets.items()
            },
            main_score="ndcg_at_10",
            dataset={"path": str(folder), "revision": "local"},
        )

        data_loaded: bool = False

        def load_data(self, *_: Any, **__: Any) -> None:
            if not self.data_loaded:
                self.dataset = _read(folder, {name: subsets[name] for name in self.hf_subsets})
                self.data_loaded = True

    return BenchmarkTask()


def _read(folder: Path, subsets: Subsets) -> dict[str, dict[str, dict[str, Any]]]:
    """Return subsets as MTEB holds them; equal queries and corpora are one object."""
    queries = {own: _texts(folder / own / "queries.parquet", "query_id") for own, _ in subsets.values()}
    passages = {
        code: _texts(folder / code / "passages.parquet", "passage_id")
        for code in dict.fromkeys(code for _, codes in subsets.values() for code in codes)
    }
    pools = {codes: concatenate_datasets([passages[code] for code in codes]) for _, codes in subsets.values()}
    return {
        name: {
            SPLIT: {
                "corpus": pools[codes],
                "queries": queries[own],
                "relevant_docs": _judgements(folder, codes, set(queries[own]["id"])),
                "top_ranked": None,
            }
        }
        for name, (own, codes) in subsets.items()
    }


def _texts(file: Path, key: str) -> Dataset:
    table = read_table(file, [key, "text"])
    return Dataset(pa.table({"id": table[key].cast(pa.string()), "text": table["text"].cast(pa.string())}))


def _judgements(folder: Path, languages: Sequence[str], queries: set[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for language in languages:
        for row in read_table(folder / language / "qrels.parquet").to_pylist():
            if row["query_id"] in queries:
                found.setdefault(row["query_id"], {})[row["passage_id"]] = row["relevance"]
    return found


def mteb_language(code: str) -> str:
    """Return MTEB's code of a language, ISO 639-3 and ISO 15924: ``zho-Hans`` for ``zh``."""
    tag = langcodes.Language.get(code).maximize()
    return f"{tag.to_alpha3()}-{tag.script}"
