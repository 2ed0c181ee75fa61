"""Who holds a token, by the API server's answer; and what the workspace may have, by the annotations that only the hub writes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .errors import StsError, denied, expired, invalid_token
from .policy import Access, checked, checked_prefix, shared

# In a shared workspace each member has a pair of their own: notebook-ada, executor-ada.
_ACCOUNT: Final = re.compile(r"(?:notebook|executor)(?:-([a-z0-9]([a-z0-9-]*[a-z0-9])?))?")
# Written by the hub (spark_notebooks_hub.workspace).
HUB_ANNOTATION: Final = "spark-notebooks.io/hub"
USER_ANNOTATION: Final = "spark-notebooks.io/user"
# Of a shared workspace, in place of the user: its name; and the people who may use it, by the ends of their accounts' names.
SHARED_ANNOTATION: Final = "spark-notebooks.io/shared-workspace"
MEMBER_ANNOTATIONS: Final = "member.spark-notebooks.io/"
PREFIXES_ANNOTATION: Final = "spark-notebooks.io/s3-prefixes"
SHARED_WRITE_ANNOTATION: Final = "spark-notebooks.io/s3-shared-write"
SHARED_READ_ANNOTATION: Final = "spark-notebooks.io/s3-shared-read"
# Written by an administrator of the cluster.
REVOKED_ANNOTATION: Final = "spark-notebooks.io/s3-revoked"

_SUBJECT: Final = re.compile(r"system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})")
_POD: Final = "authentication.kubernetes.io/pod-name"


@dataclass(frozen=True)
class Identity:
    """A pod of a workspace: its namespace, the service account that it runs as, and its name."""

    namespace: str
    account: str
    pod: str

    @property
    def subject(self) -> str:
        """The account as the API server names it."""
        return f"system:serviceaccount:{self.namespace}:{self.account}"

    @property
    def member(self) -> str:
        """Whose of a shared workspace's accounts it is; empty in a person's own workspace."""
        match = _ACCOUNT.fullmatch(self.account)
        return (match[1] or "") if match else ""

    @property
    def holder(self) -> str:
        """Whom keys belong to: the namespace, or namespace/member."""
        return holder_of(self.namespace, self.member)


def holder_of(namespace: str, member: str) -> str:
    """Whom keys belong to: the namespace, or namespace/member."""
    return f"{namespace}/{member}" if member else namespace


@dataclass(frozen=True)
class Grant:
    """What a workspace gets: whose it is, and what its keys open."""

    namespace: str
    user: str
    access: Access
    member: str = ""

    @property
    def holder(self) -> str:
        """Whom keys belong to: the namespace, or namespace/member."""
        return holder_of(self.namespace, self.member)


def token_review(token: str, audience: str) -> dict[str, Any]:
    """The question to the API server."""
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]},
    }


def reviewed(review: Mapping[str, Any], audience: str) -> Identity:
    """Who holds the token, by a TokenReview with its status. Raises StsError where that is no pod of a workspace."""
    status = review.get("status") or {}
    if status.get("authenticated") is not True:
        raise _refused(str(status.get("error") or ""))
    # An API server that does not know of audiences names none, and would take any token.
    if audience not in (status.get("audiences") or ()):
        raise invalid_token(f"The token is for another audience than {audience}.")
    user = status.get("user") or {}
    match = _SUBJECT.fullmatch(str(user.get("username") or ""))
    if match is None or not _ACCOUNT.fullmatch(match[2]):
        raise denied("Only the service accounts notebook and executor of a workspace get keys.")
    pods: list[Any] = list((user.get("extra") or {}).get(_POD) or [])
    if len(pods) != 1:
        raise denied("The token belongs to no pod, with which it would end. Use the one that is mounted.")
    return Identity(match[1], match[2], str(pods[0]))


@dataclass(frozen=True)
class Bounds:
    """What anybody may get, whatever is written on a workspace.

    roots are prefixes below which a person's own has to be; shares the most that anybody has of a shared folder ("read" or "write") by its prefix; workspaces the
    prefixes of shared workspaces.
    """

    roots: Sequence[str]
    shares: Mapping[str, str] = field(default_factory=dict)
    workspaces: Sequence[str] = ()


def granted(namespace: Mapping[str, Any], hub: str, bounds: Bounds, member: str = "") -> Grant:
    """What a workspace gets, by its Namespace; member is whose of a shared workspace's accounts asks, empty in a person's own.

    hub is the installation as it is written into annotations. Raises StsError.
    """
    metadata = namespace.get("metadata") or {}
    name, notes = str(metadata.get("name")), metadata.get("annotations") or {}
    if notes.get(HUB_ANNOTATION) != hub:
        raise denied(f"The namespace {name} is no workspace of this platform.")
    if REVOKED_ANNOTATION in notes:
        raise denied("An administrator has ended this workspace's access to S3.")
    if metadata.get("deletionTimestamp"):
        raise denied(f"The workspace {name} is being removed.")
    is_shared = SHARED_ANNOTATION in notes
    # An account of one kind of workspace in the other kind is nobody's.
    if is_shared != bool(member) or (is_shared and USER_ANNOTATION in notes):
        raise denied(f"The account is none that the workspace {name} has.")
    user = notes.get(f"{MEMBER_ANNOTATIONS}{member}") if is_shared else notes.get(USER_ANNOTATION)
    if is_shared and not user:
        raise denied(f"You are not among the members of the workspace {name} any more.")
    prefixes = _words(notes, PREFIXES_ANNOTATION)
    if not user or not prefixes:
        raise denied(f"The workspace {name} has no folder on S3 yet. Stop your server and start it again.")
    try:
        if is_shared:
            access = Access(tuple(_of_workspaces(prefix, bounds.workspaces) for prefix in dict.fromkeys(prefixes)))
        else:
            own = tuple(checked_prefix(prefix, bounds.roots) for prefix in dict.fromkeys(prefixes))
            also = shared(_words(notes, SHARED_WRITE_ANNOTATION), _words(notes, SHARED_READ_ANNOTATION), bounds.shares)
            access = Access((*own, *also.prefixes), also.readable)
    except ValueError as error:
        raise denied(f"The workspace {name} names a folder that it cannot have ({error}).") from None
    return Grant(name, str(user), access, member)


def _of_workspaces(prefix: str, workspaces: Sequence[str]) -> str:
    """The same prefix. Raises ValueError where it is none of a shared workspace as the values have them now."""
    if prefix not in workspaces:
        raise ValueError(f"{prefix!r} is not the folder of a shared workspace")
    return checked(prefix)


def _words(notes: Mapping[str, Any], name: str) -> list[str]:
    return str(notes.get(name) or "").split()


def _refused(error: str) -> StsError:
    if "expired" in error:
        return expired("The token has ended. Read its file again: Kubernetes writes a new one in time.")
    # What the API server says in detail is for administrators: the audit log has it.
    return invalid_token(
        "The API server does not know the token: it is forged, of another cluster, or its pod is gone."
    )
