"""Workspaces whose person is gone, archived and removed on the real node, with the rights that the chart gives the hub for it and no others."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiClient, ApiException
from spark_notebooks_hub.admission import IMAGE
from spark_notebooks_hub.departed import depart
from spark_notebooks_hub.departed_service import MARKS_MANAGER
from spark_notebooks_hub.departure import UNKNOWN_ANNOTATION, Decision, decisions, mark
from spark_notebooks_hub.workspace import Workspace
from spark_notebooks_hub.workspaces import apply, apply_server_rules, apply_workspace, call

from cluster import Cluster
from tests.support.accounts import Account, ApiServer
from tests.support.hub_account import Kubectl, Release, as_hub, installed
from tests.support.jobs import job_manifest, schedule_manifest

NOTEBOOK_IMAGE = "registry.example/notebook:1"
UID = "11111111-2222-3333-4444-555555555555"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def archiving(kubectl: Kubectl, node: Cluster) -> Iterator[Release]:
    with installed(kubectl, node, "workspace.afterRemoval=archive") as release:
        yield release


@pytest.fixture(scope="module")
def removing(kubectl: Kubectl, node: Cluster) -> Iterator[Release]:
    with installed(kubectl, node, "workspace.afterRemoval=remove") as release:
        yield release


@pytest.fixture
async def archiver(kubeconfig: Path, archiving: Release) -> AsyncIterator[ApiClient]:
    async with ApiClient(await as_hub(kubeconfig, archiving)) as client:
        yield client


@pytest.fixture
async def remover(kubeconfig: Path, removing: Release) -> AsyncIterator[ApiClient]:
    async with ApiClient(await as_hub(kubeconfig, removing)) as client:
        yield client


@pytest.fixture
def api(kubeconfig: Path) -> Iterator[ApiServer]:
    api = ApiServer(kubeconfig)
    yield api
    api.close()


async def with_a_job_and_a_schedule(client: ApiClient, api: ApiServer, workspace: Workspace) -> None:
    await apply_workspace(client, workspace)
    container = {"name": "notebook", "image": NOTEBOOK_IMAGE}
    pod = {"metadata": {"name": "notebook"}, "spec": {"containers": [container]}}
    await apply_server_rules(client, workspace, pod)
    account = Account(workspace.namespace, "notebook", UID)
    batch = f"/apis/batch/v1/namespaces/{workspace.namespace}"
    for kind, manifest in (
        ("jobs", job_manifest(workspace.namespace, NOTEBOOK_IMAGE)),
        ("cronjobs", schedule_manifest(workspace.namespace, NOTEBOOK_IMAGE)),
    ):
        deadline = time.monotonic() + 30
        # Policies see what was just written some milliseconds later.
        while not (answer := api.call("POST", f"{batch}/{kind}", manifest, account)).allowed:
            assert time.monotonic() < deadline, answer
            await asyncio.sleep(0.1)


def names(kubectl: Kubectl, workspace: Workspace, kind: str) -> set[str]:
    found = kubectl("get", kind, "--namespace", workspace.namespace, "--output", "json")["items"]
    return {each["metadata"]["name"] for each in found}


async def test_an_archived_workspace_is_empty_and_comes_back_with_its_person(
    archiver: ApiClient, archiving: Release, kubectl: Kubectl, api: ApiServer
) -> None:
    workspace = archiving.workspace(
        "ada", credentials="[default]\n", quota={"pods": 5, "count/jobs.batch": 20}, prefixes=["users/ada"]
    )
    await with_a_job_and_a_schedule(archiver, api, workspace)
    assert await depart(archiver, workspace, "archive")
    assert names(kubectl, workspace, "rolebindings") == {"hub"}
    assert "s3-credentials" not in names(kubectl, workspace, "secrets")
    deadline = time.monotonic() + 60
    while left := names(kubectl, workspace, "jobs,pods"):
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.5)
    [schedule] = kubectl("get", "cronjobs", "--namespace", workspace.namespace, "--output", "json")["items"]
    assert schedule["spec"]["suspend"] is True
    place = kubectl("get", "namespace", workspace.namespace, "--output", "json")["metadata"]
    assert place["labels"]["spark-notebooks.io/archived"] == "true"
    assert "spark-notebooks.io/s3-prefixes" not in place["annotations"]
    # What somebody with the notebook's old token would try.
    path = f"/apis/batch/v1/namespaces/{workspace.namespace}/jobs"
    job = job_manifest(workspace.namespace, NOTEBOOK_IMAGE)
    assert api.call("POST", path, job, Account(workspace.namespace, "notebook", UID)).status == 403
    assert await depart(archiver, workspace, "archive"), "again, and nothing is in the way"

    back = await apply_workspace(archiver, workspace)
    assert back.changes == ["your workspace was archived and is back; resume your schedules yourself"]
    assert names(kubectl, workspace, "rolebindings") == {"hub", "notebook"}
    place = kubectl("get", "namespace", workspace.namespace, "--output", "json")["metadata"]
    assert "spark-notebooks.io/archived" not in place["labels"]
    assert place["annotations"]["spark-notebooks.io/s3-prefixes"] == "users/ada"
    assert place["annotations"][f"{IMAGE}/notebook"] == NOTEBOOK_IMAGE
    quota = kubectl("get", "resourcequota", "workspace", "--namespace", workspace.namespace, "--output", "json")
    assert quota["spec"]["hard"] == {"pods": "5", "count/jobs.batch": "20"}
    assert names(kubectl, workspace, "cronjobs") == {"flights"}


async def test_a_mark_comes_and_goes_and_makes_no_namespace(
    archiver: ApiClient, archiving: Release, kubectl: Kubectl
) -> None:
    workspace = archiving.workspace("marked")
    await apply_workspace(archiver, workspace)

    async def decided(users: list[str], now: datetime) -> list[Decision]:
        query = [("labelSelector", f"spark-notebooks.io/hub={archiving.hub.label}")]
        found = (await call(archiver, "GET", "/api/v1/namespaces", query=query))["items"]
        mine = [each for each in found if each["metadata"]["name"] == workspace.namespace]
        return decisions(mine, users, archiving.hub, "archive", now=now, patience=timedelta(hours=23))

    [decision] = await decided(["bob"], NOW)
    assert decision.action == "mark"
    await apply(archiver, mark(decision, NOW), MARKS_MANAGER)
    assert await decided(["bob"], NOW + timedelta(hours=1)) == []
    [later] = await decided(["bob"], NOW + timedelta(hours=24))
    assert later.action == "archive"
    [known] = await decided(["marked"], NOW + timedelta(hours=24))
    await apply(archiver, mark(known, None), MARKS_MANAGER)
    notes = kubectl("get", "namespace", workspace.namespace, "--output", "json")["metadata"]["annotations"]
    assert UNKNOWN_ANNOTATION not in notes
    assert notes["spark-notebooks.io/user"] == "marked"
    for name, uid in ((workspace.namespace, UID), (f"{archiving.prefix}never", UID)):
        with pytest.raises(ApiException):
            await apply(archiver, mark(Decision(name, uid, "marked", "mark"), NOW), MARKS_MANAGER)
    every = [each["metadata"]["name"] for each in kubectl("get", "namespaces", "--output", "json")["items"]]
    assert f"{archiving.prefix}never" not in every


async def test_a_removed_workspace_is_gone_and_another_one_is_made(
    remover: ApiClient, removing: Release, kubectl: Kubectl
) -> None:
    workspace = removing.workspace("gone")
    await apply_workspace(remover, workspace)
    first = kubectl("get", "namespace", workspace.namespace, "--output", "json")["metadata"]["uid"]
    assert await depart(remover, workspace, "remove")
    assert not await depart(remover, workspace, "remove"), "it is on its way, or gone"
    await asyncio.wait_for(apply_workspace(remover, workspace), 90)
    assert kubectl("get", "namespace", workspace.namespace, "--output", "json")["metadata"]["uid"] != first


@pytest.mark.parametrize("policy", ["archive", "remove"])
async def test_nothing_but_the_person_s_own_workspace_is_touched(
    remover: ApiClient, removing: Release, kubectl: Kubectl, policy: Any
) -> None:
    others = removing.workspace(f"somebody-{policy}")
    await apply_workspace(remover, others)
    before = kubectl("get", "namespace", others.namespace, "--output", "json")["metadata"]
    for workspace in (
        Workspace("eve", others.namespace, removing.hub),
        Workspace("eve", "kube-system", removing.hub),
        Workspace("eve", f"{removing.prefix}nobody", removing.hub),
    ):
        assert not await depart(remover, workspace, policy)
    assert kubectl("get", "namespace", others.namespace, "--output", "json")["metadata"] == before


async def test_the_right_to_remove_ends_at_workspaces_of_the_hub_s_own(
    remover: ApiClient, removing: Release, archiving: Release, archiver: ApiClient
) -> None:
    """A stolen token of the hub: what it may not delete, and that only `remove` may."""
    theirs = archiving.workspace("theirs")
    await apply_workspace(archiver, theirs)
    # Kubernetes itself keeps kube-system, kube-public and default.
    for name in ("kube-node-lease", removing.hub.namespace, theirs.namespace):
        with pytest.raises(ApiException, match="may not write to the namespace"):
            await call(remover, "DELETE", f"/api/v1/namespaces/{name}")
    with pytest.raises(ApiException) as raised:
        await call(archiver, "DELETE", f"/api/v1/namespaces/{theirs.namespace}")
    assert raised.value.status == 403
