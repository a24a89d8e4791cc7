"""Evaluation on tasks of MTEB, the Massive Text Embedding Benchmark."""

from typing import Annotated

from pydantic import AfterValidator, Field

from hybridbatch.config.base import Name, Section, distinct


class Mteb(Section):
    """What `snakemake mteb` evaluates the encoders on; needs the package `mteb` (requirements-mteb.txt)."""

    tasks: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [], description="names of MTEB's tasks, such as `MIRACLRetrievalHardNegatives`"
    )
    languages: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z]{3}(-[A-Z][a-z]{3})?$")]], AfterValidator(distinct)
    ] = Field(
        [],
        description="three-letter codes, as MTEB has them, of the languages that a task is restricted to, such as `deu` or `zho-Hans`; empty: all of the task",
    )
