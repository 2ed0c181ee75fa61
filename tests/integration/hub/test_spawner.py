"""Real starts: pods on the node, made with the hub's own rights, and every way in which a start can fail.

The server is Python's own web server in the hub's image: what is tested is the spawner, not Jupyter.
"""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from jupyterhub.objects import Hub
from jupyterhub.orm import Server
from kubernetes_asyncio.client import Configuration
from spark_notebooks_hub.config import hub_config
from spark_notebooks_hub.errors import SpawnFailed
from spark_notebooks_hub.spawner import SPAWN_RESERVE, WorkspaceSpawner
from spark_notebooks_hub.storage import ObjectStore
from spark_notebooks_hub.values import parse_values

from cluster import Cluster
from dev.images import build
from dev.s3_server import S3Server
from dev.toolchain import binary
from tests.support.hub_account import Kubectl, Release

pytestmark = pytest.mark.usefixtures("s3_environment")
SERVE = ["python", "-m", "http.server", "8888", "--directory", "/tmp"]
MakeSpawner = Callable[..., WorkspaceSpawner]


@pytest.fixture(scope="session")
def image(node: Cluster) -> str:
    """An image with Python, in the node's registry."""
    return build(["hub"], push_to=node.registry)["hub"]


class Forwards:
    """Reaches pods from this machine, which has no route to them, as `kubectl port-forward` does."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubectl = [str(binary("kubectl")), "--kubeconfig", str(kubeconfig)]
        self._open: dict[str, tuple[subprocess.Popen[str], str]] = {}

    def __call__(self, spawner: WorkspaceSpawner, pod: dict[str, Any]) -> str:
        uid = pod["metadata"]["uid"]
        process, url = self._open.get(uid, (None, ""))
        if process is None or process.poll() is not None:
            process, url = self._open[uid] = self._forward(spawner)
        return url

    def _forward(self, spawner: WorkspaceSpawner) -> tuple[subprocess.Popen[str], str]:
        command = [*self._kubectl, "port-forward", "--namespace", spawner.namespace, spawner.pod_name, ":8888"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout
        port = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        if port is None:
            process.wait()
        # A pod that has ended meanwhile cannot be reached: nothing listens on port 1.
        return process, f"http://127.0.0.1:{port[1] if port else 1}"

    def close(self) -> None:
        for process, _ in self._open.values():
            process.terminate()
            process.wait()


@pytest.fixture
def forwards(kubeconfig: Path) -> Iterator[Forwards]:
    forwards = Forwards(kubeconfig)
    yield forwards
    forwards.close()


@pytest.fixture
async def hub_process(configuration: Configuration, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """This process is the hub: it uses the hub's token, and shares nothing with the test before."""
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    Configuration.set_default(configuration)
    ObjectStore.clear_instance()
    await forget_watch()
    yield
    await forget_watch()
    Configuration.set_default(None)
    ObjectStore.clear_instance()


@pytest.fixture
def make_spawner(
    release: Release, hub_process: None, s3_server: S3Server, image: str, forwards: Forwards
) -> MakeSpawner:
    """Makes spawners as JupyterHub does; traits of the spawner may be given."""
    values: dict[str, Any] = {
        "release": {
            "name": release.hub.fullname,
            "namespace": release.hub.namespace,
            "fullname": release.hub.fullname,
        },
        "singleuser": {
            "image": {"name": image},
            "memory": {"guarantee": "32M", "limit": "128M"},
            "cpu": {"guarantee": 0.01},
        },
        "s3": {"endpoint": s3_server.endpoint, "createBucket": True},
        "workspace": {"namespacePrefix": release.prefix},
    }

    def make(user: str, quota: dict[str, str] | None = None, **traits: Any) -> WorkspaceSpawner:
        spawner = WorkspaceSpawner(
            config=hub_config(parse_values(values), os.environ),
            user=SimpleNamespace(name=user, id=1, url=f"/user/{user}/", escaped_name=user, groups=[]),
            orm_spawner=SimpleNamespace(
                name="", server=Server(proto="http", ip="", port=8888, base_url=f"/user/{user}/", cookie_name="c")
            ),
            hub=Hub(ip="10.0.0.1", port=8081, base_url="/hub/"),
            db=SimpleNamespace(commit=lambda: None),
            get_pod_url=forwards,
            **({"cmd": SERVE, "quota": quota or {}} | traits),
        )
        spawner.api_token = "token"
        return spawner

    return make


async def forget_watch() -> None:
    """What the end of a hub's process does to its watch of pods."""
    await WorkspaceSpawner._stop_all_reflectors()
    WorkspaceSpawner._watch_starting = None


async def start(spawner: WorkspaceSpawner) -> str:
    """As JupyterHub starts a server."""
    return str(await asyncio.wait_for(spawner.start(), spawner.start_timeout))


async def failure(spawner: WorkspaceSpawner) -> SpawnFailed:
    """The failure of a start, after which the spawner is stopped as JupyterHub does it."""
    with pytest.raises(SpawnFailed) as raised:
        await start(spawner)
    if await spawner.poll() is None:
        await spawner.stop()
    return raised.value


async def messages(spawner: WorkspaceSpawner) -> list[str]:
    return [event["message"] async for event in spawner.progress()]


