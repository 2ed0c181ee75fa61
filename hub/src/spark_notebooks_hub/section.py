"""What all sections of the values have in common."""

from ipaddress import ip_network
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """A part of the values: unknown keys are errors, and null means the default."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


def as_network(value: str) -> str:
    """A network as values name it, in one spelling; ValueError says what it must be."""
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError(f"must be a network such as 10.20.0.0/16, not {value!r}") from None
