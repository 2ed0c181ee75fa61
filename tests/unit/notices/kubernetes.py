"""A Kubernetes API in this process, as far as the service of the notices asks it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.unit.notices.objects import BEGAN, namespace, stamp
from tests.unit.spark_session.api_server import make_account


@dataclass
class Kubernetes:
    """What the API knows: Jobs by their names, Namespaces, and the one ConfigMap."""

    url: str = ""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    namespaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    config_map: dict[str, Any] = field(default_factory=dict)
    version: int = 10
    page: int = 2
    fails: int | None = None
    outdated: bool = False
    lists: int = 0
    writes: int = 0
    silent_writes: int = 0
    slow_writes: float = 0.0
    watches: list[asyncio.Queue[dict[str, Any] | None]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.namespaces = {"user-ada": namespace("ada")}
        metadata = {
            "name": "notices",
            "namespace": "platform",
            "resourceVersion": "1",
            "creationTimestamp": stamp(BEGAN),
        }
        self.config_map = {"kind": "ConfigMap", "metadata": metadata}

    def add(self, job: dict[str, Any]) -> None:
        """A Job that is new, or has changed."""
        self.version += 1
        job["metadata"]["resourceVersion"] = str(self.version)
        kind = "MODIFIED" if job["metadata"]["name"] in self.jobs else "ADDED"
        self.jobs[job["metadata"]["name"]] = job
        self.tell(kind, job)

    def tell(self, kind: str, job: dict[str, Any]) -> None:
        for watch in self.watches:
            watch.put_nowait({"type": kind, "object": job})

    def hang_up(self) -> None:
        """End all watches, as the server does every now and then."""
        watches, self.watches = self.watches, []
        for watch in watches:
            watch.put_nowait(None)

    async def listen(self, response: web.StreamResponse) -> None:
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.watches.append(queue)
        while (event := await queue.get()) is not None:
            line = json.dumps(event).encode() + b"\n"
            # In two pieces: a line ends where it ends, not where a packet does.
            for piece in (line[:50], line[50:]):
                await response.write(piece)


@asynccontextmanager
async def kubernetes_api(account: Path) -> AsyncIterator[Kubernetes]:
    """A running API; `account` becomes the folder of a service account that it knows."""
    make_account(account)
    made = Kubernetes()

    async def jobs(request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        made.queries.append(query)
        if made.fails:
            return web.Response(status=made.fails)
        if "watch" not in query:
            made.lists += 1
            begin = int(query.get("continue", 0))
            items = list(made.jobs.values())[begin : begin + made.page]
            more = str(begin + made.page) if begin + made.page < len(made.jobs) else ""
            return web.json_response(
                {"items": items, "metadata": {"resourceVersion": str(made.version), "continue": more}}
            )
        if made.outdated:
            made.outdated = False
            error = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
            return web.Response(body=json.dumps(error).encode() + b"\n")
        response = web.StreamResponse()
        await response.prepare(request)
        since = int(query["resourceVersion"])
        missed = [job for job in made.jobs.values() if int(job["metadata"]["resourceVersion"]) > since]
        listening = asyncio.create_task(made.listen(response))
        await asyncio.sleep(0)
        for job in missed:
            made.watches[-1].put_nowait({"type": "ADDED", "object": job})
        await listening
        return response

    async def one_namespace(request: web.Request) -> web.Response:
        if made.fails:
            return web.Response(status=made.fails)
        found = made.namespaces.get(request.match_info["name"])
        return web.json_response(found or {"kind": "Status"}, status=200 if found else 404)

    async def config_map(request: web.Request) -> web.Response:
        if made.fails:
            return web.Response(status=made.fails)
        if request.method == "PUT":
            given = await request.json()
            if given["metadata"]["resourceVersion"] != made.config_map["metadata"]["resourceVersion"]:
                return web.json_response({"kind": "Status"}, status=409)
            made.writes += 1
            version = str(int(given["metadata"]["resourceVersion"]) + 1)
            made.config_map = {**given, "metadata": {**given["metadata"], "resourceVersion": version}}
            if made.silent_writes:
                made.silent_writes -= 1
                return web.Response(status=504)
            await asyncio.sleep(made.slow_writes)
        return web.json_response(made.config_map)

    app = web.Application()
    app.router.add_get("/apis/batch/v1/jobs", jobs)
    app.router.add_get("/api/v1/namespaces/{name}", one_namespace)
    app.router.add_route("*", "/api/v1/namespaces/platform/configmaps/notices", config_map)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "ca.crt", account / "key")
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    made.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        made.hang_up()
        await runner.cleanup()