async def test_a_server_starts_is_found_again_by_the_next_hub_and_stops(
    make_spawner: MakeSpawner, release: Release, kubectl: Kubectl
) -> None:
    spawner = make_spawner("ada")
    told = asyncio.create_task(messages(spawner))
    url = await start(spawner)
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
    said = await asyncio.wait_for(told, 1)
    assert said[0] == "Creating your workspace"
    assert "Starting Jupyter" in said
    assert said[-1] == "Ready"
    namespace = f"{release.prefix}ada"
    pod = kubectl("get", "pod", "notebook", "--namespace", namespace, "--output", "json")
    assert pod["spec"]["serviceAccountName"] == "notebook"
    assert pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True

    state = spawner.get_state()
    await forget_watch()
    after_restart = make_spawner("ada")
    after_restart.load_state(state)
    after_restart._check_pending = True
    assert await after_restart.poll() is None

    after_restart._check_pending = False
    await after_restart.stop()
    assert await after_restart.poll() is not None
    pods = kubectl("get", "pods", "--namespace", namespace, "--output", "json")["items"]
    assert pods == []


@pytest.mark.long
async def test_the_image_of_the_values_is_in_use_from_the_next_start(
    make_spawner: MakeSpawner, release: Release, kubectl: Kubectl, image: str
) -> None:
    spawner = make_spawner("imager")
    await start(spawner)
    changed = make_spawner("imager", image=f"{image}-other")
    changed.load_state(spawner.get_state())
    assert await changed.poll() is None, "the running server goes on"
    await changed.stop()
    changed.clear_state()
    failed = await failure(changed)
    assert f"{image}-other" in failed.message


async def test_a_missing_image_ends_the_start_soon(make_spawner: MakeSpawner, image: str) -> None:
    spawner = make_spawner("noimage", image=f"{image}-missing")
    begun = time.monotonic()
    told = asyncio.create_task(messages(spawner))
    failed = await failure(spawner)
    assert failed.reason == "image"
    assert f"{image}-missing cannot be pulled: it is not in the registry" in failed.message
    assert "singleuser.image" in failed.message
    assert time.monotonic() - begun < spawner.start_timeout / 3
    said = await told
    assert "Pulling the notebook image (the first try failed, trying again)" in said


async def test_a_server_that_ends_shows_its_last_lines(make_spawner: MakeSpawner) -> None:
    command = ["python", "-c", "import sys; print('no <config> found'); sys.exit(3)"]
    failed = await failure(make_spawner("crasher", cmd=command))
    assert failed.reason == "crash"
    assert "exit code 3" in failed.message
    assert "no &lt;config&gt; found" in failed.jupyterhub_html_message


async def test_a_server_that_needs_too_much_memory_is_told_so(make_spawner: MakeSpawner) -> None:
    command = ["python", "-c", "hog = bytearray(10**9); print(len(hog))"]
    failed = await failure(make_spawner("hog", cmd=command))
    assert failed.reason == "memory"
    assert str(128 * 1024**2) in failed.message


async def test_a_cluster_without_room_is_said_after_a_while(make_spawner: MakeSpawner) -> None:
    spawner = make_spawner("giant", mem_guarantee="100T", mem_limit="100T", unschedulable_seconds=2)
    told = asyncio.create_task(messages(spawner))
    failed = await failure(spawner)
    assert failed.reason == "unschedulable"
    assert "Insufficient memory" in failed.message
    assert any("Insufficient memory" in message for message in await told)


async def test_a_full_workspace_is_said_with_its_numbers(make_spawner: MakeSpawner) -> None:
    failed = await failure(make_spawner("full", quota={"requests.memory": "1Mi"}))
    assert failed.reason == "quota"
    assert "requests.memory" in failed.message
    assert "limited: requests.memory=1Mi" in failed.message


@pytest.mark.long
async def test_a_server_that_never_answers_ends_at_its_time_with_the_last_step(make_spawner: MakeSpawner) -> None:
    spawner = make_spawner("mute", cmd=["sleep", "600"], start_timeout=SPAWN_RESERVE + 12, delete_grace_period=1)
    failed = await failure(spawner)
    assert failed.reason == "timeout"
    assert "Starting Jupyter" in failed.message
    assert "12 seconds" in failed.message


async def test_a_server_that_somebody_removes_while_it_starts_is_told_so(
    make_spawner: MakeSpawner, release: Release, kubectl: Kubectl
) -> None:
    spawner = make_spawner("removed", cmd=["sleep", "600"])
    task = asyncio.create_task(failure(spawner))
    async for event in spawner.progress():
        if event["message"] == "Starting Jupyter":
            break
    kubectl("delete", "pod", "notebook", "--namespace", f"{release.prefix}removed", "--grace-period=1", "--wait=false")
    assert (await asyncio.wait_for(task, 30)).reason == "removed"


async def test_without_storage_nothing_is_started(
    make_spawner: MakeSpawner, release: Release, kubectl: Kubectl
) -> None:
    spawner = make_spawner("nostore")
    spawner.store.endpoint = "http://127.0.0.1:1"
    failed = await failure(spawner)
    assert failed.reason == "storage-connection"
    names = [n["metadata"]["name"] for n in kubectl("get", "namespaces", "--output", "json")["items"]]
    assert f"{release.prefix}nostore" not in names


async def test_a_settings_mistake_of_the_admin_is_told_with_the_answer_of_kubernetes(make_spawner: MakeSpawner) -> None:
    failed = await failure(make_spawner("mistake", node_selector={"not a label!": "x"}))
    assert failed.reason == "settings"
    assert "not a label!" in failed.message


@pytest.mark.long
async def test_a_pod_of_an_earlier_run_is_replaced(
    make_spawner: MakeSpawner, release: Release, kubectl: Kubectl
) -> None:
    first = make_spawner("again", delete_grace_period=1)
    await start(first)
    second = make_spawner("again", delete_grace_period=1)
    await start(second)
    assert second.pod_id != first.pod_id
    await second.stop()
