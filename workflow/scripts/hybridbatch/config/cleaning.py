"""Cleaning of training pairs and quality control of translations."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.base import Name, Section, Share, distinct

Step = Literal["normalise", "empty", "length", "duplicates", "duplicate_queries", "contamination", "quality"]
EngineName = Literal["memory", "transformers", "ctranslate2", "apertium"]
Check = Literal["untranslated", "script", "language", "length_ratio", "repetition", "similarity"]


class NearDuplicates(Section):
    """When a training text is a near-duplicate of an evaluation text, by Jaccard similarity of character n-grams."""

    enabled: bool = Field(
        True, description="false: only texts that are equal after normalisation and casefolding count as duplicates"
    )
    threshold: float = Field(
        0.8,
        gt=0,
        le=1,
        description="smallest Jaccard similarity of near-duplicates; the candidates that MinHash finds are verified",
    )
    ngram: int = Field(
        5, ge=1, description="characters in an n-gram; works in languages written without spaces, such as zh and th"
    )


class Quality(Section):
    """Quality control of translations. A pair is dropped in a language if one of its texts fails a check."""

    checks: Annotated[list[Check], AfterValidator(distinct)] = Field(
        ["untranslated", "script", "language", "length_ratio", "repetition"],
        description="checks, in this order; a pair is counted under the first check it fails. `similarity` needs `encoder`",
    )
    trusted_engines: Annotated[list[EngineName], AfterValidator(distinct)] = Field(
        ["memory"], description="engines whose translations are not checked; those in a translation memory are human"
    )
    language_confidence: Share = Field(
        0.9, description="`language`: smallest probability at which a text is taken to be in the wrong language"
    )
    length_log_ratio: tuple[float, float] = Field(
        (-1.1, 1.1),
        strict=False,
        description="`length_ratio`: bounds of the natural logarithm of (characters of the translation / characters of the source), relative to its median over the file; 1.1 is a factor of three",
    )
    encoder: Name | None = Field(
        None, description="`similarity`: multilingual backbone that compares source and translation"
    )
    min_similarity: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="`similarity`: smallest cosine similarity of source and translation; depends on the encoder (with multilingual E5, unrelated texts reach 0.8 and most translations exceed it)",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = {"similarity" in self.checks, self.encoder is not None, self.min_similarity is not None}
        if len(given) > 1:
            raise ValueError("the check similarity, encoder and min_similarity go together; give all three or none")
        low, high = self.length_log_ratio
        if not low < 0 < high:
            raise ValueError(f"length_log_ratio must be [low, high] with low < 0 < high, found {[low, high]}")
        return self


class Cleaning(Section):
    """What is removed from the training pairs. The removals of each step are counted; the ids of pairs never change.

    With `training.negatives: given`, a negative is cleaned like a passage, and a pair without a usable negative is dropped.
    """

    steps: Annotated[list[Step], AfterValidator(distinct)] = Field(
        ["normalise", "empty", "length", "duplicates", "contamination", "quality"],
        description="steps, in this order: `normalise` (NFC, white space), `empty`, `length`, `duplicates` (query and passage together; also pairs whose negative is their passage), `duplicate_queries`, `contamination`, `quality` (translations only)",
    )
    max_query_characters: int = Field(2000, ge=1, description="`length`: pairs with a longer query are dropped")
    max_passage_characters: int = Field(
        20_000, ge=1, description="`length`: pairs with a longer passage or negative are dropped"
    )
    decontaminate: Annotated[list[Name], AfterValidator(distinct)] | None = Field(
        None,
        description="`contamination`: benchmarks whose texts must not be trained on, in the language of the pairs and in English; null: all of `runs.benchmarks`",
    )
    passages: Literal["all", "relevant"] = Field(
        "all",
        description="`contamination`: which passages of a benchmark count; `relevant` (the judged ones) suits corpora of millions of passages, such as Wikipedia",
    )
    near_duplicates: NearDuplicates = Field(NearDuplicates(), description="near-duplicates of evaluation texts")
    quality: Quality = Field(Quality(), description="quality control of translations")
