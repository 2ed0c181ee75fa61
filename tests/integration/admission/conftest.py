"""The chart's policies in force on the tests' node, and a workspace under them. No pod is ever made: all requests are dry runs."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from spark_notebooks_hub.admission import IMAGE as IMAGE_NOTE
from spark_notebooks_hub.admission import OTHER_IMAGES, Allowed
from spark_notebooks_hub.workspace import HubIdentity, Workspace, workspace_manifests

from cluster import Cluster
from dev.target import of_node
from tests.support.accounts import Account, ApiServer
from tests.support.executors import Pod, changed, executor_pod
from tests.support.rights import rights

IMAGE = "registry.example/notebook:1"
MESH = "mesh.example/proxy:2"
NOTEBOOK_UID = "11111111-2222-3333-4444-555555555555"
PREFIX = "admission-"


@dataclass(frozen=True)
class Platform:
    """The release, and one of its workspaces."""

    api: ApiServer
    hub: HubIdentity
    workspace: Workspace
    executor: Pod
    notebook: Pod

    @property
    def notebook_account(self) -> Account:
        return Account(self.workspace.namespace, "notebook", NOTEBOOK_UID)

    @property
    def hub_account(self) -> Account:
        return Account(self.hub.namespace, self.hub.service_account)


@pytest.fixture(scope="session")
def platform(node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    target = of_node(node)
    release = f"adm{secrets.token_hex(3)}"
    hub = HubIdentity(release, f"{release}-spark-notebooks")
    workspace = Workspace(
        "ada",
        f"{PREFIX}{release}",
        hub,
        # Else Pod Security would refuse first what the policies are asked about.
        pod_security="privileged",
        credentials="[default]\n",
        allowed=Allowed(
            sidecar_images=[MESH],
            tolerations=["spark"],
            priority_classes=["batch"],
            spark_conf={"spark.kubernetes.executor.node.selector.pool": "spark"},
        ),
    )
    policies = rights(target, release, release, f"workspace.namespacePrefix={PREFIX}")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": release}}
    place, *rest = workspace_manifests(workspace)
    place["metadata"]["annotations"] |= {f"{IMAGE_NOTE}/notebook": IMAGE, f"{OTHER_IMAGES}/notebook": "tool:1"}
    target.kubectl("apply", "--filename", "-", stdin=_list([namespace, *policies, place, *rest]))
    api = ApiServer(node.kubeconfig)
    platform = Platform(
        api,
        hub,
        workspace,
        executor_pod(workspace.namespace, IMAGE, NOTEBOOK_UID, tmp_path_factory.mktemp("account")),
        notebook_pod(workspace),
    )
    try:
        _wait_until_in_force(platform)
        yield platform
    finally:
        api.close()
        for name in (workspace.namespace, release):
            target.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
        target.kubectl("delete", "--ignore-not-found", "--filename", "-", stdin=_list(policies))


def notebook_pod(workspace: Workspace) -> Pod:
    """A notebook as the hub makes it."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "notebook", "image": IMAGE, "securityContext": security}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "notebook",
            "namespace": workspace.namespace,
            "labels": {"component": "singleuser-server"},
        },
        "spec": {"serviceAccountName": "notebook", "containers": [container]},
    }


def _wait_until_in_force(platform: Platform) -> None:
    namespace = platform.workspace.hub.fullname
    chosen = changed(platform.executor, {"spec:nodeName": "node0"})
    for policy, pod, account in (
        ("pods", chosen, platform.notebook_account),
        ("notebooks", platform.notebook, None),
        ("executors", platform.executor, None),
    ):
        platform.api.wait_until_refused(pod, f"{namespace}-workspace-{policy}", account)


def _list(items: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
