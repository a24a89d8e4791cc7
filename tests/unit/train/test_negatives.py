"""Training on the negatives of a source: the loss, its forms, resumption, and validation without them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tiny import tiny_pairs
from training_runs import arguments, curve, kill_after_a_checkpoint, run, same_weights, start, unvalidated, weights

from hybridbatch.common.errors import UserError
from hybridbatch.common.files import read_json, write_table
from hybridbatch.train.aligned_pairs import AlignedPairs

Pairs = dict[str, list[str]]


@pytest.fixture(scope="module")
def with_negatives(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    """Return the options of pairs with negatives, which are passages of no pair, and of validation pairs with negatives."""
    folder = tmp_path_factory.mktemp("negatives")
    options = {"--cache": [str(folder / "cache")]}
    for option, start_at in (("--pairs", 0), ("--validation-pairs", 60)):
        others = tiny_pairs(folder / "others", start=100 + start_at, count=60)
        options[option] = []
        for language, file in tiny_pairs(folder / option.strip("-"), start=start_at, count=60).items():
            negatives = pq.read_table(others[language])["passage"]
            write_table(file, pq.read_table(file).append_column("negative", negatives))
            options[option].append(f"{option.strip('-')}:{language}={file}")
    return options


@pytest.mark.slow
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("mini_batch_size", [None, 3])
@pytest.mark.parametrize("endings", [{"negative": "ab"}, {"negative_1": "ab", "negative_2": "cab"}])
def test_negatives_add_candidates_to_the_loss_of_queries(
    tmp_path: Path, still_backbone: Path, mini_batch_size: int | None, symmetric: bool, endings: dict[str, str]
) -> None:
    """A symmetric loss has a second half, in which passages are compared with the queries alone."""
    words = ["a b", "c", "b b c", "a"]
    columns = {
        "pair_id": ["1", "2", "3", "4"],
        "query": words,
        "passage": [f"{word} ba" for word in words],
    }
    columns |= {column: [f"{word} {ending}" for word in words] for column, ending in endings.items()}
    write_table(tmp_path / "en.parquet", pa.table(columns))
    named = {"--pairs": [f"facts:en={tmp_path / 'en.parquet'}"], "--cache": [str(tmp_path / "cache")]}
    settings: dict[str, Any] = {"alpha": 1.0, "symmetric": symmetric, "steps": 1, "batch_size": 4, "temperature": 0.1}
    model = run(tmp_path, still_backbone, named, negatives="given", mini_batch_size=mini_batch_size, **settings)
    encoder = SentenceTransformer(str(still_backbone), device="cpu")
    queries = encoder.encode_query(words, convert_to_tensor=True)
    texts = [text for column in ("passage", *endings) for text in columns[column]]
    candidates = encoder.encode_document(texts, convert_to_tensor=True)
    similarities = queries @ candidates.T / 0.1
    expected = (similarities.logsumexp(dim=1) - similarities.diagonal()).mean().item()
    if symmetric:
        backward = similarities[:, :4].logsumexp(dim=0) - similarities.diagonal()
        expected = (expected + backward.mean().item()) / 2
    assert curve(model)[1] == pytest.approx(expected, abs=1e-5)
    assert read_json(model / "manifest.json")["training"]["negatives"] == "given"


@pytest.mark.slow
def test_the_cached_loss_has_the_same_gradients(tmp_path: Path, still_backbone: Path, with_negatives: Pairs) -> None:
    plain = run(tmp_path / "plain", still_backbone, with_negatives, negatives="given")
    cached = run(tmp_path / "cached", still_backbone, with_negatives, negatives="given", mini_batch_size=3)
    for column in ("loss", "validation_loss"):
        assert curve(cached, column) == pytest.approx(curve(plain, column), abs=1e-4)
    assert curve(cached, "grad_norm") == pytest.approx(curve(plain, "grad_norm"), rel=1e-3)


@pytest.mark.slow
def test_without_them_the_column_is_ignored(
    tmp_path: Path, backbone: Path, with_negatives: Pairs, pairs: Pairs
) -> None:
    ignoring = run(tmp_path / "none", backbone, unvalidated(with_negatives))
    assert same_weights(ignoring, run(tmp_path / "absent", backbone, unvalidated(pairs)))
    assert not same_weights(ignoring, run(tmp_path / "given", backbone, unvalidated(with_negatives), negatives="given"))


@pytest.mark.slow
def test_validation_uses_the_passages_of_the_batch_alone(
    tmp_path: Path, still_backbone: Path, with_negatives: Pairs
) -> None:
    # The learning rate is so low that the weights stay the same.
    given, none = (
        run(tmp_path / negatives, still_backbone, with_negatives, negatives=negatives, learning_rate=1e-20)
        for negatives in ("given", "none")
    )
    assert curve(given, "validation_loss") == pytest.approx(curve(none, "validation_loss"), abs=1e-6)
    assert min(curve(given)[step] - curve(none)[step] for step in curve(none)) > 0.1


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_bits(tmp_path: Path, backbone: Path, with_negatives: Pairs) -> None:
    options: dict[str, Any] = {"steps": 60, "validation_every": 4, "negatives": "given"}
    words = arguments(tmp_path / "killed", backbone, with_negatives, **options)
    kill_after_a_checkpoint(words, tmp_path / "killed/state")
    resumed = run(tmp_path / "killed", backbone, with_negatives, **options)
    assert same_weights(resumed, run(tmp_path / "whole", backbone, with_negatives, **options))


@pytest.mark.slow
@pytest.mark.parametrize("mini_batch_size", [None, 2])
def test_two_processes_train_like_one(
    tmp_path: Path, still_backbone: Path, with_negatives: Pairs, mini_batch_size: int | None
) -> None:
    options: dict[str, Any] = {"negatives": "given", "mini_batch_size": mini_batch_size}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = arguments(tmp_path / "two", still_backbone, with_negatives, **options)
    assert start(words, *launcher).wait(timeout=300) == 0
    one, two = run(tmp_path / "one", still_backbone, with_negatives, **options), tmp_path / "two/model"
    for column in ("loss", "grad_norm", "validation_loss"):
        assert curve(two, column) == pytest.approx(curve(one, column), rel=1e-3)
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(two)[name], tensor, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_sources_with_and_without_negatives_train_together(
    tmp_path: Path, backbone: Path, with_negatives: Pairs, pairs: Pairs
) -> None:
    both = {**pairs, "--pairs": [*pairs["--pairs"], *with_negatives["--pairs"]]}
    model = run(tmp_path, backbone, both, steps=12, negatives="given", validation_every=6)
    # A batch of 8 with negatives has twice the candidates, so its loss is about log 2 higher.
    losses = sorted(curve(model).values())
    assert losses[-1] - losses[0] > 0.3


def test_a_source_with_negatives_in_one_language_only(tmp_path: Path) -> None:
    files = tiny_pairs(tmp_path, start=0, count=5)
    table = pq.read_table(files["de"])
    write_table(files["de"], table.append_column("negative", table["passage"]))
    with pytest.raises(UserError, match="source mine in en: has no column 'negative', unlike other languages"):
        AlignedPairs(files, "mine", tmp_path / "cache")
    assert not AlignedPairs(files, "mine", tmp_path / "cache", negatives=False).negative_columns
    write_table(files["en"], table.append_column("negative", pa.array(["a", None, "b", "c", "d"])))
    with pytest.raises(UserError, match="source mine in en: a pair has no negative"):
        AlignedPairs(files, "mine", tmp_path / "cache2")
