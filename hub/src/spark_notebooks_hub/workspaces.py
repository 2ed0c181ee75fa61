"""Brings a workspace in the cluster to what its manifests say, by server-side apply."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import aiohttp
from kubernetes_asyncio.client import ApiClient, ApiException

from .admission import OF_JOBS, kept_annotations
from .changes import Stand, changes
from .errors import Failure, SpawnFailed, api_failure, api_message
from .workspace import (
    ARCHIVED_LABEL,
    BOUNDS_NAME,
    Manifest,
    Workspace,
    authentication_secret,
    foreign,
    job_rules,
    member_rules,
    members,
    notebook_binding,
    server_rules,
    unwanted_manifests,
    workspace_manifests,
)

FIELD_MANAGER: Final = "spark-notebooks-hub"
# Not the name of any server's manager, which ends in that of its pod.
JOBS_MANAGER: Final = f"{FIELD_MANAGER}_jobs"
REQUEST_SECONDS: Final = 10
# A binding is in force only when the API server's cache has seen it: milliseconds, seconds on a loaded one.
RIGHTS_SECONDS: Final = 10
SECRET_BYTES: Final = 32
_Answer = TypeVar("_Answer")
PLURALS: Final = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "RoleBinding": "rolebindings",
    "ResourceQuota": "resourcequotas",
    "LimitRange": "limitranges",
    "NetworkPolicy": "networkpolicies",
    "Secret": "secrets",
    "Pod": "pods",
}


@dataclass(frozen=True)
class Applied:
    """What a start has found and changed: sentences, and the annotations of the namespace before; both empty where there was no workspace."""

    changes: Sequence[str] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


def resource_path(manifest: Manifest) -> str:
    """The REST path of an object: /api/v1/namespaces/user-ada/serviceaccounts/notebook."""
    return f"{collection_path(manifest)}/{manifest['metadata']['name']}"


def collection_path(manifest: Manifest) -> str:
    """The REST path that objects of this kind are created at: /api/v1/namespaces/user-ada/serviceaccounts."""
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    scope = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{scope}/{PLURALS[manifest['kind']]}"


async def apply(client: ApiClient, manifest: Manifest, manager: str = FIELD_MANAGER) -> Manifest:
    """Creates or updates one object by server-side apply and returns it as stored.

    What another tool set on fields of ours is taken back; fields that the manager no longer names go. Raises ApiException.
    """
    return await call(
        client,
        "PATCH",
        resource_path(manifest),
        query=[("fieldManager", manager), ("force", "true")],
        headers={"Content-Type": "application/apply-patch+yaml"},
        body=manifest,
    )


async def create_if_absent(client: ApiClient, manifest: Manifest) -> None:
    """Creates one object; the one that is there already stays as it is. Raises ApiException."""
    try:
        await call(client, "POST", collection_path(manifest), query=[("fieldManager", FIELD_MANAGER)], body=manifest)
    except ApiException as error:
        if error.status != 409:
            raise


async def remove(client: ApiClient, manifest: Manifest) -> None:
    """Deletes one object; it may be gone already. Raises ApiException."""
    await unless_gone(call(client, "DELETE", resource_path(manifest)))


async def unless_gone(request: Awaitable[Manifest]) -> Manifest | None:
    """A request's answer; None where what it is about is not there (any more). Raises ApiException."""
    try:
        return await request
    except ApiException as error:
        if error.status == 404:
            return None
        raise


async def namespace_of(client: ApiClient, workspace: Workspace) -> Manifest | None:
    """The workspace's namespace as it is now; None where there is none. Raises ApiException."""
    return await unless_gone(call(client, "GET", namespace_path(workspace)))


def namespace_path(workspace: Workspace) -> str:
    """The REST path of the workspace's namespace."""
    return f"/api/v1/namespaces/{workspace.namespace}"


