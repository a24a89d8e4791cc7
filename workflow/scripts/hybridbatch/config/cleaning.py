"""The settings of cleaning and of the quality control of translations, apart so that only their own edits clean again."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hybridbatch.config.base import Name, Section, Share, distinct

Step = Literal["normalise", "empty", "length", "duplicates", "duplicate_queries", "contamination", "quality"]
EngineName = Literal["memory", "transformers", "ctranslate2", "apertium"]
Check = Literal["untranslated", "script", "language", "length_ratio", "repetition", "similarity"]


class NearDuplicates(Section):
    """When a training text counts as an evaluation text in other words: Jaccard similarity of character n-grams."""

    enabled: bool = Field(True, description="false: only texts that are equal once normalised and casefolded count")
    threshold: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Jaccard similarity from which two texts are near-duplicates; candidates are verified",
    )
    ngram: int = Field(
        5, ge=1, description="characters of an n-gram; needs no words, so it works without spaces, as in zh and th"
    )
    permutations: int = Field(
        128, ge=16, le=1024, description="hash functions of MinHash; more find more of the pairs near the threshold"
    )
    seed: int = Field(1, ge=0, lt=2**32, description="seed of the hash functions")
    min_characters: int = Field(
        20, ge=1, description="shorter texts are compared exactly only: one word changes what a short question asks"
    )


class Quality(Section):
    """Quality control of translations. A pair whose query or passage fails a check is dropped in that language."""

    checks: Annotated[list[Check], AfterValidator(distinct)] = Field(
        ["untranslated", "script", "language", "length_ratio", "repetition"],
        description="checks, in this order; a pair counts under the first one that it fails. `similarity` needs `encoder`",
    )
    trusted_engines: Annotated[list[EngineName], AfterValidator(distinct)] = Field(
        ["memory"], description="translations of these engines are not checked: people made them"
    )
    min_letters: int = Field(
        20,
        ge=1,
        description="`untranslated`, `script` and `language` leave texts with fewer letters alone: names stay names",
    )
    untranslated_similarity: float = Field(
        0.8,
        gt=0,
        le=1,
        description="`untranslated`: Jaccard similarity of the character 3-grams of source and translation from which it is a copy",
    )
    script_share: Share = Field(0.5, description="`script`: share of letters that must be in a script of the language")
    language_confidence: Share = Field(
        0.9, description="`language`: probability from which another language than the wanted one is believed"
    )
    length_log_ratio: tuple[float, float] = Field(
        (-1.1, 1.1),
        strict=False,
        description="`length_ratio`: bounds of the logarithm of (characters of the translation / characters of the source), relative to its median over the file; 1.1 is three times",
    )
    repetition: Share = Field(
        0.4,
        description="`repetition`: share of character 8-grams that repeat an earlier one, above the share in the source, from which it is a loop",
    )
    encoder: Name | None = Field(
        None, description="`similarity`: name of the multilingual backbone that compares source and translation"
    )
    min_similarity: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="`similarity`: smallest cosine similarity of source and translation; what is small depends on the encoder (multilingual E5 gives unrelated texts up to 0.8, translations mostly more)",
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
    """What is removed from the pairs of every source and language. Each step is counted; a pair's id never changes."""

    steps: Annotated[list[Step], AfterValidator(distinct)] = Field(
        ["normalise", "empty", "length", "duplicates", "contamination", "quality"],
        description="steps, in this order: `normalise` (NFC, white space), `empty`, `length`, `duplicates` (of query and passage together), `duplicate_queries`, `contamination`, `quality` (translations only)",
    )
    max_query_characters: int = Field(2000, ge=1, description="`length`: a longer query drops its pair")
    max_passage_characters: int = Field(20_000, ge=1, description="`length`: a longer passage drops its pair")
    decontaminate: Annotated[list[Name], AfterValidator(distinct)] | None = Field(
        None,
        description="`contamination`: names of `benchmarks` whose texts must not be trained on, in the language of the pairs and in English; null: all of `runs.benchmarks`",
    )
    passages: Literal["all", "relevant"] = Field(
        "all",
        description="`contamination`: which passages of a benchmark count; `relevant` (the judged ones) suits corpora of millions, such as Wikipedia",
    )
    near_duplicates: NearDuplicates = Field(NearDuplicates(), description="near-duplicates of evaluation texts")
    quality: Quality = Field(Quality(), description="quality control of translations")
