"""A priority class by group: everything of the workspace has it, and nobody gets another by leaving it out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from spark_notebooks_hub.admission import IMAGE as IMAGE_NOTE
from spark_notebooks_hub.workspace import workspace_manifests

from cluster import Cluster
from dev.target import of_node
from tests.support.executors import changed, executor_pod
from tests.support.jobs import job_manifest

from .conftest import IMAGE, NOTEBOOK_UID, Platform
from .test_jobs import make

MINE, OTHER = "admission-low", "admission-high"


@pytest.fixture(scope="module")
def low(platform: Platform, node: Cluster) -> Iterator[Platform]:
    """A workspace of somebody in a group with a class of its own, where the administrator allows `batch` beside."""
    allowed = replace(platform.workspace.allowed, priority_class=MINE)
    workspace = replace(
        platform.workspace, user="low", namespace=f"{platform.workspace.namespace}-low", allowed=allowed
    )
    place, *rest = workspace_manifests(workspace)
    place["metadata"]["annotations"][f"{IMAGE_NOTE}/notebook"] = IMAGE
    classes = [
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value}
        for name, value in ((MINE, -10), (OTHER, 10), ("batch", -5))
    ]
    target = of_node(node)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*classes, place, *rest]})
    target.kubectl("apply", "--filename", "-", stdin=text)
    made = replace(
        platform,
        workspace=workspace,
        executor=changed(
            platform.executor, {"metadata:namespace": workspace.namespace, "spec:priorityClassName": MINE}
        ),
    )
    try:
        chosen = changed(made.executor, {"spec:nodeName": "node0"})
        made.api.wait_until_refused(chosen, f"{workspace.hub.fullname}-workspace-pods", made.notebook_account)
        yield made
    finally:
        target.kubectl("delete", "namespace", workspace.namespace, "--wait=false", "--ignore-not-found")
        for name in (MINE, OTHER, "batch"):
            target.kubectl("delete", "priorityclass", name, "--ignore-not-found")


def test_what_the_helper_makes_is_let_in(low: Platform, tmp_path: Any) -> None:
    settings = {"priority_class": MINE}
    executor = executor_pod(low.workspace.namespace, IMAGE, NOTEBOOK_UID, tmp_path, settings=settings)
    assert executor["spec"]["priorityClassName"] == MINE
    answer = low.api.dry_run(executor, low.notebook_account)
    assert answer.allowed, answer.message
    job = job_manifest(low.workspace.namespace, IMAGE, settings)
    assert job["spec"]["template"]["spec"]["priorityClassName"] == MINE
    answer = make(low, job, low.notebook_account)
    assert answer.allowed, answer.message


def test_so_is_what_the_administrator_allows_beside(low: Platform) -> None:
    pod = changed(low.executor, {"spec:priorityClassName": "batch"})
    assert low.api.dry_run(pod, low.notebook_account).allowed


@pytest.mark.parametrize("name", [OTHER, None])
def test_no_other_class_and_not_none_either(low: Platform, name: str | None) -> None:
    """Who leaves a low class out would come before those of other groups."""
    words = f'have the priority class "{MINE}" here, not "{name or ""}"'
    answer = low.api.dry_run(changed(low.executor, {"spec:priorityClassName": name}), low.notebook_account)
    assert f"executors {words}" in answer.message, answer
    job = job_manifest(low.workspace.namespace, IMAGE, {} if name is None else {"priority_class": name})
    answer = make(low, job, low.notebook_account)
    assert f"jobs {words}" in answer.message, answer
