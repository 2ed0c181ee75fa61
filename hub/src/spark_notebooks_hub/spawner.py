"""Starts a person's notebook server as a pod in their workspace."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import aiohttp
from jupyterhub.utils import exponential_backoff, maybe_future, url_path_join
from kubernetes_asyncio.client import ApiException, V1Pod
from kubespawner.spawner import PodReflector
from traitlets import Dict, Enum, Instance, Integer, List, Unicode

from .admission import Allowed
from .api_server import api_server
from .changes import image_change
from .choosing import ChoosingSpawner
from .departed import depart
from .errors import Failure, SpawnFailed, api_failure, api_message
from .network import NetworkRules
from .notebook import TokenService, environment, hub_tokens
from .pod_events import pod_events
from .profiles import session_settings
from .progress import Patience, PodProgress, Step, pod_progress, too_slow
from .shared_folders import settings
from .spawn_log import SpawnLog
from .workspace import (
    MANAGED_BY,
    WORKSPACE_LABEL,
    Workspace,
    credentials_file,
    server_rules,
    token_secret,
    user_slug,
)
from .workspaces import apply, apply_server_rules, apply_workspace, until_admitted

# Seconds of JupyterHub's start_timeout kept back: its own timeout says nothing about what the server was waiting for, so ours comes first.
SPAWN_RESERVE: Final = 15
TICK_SECONDS: Final = 0.2
# Long steps are said again with the time they have taken.
REMIND_SECONDS: Final = 15
CRASH_LOG_LINES: Final = 15
CRASH_LOG_CHARACTERS: Final = 4000


class WorkspaceSpawner(ChoosingSpawner):
    """KubeSpawner with a namespace for each person, made before each start.

    KubeSpawner's own user namespaces are not used: with them the hub exits where the watch of pods fails. Nor is its event reflector, which holds every
    event of every pod in memory; the events of one pod are watched while it starts.
    """

    pod_security = Unicode("restricted", help="Pod Security level of workspaces.").tag(config=True)
    admission = Dict(help="What executors may have on top of the usual: fields of admission.Allowed.").tag(config=True)
    network = Instance(
        NetworkRules, allow_none=True, help="What workspaces may reach; None where no policy keeps them apart."
    ).tag(config=True)
    credentials_mode = Unicode(
        "static", help="How pods prove to S3 who they are: static, serviceAccount, tokenService."
    ).tag(config=True)
    token_service = Instance(TokenService, allow_none=True, help="Where pods get their keys, in that mode.").tag(
        config=True
    )
    token_audiences = List(Unicode(), help="Audiences of further tokens that executors may mount.").tag(config=True)
    account_annotations = Dict(help="Annotations of the service accounts, by name.").tag(config=True)
    spark_defaults = Dict(help="Settings of spark_session's SparkSessionDefaults in notebooks.").tag(config=True)
    contents_settings = Dict(help="Settings of s3_contents' S3ContentsManager in notebooks.").tag(config=True)
    after_removal = Enum(
        ["keep", "archive", "remove"], "keep", help="What becomes of the workspace of somebody who is deleted."
    ).tag(config=True)
    image_failures = Integer(2, min=1, help="Failed pulls of the image that end a start.").tag(config=True)
    unschedulable_seconds = Integer(
        90, min=1, help="Seconds without a place on the cluster that end a start, where no autoscaler has promised one."
    ).tag(config=True)

    _watch_starting: asyncio.Task[PodReflector] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._spawn_log = SpawnLog()
        self._notes: Mapping[str, str] = {}

    def clear_state(self) -> None:
        """Forgets the last run."""
        super().clear_state()
        self._spawn_log = SpawnLog()

    def get_env(self) -> dict[str, Any]:
        """KubeSpawner's environment and ours; what the administrator set under the same names wins."""
        ours = environment(
            user_slug(self.user.name),
            self.store.notebooks,
            image=self.image,
            image_pull_policy=self.image_pull_policy,
            spark_defaults=self._session_settings(),
            contents_settings=self.contents_settings | {"shares": settings(self.shares(), self.store.notebooks.bucket)},
            has_credentials=self.credentials_mode == "static",
            token_service=self.token_service,
        )
        place = {"SPARK_NOTEBOOKS_S3_HOME": f"s3://{self.store.notebooks.bucket}/{self.home()}"}
        if self.member:
            place["SPARK_NOTEBOOKS_MEMBER"] = self.member
        return {**ours, **super().get_env(), **place, **hub_tokens(self.pod_name)}

    def _session_settings(self) -> dict[str, Any]:
        """Settings of SparkSessionDefaults for this person."""
        priority = self.terms().priority_class
        personal = session_settings(self._placement()) | ({"priority_class": priority} if priority else {})
        return {**self.spark_defaults, **personal}

    def workspace(self) -> Workspace:
        """The workspace as it should be now."""
        terms = self.terms()
        audiences = [self.token_service.audience] if self.token_service else []
        return Workspace(
            user=self.user.name,
            namespace=self.namespace,
            hub=self.hub_identity,
            shared=self.shared.name if self.shared else None,
            shared_slug=self.shared.slug if self.shared else "",
            pod_security=self.pod_security,
            quota=terms.quota,
            limits=terms.limits,
            credentials=credentials_file(os.environ) if self.credentials_mode == "static" else None,
            prefixes=[self.home()],
            shares=self.shares(),
            token_audiences=[*audiences, *self.token_audiences],
            account_annotations=self.account_annotations,
            allowed=Allowed(
                **self.admission,
                priority_class=terms.priority_class,
                pull_secrets=[name if isinstance(name, str) else name["name"] for name in self.image_pull_secrets],
                spark_conf=self.spark_defaults.get("conf", {}),
            ),
            placement=self._placement(),
            network=self.network,
            notebook_port=self.port,
        )

    async def delete_forever(self) -> None:
        """For each server when the person is deleted, and for a named one that is removed; the default one comes with the person only."""
        if self.name or self.after_removal != "archive":
            await super().delete_forever()
        # JupyterHub refuses then to delete the person: servers are stopped first.
        if self.name or any(server.active for server in self.user.spawners.values()):
            return
        for shared in self.shared_workspaces:
            await self.leave_shared(shared.name)
        if await depart(self.api.api_client, self.workspace(), self.after_removal):
            self.log.info("%s, of %s, who is deleted: %s", self.namespace, self.user.name, self.after_removal)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """JupyterHub's progress events: a percentage and a sentence."""
        async for step in self._spawn_log.follow():
            yield {"progress": step.step.percent, "message": step.message}

    async def _start(self) -> str:
        """Starts the server and returns its URL when it answers. Raises SpawnFailed with what went wrong and what to do."""
        seconds = max(1, self.start_timeout - SPAWN_RESERVE)
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await self._prepare_workspace()
                return await self._run_server()
        except TimeoutError as error:
            if not limit.expired():
                raise SpawnFailed(api_failure("start your server", None, str(error))) from error
            last = self._spawn_log.last or PodProgress(Step.WORKSPACE)
            raise SpawnFailed(too_slow(last.step, last.detail, seconds)) from error
        except ApiException as error:
            message = api_message(error.body) or str(error.reason or "")
            raise SpawnFailed(api_failure("start your server", error.status, message)) from error
        except aiohttp.ClientError as error:
            raise SpawnFailed(api_failure("start your server", None, str(error))) from error
        finally:
            self._spawn_log.close()

    async def _prepare_workspace(self) -> None:
        self._say(PodProgress(Step.WORKSPACE))
        self.choose_workspace()
        await self._load_choices()
        self._check_shares()
        await self.store.check()
        workspace = self.workspace()
        # Looked up at each start: a managed control plane moves.
        if workspace.network and not workspace.network.api_server:
            found = await api_server(self.api.api_client)
            workspace = replace(workspace, network=replace(workspace.network, api_server=found))
        applied = await apply_workspace(
            self.api.api_client, workspace, lambda text: self._say(PodProgress(Step.WORKSPACE, text))
        )
        self._notes = applied.notes
        for change in applied.changes:
            self._tell(change)

    async def _load_choices(self) -> None:
        if priority := self.terms().priority_class:
            self.priority_class_name = priority
        for name in await self.load_user_options():
            self._tell(f"{name!r}, which you chose, is not offered to you any more: the default takes its place")

    def _tell(self, change: str) -> None:
        """Says to the person, and in the hub's log, what is not as it was at the last start."""
        self._say(PodProgress(Step.WORKSPACE, change))
        self.log.info("%s, of %s: %s", self.namespace, self.user.name, change)

    async def _run_server(self) -> str:
        await self._start_watching_pods()
        if self.storage_pvc_ensure:
            await self._create_home()
        before = self._watched_pod()
        self._say(PodProgress(Step.PLACE))
        pod = await self.get_pod_manifest()
        if self.modify_pod_hook:
            pod = await maybe_future(self.modify_pod_hook(self, pod))
        await self._allow(pod)
        await apply(self.api.api_client, token_secret(self.workspace(), self.pod_name, self.api_token))
        await exponential_backoff(
            partial(self._make_create_pod_request, pod, self.k8s_api_request_timeout),
            f"Could not create the pod {self.namespace}/{self.pod_name}",
            timeout=self.k8s_api_request_retry_timeout,
        )
        return await self._until_it_answers(earlier_uid=before["metadata"]["uid"] if before else None)

    async def _allow(self, pod: V1Pod) -> None:
        """Writes down for the workspace's admission policies what this server and its executors run."""
        client = self.api.api_client
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            **client.sanitize_for_serialization(pod),
        }
        manifest["metadata"]["namespace"] = self.namespace
        written = server_rules(self.workspace(), manifest)["metadata"]["annotations"]
        # Who has chosen another one knows it.
        if not self.user_options and (change := image_change(self._notes, written, self.pod_name)):
            self._tell(change)
        await apply_server_rules(client, self.workspace(), manifest)
        await until_admitted(client, manifest)

    async def _create_home(self) -> None:
        await exponential_backoff(
            partial(self._make_create_pvc_request, self.get_pvc_manifest(), self.k8s_api_request_timeout),
            f"Could not create the volume claim {self.namespace}/{self.pvc_name}",
            timeout=self.k8s_api_request_retry_timeout,
        )
        self._pvc_exists = True

    async def _until_it_answers(self, earlier_uid: str | None) -> str:
        """Follows the pod until Jupyter answers and returns its URL; earlier_uid is a pod of that name that this start replaces."""
        patience = Patience(self.image_failures, timedelta(seconds=self.unschedulable_seconds))
        loop = asyncio.get_running_loop()
        pod = None
        while pod is None or pod["metadata"]["uid"] == earlier_uid:
            await asyncio.sleep(TICK_SECONDS)
            pod = self._watched_pod()
        self.pod_id = uid = pod["metadata"]["uid"]
        step, since = Step.PLACE, loop.time()
        async with pod_events(self.namespace, self.pod_name, uid, self.start_timeout, self.log) as events:
            while True:
                if pod is None or pod["metadata"]["uid"] != uid:
                    raise SpawnFailed(
                        Failure("removed", "Your server was removed while it was starting. Start it again.")
                    )
                now = pod_progress(pod, events.values(), datetime.now(UTC), patience)
                if now.failure:
                    raise SpawnFailed(await self._with_log(now.failure) if now.crashed else now.failure)
                if now.step is not step:
                    step, since = now.step, loop.time()
                self._say(_with_time(now, loop.time() - since))
                if self.is_pod_running(pod) and await self._answers(pod):
                    self._say(PodProgress(Step.READY))
                    return str(self._get_pod_url(pod))
                await asyncio.sleep(TICK_SECONDS)
                pod = self._watched_pod()

    def _watched_pod(self) -> dict[str, Any] | None:
        pod: dict[str, Any] | None = self.pod_reflector.pods.get(f"{self.namespace}/{self.pod_name}")
        return pod

    def _say(self, progress: PodProgress) -> None:
        self._spawn_log.say(progress)

    async def _answers(self, pod: dict[str, Any]) -> bool:
        """Whether Jupyter answers in the pod, by the path that JupyterHub asks too."""
        url = url_path_join(self._get_pod_url(pod), self.server.base_url, "api")
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                return response.status < 500
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _with_log(self, failure: Failure) -> Failure:
        """Adds the last lines of the server's own log, of its last run where it was started again."""
        for previous in (True, False):
            try:
                text = await self.api.read_namespaced_pod_log(
                    self.pod_name, self.namespace, container="notebook", tail_lines=CRASH_LOG_LINES, previous=previous
                )
            except (ApiException, aiohttp.ClientError, TimeoutError):
                continue
            return replace(failure, log=text.strip()[-CRASH_LOG_CHARACTERS:])
        return failure

    def _build_common_labels(self, extra_labels: dict[str, str]) -> dict[str, str]:
        """Ours come last: the watch of pods finds servers by them."""
        slug = self.shared.slug if self.shared else user_slug(self.user.name)
        labels = {"app.kubernetes.io/name": MANAGED_BY, WORKSPACE_LABEL: slug, **self.member_labels()}
        return {**super()._build_common_labels(extra_labels), **labels, **self._watched_labels()}

    def _watched_labels(self) -> dict[str, str]:
        return {"app.kubernetes.io/managed-by": MANAGED_BY, "app.kubernetes.io/instance": self.release_fullname}

    def _get_reflector_key(self, kind: str) -> tuple[str, None]:
        # One watch for all workspaces.
        return (kind, None)

    async def _start_watching_pods(self, replace: bool = False) -> PodReflector:
        """The one watch of notebook pods in all workspaces, begun on first use and again where it has ended.

        Raises what the Kubernetes API answers, unless an earlier watch has at least an old answer.
        """
        current = self.pod_reflector
        if current and not current.watch_task.done() and not replace:
            return current
        cls = WorkspaceSpawner
        if cls._watch_starting is None or cls._watch_starting.done():
            cls._watch_starting = asyncio.create_task(self._begin_pod_watch())
        try:
            # Many starts wait for the one task; the end of one of them is not its end.
            return await asyncio.shield(cls._watch_starting)
        except (ApiException, aiohttp.ClientError, TimeoutError, OSError):
            if current is None:
                raise
            return current

    async def _begin_pod_watch(self) -> PodReflector:
        labels = {"component": self.component_label, **self._watched_labels()}
        reflector = PodReflector(config=self.config, log=self.log, labels=labels, omit_namespace=True)
        await reflector.start()
        # Only a watch that has listed the pods takes its place: an empty one would pass for "no server runs".
        key = self._get_reflector_key("pods")
        previous = self.reflectors.get(key)
        self.reflectors[key] = reflector
        if previous:
            await previous.stop()
        return reflector

    async def poll(self) -> int | None:
        """As KubeSpawner's own, but at the hub's start it waits for Kubernetes.

        JupyterHub takes a poll that fails there for a dead server and forgets it, while its pod goes on.
        """
        pause = 1.0
        while self._check_pending:
            try:
                await self._start_watching_pods()
                break
            except Exception as error:  # noqa: BLE001 (whatever it is, the servers are not to be forgotten for it)
                self.log.error("Running servers cannot be looked for yet, trying again in %.0f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(30.0, 2 * pause)
        status: int | None = await super().poll()
        if status is None and await self.end_where_not_a_member():
            return 1
        return status


def _with_time(progress: PodProgress, seconds: float) -> PodProgress:
    """A step that takes long, with the time it has taken, in steps of REMIND_SECONDS."""
    told = int(seconds // REMIND_SECONDS) * REMIND_SECONDS
    if not told:
        return progress
    return replace(progress, detail=f"{progress.detail + ', ' if progress.detail else ''}{told} s so far")
