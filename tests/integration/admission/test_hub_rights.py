"""How far a stolen token of the hub reaches: its workspaces, and nothing else of the cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from spark_notebooks_hub.workspace import Workspace, namespace, role_binding, workspace_manifests

from tests.support.accounts import APPLY, MERGE, Account
from tests.support.executors import changed

from .conftest import PREFIX, Platform

NAMESPACES = "/api/v1/namespaces"


def bindings(where: str) -> str:
    return f"/apis/rbac.authorization.k8s.io/v1/namespaces/{where}/rolebindings"


def fresh(platform: Platform) -> Workspace:
    """A workspace that is not there yet."""
    return Workspace("eve", f"{PREFIX}{platform.hub.namespace}-eve", platform.hub)


def test_the_hub_makes_a_workspace(platform: Platform) -> None:
    manifest = namespace(fresh(platform))
    path = f"{NAMESPACES}/{manifest['metadata']['name']}?fieldManager=test&force=true&dryRun=All"
    answer = platform.api.call("PATCH", path, manifest, platform.hub_account, APPLY)
    assert answer.allowed, answer.message


def test_the_hub_brings_its_workspace_up_to_date(platform: Platform) -> None:
    for manifest in workspace_manifests(replace(platform.workspace, pod_security="restricted"))[:2]:
        base = NAMESPACES if manifest["kind"] == "Namespace" else bindings(platform.workspace.namespace)
        path = f"{base}/{manifest['metadata']['name']}?fieldManager=test&force=true&dryRun=All"
        answer = platform.api.call("PATCH", path, manifest, platform.hub_account, APPLY)
        assert answer.allowed, answer.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metadata:name": "kube-public-2"}, "workspaces begin with"),
        ({"metadata:labels:app.kubernetes.io/managed-by": "me"}, "no workspace of"),
        ({"metadata:annotations:spark-notebooks.io/hub": "other/release"}, "no workspace of"),
        ({"metadata:labels:spark-notebooks.io/hub": None}, "may not take from a workspace"),
        ({"metadata:labels:pod-security.kubernetes.io/enforce": "privileged"}, "may not take from a workspace"),
    ],
)
def test_the_hub_makes_no_other_namespaces(platform: Platform, changes: dict[str, Any], words: str) -> None:
    manifest = changed(namespace(fresh(platform)), changes)
    answer = platform.api.call("POST", f"{NAMESPACES}?dryRun=All", manifest, platform.hub_account)
    assert words in answer.message, answer


@pytest.mark.parametrize("victim", ["kube-system", "default", "its own"])
def test_a_namespace_of_others_cannot_be_made_a_workspace(platform: Platform, victim: str) -> None:
    name = platform.hub.namespace if victim == "its own" else victim
    patch = {"metadata": namespace(platform.workspace)["metadata"] | {"name": name}}
    answer = platform.api.call("PATCH", f"{NAMESPACES}/{name}", patch, platform.hub_account, MERGE)
    assert f"may not write to the namespace {name}" in answer.message, answer
    labels = platform.api.call("GET", f"{NAMESPACES}/{name}").content["metadata"]["labels"]
    assert "spark-notebooks.io/hub" not in labels


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"spark-notebooks.io/hub": None}},
        {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
        {"labels": {"app.kubernetes.io/managed-by": None}},
        {"annotations": {"spark-notebooks.io/user": "eve"}},
        {"annotations": {"spark-notebooks.io/hub": None}},
    ],
)
def test_a_workspace_cannot_be_taken_out_of_the_policies(platform: Platform, metadata: dict[str, Any]) -> None:
    path = f"{NAMESPACES}/{platform.workspace.namespace}"
    answer = platform.api.call("PATCH", path, {"metadata": metadata}, platform.hub_account, MERGE)
    assert "may not take from a workspace" in answer.message, answer


@pytest.mark.parametrize("victim", ["kube-system", "default", "its own"])
@pytest.mark.parametrize("role", ["hub", "notebook"])
def test_the_hub_takes_no_rights_elsewhere(platform: Platform, victim: str, role: str) -> None:
    where = platform.hub.namespace if victim == "its own" else victim
    manifest = role_binding(
        Workspace("x", where, platform.hub),
        "stolen",
        f"{platform.hub.fullname}-workspace-{role}",
        platform.hub.service_account,
        platform.hub.namespace,
    )
    answer = platform.api.call("POST", bindings(where), manifest, platform.hub_account)
    assert f"may not write to the namespace {where}" in answer.message, answer
    assert platform.api.call("GET", f"{bindings(where)}/stolen").status == 404


@pytest.mark.parametrize("role", ["cluster-admin", "admin", "edit"])
def test_the_hub_gives_no_other_role(platform: Platform, role: str) -> None:
    workspace = platform.workspace
    manifest = role_binding(workspace, "more", role, "notebook", workspace.namespace)
    answer = platform.api.call("POST", bindings(workspace.namespace), manifest, platform.hub_account)
    assert answer.status == 403
    assert platform.api.call("GET", f"{bindings(workspace.namespace)}/more").status == 404


@pytest.mark.parametrize(
    ("role", "account", "where"),
    [("hub", "notebook", None), ("notebook", "executor", None), ("notebook", "notebook", "kube-system")],
)
def test_the_hub_gives_rights_to_nobody_else(platform: Platform, role: str, account: str, where: str | None) -> None:
    workspace = platform.workspace
    name = f"{platform.hub.fullname}-workspace-{role}"
    manifest = role_binding(workspace, "more", name, account, where or workspace.namespace)
    answer = platform.api.call("POST", bindings(workspace.namespace), manifest, platform.hub_account)
    assert "and to nobody else" in answer.message, answer


CORE, APPS = "/api/v1", "/apis/apps/v1"
BEYOND = {
    "read a secret": ("GET", f"{CORE}/namespaces/kube-system/secrets"),
    "read all secrets": ("GET", f"{CORE}/secrets"),
    "read secrets of a workspace": ("GET", f"{CORE}/namespaces/WORKSPACE/secrets"),
    "read its release's secrets": ("GET", f"{CORE}/namespaces/RELEASE/secrets"),
    "make a pod in kube-system": ("POST", f"{CORE}/namespaces/kube-system/pods"),
    "make a pod in its own namespace": ("POST", f"{CORE}/namespaces/RELEASE/pods"),
    "a token of another account": ("POST", f"{CORE}/namespaces/kube-system/serviceaccounts/default/token"),
    "a token of a notebook": ("POST", f"{CORE}/namespaces/WORKSPACE/serviceaccounts/notebook/token"),
    "run a command in a notebook": ("POST", f"{CORE}/namespaces/WORKSPACE/pods/notebook/exec"),
    "make a cluster role": ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
    "bind a cluster role": ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"),
    "take a policy away": ("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/FULLNAME-hub"),
    "add a webhook": ("POST", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"),
    "change a node": ("PATCH", f"{CORE}/nodes/node0"),
    "delete a workspace": ("DELETE", f"{CORE}/namespaces/WORKSPACE"),
    "make a daemon set": ("POST", f"{APPS}/namespaces/WORKSPACE/daemonsets"),
    "change its own deployment": ("PATCH", f"{APPS}/namespaces/RELEASE/deployments/FULLNAME-hub"),
}


@pytest.mark.parametrize("name", BEYOND)
def test_a_stolen_token_of_the_hub_does_not(platform: Platform, name: str) -> None:
    method, path = BEYOND[name]
    for word, value in (
        ("WORKSPACE", platform.workspace.namespace),
        ("RELEASE", platform.hub.namespace),
        ("FULLNAME", platform.hub.fullname),
    ):
        path = path.replace(word, value)
    body = {"metadata": {"name": "x"}} if method != "GET" else None
    answer = platform.api.call(method, f"{path}?dryRun=All", body, platform.hub_account, MERGE if method == "PATCH" else "application/json")  # fmt: skip
    assert answer.status == 403, answer


def test_an_executor_s_account_has_no_rights_at_all(platform: Platform) -> None:
    executor = Account(platform.workspace.namespace, "executor")
    for path in ("pods", "secrets", "configmaps", "events", "serviceaccounts", "services"):
        where = f"{CORE}/namespaces/{platform.workspace.namespace}/{path}"
        assert platform.api.call("GET", where, None, executor).status == 403
