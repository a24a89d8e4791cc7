"""Strategies derived from others: the points of an ablation, training with a domain held out, and centred passages."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.base import Name, Section, Share, distinct
from hybridbatch.config.training import PairScope, Strategy

CENTRED = "-centred"
Axis = Literal["alpha", "language_exponent", "source_exponent", "pair_scope", "languages"]


class Ablation(Section):
    """Variations of one strategy, one setting at a time. Each value is trained with every backbone and seed."""

    base: Name = Field("hybrid", description="the strategy to vary, one of `runs.strategies`")
    alpha: Annotated[list[Share], AfterValidator(distinct)] = Field(
        [], description="shares of monolingual batches, for example `[0, 0.25, 0.5, 0.75, 1]`"
    )
    language_exponent: Annotated[list[Share], AfterValidator(distinct)] = Field(
        [], description="values of `language_exponent`, for example `[0, 0.5, 1]`"
    )
    source_exponent: Annotated[list[Share], AfterValidator(distinct)] = Field(
        [], description="values of `source_exponent`, for example `[0, 0.5, 1]`"
    )
    pair_scope: Annotated[list[PairScope], AfterValidator(distinct)] = Field(
        [], description="values of `pair_scope`, for example `[batch, example]`"
    )
    languages: list[Annotated[list[str], Field(min_length=1), AfterValidator(distinct)]] = Field(
        [],
        description="sets of training languages, all of different sizes, for example `[[en, de], [en, de, es, ar]]`",
    )

    @property
    def is_used(self) -> bool:
        """Whether anything is varied."""
        return any((self.alpha, self.language_exponent, self.source_exponent, self.pair_scope, self.languages))

    @model_validator(mode="after")
    def _sizes_differ(self) -> Self:
        sizes = [len(languages) for languages in self.languages]
        if len(set(sizes)) < len(sizes):
            raise ValueError(f"languages: the sets must differ in size, found {', '.join(map(str, sizes))}; remove one")
        return self


class HeldOut(Section):
    """A domain that is left out of training."""

    sources: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] = Field(
        description="the training sources of this domain, which are left out"
    )
    benchmarks: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] = Field(
        description="the benchmarks of this domain, where the loss is measured"
    )


class Shift(Section):
    """Domain shift: how much a strategy loses outside its training domain."""

    in_domain: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [], description="benchmarks of the training domain"
    )
    out_of_domain: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [], description="benchmarks of other domains"
    )
    held_out: dict[Name, HeldOut] = Field(
        {},
        description="domains, by name; every strategy is also trained without each of them, as `<strategy>-without-<domain>`",
    )

    def only(self, benchmarks: Collection[str], sources: Collection[str]) -> "Shift":
        """Return the part that these benchmarks and training sources allow; no shift if either side has no benchmark left."""
        inside = [name for name in self.in_domain if name in benchmarks]
        outside = [name for name in self.out_of_domain if name in benchmarks]
        held_out = {
            domain: HeldOut(
                sources=[name for name in left_out.sources if name in sources],
                benchmarks=[name for name in left_out.benchmarks if name in benchmarks],
            )
            for domain, left_out in self.held_out.items()
            if {*left_out.sources} & {*sources} and {*left_out.benchmarks} & {*benchmarks}
        }
        both = bool(inside and outside)
        return Shift(in_domain=inside if both else [], out_of_domain=outside if both else [], held_out=held_out)

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.in_domain) != bool(self.out_of_domain):
            raise ValueError("in_domain and out_of_domain go together; name benchmarks in both or in neither")
        both = sorted({*self.in_domain} & {*self.out_of_domain})
        if both:
            raise ValueError(f"{', '.join(both)} is in both in_domain and out_of_domain; choose one")
        return self


class Point(NamedTuple):
    """A point of an ablation: the varied setting, its value as text, and the strategy that has it."""

    axis: Axis
    value: str
    strategy: str


def held_out_name(strategy: str, domain: str) -> str:
    """Return the name of a strategy trained without a domain."""
    return f"{strategy}-without-{domain}"


def held_out_strategies(
    names: Sequence[str], strategies: Mapping[str, Strategy], sources: Sequence[str], held_out: Mapping[str, HeldOut]
) -> dict[str, Strategy]:
    """Return the strategies that are trained without a domain, by name.

    Args:
        names: the strategies to train.
        strategies: all strategies, by name.
        sources: the training sources.
        held_out: the domains to leave out, by name.
    """
    found = {}
    for domain, left_out in held_out.items():
        for name in names:
            kept = [source for source in strategies[name].sources or sources if source not in left_out.sources]
            found[held_out_name(name, domain)] = strategies[name].model_copy(update={"sources": kept})
    return found


def centred_name(strategy: str) -> str:
    """Return the name of a strategy whose passages are centred by language before they are indexed."""
    return f"{strategy}{CENTRED}"


def uncentred_run(run: str) -> str:
    """Return the run `backbone/strategy/seed<N>` whose vectors a run centres; a run that centres none is its own."""
    backbone, strategy, seed = run.split("/")
    return f"{backbone}/{strategy.removesuffix(CENTRED)}/{seed}"


def ablation_strategies(
    ablation: Ablation, strategies: Mapping[str, Strategy]
) -> tuple[dict[str, Strategy], list[Point]]:
    """Return the strategies that an ablation adds, by name, and its points.

    If another strategy already has the value, all else being equal, the point is that strategy: nothing is trained twice.

    Args:
        ablation: what is varied.
        strategies: the other strategies to train, by name, including the base.

    Raises:
        ValueError: if the name of an added strategy is taken.
    """
    base = strategies[ablation.base]
    wanted: list[tuple[Axis, str, str, Any]] = [
        *(("alpha", f"{value:g}", f"alpha{value:g}", value) for value in ablation.alpha),
        *(("language_exponent", f"{value:g}", f"language{value:g}", value) for value in ablation.language_exponent),
        *(("source_exponent", f"{value:g}", f"source{value:g}", value) for value in ablation.source_exponent),
        *(("pair_scope", scope, scope, scope) for scope in ablation.pair_scope),
        *(("languages", str(len(codes)), f"{len(codes)}-languages", codes) for codes in ablation.languages),
    ]
    known = dict(strategies)
    points = []
    for axis, value, suffix, setting in wanted:
        varied = base.model_copy(update={axis: setting})
        name = next((name for name, other in known.items() if other == varied), f"{ablation.base}-{suffix}")
        if known.setdefault(name, varied) != varied:
            raise ValueError(f"ablation.{axis}: the name {name!r} is taken by another strategy; rename that one")
        points.append(Point(axis, value, name))
    return {name: strategy for name, strategy in known.items() if name not in strategies}, points
