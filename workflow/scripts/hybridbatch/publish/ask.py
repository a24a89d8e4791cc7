"""Answer a question from the shell: the passages of a benchmark whose stored vectors are nearest to the question's."""

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
from hybridbatch.encode.vectors import open_vectors
from hybridbatch.search.exact import NO_TARGETS, exact_search
from hybridbatch.search.products import NumpyProducts


@dataclass(frozen=True)
class Answer:
    """A passage found; ``score`` is the inner product of its vector and the question's, both of length 1."""

    rank: int
    score: float
    language: str
    passage_id: str
    text: str


def read_experiment(results: Path) -> Config:
    """Return the configuration of an experiment.

    Raises:
        UserError: if the folder holds no experiment.
    """
    if not (results / "config.yaml").is_file():
        known = sorted(str(file.parent) for file in results.parent.glob("*/config.yaml"))
        raise UserError(
            f"--results {results}: is no folder of an experiment, it has no config.yaml; allowed: {', '.join(known) or 'none here'}; "
            "run the workflow first"
        )
    return read_config(results / "config.yaml")


def find_model(results: Path, config: Config, run: str, benchmark: str) -> Path:
    """Return the folder of the model that made the stored vectors of a benchmark.

    Args:
        results: folder of the experiment.
        config: its resolved configuration.
        run: ``backbone/strategy/seed<N>``.
        benchmark: its name.

    Raises:
        UserError: if the run or the benchmark is not of this experiment, has no vectors, or its model is no longer there.
    """
    encoders = config.encoder_runs
    _check("--run", run, encoders, f"{results} has no such run with an encoder")
    _check("--benchmark", benchmark, config.runs.benchmarks, f"{results} has no such benchmark")
    manifest = results / "embeddings" / run / benchmark / MANIFEST
    if not manifest.is_file():
        raise UserError(f"{manifest}: is not there, so nothing of {benchmark} is encoded yet; run the workflow first")
    wanted = read_json(manifest)["model"]
    backbone = run.split("/", maxsplit=1)[0]
    prepared = (Path(config.resources_dir) / "backbones").glob(f"{backbone}-*")
    folders = [results / "models" / run, results / "backbones" / backbone, *sorted(prepared)]
    for folder in folders:
        if (folder / MANIFEST).is_file() and sha256(folder / MANIFEST) == wanted:
            return folder
    raise UserError(
        f"{manifest}: the vectors are those of a model that is not in {results} or {config.resources_dir}; run the workflow "
        "again, from the same folder as this program"
    )


def kept_tokens(model: Path) -> int | None:
    """Return how many tokens a model with a trimmed vocabulary has kept; None: it has them all."""
    manifest = read_json(model / MANIFEST)
    kept: int | None = manifest.get("backbone", manifest).get("tokens_kept")
    return kept


def chosen_languages(config: Config, benchmark: str, languages: Sequence[str]) -> list[str]:
    """Return the passage languages that are searched: those asked for, or else all of the benchmark.

    Raises:
        UserError: if the benchmark does not have one.
    """
    known = config.benchmarks[benchmark].languages
    for language in languages:
        _check("--language", language, known, f"{benchmark} has no passages in it")
    return list(dict.fromkeys(languages)) or known


def _check(option: str, value: str, known: Sequence[str], wrong: str) -> None:
    if value not in known:
        raise UserError(f"{option} {value}: {wrong}; allowed: {', '.join(known)}")


def answer(
    query: NDArray[np.float32], embeddings: Path, benchmark: Path, languages: Iterable[str], k: int
) -> list[Answer]:
    """Return the ``k`` best passages for a question, best first, of equal ones the smaller id first. The search is exact.

    Args:
        query: the question's vector, from the model that made the stored ones; shape (1, dimension).
        embeddings: folder of vectors with their manifest; read in blocks.
        benchmark: folder with ``<language>/passages.parquet``.
        languages: the languages of the passages.
        k: how many.

    Raises:
        UserError: if vectors and passages do not belong together.
    """
    found: list[tuple[float, str, str, str]] = []
    for language in languages:
        vectors = open_vectors(embeddings, language, "passages")
        file = benchmark / language / "passages.parquet"
        passages = ds.dataset(file, format="parquet")
        if passages.count_rows() != len(vectors):
            raise UserError(
                f"{file}: has {passages.count_rows()} passages, {embeddings} {len(vectors)} vectors of them; run the workflow again"
            )
        # Where more tie than are kept, the first in the file are: sorting all ids would take longer than the search.
        top, _ = exact_search(query, vectors, np.arange(len(vectors)), k, NO_TARGETS, NumpyProducts())
        texts = passages.take(top.rows[0], columns=["passage_id", "text"]).to_pylist()
        for score, row in zip(top.scores[0].tolist(), texts, strict=True):
            found.append((-score, row["passage_id"], language, row["text"]))
    return [
        Answer(rank, -negative, language, passage_id, text)
        for rank, (negative, passage_id, language, text) in enumerate(sorted(found)[:k], start=1)
    ]
