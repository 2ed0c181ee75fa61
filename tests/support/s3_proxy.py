"""A proxy in front of an S3 server that records every request, and can do what networks and busy servers do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Self

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}


class Fault(Enum):
    """What happens to a request."""

    REFUSE = auto()  # the connection is cut before the server hears of it
    LOSE_ANSWER = auto()  # the server does it, and the connection is cut instead of an answer
    TRUNCATE = auto()  # the connection is cut in the middle of the answer's body
    SLOW_DOWN = auto()  # the server is busy: 503 SlowDown
    INTERNAL_ERROR = auto()  # 500 InternalError


_ERRORS = {Fault.SLOW_DOWN: (503, "SlowDown"), Fault.INTERNAL_ERROR: (500, "InternalError")}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as S3 got it."""

    method: str
    key: str  # below the bucket; empty for requests to the bucket
    query: str
    headers: frozenset[str] = frozenset()  # their names, in lower case

    def __str__(self) -> str:
        return f"{self.method} {self.key}?{self.query}".rstrip("?")


class S3Proxy:
    """Forwards to ``target`` from a port of its own, in a thread of its own.

    ``requests`` are those so far. ``fault`` decides what happens to each; by default nothing does.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Fault | None] = lambda _request: None
        self.delay = 0.0  # seconds before each request is forwarded
        self.endpoint = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def methods(self) -> list[str]:
        """The methods of the requests so far, which are then forgotten."""
        methods = [request.method for request in self.requests]
        self.requests.clear()
        return methods

    async def _start(self) -> None:
        self._session = ClientSession(
            connector=TCPConnector(limit=0),
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
        )
        application = web.Application(client_max_size=2**40)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        await self._session.close()
        await self._runner.cleanup()

    async def _handle(self, incoming: web.Request) -> web.StreamResponse:
        key = incoming.path.lstrip("/").partition("/")[2]
        headers = frozenset(name.lower() for name in incoming.headers)
        request = Request(incoming.method, key, incoming.query_string, headers)
        self.requests.append(request)
        fault = self.fault(request)
        if self.delay:
            await asyncio.sleep(self.delay)
        if fault is Fault.REFUSE:
            return self._cut(incoming)
        if fault in _ERRORS:
            await incoming.read()
            status, code = _ERRORS[fault]
            return web.Response(status=status, text=f"<Error><Code>{code}</Code></Error>", content_type="text/xml")
        sent = {name: value for name, value in incoming.headers.items() if name.lower() not in _HOP_BY_HOP}
        url = URL(self.target + incoming.raw_path, encoded=True)
        body = incoming.content if incoming.body_exists else None
        async with self._session.request(
            incoming.method, url, headers=sent, data=body, skip_auto_headers=("Content-Type",), allow_redirects=False
        ) as answer:
            if fault is Fault.LOSE_ANSWER:
                await answer.read()
                return self._cut(incoming)
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP]
            outgoing = web.StreamResponse(status=answer.status, headers=kept)
            # The client may have gone.
            with suppress(ConnectionError):
                await outgoing.prepare(incoming)
                if fault is Fault.TRUNCATE:
                    content = await answer.read()
                    await outgoing.write(content[: len(content) // 2])
                    return self._cut(incoming)
                async for chunk in answer.content.iter_chunked(2**16):
                    await outgoing.write(chunk)
                await outgoing.write_eof()
            return outgoing

    def _cut(self, incoming: web.Request) -> web.Response:
        if incoming.transport is not None:
            incoming.transport.abort()
        return web.Response()
