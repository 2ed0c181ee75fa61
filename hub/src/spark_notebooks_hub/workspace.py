"""The manifests of a workspace: the namespace of one person, and what belongs in it."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kubespawner.slugs import safe_slug

from .admission import Allowed, annotations, server_annotations
from .network import POLICY_NAMES, NetworkRules, workspace_rules
from .profiles import Placement, profile_annotations
from .shared_folders import Share

Manifest = dict[str, Any]

MANAGED_BY: Final = "spark-notebooks"
USER_ANNOTATION: Final = "spark-notebooks.io/user"
HUB_ANNOTATION: Final = "spark-notebooks.io/hub"
# As a label it is what the admission policies find workspaces by.
HUB_LABEL: Final = HUB_ANNOTATION
# Read by the token service: prefixes of the bucket, with a space between them.
PREFIXES_ANNOTATION: Final = "spark-notebooks.io/s3-prefixes"
# The same of folders shared with the person, which the token service gives as far as they are still shared with anybody.
SHARED_WRITE_ANNOTATION: Final = "spark-notebooks.io/s3-shared-write"
SHARED_READ_ANNOTATION: Final = "spark-notebooks.io/s3-shared-read"
# Of a shared workspace, in place of the user's: its name; the member as whom a pod runs; its members, and the Secrets that are theirs, by their slugs.
SHARED_ANNOTATION: Final = "spark-notebooks.io/shared-workspace"
MEMBER_ANNOTATIONS: Final = "member.spark-notebooks.io/"
SECRETS_ANNOTATIONS: Final = "secrets-of.spark-notebooks.io/"
# Of a workspace whose person is gone (departure.py).
ARCHIVED_LABEL: Final = "spark-notebooks.io/archived"
WORKSPACE_LABEL: Final = "spark-notebooks.io/workspace"
NOTEBOOK_ACCOUNT: Final = "notebook"
EXECUTOR_ACCOUNT: Final = "executor"
CREDENTIALS_SECRET: Final = "s3-credentials"  # noqa: S105 (a name)
AUTHENTICATION_SECRET: Final = "spark-authentication"  # noqa: S105 (a name)

# Of the quota and of the limits.
BOUNDS_NAME: Final = "workspace"

# A namespace's name has at most 63 characters; KubeSpawner's slugs of user names are cut at 48.
SLUG_LENGTH: Final = 48
PREFIX_LENGTH: Final = 63 - SLUG_LENGTH


def user_slug(user: str) -> str:
    """A DNS label for any user name, at most 48 characters; different names have different slugs."""
    return str(safe_slug(user, max_length=SLUG_LENGTH))


@dataclass(frozen=True)
class HubIdentity:
    """The installation that a workspace belongs to: its namespace and the full name that its objects begin with."""

    namespace: str
    fullname: str

    @property
    def service_account(self) -> str:
        return f"{self.fullname}-hub"

    @property
    def label(self) -> str:
        """The same as a label's value, which cannot hold all of it. The chart makes it in the same way."""
        return f"{self.fullname}-{hashlib.sha256(str(self).encode()).hexdigest()[:8]}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.fullname}"


@dataclass(frozen=True)
class Workspace:
    """A person's workspace.

    quota is a ResourceQuota's `spec.hard` and limits a LimitRange's `spec.limits`, both as in the Kubernetes API; credentials is an AWS shared-credentials
    file for the notebook storage, None where no Secret is to hold one; prefixes are what the token service opens to the workspace, shares what it opens beside
    that as far as it is still shared with anybody, and token_audiences those of
    the tokens that executors may mount; account_annotations are annotations of the service accounts, by their names; allowed is what executors may have on top of the usual, placement
    the profiles that the person may use; network is None where no
    policy is to keep the workspace apart. shared is the name of a workspace that several people share, and shared_slug what stands for it in names; None in a person's own. What is
    one member's is in `member_manifests`; all else is the same whichever member starts.
    """

    user: str
    namespace: str
    hub: HubIdentity
    pod_security: str = "restricted"
    quota: Mapping[str, Any] = field(default_factory=dict)
    limits: Sequence[Mapping[str, Any]] = ()
    credentials: str | None = field(default=None, repr=False)
    prefixes: Sequence[str] = ()
    shares: Sequence[Share] = ()
    token_audiences: Sequence[str] = ()
    account_annotations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    allowed: Allowed = field(default_factory=Allowed)
    placement: Placement = field(default_factory=Placement)
    network: NetworkRules | None = None
    notebook_port: int = 8888
    shared: str | None = None
    shared_slug: str = ""

    @property
    def slug(self) -> str:
        """What it is labelled with."""
        return self.shared_slug if self.shared else user_slug(self.user)

    @property
    def member(self) -> str:
        """Whose accounts and secrets these are, in a shared workspace; empty in a person's own."""
        return user_slug(self.user) if self.shared else ""

    def named(self, name: str) -> str:
        """What an object of that name is called here: in a shared workspace each member has their own."""
        return f"{name}-{self.member}" if self.member else name


