"""Archives or removes a workspace whose person is gone."""

from functools import partial

from kubernetes_asyncio.client import ApiClient

from .departure import Policy, archived_manifests
from .workspace import Workspace, credentials_secret, foreign, notebook_binding
from .workspaces import apply, call, namespace_of, namespace_path, remove, unless_gone, when_allowed

MERGE = "application/merge-patch+json"
# What belongs to a Job goes with it; by itself it would stay.
WITH_ITS_PODS = [("propagationPolicy", "Background")]


async def depart(client: ApiClient, workspace: Workspace, policy: Policy) -> bool:
    """Does by the policy with a workspace whose person is gone. Returns whether there was one. Raises ApiException.

    A namespace that is not this person's workspace is left alone.
    """
    if policy == "keep":
        return False
    existing = await namespace_of(client, workspace)
    if existing is None or foreign(existing, workspace) or existing.get("status", {}).get("phase") == "Terminating":
        return False
    if policy == "remove":
        await _delete(client, namespace_path(workspace))
    else:
        await _archive(client, workspace, existing["metadata"]["uid"])
    return True


async def _archive(client: ApiClient, workspace: Workspace, uid: str) -> None:
    namespace, binding, quota = archived_manifests(workspace, uid)
    await apply(client, namespace)
    await apply(client, binding)
    # First that nothing more starts, then that what runs ends.
    await when_allowed(partial(apply, client, quota))
    await when_allowed(partial(remove, client, notebook_binding(workspace)))
    await remove(client, credentials_secret(workspace, ""))
    batch = f"/apis/batch/v1/namespaces/{workspace.namespace}"
    for name in await _names(client, f"{batch}/cronjobs"):
        pause = {"spec": {"suspend": True}}
        await unless_gone(
            call(client, "PATCH", f"{batch}/cronjobs/{name}", headers={"Content-Type": MERGE}, body=pause)
        )
    for name in await _names(client, f"{batch}/jobs"):
        await _delete(client, f"{batch}/jobs/{name}", WITH_ITS_PODS)
    pods = f"/api/v1/namespaces/{workspace.namespace}/pods"
    for name in await _names(client, pods):
        await _delete(client, f"{pods}/{name}")


async def _names(client: ApiClient, path: str) -> list[str]:
    found = await when_allowed(partial(call, client, "GET", path))
    return [each["metadata"]["name"] for each in found["items"]]


async def _delete(client: ApiClient, path: str, query: list[tuple[str, str]] | None = None) -> None:
    await unless_gone(call(client, "DELETE", path, query=query))
