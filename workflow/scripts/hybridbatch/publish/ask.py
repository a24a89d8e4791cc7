"""Answer a question from the shell with the passages of a benchmark whose stored vectors score highest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import MANIFEST, read_json, sha256
from hybridbatch.config.experiment import Config
from hybridbatch.config.load import read_config
from hybridbatch.config.search import Search
from hybridbatch.search.faiss_index import Index


@dataclass(frozen=True)
class Answer:
    """A passage that was found; ``score`` is the inner product of its vector and the question's, both of length 1."""

    rank: int
    score: float
    language: str
    passage_id: str
    text: str


def read_experiment(results: Path) -> Config:
    """Return the configuration of an experiment.

    Raises:
        UserError: if the folder does not hold an experiment.
    """
    if not (results / "config.yaml").is_file():
        experiments = sorted(str(file.parent) for file in results.parent.glob("*/config.yaml"))
        raise UserError(
            f"--results {results}: does not hold an experiment, as it has no config.yaml; allowed: "
            f"{', '.join(experiments) or 'none here'}; run the workflow first"
        )
    return read_config(results / "config.yaml")


def find_model(results: Path, config: Config, run: str, benchmark: str) -> Path:
    """Return the folder of the model that encoded a benchmark.

    Args:
        results: folder of the experiment.
        config: its resolved configuration.
        run: ``backbone/strategy/seed<N>``.
        benchmark: name of the benchmark.

    Raises:
        UserError: if the experiment does not have the run or the benchmark, its vectors, or the model that made them.
    """
    _check("--run", run, config.encoder_runs, f"{results} has no such run with an encoder")
    _check("--benchmark", benchmark, config.runs.benchmarks, f"{results} has no such benchmark")
    manifest = results / "embeddings" / run / benchmark / MANIFEST
    if not manifest.is_file():
        raise UserError(f"{manifest}: is missing: {benchmark} is not encoded yet; run the workflow first")
    wanted = read_json(manifest)["model"]
    backbone = run.split("/", maxsplit=1)[0]
    prepared = (Path(config.resources_dir) / "backbones").glob(f"{backbone}-*")
    folders = [results / "models" / run, results / "backbones" / backbone, *sorted(prepared)]
    for folder in folders:
        if (folder / MANIFEST).is_file() and sha256(folder / MANIFEST) == wanted:
            return folder
    raise UserError(
        f"{manifest}: its vectors are from a model that is not in {results} or {config.resources_dir}; run the workflow "
        "again, in the same folder as this program"
    )


def kept_tokens(model: Path) -> int | None:
    """Return the number of tokens in the trimmed vocabulary of a model; None if it is not trimmed."""
    manifest = read_json(model / MANIFEST)
    kept: int | None = manifest.get("backbone", manifest).get("tokens_kept")
    return kept


def chosen_languages(config: Config, benchmark: str, languages: Sequence[str]) -> list[str]:
    """Return the languages of the passages to search: those given, or all of the benchmark.

    Raises:
        UserError: if the benchmark lacks a language.
    """
    allowed = config.benchmarks[benchmark].languages
    for language in languages:
        _check("--language", language, allowed, f"{benchmark} has no passages in it")
    return list(dict.fromkeys(languages)) or allowed


def _check(option: str, value: str, allowed: Sequence[str], problem: str) -> None:
    if value not in allowed:
        raise UserError(f"{option} {value}: {problem}; allowed: {', '.join(allowed)}")


def answer(
    query: NDArray[np.float32],
    results: Path,
    run: str,
    benchmark: str,
    languages: Iterable[str],
    search: Search,
    k: int,
) -> list[Answer]:
    """Return the ``k`` best passages for a question, best first; ties are ordered by id.

    Args:
        query: the question's vector, from the model that made the stored ones; shape (1, dimension).
        results: folder of the experiment.
        run: run whose index is searched.
        benchmark: benchmark whose passages are searched.
        languages: the languages of the passages.
        search: the section `search` of the experiment.
        k: number of passages.

    Raises:
        UserError: if there is no index of the stored vectors, or the numbers of its vectors and of passages differ.
    """
    indexes, embeddings = (results / folder / run / benchmark for folder in ("indexes", "embeddings"))
    if not (indexes / MANIFEST).is_file():
        raise UserError(f"{indexes / MANIFEST}: is missing: {benchmark} has no index yet; run the workflow first")
    if read_json(indexes / MANIFEST)["embeddings"] != sha256(embeddings / MANIFEST):
        raise UserError(f"{indexes / MANIFEST}: is of other vectors than those in {embeddings}; run the workflow again")
    found: list[tuple[float, str, str, str]] = []
    for language in languages:
        index = Index(indexes, embeddings, language, search)
        file = results / "benchmarks" / benchmark / language / "passages.parquet"
        passages = ds.dataset(file, format="parquet")
        if passages.count_rows() != len(index.vectors):
            raise UserError(
                f"{file}: has {passages.count_rows()} passages, but {indexes} has {len(index.vectors)} vectors; run the workflow again"
            )
        # Of ties at the cutoff, the first in the file are kept: sorting all ids would take longer than the search.
        top = index.search(query, np.arange(len(index.vectors)), k)
        rows = top.rows[0][top.rows[0] >= 0]
        texts = passages.take(rows, columns=["passage_id", "text"]).to_pylist()
        for score, row in zip(top.scores[0].tolist(), texts, strict=False):
            found.append((-score, row["passage_id"], language, row["text"]))
    return [
        Answer(rank, -negative, language, passage_id, text)
        for rank, (negative, passage_id, language, text) in enumerate(sorted(found)[:k], start=1)
    ]
