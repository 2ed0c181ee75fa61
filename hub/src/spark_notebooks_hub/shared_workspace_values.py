"""The values of a workspace that several people share."""

import re
from collections.abc import Collection
from typing import Any, Final

from kubespawner.slugs import safe_slug
from pydantic import Field, field_validator

from .section import Prefix, Section
from .workspace import PREFIX_LENGTH

# No user's slug begins so: kubespawner makes two dashes in a row of no name.
SHARED_PREFIX: Final = "group--"
_SLUG_LENGTH: Final = 63 - PREFIX_LENGTH - len(SHARED_PREFIX)


class SharedWorkspaceValues(Section):
    """One entry of the values."""

    name: str = Field(min_length=1, max_length=60)
    groups: list[str] = Field(min_length=1)
    prefix: Prefix
    quota: dict[str, str | int | float | None] = {}
    limits: list[dict[str, Any]] | None = None
    priority_class: str | None = Field(default=None, min_length=1)

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not re.fullmatch(r"[^\x00-\x1f\x7f]+", value):
            raise ValueError(f"{value!r} must be a name without control characters")
        return value

    @property
    def slug(self) -> str:
        """What its namespace ends in, behind the prefix of all workspaces."""
        return f"{SHARED_PREFIX}{safe_slug(self.name, max_length=_SLUG_LENGTH)}"

    def has(self, member_of: Collection[str]) -> bool:
        """Whether somebody in these groups is a member."""
        return not set(self.groups).isdisjoint(member_of)
