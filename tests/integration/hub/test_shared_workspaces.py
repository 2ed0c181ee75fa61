"""A shared workspace on the real node, made by its members' starts with the rights that the chart gives the hub for it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiClient
from spark_notebooks_hub.errors import SpawnFailed
from spark_notebooks_hub.workspace import Workspace, members
from spark_notebooks_hub.workspaces import apply_workspace, leave

from cluster import Cluster
from tests.support.hub_account import Kubectl, Release, as_hub, installed

VALUES = tuple(f"tenancy.workspaces[0].{each}" for each in ("name=Team", "groups[0]=pilots", "prefix=teams/team"))


@pytest.fixture(scope="module")
def sharing(kubectl: Kubectl, node: Cluster) -> Iterator[Release]:
    with installed(kubectl, node, *VALUES) as release:
        yield release


@pytest.fixture
async def hub(kubeconfig: Path, sharing: Release) -> AsyncIterator[ApiClient]:
    async with ApiClient(await as_hub(kubeconfig, sharing)) as client:
        yield client


def team(release: Release, user: str, **more: Any) -> Workspace:
    given = {"prefixes": ["teams/team"], "shared": "Team", "shared_slug": "group--team", "credentials": "x"}
    return Workspace(user, f"{release.prefix}group--team", release.hub, **(given | more))


def names(kubectl: Kubectl, workspace: Workspace, kind: str) -> set[str]:
    found = kubectl("get", kind, "--namespace", workspace.namespace, "--output", "json")["items"]
    return {each["metadata"]["name"] for each in found}


async def test_members_come_and_one_leaves(hub: ApiClient, sharing: Release, kubectl: Kubectl) -> None:
    ada, bob = team(sharing, "ada"), team(sharing, "bob")
    assert (await apply_workspace(hub, ada)).changes == ()
    before = kubectl("get", "namespace", ada.namespace, "--output", "json")["metadata"]
    assert (await apply_workspace(hub, bob)).changes == [], "another member's start changes nothing for all"
    assert (await apply_workspace(hub, ada)).changes == []
    accounts = {f"{kind}-{user}" for kind in ("notebook", "executor") for user in ("ada", "bob")}
    assert accounts <= names(kubectl, ada, "serviceaccounts")
    assert names(kubectl, ada, "rolebindings") == {"hub", "notebook-ada", "notebook-bob"}
    secrets = names(kubectl, ada, "secrets")
    assert {"s3-credentials", "spark-authentication-ada", "spark-authentication-bob"} <= secrets
    assert "spark-authentication" not in secrets
    after = kubectl("get", "namespace", ada.namespace, "--output", "json")["metadata"]
    assert sorted(members(after["annotations"])) == ["ada", "bob"]
    assert before["annotations"].items() <= after["annotations"].items()
    await leave(hub, ada)
    await leave(hub, ada)
    after = kubectl("get", "namespace", ada.namespace, "--output", "json")["metadata"]
    assert members(after["annotations"]) == ["bob"]
    assert "secrets-of.spark-notebooks.io/ada" not in after["annotations"]
    assert names(kubectl, ada, "rolebindings") == {"hub", "notebook-bob"}
    await apply_workspace(hub, ada)
    after = kubectl("get", "namespace", ada.namespace, "--output", "json")["metadata"]
    assert sorted(members(after["annotations"])) == ["ada", "bob"]


async def test_a_workspace_of_another_kind_is_not_taken_over(hub: ApiClient, sharing: Release) -> None:
    await apply_workspace(hub, team(sharing, "ada"))
    own = Workspace("group--team", f"{sharing.prefix}group--team", sharing.hub)
    with pytest.raises(SpawnFailed, match="belongs to another workspace"):
        await apply_workspace(hub, own)
