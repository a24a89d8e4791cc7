"""Mining of hard negatives."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from hybridbatch.config.base import Name, Section, Share

Rank = Annotated[int, Field(ge=0, strict=True)]


class Mining(Section):
    """Hard negatives: passages of other pairs of the source, in the same language, that an encoder ranks high for the query."""

    encoder: Name = Field(description="name of one of `backbones`; it ranks untuned")
    count: int = Field(1, ge=1, description="negatives of each pair; pairs that find fewer are left out")
    margin: Share = Field(
        0.05,
        description="a candidate's score is at most 1 - `margin` times that of the pair's own passage; better ones may answer the query, too",
    )
    range: tuple[Rank, Rank] = Field(
        (0, 100),
        strict=False,
        description="the best candidates to skip, as they may answer the query, too, and the rank of the last one considered; the best `count` between them are taken",
    )

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        first, last = self.range
        if last - first < self.count:
            raise ValueError(
                f"range: [{first}, {last}] has no room for a count of {self.count}; raise its end to {first + self.count} or more"
            )
        return self
