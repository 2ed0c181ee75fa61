"""The values of one placement profile, and what is made of them."""

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from .section import Section

Role = Literal["executors", "drivers"]
ROLES: Final[tuple[Role, ...]] = ("executors", "drivers")

_SIZE: Final = re.compile(r"\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?", re.ASCII)
# With them a profile that is for drivers only says something about executors.
_OF_EXECUTORS: Final = ("layout", "spot", "termination_grace_period_seconds", "max_executors", "node")


def _is_a_quantity(value: str | int | float) -> str | int | float:
    if not _SIZE.fullmatch(str(value)):
        raise ValueError(f"must be a Kubernetes quantity such as 16 or 64Gi, not {value!r}")
    return value


Quantity = Annotated[str | int | float, AfterValidator(_is_a_quantity)]


class Toleration(Section):
    """As in the Kubernetes API, but of a named taint."""

    key: str = Field(min_length=1)
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None

    @model_validator(mode="after")
    def _seconds_are_of_what_ends_pods(self) -> Self:
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError("tolerationSeconds is for taints that end pods: set effect to NoExecute, or remove it")
        return self

    @property
    def manifest(self) -> dict[str, Any]:
        """As in a pod."""
        return self.model_dump(
            by_alias=True, exclude_none=True, exclude={"value"} if self.operator == "Exists" else None
        )

    @property
    def word(self) -> str:
        """As `kubectl taint` writes a taint, with the seconds behind it."""
        value = f"={self.value}" if self.operator == "Equal" else ""
        seconds = "" if self.toleration_seconds is None else f"/{self.toleration_seconds}"
        return f"taint:{self.key}{value}:{self.effect or ''}{seconds}"


class Reserved(Section):
    """What of a node is not for executors, as Kubernetes quantities."""

    cpu: Quantity = 0
    memory: Quantity = 0


class Node(Section):
    """The size of a profile's nodes, as Kubernetes quantities, and how many executors share one."""

    cpu: Quantity
    memory: Quantity
    executors: int = Field(default=1, ge=1)
    reserved: Reserved = Reserved()


class Profile(Section):
    """One entry of the values."""

    description: str = Field(min_length=1)
    roles: list[Role] = Field(default=list(ROLES), min_length=1, alias="for")
    allowed_groups: list[str] = []
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    layout: Literal["spread", "pack"] | None = None
    spot: bool = False
    termination_grace_period_seconds: int | None = Field(default=None, ge=1, le=300)
    max_executors: int | None = Field(default=None, ge=1)
    node: Node | None = None

    @model_validator(mode="after")
    def _says_of_executors_what_is_for_executors(self) -> Self:
        given = [name for name in _OF_EXECUTORS if getattr(self, name)]
        if given and "executors" not in self.roles:
            keys = " and ".join(str(type(self).model_fields[name].alias) for name in given)
            raise ValueError(f"is for drivers, and {keys} is said of executors: remove it, or add executors to `for`")
        return self

    def words(self, role: Role) -> str:
        """What a pod of this profile asks for, in words with a space between them."""
        labels = [f"node:{key}={value}" for key, value in self.node_selector.items()]
        layout = [self.layout] if self.layout and role == "executors" else []
        return " ".join([*labels, *(each.word for each in self.tolerations), *layout])

    @property
    def setting(self) -> dict[str, Any]:
        """As spark_session's SparkSessionDefaults.profiles has it; what is not said is left out."""
        said = self.model_dump(
            include={"description", "node_selector", "layout", "spot", "termination_grace_period_seconds", "max_executors"},
            exclude_defaults=True,
        )  # fmt: skip
        tolerations = {"tolerations": [each.manifest for each in self.tolerations]} if self.tolerations else {}
        node = {"node": self.node.model_dump()} if self.node else {}
        return {**said, "roles": self.roles, **tolerations, **node}


class DefaultProfiles(Section):
    """Names of the profiles of those who name none."""

    executors: str | None = None
    drivers: str | None = None
