"""Workspaces by server-side apply, with the hub's own rights."""

import asyncio
import base64
import json
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiClient, ApiException, Configuration, CoreV1Api
from spark_notebooks_hub.admission import IMAGE, Allowed
from spark_notebooks_hub.api_server import api_server
from spark_notebooks_hub.errors import SpawnFailed
from spark_notebooks_hub.network import NetworkRules
from spark_notebooks_hub.workspace import Workspace, workspace_manifests
from spark_notebooks_hub.workspaces import apply_server_rules, apply_workspace

from cluster import Cluster
from tests.support.accounts import Account, ApiServer
from tests.support.hub_account import Kubectl, Release
from tests.support.jobs import schedule_manifest

ONCE = 1  # the secret of Spark, which is made once and not applied again
KINDS = "serviceaccounts,rolebindings,resourcequotas,limitranges,secrets"


def versions(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    """The stored version of the namespace and everything we put into it."""
    objects = kubectl("get", KINDS, "--namespace", namespace, "--output", "json")["items"]
    ours = [o for o in objects if o["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by")]
    found = {f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["resourceVersion"] for o in ours}
    found["Namespace"] = kubectl("get", "namespace", namespace, "--output", "json")["metadata"]["resourceVersion"]
    return found


def get(kubectl: Kubectl, workspace: Any, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = kubectl("get", kind, name, "--namespace", workspace.namespace, "--output", "json")
    return found


async def test_a_workspace_is_made_with_the_rights_of_the_chart(
    client: ApiClient, release: Release, kubectl: Kubectl
) -> None:
    workspace = release.workspace("made", credentials="[default]\n", quota={"pods": 5})
    await apply_workspace(client, workspace)
    assert len(versions(kubectl, workspace.namespace)) == len(workspace_manifests(workspace)) + ONCE
    labels = kubectl("get", "namespace", workspace.namespace, "--output", "json")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    secret = get(kubectl, workspace, "secret", "s3-credentials")
    assert base64.b64decode(secret["data"]["credentials"]) == b"[default]\n"


async def test_accounts_carry_the_roles_of_a_cloud_and_no_key_is_stored(
    client: ApiClient, release: Release, kubectl: Kubectl
) -> None:
    """With `s3.credentials.mode: serviceAccount`; executors may have another role than the notebook."""
    roles = {
        name: {"eks.amazonaws.com/role-arn": f"arn:aws:iam::123456789012:role/{name}"}
        for name in ("notebook", "executor")
    }
    workspace = release.workspace("cloud", account_annotations=roles)
    await apply_workspace(client, workspace)
    for name, role in roles.items():
        assert role.items() <= get(kubectl, workspace, "serviceaccount", name)["metadata"]["annotations"].items()
    stored = kubectl("get", "secrets", "--namespace", workspace.namespace, "--output", "json")["items"]
    assert [secret["metadata"]["name"] for secret in stored] == ["spark-authentication"]


async def test_doing_it_again_changes_nothing(client: ApiClient, release: Release, kubectl: Kubectl) -> None:
    limits = [{"type": "Container", "default": {"cpu": 2, "memory": "1024Mi"}}]
    workspace = release.workspace(
        "again", credentials="x", quota={"pods": 5, "requests.memory": "2048Mi"}, limits=limits
    )
    await apply_workspace(client, workspace)
    before = versions(kubectl, workspace.namespace)
    await apply_workspace(client, workspace)
    after = versions(kubectl, workspace.namespace)
    # The quota's status is the controller's to write.
    assert {k: v for k, v in before.items() if "Quota" not in k} == {k: v for k, v in after.items() if "Quota" not in k}


async def test_the_secret_of_spark_is_made_once_and_is_each_workspace_s_own(
    client: ApiClient, release: Release, kubectl: Kubectl
) -> None:
    found = {}
    for user in ("first", "second"):
        workspace = release.workspace(f"auth-{user}")
        await apply_workspace(client, workspace)
        found[user] = get(kubectl, workspace, "secret", "spark-authentication")
        assert len(base64.b64decode(found[user]["data"]["secret"])) >= 32
        await apply_workspace(client, workspace)
        again = get(kubectl, workspace, "secret", "spark-authentication")
        assert again["metadata"]["resourceVersion"] == found[user]["metadata"]["resourceVersion"]
    assert found["first"]["data"] != found["second"]["data"]


async def test_changed_values_are_in_force_and_what_went_is_gone(
    client: ApiClient, release: Release, kubectl: Kubectl
) -> None:
    limits = [{"type": "Container", "default": {"memory": "1Gi"}}]
    workspace = release.workspace("changes", quota={"pods": "5", "requests.cpu": "2"}, limits=limits)
    await apply_workspace(client, workspace)
    await apply_workspace(client, release.workspace("changes", quota={"pods": "7"}))
    assert get(kubectl, workspace, "resourcequota", "workspace")["spec"]["hard"] == {"pods": "7"}
    assert not get(kubectl, workspace, "limitrange", "workspace")["spec"]["limits"]
    await apply_workspace(client, release.workspace("changes"))
    assert not get(kubectl, workspace, "resourcequota", "workspace")["spec"].get("hard")


async def test_what_has_changed_since_the_last_start_is_told(client: ApiClient, release: Release) -> None:
    def workspace(quota: dict[str, Any], memory: str, **more: Any) -> Workspace:
        limits = [{"type": "Container", "max": {"memory": memory}}]
        return release.workspace("told", quota=quota, limits=limits, allowed=Allowed(**more))

    first = workspace({"requests.cpu": 20, "pods": 5, "requests.memory": "2048Mi"}, "1024Mi")
    assert (await apply_workspace(client, first)).changes == (), "nobody has seen it before"
    assert (await apply_workspace(client, first)).changes == [], "the same in other units is no change"
    other = workspace({"requests.cpu": 40, "requests.memory": "2Gi"}, "2Gi", priority_class="low")
    found = await apply_workspace(client, other)
    assert found.notes["spark-notebooks.io/user"] == "told"
    quota, limits, priority = found.changes
    assert quota == "your workspace's quota changed: pods 5 -> none, requests.cpu 20 -> 40"
    assert "Container max memory 1Gi -> 2Gi" in limits
    assert priority == "the priority class of your workspace changed: none -> low"
    assert (await apply_workspace(client, other)).changes == []


async def test_policies_come_with_a_workspace_and_go_when_switched_off(
    client: ApiClient, release: Release, kubectl: Kubectl, node: Cluster
) -> None:
    def policies() -> dict[str, Any]:
        found = kubectl("get", "networkpolicies", "--namespace", f"{release.prefix}net", "--output", "json")["items"]
        return {policy["metadata"]["name"]: policy["spec"] for policy in found}

    rules = NetworkRules(release="sn", s3=[], s3_port=443, api_server=await api_server(client))
    await apply_workspace(client, release.workspace("net", network=rules))
    assert set(policies()) == {"workspace", "notebook", "job"}
    # The address that the hub found with its own rights.
    api = {"to": [{"ipBlock": {"cidr": f"{node.node_address}/32"}}], "ports": [{"protocol": "TCP", "port": 6443}]}
    assert api in policies()["notebook"]["egress"]
    await apply_workspace(client, release.workspace("net", network=replace(rules, api_server=[])))
    assert api not in policies()["notebook"]["egress"]
    await apply_workspace(client, release.workspace("net"))
    assert policies() == {}


async def test_what_somebody_else_changed_is_set_right(client: ApiClient, release: Release, kubectl: Kubectl) -> None:
    workspace = release.workspace("drift", quota={"pods": "5"})
    await apply_workspace(client, workspace)
    kubectl(
        *("patch", "resourcequota", "workspace", "--namespace", workspace.namespace, "--type=merge"),
        '--patch={"spec":{"hard":{"pods":"500"}}}',
    )
    kubectl("label", "namespace", workspace.namespace, "pod-security.kubernetes.io/enforce=privileged", "--overwrite")
    await apply_workspace(client, workspace)
    assert get(kubectl, workspace, "resourcequota", "workspace")["spec"]["hard"] == {"pods": "5"}
    labels = kubectl("get", "namespace", workspace.namespace, "--output", "json")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


async def test_many_workspaces_at_once(client: ApiClient, release: Release, kubectl: Kubectl) -> None:
    """Each waits for its own rights to be in force, and for nobody else."""
    workspaces = [release.workspace(f"crowd{number}", credentials="x") for number in range(10)]
    await asyncio.gather(*(apply_workspace(client, workspace) for workspace in workspaces))
    for workspace in workspaces:
        assert len(versions(kubectl, workspace.namespace)) == len(workspace_manifests(workspace)) + ONCE


async def test_the_image_of_a_schedule_stays_let_in_as_long_as_it_is_there(
    client: ApiClient, release: Release, kubectl: Kubectl, kubeconfig: Path
) -> None:
    workspace = release.workspace("nightly", credentials="[default]\n")
    await apply_workspace(client, workspace)

    async def start(image: str) -> set[str]:
        """The images that are let in after a notebook has started with one."""
        container = {"name": "notebook", "image": image}
        await apply_server_rules(client, workspace, {"metadata": {"name": "notebook"}, "spec": {"containers": [container]}})  # fmt: skip
        notes = kubectl("get", "namespace", workspace.namespace, "--output", "json")["metadata"]["annotations"]
        return {image for key, image in notes.items() if key.startswith(f"{IMAGE}/")}

    old, new = "registry.example/notebook:1", "registry.example/notebook:2"
    assert await start(old) == {old}
    api = ApiServer(kubeconfig)
    try:
        path = f"/apis/batch/v1/namespaces/{workspace.namespace}/cronjobs"
        account = Account(workspace.namespace, "notebook", "11111111-2222-3333-4444-555555555555")
        deadline = time.monotonic() + 30
        # Policies see what was just written some milliseconds later.
        manifest = schedule_manifest(workspace.namespace, old)
        while not (answer := api.call("POST", path, manifest, account)).allowed:
            assert time.monotonic() < deadline, answer
            await asyncio.sleep(0.1)
        assert await start(new) == {old, new}
        assert await start(new) == {old, new}
        assert api.call("POST", f"{path}?dryRun=All", {**manifest, "metadata": {"name": "more"}}, account).allowed
        assert api.call("DELETE", f"{path}/flights", None, account).allowed
        assert await start(new) == {new}
    finally:
        api.close()


async def test_a_namespace_of_somebody_else_is_left_alone(
    client: ApiClient, release: Release, kubectl: Kubectl
) -> None:
    workspace = release.workspace("taken")
    kubectl("create", "namespace", workspace.namespace)
    before = versions(kubectl, workspace.namespace)
    with pytest.raises(SpawnFailed, match="did not make") as raised:
        await apply_workspace(client, workspace)
    assert "namespacePrefix" in raised.value.message
    assert versions(kubectl, workspace.namespace) == before


async def test_a_namespace_that_is_being_removed_is_waited_for(
    client: ApiClient, release: Release, kubectl: Kubectl
) -> None:
    workspace = release.workspace("returning")
    await apply_workspace(client, workspace)
    namespace = workspace.namespace
    first = kubectl("get", "namespace", namespace, "--output", "json")["metadata"]["uid"]
    holder = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "holder", "namespace": namespace, "finalizers": ["spark-notebooks.io/test"]},
    }
    kubectl("apply", "--filename", "-", stdin=json.dumps(holder))
    kubectl("delete", "namespace", namespace, "--wait=false")
    said: list[str] = []
    task = asyncio.create_task(apply_workspace(client, workspace, said.append))
    await asyncio.sleep(2)
    assert not task.done()
    assert said
    assert "earlier workspace" in said[0]
    kubectl(
        *("patch", "configmap", "holder", "--namespace", namespace, "--type=merge"),
        '--patch={"metadata":{"finalizers":null}}',
    )
    await asyncio.wait_for(task, 60)
    assert kubectl("get", "namespace", namespace, "--output", "json")["metadata"]["uid"] != first


