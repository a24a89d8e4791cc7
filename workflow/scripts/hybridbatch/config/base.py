"""What the sections of the configuration share: types of values, and sections that reject unknown keys."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def distinct(values: list[Any]) -> list[Any]:
    """Return the values; raise ValueError if one stands more than once."""
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)} stands more than once; name each once")
    return values


def number(value: Any) -> Any:
    """Return a string as the number that it spells: YAML reads 3e-5, without a point, as a string."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"must be a number, found {value!r}") from None


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(number)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(number)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(number)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, and so are values of another type than the key's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
