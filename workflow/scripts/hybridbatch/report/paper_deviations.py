"""How an experiment differs from the paper (arXiv 2408.10536), and its choices where the paper is silent."""

from collections.abc import Iterator
from typing import NamedTuple

from hybridbatch.config.backbones import Backbone
from hybridbatch.config.benchmarks import Benchmark
from hybridbatch.config.experiment import Config
from hybridbatch.config.sources import Source

SOURCES = "WikiQA, DuoRC, NewsQA, Natural Questions, Yahoo QA, EntityQuestions, Mr. TyDi, MFAQ, mMARCO"
LANGUAGES = ["ar", "de", "en", "es", "hi", "ru", "th", "tr", "zh"]
ALPHAS = {"monolingual": 1.0, "crosslingual": 0.0, "hybrid": 0.5}
XQUAD_LANGUAGES = ["ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"]
MLQA_LANGUAGES = ["ar", "de", "en", "es", "hi", "vi", "zh"]
MIRACL_LANGUAGES = ["ar", "bn", "es", "fa", "fi", "fr", "hi", "id", "ja", "ko", "ru", "sw", "te", "th", "zh"]
BENCHMARKS = {"XQuAD-R": XQUAD_LANGUAGES, "MLQA-R": MLQA_LANGUAGES, "MIRACL dev": MIRACL_LANGUAGES}
PROMPTS = ("Query:", "Passage:")
BATCH_SIZE = 100
LEARNING_RATE = 3e-5
WEIGHT_DECAY = 0.01
SCOPES = {"batch": "per batch", "example": "per example", "mixed": "per example, also in monolingual batches"}


class Deviation(NamedTuple):
    """A setting that differs from the paper's."""

    what: str
    paper: str
    here: str


class Choice(NamedTuple):
    """A setting that the paper does not state, and its value here."""

    what: str
    here: str


def deviations(config: Config) -> list[Deviation]:
    """Return the settings of an experiment that differ from the paper's.

    Args:
        config: the resolved configuration.
    """
    # Two readings of a benchmark differ in the same way.
    rows = [*_backbones(config), *dict.fromkeys(_benchmarks(config))]
    if not config.runs.strategies:
        return [*rows, Deviation("Training", "three strategies for each backbone", "nothing is trained")]
    return [*rows, *_strategies(config), *_data(config), *_training(config)]


def open_choices(config: Config) -> list[Choice]:
    """Return the settings of an experiment that the paper does not state.

    Args:
        config: the resolved configuration.
    """
    backbones = {name: config.backbones[name] for name in config.runs.backbones}
    candidates = dict.fromkeys(config.candidates.values())
    rows = [
        Choice("Pooling", _each({name: b.pooling for name, b in backbones.items()})),
        Choice("Longest text, in tokens", _each({name: str(b.max_length) for name, b in backbones.items()})),
    ]
    sizes = [str(b.hub) for b in backbones.values() if b.hub and "xlm-roberta" in b.hub]
    if sizes:
        rows.insert(0, Choice("Size of XLM-R", ", ".join(sizes)))
    if candidates:
        rows.append(Choice("A candidate of XQuAD-R and MLQA-R", "; ".join(candidates)))
    if not config.runs.strategies:
        return rows
    training = config.training
    compared = {name: config.strategies[name] for name in config.runs.strategies}
    mixed = {name: SCOPES[s.pair_scope] for name, s in compared.items() if s.alpha < 1}
    translations = [t for name in config.used_sources if (t := config.sources[name].translation) is not None]
    engines = [t.memory if t.engine == "memory" else f"{t.engine} {t.translator or ''}".strip() for t in translations]
    if training.max_length is not None:
        rows.append(Choice("Longest text in training, in tokens", str(training.max_length)))
    rows += [
        Choice("Temperature of the loss", f"{training.temperature:g}"),
        Choice("Steps", f"{training.steps}" + (", at most" if training.patience is not None else "")),
        Choice("Warm-up", f"{100 * training.warmup_share:g} % of the steps, then linear decay"),
        Choice("Precision of the matrix products in training", training.precision),
        Choice("Source of a batch", _each({name: _weights(s.source_exponent) for name, s in compared.items()})),
    ]
    if mixed:
        rows.append(Choice("Languages of a cross-lingual batch", f"a pair of languages {_each(mixed)}"))
    if engines:
        rows.append(Choice("Machine translation", ", ".join(str(engine) for engine in dict.fromkeys(engines))))
    if training.patience is not None:
        waited = f"after {training.patience} validations without a better loss, {training.validation_every} steps apart"
        rows.append(Choice("Early stopping", waited))
    if training.validation is not None:
        rows.append(Choice("Monolingual share of validation batches", f"{training.validation_alpha:g}"))
    return rows