async def test_missing_rights_are_said_with_what_to_do(
    configuration: Configuration, release: Release, kubectl: Kubectl
) -> None:
    token = kubectl("create", "token", "default", "--namespace", release.hub.namespace).strip()
    configuration.api_key = {"BearerToken": f"Bearer {token}"}
    async with ApiClient(configuration) as client:
        with pytest.raises(SpawnFailed) as raised:
            await apply_workspace(client, release.workspace("nobody"))
    assert raised.value.reason == "rights"
    assert "service account and roles" in raised.value.message


async def test_an_api_server_that_is_away_is_said(release: Release) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with ApiClient(Configuration(host=f"http://127.0.0.1:{taken.getsockname()[1]}")) as client:
            with pytest.raises(SpawnFailed) as raised:
                await apply_workspace(client, release.workspace("nobody"))
    assert raised.value.reason == "kubernetes"
    assert "Try again" in raised.value.message


async def test_the_hub_cannot_read_secrets_nor_write_elsewhere(
    client: ApiClient, release: Release, kubectl: Kubectl
) -> None:
    """What the two roles are for: a stolen token of the hub reads no keys, and reaches no namespace that it did not make."""
    workspace = release.workspace("secret", credentials="x")
    await apply_workspace(client, workspace)
    api = CoreV1Api(client)
    for attempt in (
        api.read_namespaced_secret("s3-credentials", workspace.namespace),
        api.list_namespaced_secret(workspace.namespace),
        api.list_secret_for_all_namespaces(),
        api.delete_namespaced_pod("any", "kube-system"),
        api.create_namespaced_secret("kube-system", {"metadata": {"name": "x"}}),
        api.delete_namespace(workspace.namespace),
    ):
        with pytest.raises(ApiException) as raised:
            await attempt
        assert raised.value.status == 403
