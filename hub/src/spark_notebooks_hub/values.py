"""The chart's values as the hub reads them: typed, closed, and checked against contradictions."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from . import shared_workspaces
from .departure import Policy
from .network import guarded
from .problems import problems
from .profile_values import DefaultProfiles, Profile
from .profiles import Placement, misfit
from .section import Section, as_network
from .shared_folders import contradiction
from .singleuser_values import Singleuser
from .tenancy import laid_over
from .tenancy_values import TenancyValues
from .workspace import PREFIX_LENGTH


class ValuesError(Exception):
    """What is wrong in the values, where, and what is allowed."""


class Release(Section):
    name: str
    namespace: str
    fullname: str
    version: str = ""


class Claim(Section):
    """The hub's own volume, which the chart makes."""

    storage: str = "1Gi"
    storage_class_name: str | None = None
    access_modes: list[str] = ["ReadWriteOnce"]


class Database(Section):
    type: Literal["sqlite-pvc", "sqlite-memory", "postgres"] = "sqlite-pvc"
    url: str | None = None
    pvc: Claim = Claim()

    @model_validator(mode="after")
    def _url_fits_type(self) -> Self:
        if self.type == "postgres" and not self.url:
            raise ValueError("type postgres needs a url, for example postgresql://hub@database.example/hub")
        if self.type != "postgres" and self.url:
            raise ValueError(f"a url is given, but type is {self.type}: set type to postgres or remove the url")
        return self


class LoginLimitValues(Section):
    """How many wrong passwords there may be before a wait."""

    enabled: bool = True
    attempts: int = Field(default=5, ge=1)
    attempts_per_name: int = Field(default=50, ge=1)
    attempts_per_address: int = Field(default=100, ge=1)
    max_wait: int = Field(default=900, ge=1)
    trusted_proxies: list[str] = []

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        return [as_network(network) for network in value]


class Hub(Section):
    config: dict[str, dict[str, Any]] = {}
    db: Database = Database()
    base_url: str = "/"
    active_server_limit: int = Field(default=0, ge=0)
    concurrent_spawn_limit: int = Field(default=64, ge=0)
    allow_named_servers: bool = False
    named_server_limit_per_user: int = Field(default=0, ge=0)
    shutdown_on_logout: bool = False
    template_vars: dict[str, Any] = {}
    login_limit: LoginLimitValues = LoginLimitValues()
    https: bool = False

    @field_validator("base_url")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError("must start with '/'")
        return value

    @field_validator("config")
    @classmethod
    def _keys_are_classes(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name in value:
            if not re.match(r"[A-Z]\w*$", name):
                raise ValueError(f"{name!r} is no class name, such as JupyterHub or Authenticator")
        return value

    @model_validator(mode="after")
    def _limit_needs_named_servers(self) -> Self:
        if self.named_server_limit_per_user and not self.allow_named_servers:
            raise ValueError(
                "namedServerLimitPerUser is set, but allowNamedServers is false: set it to true or remove the limit"
            )
        return self


class Admission(Section):
    """What executors may have on top of the usual, as the admission policies of the chart allow it."""

    enabled: bool = True
    sidecar_images: list[str] = []
    tolerations: list[str] = []
    priority_classes: list[str] = []
    runtime_classes: list[str] = []
    refused_images: list[str] = []
    jobs_from_outside: bool = False


class WorkspaceValues(Section):
    namespace_prefix: str = "user-"
    pod_security: Literal["privileged", "baseline", "restricted"] = "restricted"
    after_removal: Policy = "keep"
    quota: dict[str, str | int | float] = {}
    limits: list[dict[str, Any]] = []
    profiles: dict[str, Profile] = {}
    default_profiles: DefaultProfiles = DefaultProfiles()
    admission: Admission = Admission()

    @property
    def placement(self) -> Placement:
        return Placement(self.profiles, self.default_profiles)

    @model_validator(mode="after")
    def _profiles_fit(self) -> Self:
        wrong = misfit(self.placement)
        if wrong:
            raise ValueError(wrong)
        return self

    @field_validator("namespace_prefix")
    @classmethod
    def _is_the_start_of_a_namespace(cls, value: str) -> str:
        # Without a prefix of its own a user called kube-system would be given the namespace kube-system.
        if not re.fullmatch(r"[a-z][a-z0-9-]*-", value) or len(value) > PREFIX_LENGTH or value.startswith("kube-"):
            raise ValueError(
                f"must be lower-case letters, digits and '-', begin with a letter, end with '-', have at most {PREFIX_LENGTH} "
                "characters and not begin with 'kube-'"
            )
        return value


class TokenServiceAddress(Section):
    """Where the chart's token service is, and the audience of the tokens that it takes."""

    url: str
    audience: str


class AccountAnnotations(Section):
    notebook: dict[str, str] = {}
    executor: dict[str, str] = {}


class Credentials(Section):
    mode: Literal["static", "serviceAccount", "tokenService"] = "static"
    existing_secret: str | None = None
    annotations: AccountAnnotations = AccountAnnotations()
    token_audiences: list[str] = []
    token_service: TokenServiceAddress | None = None

    @model_validator(mode="after")
    def _token_service_is_known(self) -> Self:
        if (self.mode == "tokenService") != (self.token_service is not None):
            raise ValueError(f"mode is {self.mode}, which does not go with what is said of the token service")
        return self


class EmbeddedServer(Section):
    enabled: bool = False


class S3(Section):
    endpoint: str | None = None
    region: str = "us-east-1"
    bucket: str = Field(default="notebooks", min_length=3, max_length=63)
    prefix: str = "users"
    create_bucket: bool = False
    trash_days: int = Field(default=30, ge=0)
    version_days: int = Field(default=0, ge=0)
    credentials: Credentials = Credentials()
    embedded: EmbeddedServer = EmbeddedServer()
    addresses: list[str] = []

    @field_validator("addresses")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for network in value:
            guarded({"ipBlock": {"cidr": as_network(network)}})
        return value

    @field_validator("endpoint")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/\s]+", value):
            raise ValueError("must be a URL that begins with http:// or https://")
        return value


