"""Confidence intervals, tests between strategies, and the claim that is tested."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.base import Name, NotNegative, Section, distinct


class Claim(Section):
    """The claim that a strategy is at least as good as its baselines in every setting of every benchmark."""

    strategy: Name = Field("hybrid", description="the strategy that the claim is about")
    baselines: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] = Field(
        ["monolingual", "crosslingual"],
        description="the strategies that it is compared with, in the domain shift, too",
    )
    margin: NotNegative = Field(
        0.005,
        description="largest loss of a measure that still counts as at least as good; half a point is our choice, as neither the paper nor convention sets one",
    )
    rank_distance_margin: NotNegative = Field(
        0.02, description="the same for rank distance, as a share of the baseline's; the default is our choice"
    )

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.strategy in self.baselines:
            raise ValueError(f"baselines contains {self.strategy!r}, the strategy of the claim; remove it")
        return self


class Statistics(Section):
    """Confidence intervals over seeds and questions, paired tests between strategies, and the claim that is tested."""

    confidence: float = Field(0.95, gt=0.5, lt=1, description="confidence level of the intervals")
    alpha: float = Field(
        0.05,
        gt=0,
        lt=0.5,
        description="level of the tests over all comparisons of a family together, by Holm's correction; the families are the claim in the domain of training, the claim out of it, the same for each of `other_readings`, and the rest",
    )
    resamples: int = Field(10_000, ge=100, description="bootstrap replicates over seeds and questions")
    permutations: int = Field(
        100_000,
        ge=100,
        description="random sign flips of the permutation test; the smallest possible p is 1 / (permutations + 1), before correction",
    )
    seed: int = Field(1, ge=0, lt=2**32, description="seed of the bootstrap and the sign flips")
    claim: Claim = Field(Claim(), description="the claim that is tested")
    other_readings: list[Claim] = Field(
        [],
        description="the same claim about other strategies, such as those with pairs of languages by example; each is tested with a correction of its own",
    )

    @property
    def claims(self) -> list[Claim]:
        """The claim, and its other readings."""
        return [self.claim, *self.other_readings]
