"""Comparison with the published numbers."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from hybridbatch.config.base import Name, NotNegative, Section

PublishedBenchmark = Literal["xquad_r", "mlqa_r", "miracl"]
PublishedBackbone = Literal["xlm-r", "labse"]
PublishedMetric = Literal["map", "recall@1", "recall@10", "recall@100", "ndcg@10", "rank_distance"]
TOLERANCES: dict[PublishedMetric, float] = {
    "map": 0.02,
    "recall@1": 0.02,
    "recall@10": 0.02,
    "recall@100": 0.02,
    "ndcg@10": 0.02,
    "rank_distance": 0.1,
}


class PublishedNumbers(Section):
    """Comparison with the paper's numbers: tolerances, and the names of the paper's benchmarks and backbones here."""

    tolerances: dict[PublishedMetric, NotNegative] = Field(
        TOLERANCES,
        description="largest difference from a published number, both as printed; `rank_distance` as a share of the published number, others absolute. The defaults are our choice, as the paper reports single runs: 0.02 is about what another seed can change in a fine-tuned transformer, and more than most gains of hybrid over the better baseline, which is why effects are shown, too; 10 % is less than what separates monolingual batches from the others in rank distance",
    )
    benchmarks: dict[PublishedBenchmark, Name | None] = Field(
        {},
        description="the name in `benchmarks` of each of the paper's benchmarks; default: the same name; null: none. If a benchmark is defined with both `candidates`, this is the one that is compared. A benchmark cut by `keep` is never compared",
    )
    backbones: dict[PublishedBackbone, Name | None] = Field(
        {},
        description="the name in `backbones` of each of the paper's backbones; default: the same name; null: none",
    )

    @field_validator("tolerances", mode="before")
    @classmethod
    def _default_tolerances(cls, values: Any) -> Any:
        return {**TOLERANCES, **values} if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _one_to_one(self) -> Self:
        for key, names in (("benchmarks", self.benchmarks), ("backbones", self.backbones)):
            given = [name for name in names.values() if name is not None]
            if len(set(given)) < len(given):
                raise ValueError(f"{key}: two of the paper's names have the same name here; use each name once")
        return self

    def resolved(self, benchmarks: set[str], backbones: set[str]) -> "PublishedNumbers":
        """Return the settings with the name here of each published benchmark and backbone that is among these."""
        kept = {
            "benchmarks": _names(get_args(PublishedBenchmark), self.benchmarks, benchmarks),
            "backbones": _names(get_args(PublishedBackbone), self.backbones, backbones),
        }
        return self.model_copy(update=kept)

    def only(self, benchmarks: set[str], backbones: set[str]) -> "PublishedNumbers":
        """Return the settings without names other than these."""
        kept = {
            "benchmarks": {key: name for key, name in self.benchmarks.items() if name is None or name in benchmarks},
            "backbones": {key: name for key, name in self.backbones.items() if name is None or name in backbones},
        }
        return self.model_copy(update=kept)


def _names(published: Iterable[str], given: Mapping[Any, str | None], run: set[str]) -> dict[str, str]:
    names = {name: given.get(name, name) for name in published}
    return {name: here for name, here in names.items() if here is not None and here in run}