def _each(values: dict[str, str]) -> str:
    """Return the common value, or the value of each if they differ."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def _backbones(config: Config) -> Iterator[Deviation]:
    found = {name: config.backbones[name] for name in config.runs.backbones}
    kinds = {_paper_backbone(backbone) for backbone in found.values()}
    if kinds != {"XLM-R", "LaBSE"}:
        yield Deviation("Backbones", "XLM-R, LaBSE", ", ".join(f"{name} ({_place(b)})" for name, b in found.items()))
    prompts = {name: (b.prompts.query.strip(), b.prompts.passage.strip()) for name, b in found.items()}
    if set(prompts.values()) != {PROMPTS}:
        quoted = {
            name: " and ".join(f"“{text}”" if text else "none" for text in pair) for name, pair in prompts.items()
        }
        yield Deviation("Prefixes of queries and passages", "“Query:” and “Passage:”", _each(quoted))


def _paper_backbone(backbone: Backbone) -> str | None:
    repository = (backbone.hub or "").rpartition("/")[2].lower()
    return {"xlm-roberta-base": "XLM-R", "xlm-roberta-large": "XLM-R", "labse": "LaBSE"}.get(repository)


def _place(section: Backbone) -> str:
    return section.hub or section.path or f"package {section.packaged}"


def _run_benchmarks(config: Config) -> dict[str, Benchmark]:
    return {name: config.benchmarks[name] for name in config.runs.benchmarks}


def _benchmarks(config: Config) -> Iterator[Deviation]:
    missing = dict(BENCHMARKS)
    others = []
    for name, benchmark in _run_benchmarks(config).items():
        published = _paper_benchmark(benchmark)
        if published is None:
            others.append(name)
            continue
        missing.pop(published, None)
        languages = BENCHMARKS[published]
        if sorted(benchmark.languages) != languages:
            here = f"{len(benchmark.languages)}: {' '.join(sorted(benchmark.languages))}"
            yield Deviation(f"Languages of {published}", f"{len(languages)}: {' '.join(languages)}", here)
        if benchmark.keep != (0, 1):
            low, high = benchmark.keep
            yield Deviation(f"Questions of {published}", "all", f"a part: {low:g} to {high:g} of the hashed ids")
    if missing or others:
        named = [f"without {', '.join(missing)}"] if missing else []
        named += [f"also {', '.join(others)}"] if others else []
        yield Deviation("Benchmarks", ", ".join(BENCHMARKS), "; ".join(named))


def _paper_benchmark(benchmark: Benchmark) -> str | None:
    if benchmark.reader == "miracl":
        return "MIRACL dev" if benchmark.split in (None, "dev") else None
    if benchmark.reader == "lareqa":
        return {"xquad-r": "XQuAD-R", "mlqa-r": "MLQA-R"}.get(benchmark.path.rpartition("/")[2])
    return None


def _strategies(config: Config) -> Iterator[Deviation]:
    compared = {name: config.strategies[name] for name in config.runs.strategies}
    alphas = {name: strategy.alpha for name, strategy in compared.items()}
    if alphas != ALPHAS:
        shown = [", ".join(f"{name} {alpha:g}" for name, alpha in values.items()) for values in (ALPHAS, alphas)]
        yield Deviation("Strategies, by their share of monolingual batches", shown[0], shown[1])
    exponents = {name: strategy.language_exponent for name, strategy in compared.items()}
    if any(exponents.values()):
        here = {name: _weights(value) for name, value in exponents.items()}
        yield Deviation("Languages of a batch", "drawn equally", _each(here))
    if len(config.runs.seeds) > 1:
        yield Deviation("Training runs of a strategy", "one", f"{len(config.runs.seeds)} seeds, with means and tests")


def _data(config: Config) -> Iterator[Deviation]:
    sources = {name: config.sources[name] for name in config.training.sources}
    here = ", ".join(f"{name} ({_origin(source)})" for name, source in sources.items())
    yield Deviation("Training sources", f"{SOURCES}; most machine-translated in house", here)
    if config.training_languages != LANGUAGES:
        yield Deviation("Training languages", " ".join(LANGUAGES), " ".join(config.training_languages))
    given = [name for name in sources if config.has_negatives(name)]
    if given != list(sources):
        others = "the other passages of the batch"
        here = f"{others}; for queries of {', '.join(given)}, one more each" if given else others
        yield Deviation("Negatives", f"one for each query, and {others}", here)


def _weights(exponent: float) -> str:
    if exponent in (0, 1):
        return "drawn by size" if exponent else "drawn equally"
    return f"drawn by size to the power of {exponent:g}"


def _origin(source: Source) -> str:
    return f"translated into {len(source.translation.languages)}" if source.translation else source.path


def _training(config: Config) -> Iterator[Deviation]:
    training = config.training
    numbers = [
        ("Batch size", BATCH_SIZE, training.batch_size),
        ("Learning rate", LEARNING_RATE, training.learning_rate),
        ("Weight decay", WEIGHT_DECAY, training.weight_decay),
    ]
    for what, paper, here in numbers:
        if paper != here:
            yield Deviation(what, f"{paper:g}".replace("e-0", "e-"), f"{here:g}".replace("e-0", "e-"))
    name = training.validation
    if name is None:
        yield Deviation(
            "Model that is kept", "early stopping by the loss on SQuADShifts (English)", "that of the last step"
        )
        return
    stops = (
        f"training ends after {training.patience} without a better loss" if training.patience else "no early stopping"
    )
    if "squadshifts" not in f"{name} {config.sources[name].path}".lower().replace("_", "") or not training.patience:
        languages = " ".join(config.sources[name].all_languages)
        yield Deviation(
            "Model that is kept",
            "early stopping by the loss on SQuADShifts (English)",
            f"lowest loss on {name} ({languages}), measured every {training.validation_every} steps; {stops}",
        )
