"""What workspaces cost: how long a start waits for its own, and keys by the token service, beside the API server's reviews of tokens alone."""

import asyncio
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes_asyncio.client import ApiClient, Configuration
from spark_notebooks_hub.workspace import Workspace
from spark_notebooks_hub.workspaces import apply_server_rules, apply_workspace, until_admitted
from token_service.identity import token_review
from token_service.kubernetes import KubernetesApi

from cluster import Cluster
from tests.bench.report import Row, row
from tests.support.accounts import Account, ApiServer
from tests.support.hub_account import Release, administrator, as_hub, installed
from tests.support.notebook_pod import network_of, notebook_pod
from tests.support.s3_iam import s3_with_iam
from tests.support.token_service import AUDIENCE, service_account, token_service

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
WORKSPACES = 20
AT_ONCE = 16
RATE = 100  # calls a second: 4,000 executors in a minute are 67
SECONDS = 15
IMAGE = "registry.example/notebook:1"
NOWHERE = {"requests": {"cpu": "100m", "memory": "64Ti"}, "limits": {"memory": "64Ti"}}

Ask = Callable[[str], Awaitable[None]]


@dataclass
class Tokens:
    """Tokens of pods, each asked for once: the API server remembers for some seconds those that it has seen."""

    api: ApiServer
    pods: list[tuple[str, str]]  # namespace, UID

    def fresh(self, number: int) -> list[str]:
        """New ones, of all pods in turn."""
        return [self._new(*pod) for pod in itertools.islice(itertools.cycle(self.pods), number)]

    def _new(self, namespace: str, uid: str) -> str:
        owner = {"apiVersion": "v1", "kind": "Pod", "name": "notebook", "uid": uid}
        body = {"spec": {"audiences": [AUDIENCE], "expirationSeconds": 3600, "boundObjectRef": owner}}
        answer = self.api.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/notebook/token", body)
        assert answer.allowed, answer.message
        return str(answer.content["status"]["token"])


def measure() -> list[Row]:
    """Starts the node and the S3 server, makes workspaces as the hub does, and asks for keys as their pods do."""
    node = Cluster(os.environ.get("SPARK_NOTEBOOKS_TEST_CLUSTER", "test"))
    node.up()
    with installed(administrator(node.kubeconfig), node, "s3.credentials.mode=tokenService") as release:
        return asyncio.run(_measure(node, release))


async def _measure(node: Cluster, release: Release) -> list[Row]:
    hub, api = await as_hub(node.kubeconfig, release), ApiServer(node.kubeconfig)
    made, again, pods = await _workspaces(node, release, hub, api)
    with tempfile.TemporaryDirectory() as folder, s3_with_iam(Path(folder)) as store:
        store.s3.create_bucket("notebooks")
        account = service_account(node, release, hub, Path(folder))
        with token_service(release, hub, account, store) as (process, port):
            kubernetes = KubernetesApi(hub.host, account)
            figures = [await _run(Tokens(api, pods), kubernetes, process, port) for _ in range(RUNS)]
            await kubernetes.close()
    api.close()
    column = {name: [each[name] for each in figures] for name in figures[0]}
    return [
        row("a new workspace, until its first pod is let in", "s", made, goal="<= 1"),
        row("the same where there is one", "s", again),
        row(f"keys, {AT_ONCE} calls at once, beside reviews alone", "1/s", column["keys"], column["reviews"], ">= 100"),
        row(f"99th percentile at {RATE} calls a second", "s", column["late"], goal="<= 0.2"),
        row(f"median at {RATE} calls a second", "s", column["median"]),
        row(f"CPU of the service at {RATE} calls a second", "cores", column["cpu"], goal="<= 1"),
    ]


async def _workspaces(
    node: Cluster, release: Release, hub: Configuration, api: ApiServer
) -> tuple[list[float], list[float], list[tuple[str, str]]]:
    """Workspaces with a pod each: what each took when it was new, and when it was not; and namespace and UID of the pods."""
    made, again = list[float](), list[float]()
    pods = list[tuple[str, str]]()
    account = Account(release.hub.namespace, release.hub.service_account)
    async with ApiClient(hub) as client:
        for number in range(WORKSPACES):
            user = f"u{number}"
            workspace = release.workspace(
                user, prefixes=(f"users/{user}",), quota={"pods": 21}, network=network_of(node)
            )
            pod: dict[str, Any] = notebook_pod(workspace, IMAGE, {}, ["sleep", "infinity"])
            # It is never placed: its tokens are what is wanted.
            pod["spec"]["containers"][0]["resources"] = NOWHERE
            for figures in (made, again):
                figures.append(await _workspace(client, workspace, pod))
            answer = api.call("POST", f"/api/v1/namespaces/{workspace.namespace}/pods", pod, account)
            assert answer.allowed, answer.message
            pods.append((workspace.namespace, answer.content["metadata"]["uid"]))
    return made, again, pods


async def _workspace(client: ApiClient, workspace: Workspace, pod: dict[str, object]) -> float:
    """Seconds that a start waits for its workspace, as the hub goes about it."""
    began = time.monotonic()
    await apply_workspace(client, workspace)
    await apply_server_rules(client, workspace, pod)
    await until_admitted(client, pod)
    return time.monotonic() - began


async def _run(
    tokens: Tokens, kubernetes: KubernetesApi, process: subprocess.Popen[str], port: int
) -> dict[str, float]:
    """One run of all."""

    async def review(token: str) -> None:
        answer = await kubernetes.review(token_review(token, AUDIENCE))
        assert answer["status"]["authenticated"] is True

    async with _keys(port) as ask:
        reviews = await _per_second(review, tokens.fresh(SECONDS * RATE))
        keys = await _per_second(ask, tokens.fresh(SECONDS * RATE))
        given = tokens.fresh(SECONDS * RATE)
        cpu = _cpu_seconds(process.pid)
        took = sorted(await _at_a_rate(ask, given))
        cpu = _cpu_seconds(process.pid) - cpu
    late = took[int(len(took) * 0.99)]
    figures = {"reviews": reviews, "keys": keys, "late": late, "median": statistics.median(took), "cpu": cpu / SECONDS}
    print(figures, file=sys.stderr, flush=True)
    return figures


@asynccontextmanager
async def _keys(port: int) -> AsyncIterator[Ask]:
    """Asks for keys as an SDK does."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(token: str) -> None:
            form = {
                "Action": "AssumeRoleWithWebIdentity",
                "Version": "2011-06-15",
                "RoleArn": "arn:aws:iam::000000000000:role/workspace",
                "RoleSessionName": "bench",
                "WebIdentityToken": token,
            }
            async with session.post(f"http://127.0.0.1:{port}/", data=form) as response:
                text = await response.text()
                assert response.status == 200, text

        yield ask


async def _per_second(ask: Ask, tokens: list[str]) -> float:
    """Calls a second where each waits for one before it, AT_ONCE side by side."""
    left = iter(tokens)

    async def one_after_the_other() -> None:
        for token in left:
            await ask(token)

    began = time.monotonic()
    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return len(tokens) / (time.monotonic() - began)


async def _at_a_rate(ask: Ask, tokens: list[str]) -> list[float]:
    """Seconds from when each was to be sent to its answer: calls come when they come, and wait for none before them."""
    start = time.monotonic()

    async def at(number: int, token: str) -> float:
        due = start + number / RATE
        await asyncio.sleep(due - time.monotonic())
        await ask(token)
        return time.monotonic() - due

    return await asyncio.gather(*(at(number, token) for number, token in enumerate(tokens)))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