class Cull(Section):
    """When idle servers are stopped; all in seconds."""

    enabled: bool = True
    timeout: int = Field(default=3600, ge=60)
    every: int = Field(default=600, ge=10)
    max_age: int = Field(default=0, ge=0)
    users: bool = False


class NoticeValues(Section):
    """Which ends of jobs are told where a person has not chosen; None where nobody is told of any."""

    default: Literal["always", "failure", "never"] | None = None


class Values(Section):
    """What the chart gives the hub."""

    release: Release
    singleuser: Singleuser
    hub: Hub = Hub()
    workspace: WorkspaceValues = WorkspaceValues()
    tenancy: TenancyValues = TenancyValues()
    s3: S3 = S3()
    spark: dict[str, Any] = {}
    cull: Cull = Cull()
    notices: NoticeValues = NoticeValues()
    image_pull_secrets: list[str | dict[str, str]] = []

    @model_validator(mode="after")
    def _quota_has_room_for_a_server(self) -> Self:
        """A quota on a resource that a pod does not name refuses the pod, so no server would ever start."""
        self._check_quota("workspace.quota", self.workspace.quota, self.workspace.limits)
        for each in self.tenancy.groups:
            limits = self.workspace.limits if each.limits is None else each.limits
            self._check_quota(
                f"the quota of {each.group!r} in tenancy.groups",
                laid_over(self.workspace.quota, each.quota or {}),
                limits,
            )
        for shared in self.tenancy.workspaces:
            limits = self.workspace.limits if shared.limits is None else shared.limits
            self._check_quota(
                f"the quota of {shared.name!r} in tenancy.workspaces",
                laid_over(self.workspace.quota, shared.quota),
                limits,
            )
        return self

    @model_validator(mode="after")
    def _shared_workspaces_are_apart(self) -> Self:
        folders = {each.name: each.prefix for each in self.singleuser.shared_folders}
        wrong = shared_workspaces.misfit(self.tenancy.workspaces, folders, self.s3.prefix)
        if wrong:
            raise ValueError(f"tenancy.workspaces: {wrong}")
        return self

    def _check_quota(self, where: str, quota: Mapping[str, Any], limits: Sequence[Mapping[str, Any]]) -> None:
        for key, given in (
            ("requests.cpu", self.singleuser.cpu.guarantee or self.singleuser.cpu.limit),
            ("requests.memory", self.singleuser.memory.guarantee or self.singleuser.memory.limit),
            ("limits.cpu", self.singleuser.cpu.limit),
            ("limits.memory", self.singleuser.memory.limit),
        ):
            if key in quota and not given and not _has_default(limits, key):
                kind, _, resource = key.partition(".")
                setting = "limit" if kind == "limits" else "guarantee"
                raise ValueError(
                    f"{where} bounds {key}, but servers name no such amount and Kubernetes would refuse them all: "
                    f"set singleuser.{resource}.{setting}, or a default in workspace.limits"
                )

    @model_validator(mode="after")
    def _sizes_of_groups_fit(self) -> Self:
        for each in self.tenancy.groups:
            for size in each.sizes or ():
                try:
                    size.over(self.singleuser.cpu, self.singleuser.memory)
                except ValidationError as error:
                    [first, *_] = error.errors()
                    raise ValueError(
                        f"tenancy.groups: the size {size.name!r} of {each.group!r} does not go with singleuser: {first['ctx']['error']}"
                    ) from None
        return self

    @model_validator(mode="after")
    def _the_hub_remembers_people(self) -> Self:
        if self.workspace.after_removal != "keep" and self.hub.db.type == "sqlite-memory":
            raise ValueError(
                f"workspace.afterRemoval is {self.workspace.after_removal}, and hub.db.type is sqlite-memory, which forgets everybody "
                "at each restart: set afterRemoval to keep, or use another database"
            )
        return self

    @model_validator(mode="after")
    def _shared_folders_are_apart(self) -> Self:
        wrong = contradiction([each.folder for each in self.singleuser.shared_folders], self.s3.prefix)
        if wrong:
            raise ValueError(f"singleuser.sharedFolders: {wrong}")
        return self


def _has_default(limits: Sequence[Mapping[str, Any]], key: str) -> bool:
    kind, _, resource = key.partition(".")
    names = ["default"] if kind == "limits" else ["defaultRequest", "default"]
    containers = [limit for limit in limits if limit.get("type") == "Container"]
    return any(resource in (limit.get(name) or {}) for limit in containers for name in names)


def parse_values(data: Any) -> Values:
    """The typed values.

    Raises ValuesError, which names every wrong key with what is allowed there.
    """
    try:
        return Values.model_validate(data)
    except ValidationError as error:
        lines = "\n".join(f"  - {line}" for line in problems(error.errors()))
        raise ValuesError(
            f"The hub cannot start with these values:\n{lines}\nMend them in your values file and run `helm upgrade` again."
        ) from None


def read_values(path: str | Path) -> Values:
    """The values of the file that the chart mounts.

    Raises ValuesError where the file is missing, is no JSON, or holds wrong values.
    """
    try:
        data = json.loads(Path(path).read_text())
    except OSError as error:
        raise ValuesError(
            f"{path} cannot be read ({error.strerror}): the chart mounts it from the Secret of the hub."
        ) from error
    except ValueError as error:
        raise ValuesError(f"{path} is not JSON: {error}") from error
    return parse_values(data)
