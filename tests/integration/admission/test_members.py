"""A shared workspace: what each member makes with the helper is let in, and nothing that is another one's. All by dry runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from spark_notebooks_hub.admission import IMAGE as IMAGE_NOTE
from spark_notebooks_hub.network import MEMBER_LABEL
from spark_notebooks_hub.workspace import Workspace, member_rules, namespace, role_binding, workspace_manifests

from cluster import Cluster
from dev.target import of_node
from tests.support.accounts import MERGE, Account, Answer
from tests.support.executors import changed, executor_pod
from tests.support.jobs import job_manifest, schedule_manifest

from .conftest import IMAGE, PREFIX, Platform, notebook_pod

UIDS = {"ada": "aaaaaaaa-2222-3333-4444-555555555555", "bob": "bbbbbbbb-2222-3333-4444-555555555555"}
LABEL = f"metadata:labels:{MEMBER_LABEL}"
TEMPLATE = "spec:template"


@pytest.fixture(scope="module")
def team(platform: Platform, node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A shared workspace with the members ada and bob; the platform's workspace is ada's part of it."""
    place = f"{PREFIX}group--{platform.hub.namespace}"
    ada, bob = (
        replace(platform.workspace, user=user, namespace=place, shared="Team", shared_slug="group--team")
        for user in ("ada", "bob")
    )
    manifests = {}
    for workspace in (ada, bob):
        for each in workspace_manifests(workspace):
            manifests[each["kind"], each["metadata"]["name"]] = each
        notes = manifests["Namespace", place]["metadata"]["annotations"]
        notes |= member_rules(workspace)["metadata"]["annotations"] | member_rules(ada)["metadata"]["annotations"]
        notes[f"{IMAGE_NOTE}/notebook-{workspace.user}"] = IMAGE
    notes = manifests["Namespace", place]["metadata"]["annotations"]
    notes |= {f"{IMAGE_NOTE}/notebook-{user}": IMAGE for user in UIDS}
    target = of_node(node)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests.values())})
    target.kubectl("apply", "--filename", "-", stdin=text)
    made = replace(platform, workspace=ada)
    try:
        chosen = changed(executor(made, "ada", tmp_path_factory.mktemp("ada")), {"spec:nodeName": "node0"})
        made.api.wait_until_refused(chosen, f"{ada.hub.fullname}-workspace-pods", account(made, "ada"))
        yield made
    finally:
        target.kubectl("delete", "namespace", place, "--wait=false", "--ignore-not-found")


def account(team: Platform, user: str) -> Account:
    return Account(team.workspace.namespace, f"notebook-{user}", UIDS[user])


def executor(team: Platform, user: str, folder: Path) -> dict[str, Any]:
    """An executor as the helper makes it; the folder is in place of the notebook's Secrets."""
    return executor_pod(team.workspace.namespace, IMAGE, UIDS[user], folder, member=user)


def batch(team: Platform, kind: str, manifest: dict[str, Any], user: str) -> Answer:
    path = f"/apis/batch/v1/namespaces/{team.workspace.namespace}/{kind}?dryRun=All"
    return team.api.call("POST", path, manifest, account(team, user))


