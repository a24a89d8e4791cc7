"""Language codes in the configuration."""

from typing import Annotated

import langcodes
from pydantic import AfterValidator, Field

from hybridbatch.config.base import distinct


def _language(code: str) -> str:
    if not langcodes.tag_is_valid(code) or langcodes.standardize_tag(code) != code:
        raise ValueError(f"unknown language {code!r}; allowed: ISO 639-1 or BCP-47 codes such as en, zh or pt-BR")
    return code


Language = Annotated[str, AfterValidator(_language)]
Languages = Annotated[list[Language], Field(min_length=1), AfterValidator(distinct)]
