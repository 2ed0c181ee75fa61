"""Notebooks, Jobs, and changes of pods that are there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from spark_notebooks_hub.workspace import Workspace, role_binding

from tests.support.accounts import MERGE, Account, Answer
from tests.support.executors import changed

from .conftest import IMAGE, Platform


def test_the_hub_makes_notebooks(platform: Platform) -> None:
    answer = platform.api.dry_run(platform.notebook, platform.hub_account)
    assert answer.allowed, answer.message


@pytest.mark.parametrize("who", ["notebook", "administrator"])
def test_nobody_else_does(platform: Platform, who: str) -> None:
    account = platform.notebook_account if who == "notebook" else None
    assert "only the hub makes pods that run as" in platform.api.dry_run(platform.notebook, account).message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spec:containers:0:image": "foreign:1"}, "image"),
        ({"spec:serviceAccountName": "default"}, '"default" is not allowed here'),
        ({"spec:hostNetwork": True}, "network, processes or memory of its node"),
        ({"spec:nodeName": "node0"}, "the scheduler chooses the node"),
        ({"spec:volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "folders of its node"),
        ({"spec:containers:0:image": "tool:1"}, "a notebook runs an image"),
        (
            {"metadata:ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}]},
            "belongs to nobody but the hub",
        ),
    ],
)
def test_the_hub_makes_no_other_pods(platform: Platform, changes: dict[str, Any], words: str) -> None:
    answer = platform.api.dry_run(changed(platform.notebook, changes), platform.hub_account)
    assert words in answer.message, answer


def test_what_the_administrator_puts_beside_a_notebook_is_let_in(platform: Platform) -> None:
    beside = {**platform.notebook["spec"]["containers"][0], "name": "beside", "image": "tool:1"}
    answer = platform.api.dry_run(changed(platform.notebook, {"spec:containers": [..., beside]}), platform.hub_account)
    assert answer.allowed, answer.message


def test_the_pods_of_a_controller_are_judged_when_it_makes_them(platform: Platform) -> None:
    controller = Account("kube-system", "job-controller")
    for pod in (platform.notebook, platform.executor):
        assert "ValidatingAdmissionPolicy" in platform.api.dry_run(pod, controller).message


def test_where_the_hub_has_written_nothing_nothing_is_let_in(platform: Platform) -> None:
    metadata = {
        "name": f"{platform.workspace.namespace}-bare",
        "labels": {"spark-notebooks.io/hub": platform.hub.label},
    }
    platform.api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    try:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "notebook"}}
        platform.api.call("POST", f"/api/v1/namespaces/{metadata['name']}/serviceaccounts", account)
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{metadata['name']}/rolebindings"
        role = f"{platform.hub.fullname}-workspace-hub"
        workspace = Workspace("x", metadata["name"], platform.hub)
        binding = role_binding(workspace, "hub", role, platform.hub.service_account, platform.hub.namespace)
        assert platform.api.call("POST", path, binding).allowed
        pod = changed(platform.notebook, {"metadata:namespace": metadata["name"]})
        deadline = time.monotonic() + 10
        while "ValidatingAdmissionPolicy" not in (answer := platform.api.dry_run(pod, platform.hub_account)).message:
            assert not answer.allowed
            assert time.monotonic() < deadline, answer
            time.sleep(0.1)
    finally:
        platform.api.call("DELETE", f"/api/v1/namespaces/{metadata['name']}")


@pytest.fixture
def waiting(platform: Platform) -> Iterator[str]:
    """Path of a pod in the workspace that no node takes, and so never runs."""
    namespace = platform.workspace.namespace
    pod = changed(platform.notebook, {"spec:nodeSelector": {"nowhere": "x"}})
    made = platform.api.call("POST", f"/api/v1/namespaces/{namespace}/pods", pod, platform.hub_account)
    assert made.allowed, made
    path = f"/api/v1/namespaces/{namespace}/pods/notebook"
    yield path
    platform.api.call("DELETE", f"{path}?gracePeriodSeconds=0")


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"metadata": {"labels": {"component": "other"}}}, 'the label "component"'),
        ({"metadata": {"labels": {"component": None}}}, 'the label "component"'),
        ({"metadata": {"labels": {"hub.jupyter.org/username": "eve"}}}, 'the label "hub.jupyter.org/username"'),
        (
            {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]}},
            "owner of a pod cannot be changed",
        ),
        ({"metadata": {"finalizers": ["example.org/stay"]}}, "finalizers of a pod cannot be changed"),
        ({"metadata": {"annotations": {"hub.jupyter.org/username": "eve"}}}, "annotations of a pod"),
        ({"spec": {"containers": [{"name": "notebook", "image": "foreign:1"}]}}, "cannot be changed"),
        ({"spec": {"activeDeadlineSeconds": 9}}, "cannot be changed"),
    ],
)
def test_a_pod_stays_what_it_was(platform: Platform, waiting: str, patch: dict[str, Any], words: str) -> None:
    before = platform.api.call("GET", waiting).content
    strategic = "application/strategic-merge-patch+json"
    answer = platform.api.call("PATCH", waiting, patch, platform.notebook_account, strategic)
    assert "-workspace-changes" in answer.message, answer
    assert words in answer.message
    after = platform.api.call("GET", waiting).content
    # The scheduler writes into the status meanwhile.
    written = {"managedFields", "resourceVersion"}
    for each in (before, after):
        each["metadata"] = {key: value for key, value in each["metadata"].items() if key not in written}
    assert after["metadata"] == before["metadata"]
    assert after["spec"] == before["spec"]


def test_spark_marks_pods_that_have_ended(platform: Platform, waiting: str) -> None:
    patch = {"metadata": {"labels": {"spark-exec-inactive": "true"}}}
    answer = platform.api.call("PATCH", waiting, patch, platform.notebook_account, MERGE)
    assert answer.allowed, answer.message


def test_nobody_adds_a_container_to_a_pod_that_is_there(platform: Platform, waiting: str) -> None:
    patch = {"spec": {"ephemeralContainers": [{"name": "debug", "image": IMAGE}]}}
    strategic = "application/strategic-merge-patch+json"
    answer = platform.api.call("PATCH", f"{waiting}/ephemeralcontainers", patch, None, strategic)
    assert "ephemeral containers are not allowed here" in answer.message


@pytest.mark.parametrize("options", [{"propagationPolicy": "Orphan"}, {"orphanDependents": True}])
def test_executors_cannot_be_orphaned(platform: Platform, waiting: str, options: dict[str, Any]) -> None:
    for path in (waiting, waiting.rpartition("/")[0]):
        answer = delete(platform, path, options)
        assert "together with the executors that it owns" in answer.message, answer
    assert "deletionTimestamp" not in platform.api.call("GET", waiting).content["metadata"]
    assert delete(platform, waiting, {"propagationPolicy": "Background"}).allowed


def delete(platform: Platform, path: str, options: dict[str, Any]) -> Answer:
    return platform.api.call(
        "DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", **options}, platform.notebook_account
    )