@pytest.mark.parametrize("user", UIDS)
def test_what_a_member_makes_is_let_in(team: Platform, tmp_path: Path, user: str) -> None:
    pod = executor(team, user, tmp_path)
    secrets = {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
    assert f"spark-authentication-{user}" in secrets
    answer = team.api.dry_run(pod, account(team, user))
    assert answer.allowed, answer.message
    for kind, manifest in (
        ("jobs", job_manifest(team.workspace.namespace, IMAGE, member=user)),
        ("cronjobs", schedule_manifest(team.workspace.namespace, IMAGE, user)),
    ):
        answer = batch(team, kind, manifest, user)
        assert answer.allowed, answer.message


def secret(name: str) -> dict[str, Any]:
    return {"spec:volumes": [..., {"name": "more", "secret": {"secretName": name}}]}


# What ada changes of an executor of her own, and what the refusal says.
EXECUTORS: dict[str, tuple[dict[str, Any], str]] = {
    "as another's account": ({"spec:serviceAccountName": "executor-bob"}, "executors are made by a notebook"),
    "as another, with the label": (
        {"spec:serviceAccountName": "executor-bob", LABEL: "bob"}, "executors are made by a notebook",
    ),
    "with the label of another": ({LABEL: "bob"}, "has the label spark-notebooks.io/member"),
    "without a label": ({LABEL: None}, "has the label spark-notebooks.io/member"),
    "owned by another's notebook": ({"metadata:ownerReferences:0:uid": UIDS["bob"]}, "has one owner"),
    "with another's secret": (secret("spark-authentication-bob"), 'volume "more"'),
    "with another's token of the hub": (secret("notebook-bob-token"), 'volume "more"'),
    "with her own token of the hub": (secret("notebook-ada-token"), 'volume "more"'),
    "with the secret of a person's own workspace": (secret("spark-authentication"), 'volume "more"'),
    "with another's token in a variable": (
        {"spec:containers:0:env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "notebook-bob-token", "key": "token"}}}]},
        "may not take variables",
    ),
    "as nobody's account": ({"spec:serviceAccountName": "executor"}, 'serviceaccount "executor" not found'),
    "as another's notebook": ({"spec:serviceAccountName": "notebook-bob"}, "only the hub makes pods"),
    "as her own notebook": ({"spec:serviceAccountName": "notebook-ada"}, "only the hub makes pods"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_member_makes_no_executors_of_others(team: Platform, tmp_path: Path, name: str) -> None:
    changes, words = EXECUTORS[name]
    answer = team.api.dry_run(changed(executor(team, "ada", tmp_path), changes), account(team, "ada"))
    assert words in answer.message, answer


JOBS: dict[str, tuple[dict[str, Any], str]] = {
    "as another": ({f"{TEMPLATE}:spec:serviceAccountName": "notebook-bob"}, 'a job runs as "notebook"'),
    "as another, with the label": (
        {f"{TEMPLATE}:spec:serviceAccountName": "notebook-bob", f"{TEMPLATE}:{LABEL}": "bob"}, 'a job runs as "notebook"',
    ),
    "as an executor": ({f"{TEMPLATE}:spec:serviceAccountName": "executor-ada"}, 'a job runs as "notebook"'),
    "with the label of another": ({f"{TEMPLATE}:{LABEL}": "bob"}, "has the label spark-notebooks.io/member"),
    "with another's secret": (
        {f"{TEMPLATE}:spec:volumes": [..., {"name": "more", "secret": {"secretName": "spark-authentication-bob"}}]},
        'volume "more"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", JOBS)
def test_a_member_makes_no_jobs_of_others(team: Platform, name: str) -> None:
    changes, words = JOBS[name]
    job = changed(job_manifest(team.workspace.namespace, IMAGE, member="ada"), changes)
    answer = batch(team, "jobs", job, "ada")
    assert words in answer.message, answer


def test_whoever_is_a_member_no_more_brings_nothing_in_that_mounts_a_secret(team: Platform, tmp_path: Path) -> None:
    """Kubernetes makes runs of schedules also for those: what is written of a member is what lets the secret in."""
    pod = executor(team, "ada", tmp_path)
    gone = changed(pod, {"spec:serviceAccountName": "executor-eve", LABEL: "eve"})
    answer = team.api.dry_run(gone, Account(team.workspace.namespace, "notebook-eve", UIDS["ada"]))
    assert not answer.allowed


def test_the_hub_makes_notebooks_of_members_with_their_label(team: Platform) -> None:
    pod = changed(
        notebook_pod(team.workspace), {"metadata:name": "notebook-ada", "spec:serviceAccountName": "notebook-ada"}
    )
    assert team.api.dry_run(changed(pod, {LABEL: "ada"}), team.hub_account).allowed
    for label in ("bob", None):
        other = pod if label is None else changed(pod, {LABEL: label})
        assert "has the label of the member" in team.api.dry_run(other, team.hub_account).message


def test_in_a_person_s_own_workspace_nothing_is_a_member_s(platform: Platform) -> None:
    pod = changed(platform.executor, {LABEL: "ada"})
    assert "kept for other pods" in platform.api.dry_run(pod, platform.notebook_account).message
    pod = changed(platform.executor, {LABEL: "ada", "spec:serviceAccountName": "executor-ada"})
    assert not platform.api.dry_run(pod, platform.notebook_account).allowed


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("DELETE", None),
        ("PATCH", {"metadata": {"labels": {"spark-exec-inactive": "true"}}}),
        ("PATCH", {"spec": {"suspend": True}}),
    ],
)
def test_a_member_neither_changes_nor_deletes_what_is_another_s(
    team: Platform, method: str, body: dict[str, Any] | None
) -> None:
    where = f"/apis/batch/v1/namespaces/{team.workspace.namespace}/cronjobs"
    schedule = schedule_manifest(team.workspace.namespace, IMAGE, "bob")
    assert team.api.call("POST", where, schedule, account(team, "bob")).allowed
    try:
        path = f"{where}/flights?dryRun=All"
        if not (body and "labels" in body.get("metadata", {})):
            assert "it is another member's" in team.api.call(method, path, body, account(team, "ada"), MERGE).message
            assert team.api.call(method, path, body, account(team, "bob"), MERGE).allowed
        collection = f"{where}?dryRun=All&labelSelector={MEMBER_LABEL.replace('/', '%2F')}%3Dbob"
        assert "it is another member's" in team.api.call("DELETE", collection, None, account(team, "ada")).message or (
            team.api.call("DELETE", collection, None, account(team, "ada")).status == 403
        )
    finally:
        assert team.api.call("DELETE", f"{where}/flights", None, account(team, "bob")).allowed


def test_the_hub_turns_no_shared_workspace_into_a_person_s_and_binds_accounts_of_it_only(team: Platform) -> None:
    path = f"/api/v1/namespaces/{team.workspace.namespace}"
    for notes in (
        {"spark-notebooks.io/shared-workspace": "Other"},
        {"spark-notebooks.io/shared-workspace": None},
        {"spark-notebooks.io/user": "eve"},
    ):
        answer = team.api.call("PATCH", path, {"metadata": {"annotations": notes}}, team.hub_account, MERGE)
        assert "may not take from a workspace" in answer.message, answer
    workspace: Workspace = team.workspace
    role = f"{workspace.hub.fullname}-workspace-notebook"
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{workspace.namespace}/rolebindings?dryRun=All"
    for name, where in (("executor-ada", workspace.namespace), ("notebook-ada", "kube-system")):
        answer = team.api.call("POST", bindings, role_binding(workspace, "more", role, name, where), team.hub_account)
        assert "and to nobody else" in answer.message, answer
    assert namespace(workspace)["metadata"]["annotations"]["spark-notebooks.io/shared-workspace"] == "Team"
