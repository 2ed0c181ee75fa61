"""What all sections of the values have in common."""

from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from .shared_folders import PREFIX


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


def _as_prefix(value: str) -> str:
    prefix = value.strip("/")
    if not PREFIX.fullmatch(prefix):
        raise ValueError(
            f"{value!r} must be letters, digits, '.', '_' and '-' between slashes, and no part may begin with '.'"
        )
    return prefix


# A folder of the bucket, without slashes at its ends.
Prefix = Annotated[str, AfterValidator(_as_prefix)]
