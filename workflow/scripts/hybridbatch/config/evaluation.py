"""Measures and tables."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.base import Section, Setting, distinct

MEASURE = re.compile(r"^(map|mrr|(?:recall|precision|ndcg|hit_rate|map|mrr)@[1-9][0-9]*)$")


def _measure(name: str) -> str:
    if not MEASURE.match(name):
        raise ValueError(
            f"unknown measure {name!r}; allowed: map, mrr, and map@k, mrr@k, recall@k, precision@k, ndcg@k, hit_rate@k"
        )
    return name


Measure = Annotated[str, AfterValidator(_measure)]


class Evaluation(Section):
    """What is measured and what the tables show."""

    measures: Annotated[list[Measure], Field(min_length=1), AfterValidator(distinct)] = Field(
        ["map", "mrr", "recall@1", "recall@10", "ndcg@10"], description="measures per query, under the names ranx uses"
    )
    depth: int = Field(100_000, ge=1, description="relevant passages ranked below this depth count as not found")
    tables: dict[Setting, list[Measure]] = Field(
        {"mono": ["map", "recall@1"], "cross": ["map", "recall@1"], "multi": ["map", "recall@10"]},
        description="measures shown in each table; the table `bias` shows the rank distance",
    )
    bias_depth: int = Field(
        10,
        ge=1,
        description="top passages of the pool that the measures of language bias look at; at most `search.depth`",
    )

    @model_validator(mode="after")
    def _tables_show_measures(self) -> Self:
        for setting, shown in self.tables.items():
            missing = [measure for measure in shown if measure not in self.measures]
            if missing:
                raise ValueError(f"tables.{setting} shows {', '.join(missing)}, which is not in measures; add it there")
        return self

    def for_measuring(self) -> str:
        """Return the settings that measuring depends on, as JSON: which measures the tables show concerns the tables alone."""
        measuring = self.model_copy(update={"tables": {}})
        return measuring.model_dump_json(include={"measures", "depth", "tables"})
