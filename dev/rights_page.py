"""The table of every right of every service account, made from the rendered chart and from what the hub writes into a workspace."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from dev.markdown import table
from dev.paths import REPOSITORY
from dev.target import run
from dev.toolchain import binary

sys.path.insert(0, str(REPOSITORY / "hub" / "src"))

from spark_notebooks_hub.workspace import HubIdentity, Workspace, workspace_manifests

PAGE = REPOSITORY / "docs" / "security" / "rights.md"
RELEASE = NAMESPACE = "notebooks"
FULLNAME = "notebooks-spark-notebooks"
WORKSPACE = "user-ada"

INTRODUCTION = f"""\
# Every right of every service account

<!-- Made by `python -m dev.schema` from the rendered chart and the hub's manifests of a workspace: change those. -->

All service accounts of a release `{RELEASE}` in the namespace `{NAMESPACE}`, and those of ada's workspace `{WORKSPACE}`, with all that RBAC gives them. Admission
policies ([What protects what](index.md)) take further away: what the last column names is allowed within their bounds only. The account of the token service is there with
`s3.credentials.mode: tokenService` only, and that of the notices where a webhook or mails are set.

With `workspace.afterRemoval: archive` or `remove` the hub's account may also list namespaces everywhere; with `remove` it may delete namespaces that are workspaces of this release, and with `archive` it may, in
workspaces, delete jobs (batch), patch cronjobs (batch; their pause alone) and delete the RoleBinding `notebook`. With `tenancy.workspaces` it may list namespaces, too, and delete RoleBindings in workspaces: those
of members who have left. In a shared workspace each member's `notebook-<name>` has the rights of `notebook`, and may change and delete what is the member's own.

"""

TOKENLESS = "none: it has no right and no token"
# Where a policy bounds what RBAC cannot.
BOUNDS = {
    ("hub", "namespaces"): "workspaces of this release",
    ("hub", "rolebindings"): "workspaces of this release; the two roles, to the hub and the notebook",
    ("tokens", "tokenreviews"): "asking whose a token is, which the asker has to hold",
    ("tokens", "namespaces"): "reading, one at a time: what the hub has written on workspaces",
    ("notices", "jobs"): "reading: which jobs have ended, how, and what their people called them",
    ("notices", "namespaces"): "reading, one at a time: whose workspace it is",
    ("notices", "configmaps"): "what was told already",
    ("hub", "pods"): "reading: one watch finds all notebooks",
    ("workspace-hub", "pods"): "notebooks with images that are written down",
    (
        "workspace-notebook",
        "pods",
    ): "executors of the allowed shape, owned by the notebook; of pods that are there, only Spark's mark of ended ones",
    ("workspace-notebook", "jobs"): "jobs of the allowed shape, which end by themselves",
    ("workspace-notebook", "cronjobs"): "schedules of such jobs; of those that are there, only their pause",
    ("workspace-hub", "jobs"): "reading: which images are still in use",
    ("workspace-hub", "cronjobs"): "the same",
}

Manifest = Mapping[str, Any]


def page() -> str:
    """The page in Markdown."""
    chart = [each for each in yaml.safe_load_all(_rendered()) if each]
    workspace = workspace_manifests(Workspace("ada", WORKSPACE, HubIdentity(NAMESPACE, FULLNAME), credentials=""))
    objects = [*chart, *workspace]
    roles = {
        (each["kind"], each["metadata"]["name"]): each for each in objects if each["kind"] in ("ClusterRole", "Role")
    }
    rows: list[tuple[str, ...]] = []
    for account in _of_kind(objects, "ServiceAccount"):
        found = list(_rows(account, objects, roles))
        rows += found or [(_name(account), "", TOKENLESS, "", "")]
    rows += [(f"`{NAMESPACE}`: `default`, of the proxy's and the S3 server's pods", "", TOKENLESS, "", "")]
    return INTRODUCTION + table(("account", "where", "resources", "verbs", "bounded to"), rows)


def _rows(
    account: Manifest, objects: Sequence[Manifest], roles: Mapping[tuple[str, str], Manifest]
) -> Iterator[tuple[str, ...]]:
    subject = (account["metadata"]["name"], account["metadata"]["namespace"])
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        for binding in _of_kind(objects, kind):
            if subject not in {(each["name"], each["namespace"]) for each in binding["subjects"]}:
                continue
            where = f"`{binding['metadata']['namespace']}`" if kind == "RoleBinding" else "everywhere"
            role = binding["roleRef"]["name"]
            for rule in roles[binding["roleRef"]["kind"], role]["rules"]:
                for resource in rule["resources"]:
                    names = ", ".join(f"`{name}`" for name in rule.get("resourceNames", []))
                    group = next(filter(None, rule["apiGroups"]), "")
                    what = f"`{resource}`{f' ({group})' if group else ''}{f': {names}' if names else ''}"
                    bound = BOUNDS.get((role.removeprefix(f"{FULLNAME}-"), resource), "")
                    yield _name(account), where, what, ", ".join(rule["verbs"]), bound


def _name(account: Manifest) -> str:
    return f"`{account['metadata']['namespace']}`: `{account['metadata']['name']}`"


def _of_kind(objects: Sequence[Manifest], kind: str) -> list[Manifest]:
    return [each for each in objects if each["kind"] == kind]


def _rendered() -> str:
    chart = REPOSITORY / "charts" / "spark-notebooks"
    command = [str(binary("helm")), "template", RELEASE, str(chart), "--namespace", NAMESPACE]
    command += ["--skip-schema-validation"]  # the schema in the chart may be about to be made anew
    values = ["s3.embedded.enabled=true", "s3.credentials.mode=tokenService", "notices.webhook.existingSecret=notices"]
    values += ["notices.webhook.addresses={10.20.0.0/16}"]
    return run([*command, *(f"--set={value}" for value in values)], None, True).stdout