def workspace_manifests(workspace: Workspace) -> list[Manifest]:
    """What every start brings up to date in the workspace, in the order in which it has to be applied.

    The namespace comes first and the hub's own RoleBinding second: without it the hub may not create the rest.
    """
    manifests = [
        namespace(workspace),
        hub_binding(workspace),
        service_account(workspace, NOTEBOOK_ACCOUNT, automount_token=True),
        service_account(workspace, EXECUTOR_ACCOUNT, automount_token=False),
        notebook_binding(workspace),
        resource_quota(workspace),
        limit_range(workspace),
        *network_policies(workspace),
    ]
    if workspace.credentials is not None:
        manifests.append(credentials_secret(workspace, workspace.credentials))
    return manifests


def namespace(workspace: Workspace) -> Manifest:
    """The namespace, labelled as ours, with its Pod Security level and what the admission policies allow in it."""
    secrets = [
        *([] if workspace.shared else [AUTHENTICATION_SECRET]),
        *([CREDENTIALS_SECRET] if workspace.credentials is not None else []),
    ]
    labels = {
        **_labels(workspace),
        HUB_LABEL: workspace.hub.label,
        "pod-security.kubernetes.io/enforce": workspace.pod_security,
    }
    holder = {SHARED_ANNOTATION: workspace.shared} if workspace.shared else {USER_ANNOTATION: workspace.user}
    notes = {**holder, HUB_ANNOTATION: str(workspace.hub)}
    if workspace.prefixes:
        notes[PREFIXES_ANNOTATION] = " ".join(workspace.prefixes)
    for name, writable in ((SHARED_WRITE_ANNOTATION, True), (SHARED_READ_ANNOTATION, False)):
        shared = [share.prefix for share in workspace.shares if share.writable == writable]
        notes |= {name: " ".join(shared)} if shared else {}
    notes |= annotations(workspace.allowed, secrets, workspace.token_audiences)
    notes |= profile_annotations(workspace.placement)
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": workspace.namespace, "labels": labels, "annotations": notes},
    }


def service_account(workspace: Workspace, name: str, automount_token: bool) -> Manifest:
    """A service account; automount_token says whether its pods get an API token without asking."""
    notes = dict(workspace.account_annotations.get(name, {}))
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {**_metadata(workspace, workspace.named(name)), **({"annotations": notes} if notes else {})},
        "automountServiceAccountToken": automount_token,
    }


def role_binding(workspace: Workspace, name: str, cluster_role: str, account: str, account_namespace: str) -> Manifest:
    """Gives a service account the rights of a ClusterRole inside the workspace only."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(workspace, name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": cluster_role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account_namespace}],
    }


def notebook_binding(workspace: Workspace) -> Manifest:
    """The rights of the notebook; in a shared workspace, of the member's."""
    role = f"{workspace.hub.fullname}-workspace-notebook"
    account = workspace.named(NOTEBOOK_ACCOUNT)
    return role_binding(workspace, account, role, account, workspace.namespace)


def member_rules(workspace: Workspace, belongs: bool = True) -> Manifest:
    """Who a member of a shared workspace is, and which Secrets are theirs: annotations of the namespace, by a field manager of the member's own.

    Without it (belongs is False) the token service gives no keys, and nothing of theirs is let in.
    """
    notes = {
        f"{MEMBER_ANNOTATIONS}{workspace.member}": workspace.user,
        f"{SECRETS_ANNOTATIONS}{workspace.member}": workspace.named(AUTHENTICATION_SECRET),
    }
    metadata = {"name": workspace.namespace, "annotations": notes if belongs else {}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def members(notes: Mapping[str, str]) -> list[str]:
    """The user names of a shared workspace's members, by the annotations of its namespace."""
    return [user for key, user in notes.items() if key.startswith(MEMBER_ANNOTATIONS)]


def hub_binding(workspace: Workspace) -> Manifest:
    """The hub's own rights in the workspace."""
    hub = workspace.hub
    return role_binding(workspace, "hub", f"{hub.fullname}-workspace-hub", hub.service_account, hub.namespace)


def resource_quota(workspace: Workspace) -> Manifest:
    """The quota; an empty one limits nothing, so that a limit taken out of the values also goes from the cluster."""
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": _metadata(workspace, BOUNDS_NAME),
        # Kubernetes keeps quantities as text; numbers are written so here too, or each apply would differ from what is stored.
        "spec": {"hard": {resource: str(quantity) for resource, quantity in workspace.quota.items()}},
    }


