"""What training sources and benchmarks have in common: files that a reader reads."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.base import Section, Share
from hybridbatch.config.languages import Languages

SPLIT_READERS = ("parallel", "miracl", "beir")


def _interval(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if low >= high:
        raise ValueError(f"must be an interval [low, high) with low < high, found {[low, high]}")
    return bounds


Interval = Annotated[tuple[Share, Share], Field(strict=False), AfterValidator(_interval)]


class Dataset(Section):
    """Files of some languages, and which part of them is used."""

    reader: str
    path: str
    languages: Languages = Field(description="languages of the files")
    domain: str | None = Field(None, description="`parallel` only: keep the pairs of one domain")
    split: str | None = Field(None, description="`parallel` only: keep the pairs of one split")
    keep: Interval = Field(
        (0.0, 1.0),
        description="keep the pairs whose hashed `pair_id` falls in this interval of [0, 1): cuts a file into disjoint parts, the same in every language",
    )

    @model_validator(mode="after")
    def _selects_what_the_reader_can(self) -> Self:
        if self.domain is not None and self.reader != "parallel":
            raise ValueError(f"domain belongs to reader: parallel, this one is {self.reader}; remove it")
        if self.split is not None and self.reader not in SPLIT_READERS:
            raise ValueError(
                f"split belongs to readers {', '.join(SPLIT_READERS)}, this one is {self.reader}; remove it"
            )
        return self
