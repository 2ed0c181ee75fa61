"""The values of people's own servers: image, sizes, files, shared folders and network."""

import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from .network import without_metadata
from .section import Prefix, Section, as_network
from .shared_folders import NAME, SharedFolder

BYTES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


class Image(Section):
    """A container image; tag may carry a digest ("1.0@sha256:...")."""

    name: str = Field(min_length=1)
    tag: str = ""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.tag}" if self.tag else self.name


class Cpu(Section):
    """Cores; a guarantee is a Kubernetes request."""

    limit: float | None = Field(default=None, gt=0)
    guarantee: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _guarantee_within_limit(self) -> Self:
        if self.limit and self.guarantee and self.guarantee > self.limit:
            raise ValueError(f"guarantee {self.guarantee} is more than limit {self.limit}")
        return self


class Memory(Section):
    """Bytes, or text like 512M and 2G (powers of 1024)."""

    limit: int | str | None = None
    guarantee: int | str | None = None

    @field_validator("limit", "guarantee")
    @classmethod
    def _is_a_size(cls, value: int | str | None) -> int | str | None:
        if value is not None and size(value) is None:
            raise ValueError("must be a number of bytes, or a number with K, M, G or T, for example 2G")
        return value

    @model_validator(mode="after")
    def _guarantee_within_limit(self) -> Self:
        if self.limit is not None and self.guarantee is not None:
            limit, guarantee = size(self.limit), size(self.guarantee)
            if limit is not None and guarantee is not None and guarantee > limit:
                raise ValueError(f"guarantee {self.guarantee} is more than limit {self.limit}")
        return self


class DynamicStorage(Section):
    storage_class: str | None = None


class HomeStorage(Section):
    type: Literal["none", "dynamic"] = "none"
    limit: str | int | None = "20Gi"
    capacity: str = "10Gi"
    dynamic: DynamicStorage = DynamicStorage()


class WorkingFiles(Section):
    """The files beside a notebook on its kernel's disk."""

    enabled: bool = True
    number: int = Field(default=1000, ge=1, le=4000)
    file_mib: int = Field(default=100, ge=1, alias="fileMiB")
    total_mib: int = Field(default=1000, ge=1, alias="totalMiB")


class SharedFolderValues(Section):
    """A folder of the bucket that some people share."""

    name: str
    prefix: Prefix
    groups: list[str] = []
    users: list[str] = []
    everyone: bool = False
    access: Literal["read", "write"] = "read"

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        return _shown_name(value)

    @model_validator(mode="after")
    def _is_for_somebody(self) -> Self:
        if self.everyone == bool(self.groups or self.users):
            raise ValueError(
                f"{self.name!r} is for nobody, or for everyone and some others: name groups or users, or set everyone to true"
            )
        return self

    @property
    def folder(self) -> SharedFolder:
        return SharedFolder(
            self.name, self.prefix, self.groups, self.users, self.everyone, writable=self.access == "write"
        )


def _shown_name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} must be one name of a folder: no slash, no control character, and no dot at its beginning"
        )
    return value


class ApiServerAddress(Section):
    cidr: str
    port: int = Field(ge=1, le=65535)

    @field_validator("cidr")
    @classmethod
    def _is_a_network(cls, value: str) -> str:
        return as_network(value)


class EgressAllowRules(Section):
    dns_ports_kube_system_namespace: bool = True
    dns_ports_private_ips: bool = Field(default=True, alias="dnsPortsPrivateIPs")
    non_private_ips: bool = Field(default=False, alias="nonPrivateIPs")
    private_ips: bool = Field(default=False, alias="privateIPs")


class NetworkPolicy(Section):
    """What keeps workspaces apart; further rules are as in the Kubernetes API."""

    enabled: bool = True
    egress_allow_rules: EgressAllowRules = EgressAllowRules()
    api_server: list[ApiServerAddress] = []
    ingress: list[dict[str, Any]] = []
    egress: list[dict[str, Any]] = []

    @field_validator("egress")
    @classmethod
    def _never_the_metadata_address(cls, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [without_metadata(rule) for rule in value]


class Singleuser(Section):
    image: Image
    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    start_timeout: int = Field(default=300, ge=10)
    default_url: str = "/lab"
    extra_env: dict[str, str | dict[str, Any]] = {}
    node_selector: dict[str, str] = {}
    extra_tolerations: list[dict[str, Any]] = []
    storage: HomeStorage = HomeStorage()
    working_files: WorkingFiles = WorkingFiles()
    shared_folders: list[SharedFolderValues] = []
    shared_folders_in: str = "shared"
    profile_list: list[dict[str, Any]] = []
    network_policy: NetworkPolicy = NetworkPolicy()

    @field_validator("shared_folders_in")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        return _shown_name(value)


def size(value: int | str) -> int | None:
    """Bytes of a size like 2G, as JupyterHub reads it; None where it is not a size."""
    if isinstance(value, int):
        return value if value > 0 else None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", value)
    return int(float(match[1]) * BYTES[match[2]]) if match else None
