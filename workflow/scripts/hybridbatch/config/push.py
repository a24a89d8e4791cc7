"""Uploads of finished models to the Hugging Face hub."""

from typing import Annotated

from pydantic import AfterValidator, Field

from hybridbatch.config.base import Name, Section, distinct


class Push(Section):
    """What `snakemake push` uploads, as `<owner>/<experiment>-<backbone>-<strategy>-seed<N>`. A token comes from `HF_TOKEN`, never from here."""

    owner: Name | None = Field(None, description="user or organisation of the hub that gets the models")
    runs: Annotated[list[str], AfterValidator(distinct)] = Field(
        [], description="fine-tuned models, such as `me5-small/hybrid/seed1`"
    )
    private: bool = Field(True, description="only the owner sees the models")
    despite_licence: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [],
        description="backbones and sources of training data whose licence you have read: a model of others is uploaded only if their licences are stated and known to allow commercial use, derived works and redistribution",
    )