async def apply_workspace(
    client: ApiClient, workspace: Workspace, say: Callable[[str], None] = lambda text: None
) -> Applied:
    """Makes the workspace, or brings it up to date, and returns what is not as it was; doing it again changes nothing.

    say is given a sentence when a person has to wait for something. Waits without an end of its own while an earlier namespace of that name is being removed.
    Raises SpawnFailed with what went wrong and what to do.
    """
    try:
        existing = await _until_not_terminating(client, workspace, say)
        before = None if existing is None else await _stand(client, workspace, existing)
        namespace, binding, *rest = workspace_manifests(workspace)
        stored = await apply(client, namespace)
        await apply(client, binding)
        authentication = authentication_secret(workspace, secrets.token_urlsafe(SECRET_BYTES))
        applied, _, _ = await asyncio.gather(
            asyncio.gather(*(when_allowed(partial(apply, client, manifest)) for manifest in rest)),
            when_allowed(partial(create_if_absent, client, authentication)),
            asyncio.gather(
                *(when_allowed(partial(remove, client, manifest)) for manifest in unwanted_manifests(workspace))
            ),
        )
        # Last: with it the member's keys and pods are let in.
        if workspace.shared:
            await apply(client, member_rules(workspace), member_manager(workspace))
    except ApiException as error:
        message = api_message(error.body) or str(error.reason or "")
        raise SpawnFailed(api_failure(f"make your workspace {workspace.namespace}", error.status, message)) from error
    except (TimeoutError, aiohttp.ClientError) as error:
        raise SpawnFailed(api_failure(f"make your workspace {workspace.namespace}", None, "")) from error
    if before is None or existing is None:
        return Applied()
    if ARCHIVED_LABEL in (existing["metadata"].get("labels") or {}):
        return Applied(["your workspace was archived and is back; resume your schedules yourself"], before.notes)
    return Applied(changes(before, _as_stand([stored, *applied])), before.notes)


def member_manager(workspace: Workspace) -> str:
    """The field manager of what is written of a member; not the name of any server's manager, which has no underscore."""
    return f"{FIELD_MANAGER}_member-{workspace.member}"


async def leave(client: ApiClient, workspace: Workspace) -> None:
    """Takes a member's keys and rights in a shared workspace away; what runs of theirs makes nothing more. Raises ApiException."""
    existing = await namespace_of(client, workspace)
    if existing is None or foreign(existing, workspace):
        return
    if workspace.user not in members(existing["metadata"].get("annotations") or {}):
        return
    gone = member_rules(workspace, belongs=False)
    gone["metadata"]["uid"] = existing["metadata"]["uid"]
    await apply(client, gone, member_manager(workspace))
    await remove(client, notebook_binding(workspace))


async def _stand(client: ApiClient, workspace: Workspace, namespace: Manifest) -> Stand | None:
    """What the workspace is before a start; None where it was never made to its end."""
    quota, limits = (
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": BOUNDS_NAME, "namespace": workspace.namespace}}
        for kind in ("ResourceQuota", "LimitRange")
    )
    try:
        found = await asyncio.gather(*(call(client, "GET", resource_path(each)) for each in (quota, limits)))
    except ApiException as error:
        # A hub that was upgraded a moment ago may not read them yet. That is no reason to start nothing.
        if error.status in (403, 404):
            return None
        raise
    return _as_stand([namespace, {**found[0], "kind": "ResourceQuota"}, {**found[1], "kind": "LimitRange"}])


def _as_stand(objects: Sequence[Manifest]) -> Stand:
    by_kind = {each["kind"]: each for each in objects}
    return Stand(
        quota=by_kind["ResourceQuota"]["spec"].get("hard") or {},
        limits=by_kind["LimitRange"]["spec"].get("limits") or [],
        notes=by_kind["Namespace"]["metadata"].get("annotations") or {},
    )


