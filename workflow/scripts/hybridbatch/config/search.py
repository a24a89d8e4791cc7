"""Search: exact, approximate and lexical."""

from pydantic import Field

from hybridbatch.config.base import Name, NotNegative, Section, Share


class Search(Section):
    """Vector search."""

    index: str = Field(
        "Flat",
        min_length=1,
        description="FAISS factory string. `Flat` (float32) and `SQfp16` (float16, half the disk) are exact and replace the passages' vectors, so a change encodes the passages again; any other (`HNSW32`, `IVF256,SQ8`) is approximate: passages it misses count as not found, and the vectors are kept beside it",
    )
    parameters: str = Field(
        "", description="FAISS search parameters of an approximate index, such as `nprobe=16` or `efSearch=64`"
    )
    depth: int = Field(100, ge=1, description="passages kept for each query in each language")
    index_rows: int = Field(
        1_000_000,
        ge=1,
        description="vectors in one file of an index, which is built in memory; the files of a language are searched in turn",
    )

    @property
    def is_exact(self) -> bool:
        """Whether the index compares every vector and can return them."""
        return self.index in ("Flat", "SQfp16")

    @property
    def vector_index(self) -> str:
        """The index that holds the passages' vectors, as JSON; empty if it is approximate."""
        return self.model_dump_json(include={"index", "index_rows"}) if self.is_exact else ""


class BM25(Section):
    """The lexical baseline."""

    k1: NotNegative = Field(0.9, description="saturation of term frequency")
    b: Share = Field(0.4, description="strength of length normalisation")
    tokenizer: Name | None = Field(
        None,
        description="backbone whose subword tokenizer splits the texts in every language; null: the first of `runs.backbones`",
    )