def limit_range(workspace: Workspace) -> Manifest:
    """Defaults and bounds of single pods and containers; an empty list bounds nothing."""
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": _metadata(workspace, BOUNDS_NAME),
        "spec": {"limits": [dict(limit) for limit in workspace.limits]},
    }


def server_rules(workspace: Workspace, pod: Mapping[str, Any]) -> Manifest:
    """What one server adds to what the admission policies allow: annotations of the namespace, applied by the server's own field manager."""
    metadata = {"name": workspace.namespace, "annotations": server_annotations(pod)}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def job_rules(workspace: Workspace, kept: Mapping[str, str]) -> Manifest:
    """The images that jobs and schedules go on running, by `admission.kept_annotations`: applied by a field manager of their own."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": workspace.namespace, "annotations": dict(kept)},
    }


def network_policies(workspace: Workspace) -> list[Manifest]:
    """What the workspace's pods may reach, and who may reach them; none where `network` is None."""
    if workspace.network is None:
        return []
    specs = workspace_rules(workspace.network, workspace.hub.namespace, workspace.notebook_port, workspace.member)
    return [{**_network_policy(workspace, name), "spec": spec} for name, spec in specs.items()]


def unwanted_manifests(workspace: Workspace) -> list[Manifest]:
    """What an earlier start may have left in the workspace and is not wanted any more."""
    names = [*POLICY_NAMES, *([f"member-{workspace.member}"] if workspace.member else [])]
    policies = [] if workspace.network else [_network_policy(workspace, name) for name in names]
    return [*policies, *([] if workspace.credentials is not None else [_credentials_secret(workspace)])]


def _network_policy(workspace: Workspace, name: str) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(workspace, name),
    }


def credentials_secret(workspace: Workspace, credentials: str) -> Manifest:
    """The credentials of the notebook storage, as an AWS shared-credentials file under the key `credentials`."""
    data = {"credentials": base64.b64encode(credentials.encode()).decode()}
    return {**_credentials_secret(workspace), "type": "Opaque", "data": data}


def _credentials_secret(workspace: Workspace) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(workspace, CREDENTIALS_SECRET)}


def authentication_secret(workspace: Workspace, secret: str) -> Manifest:
    """What Spark's drivers and executors in this workspace know each other by, under the key `secret`.

    Made once and kept: a new one would part executors that start from the driver they belong to. Whoever wants another one
    deletes it; the next start of the notebook makes it.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(workspace, workspace.named(AUTHENTICATION_SECRET)),
        "type": "Opaque",
        "immutable": True,
        "data": {"secret": base64.b64encode(secret.encode()).decode()},
    }


def token_secret(workspace: Workspace, server: str, token: str) -> Manifest:
    """The token by which a server (its pod's name) speaks with the hub, under the key `token`; each start has another one.

    In a Secret, because many may read the specs of pods who may not speak in the person's name.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(workspace, token_secret_name(server)),
        "type": "Opaque",
        "data": {"token": base64.b64encode(token.encode()).decode()},
    }


def token_secret_name(server: str) -> str:
    """The name of that Secret."""
    return f"{server}-token"


def credentials_file(environ: Mapping[str, str]) -> str:
    """An AWS shared-credentials file with the keys of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

    Raises KeyError where one of them is not set.
    """
    return (
        "[default]\n"
        f"aws_access_key_id = {environ['AWS_ACCESS_KEY_ID'].strip()}\n"
        f"aws_secret_access_key = {environ['AWS_SECRET_ACCESS_KEY'].strip()}\n"
    )


def foreign(existing: Mapping[str, Any], workspace: Workspace) -> str | None:
    """Why a namespace that already exists is not this workspace; None when it is.

    A namespace of that name may be somebody else's: whoever adopts it would share it with a stranger.
    """
    metadata = existing.get("metadata", {})
    notes = metadata.get("annotations") or {}
    if (metadata.get("labels") or {}).get("app.kubernetes.io/managed-by") != MANAGED_BY:
        return f"a namespace {workspace.namespace} exists that this platform did not make"
    if notes.get(HUB_ANNOTATION) != str(workspace.hub):
        owner = notes.get(HUB_ANNOTATION, "unknown")
        return f"the namespace {workspace.namespace} belongs to another installation ({owner})"
    if notes.get(SHARED_ANNOTATION) != workspace.shared:
        return f"the namespace {workspace.namespace} belongs to another workspace ({notes.get(SHARED_ANNOTATION)!r})"
    if notes.get(USER_ANNOTATION) != (None if workspace.shared else workspace.user):
        return f"the namespace {workspace.namespace} belongs to another user ({notes.get(USER_ANNOTATION)!r})"
    return None


def _labels(workspace: Workspace) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": MANAGED_BY, WORKSPACE_LABEL: workspace.slug}


def _metadata(workspace: Workspace, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": workspace.namespace, "labels": _labels(workspace)}
