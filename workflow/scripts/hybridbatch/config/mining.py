"""Mining of hard negatives."""

from pydantic import Field

from hybridbatch.config.base import Name, Section, Share


class Mining(Section):
    """Hard negatives: a passage of another pair of the source, in the same language, that an encoder ranks high for the query."""

    encoder: Name = Field(description="name of one of `backbones`; it ranks untuned")
    skip: int = Field(
        0,
        ge=0,
        description="how many of the best candidates to skip, as they may answer the query, too; the next one is taken",
    )
    margin: Share = Field(
        0.05,
        description="a candidate's score is at most 1 - `margin` times that of the pair's own passage; better ones may answer the query, too",
    )
