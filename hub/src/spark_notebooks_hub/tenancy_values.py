"""The values of what groups have in place of the defaults: quota, limits, priority, images and sizes."""

import re
from typing import Any, Final, Self

from pydantic import Field, field_validator, model_validator

from .section import Section
from .shared_workspace_values import SharedWorkspaceValues
from .singleuser_values import Cpu, Memory

# Of what can be chosen, as it stands in forms and in the API.
_SLUG: Final = re.compile(r"[^a-z0-9]+")


class _Offer(Section):
    """Something to choose at the start."""

    name: str = Field(min_length=1)

    @property
    def slug(self) -> str:
        return _SLUG.sub("-", self.name.lower()).strip("-") or "-"

    @property
    def override(self) -> dict[str, Any]:
        """Traits of KubeSpawner."""
        raise NotImplementedError


class ImageOffer(_Offer):
    """An image, with its tag."""

    image: str = Field(min_length=1)

    @property
    def override(self) -> dict[str, Any]:
        """That trait."""
        return {"image": self.image}


class SizeOffer(_Offer):
    """A size of notebooks; what it does not say is as for everybody."""

    cpu: Cpu = Cpu()
    memory: Memory = Memory()

    @property
    def override(self) -> dict[str, Any]:
        """What is said of its traits."""
        given = {
            "cpu_limit": self.cpu.limit,
            "cpu_guarantee": self.cpu.guarantee,
            "mem_limit": self.memory.limit,
            "mem_guarantee": self.memory.guarantee,
        }
        return {trait: value for trait, value in given.items() if value is not None}

    def over(self, cpu: Cpu, memory: Memory) -> Self:
        """The whole size, where `cpu` and `memory` are everybody's. Raises ValueError where the two do not go together."""
        return type(self)(
            name=self.name,
            cpu=Cpu(limit=self.cpu.limit or cpu.limit, guarantee=self.cpu.guarantee or cpu.guarantee),
            memory=Memory(limit=self.memory.limit or memory.limit, guarantee=self.memory.guarantee or memory.guarantee),
        )


class GroupTerms(Section):
    """What the members of one group have; None is what everybody has."""

    group: str = Field(min_length=1)
    quota: dict[str, str | int | float | None] | None = None
    limits: list[dict[str, Any]] | None = None
    priority_class: str | None = Field(default=None, min_length=1)
    images: list[ImageOffer] | None = Field(default=None, min_length=1)
    sizes: list[SizeOffer] | None = Field(default=None, min_length=1)

    @field_validator("images", "sizes")
    @classmethod
    def _names_differ(cls, value: list[ImageOffer] | list[SizeOffer] | None) -> Any:
        names = [each.slug for each in value or ()]
        twice = next((each.name for each in value or () if names.count(each.slug) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is there twice, or another name differs from it by signs only: rename one")
        return value


class TenancyValues(Section):
    groups: list[GroupTerms] = []
    workspaces: list[SharedWorkspaceValues] = []

    @model_validator(mode="after")
    def _a_group_is_there_once(self) -> Self:
        names = [each.group for each in self.groups]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"groups has two entries for {twice!r}: make one of them")
        return self
