"""Search: exact, approximate and lexical."""

from pydantic import Field

from hybridbatch.config.base import Name, NotNegative, Section, Share


class Search(Section):
    """Vector search."""

    index: str = Field(
        "Flat",
        min_length=1,
        description="`Flat` compares each query with every vector and needs no index file; any other FAISS factory string (`HNSW32`, `IVF256,SQ8`) is approximate, and passages it misses count as not found",
    )
    parameters: str = Field(
        "", description="FAISS search parameters of an approximate index, such as `nprobe=16` or `efSearch=64`"
    )
    depth: int = Field(100, ge=1, description="passages kept for each query in each language")
    index_rows: int = Field(
        5_000_000,
        ge=1,
        description="vectors in one file of an approximate index; the files of a language are searched in turn",
    )

    @property
    def is_exact(self) -> bool:
        """Whether every vector is compared, which needs no index."""
        return self.index == "Flat"


class BM25(Section):
    """The lexical baseline."""

    k1: NotNegative = Field(0.9, description="saturation of term frequency")
    b: Share = Field(0.4, description="strength of length normalisation")
    tokenizer: Name | None = Field(
        None,
        description="backbone whose subword tokenizer splits the texts in every language; null: the first of `runs.backbones`",
    )