async def apply_server_rules(client: ApiClient, workspace: Workspace, pod: Manifest) -> None:
    """Writes into the workspace which images a server and its executors run; those of other servers stay, and those of jobs and schedules. Raises ApiException."""
    # First: afterwards the image of the server before is known no more.
    await _keep_images_of_jobs(client, workspace)
    manager = f"{FIELD_MANAGER}-{pod['metadata']['name']}"
    await apply(client, server_rules(workspace, pod), manager)


async def _keep_images_of_jobs(client: ApiClient, workspace: Workspace) -> None:
    namespace, jobs, schedules = await asyncio.gather(
        call(client, "GET", namespace_path(workspace)),
        *(
            when_allowed(partial(call, client, "GET", f"/apis/batch/v1/namespaces/{workspace.namespace}/{kind}"))
            for kind in ("jobs", "cronjobs")
        ),
    )
    before = namespace["metadata"].get("annotations") or {}
    specs = [
        *(job["spec"] for job in jobs["items"]),
        *(each["spec"]["jobTemplate"]["spec"] for each in schedules["items"]),
    ]
    kept = kept_annotations(before, (spec["template"]["spec"] for spec in specs))
    if kept != {key: image for key, image in before.items() if key.startswith(OF_JOBS)}:
        await apply(client, job_rules(workspace, kept), JOBS_MANAGER)


async def until_admitted(client: ApiClient, pod: Manifest) -> None:
    """Waits until no admission policy refuses a pod: they see what was just written some milliseconds later.

    Asked by dry runs. Raises ApiException with the refusal where it stays; whatever else speaks against the pod is left to its creation.
    """

    async def ask() -> None:
        try:
            await call(client, "POST", collection_path(pod), query=[("dryRun", "All")], body=pod)
        except ApiException as error:
            if _by_policy(error):
                raise

    await _retried(ask, _by_policy)


def _by_policy(error: ApiException) -> bool:
    return "ValidatingAdmissionPolicy" in api_message(error.body)


async def _until_not_terminating(
    client: ApiClient, workspace: Workspace, say: Callable[[str], None]
) -> Manifest | None:
    """Returns when the namespace is absent (None) or ours and alive."""
    while True:
        existing = await namespace_of(client, workspace)
        if existing is None:
            return None
        if existing.get("status", {}).get("phase") != "Terminating":
            break
        say("Waiting until your earlier workspace has been removed")
        await asyncio.sleep(1)
    problem = foreign(existing, workspace)
    if problem:
        raise SpawnFailed(
            Failure(
                "namespace",
                f"Your workspace cannot be made: {problem}. Ask your administrator to choose another workspace.namespacePrefix, "
                "or to remove that namespace.",
            )
        )
    return existing


async def when_allowed(request: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Tries again for a moment where a right that was just given is not known yet. Raises ApiException."""
    # 404: the namespace is younger than the API server's cache of namespaces.
    return await _retried(request, lambda error: error.status in (403, 404))


async def _retried(request: Callable[[], Awaitable[_Answer]], soon: Callable[[ApiException], bool]) -> _Answer:
    deadline = time.monotonic() + RIGHTS_SECONDS
    pause = 0.05
    while True:
        try:
            return await request()
        except ApiException as error:
            if not soon(error) or time.monotonic() > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(1.0, 2 * pause)


async def call(
    client: ApiClient,
    method: str,
    path: str,
    *,
    query: list[tuple[str, str]] | None = None,
    headers: dict[str, str] | None = None,
    body: Manifest | None = None,
) -> Manifest:
    """One request to the Kubernetes API, and its answer. Raises ApiException."""
    answer: Any = await client.call_api(
        path,
        method,
        query_params=query or [],
        header_params={"Accept": "application/json", **(headers or {})},
        body=body,
        response_types_map={200: "object", 201: "object"},
        auth_settings=["BearerToken"],
        _return_http_data_only=True,
        _request_timeout=REQUEST_SECONDS,
    )
    return dict(answer)
