"""Passes a request on to a port of this machine, and its answer back as it comes, piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders, parse_response_start_line
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.web import RequestHandler

from spark_ui.headers import to_browser, to_spark
from spark_ui.paths import Prefix, upstream_path

HOST = "127.0.0.1"
# An event log may be downloaded, and is passed on as it comes: its size is no matter.
_ANY_SIZE = 1 << 50
_CONNECT_SECONDS = 10
_BROKEN_OFF = 599


@dataclass(frozen=True)
class Upstream:
    """Where Spark listens on this machine, and what is added to some of its files (by their path)."""

    port: int
    additions: Mapping[str, str]

    @property
    def origin(self) -> str:
        """As Spark writes it in redirects."""
        return f"http://{HOST}:{self.port}"


def client() -> SimpleAsyncHTTPClient:
    """A client for all requests: pages of Spark come with dozens of files, and one slow page must not hold up the others."""
    return SimpleAsyncHTTPClient(force_instance=True, max_clients=100, max_body_size=_ANY_SIZE)


class _Answer:
    """Writes an answer to the browser from the pieces in which tornado's client tells it."""

    def __init__(self, handler: RequestHandler, prefix: Prefix, upstream: Upstream, addition: str) -> None:
        self.started = False
        self._handler, self._prefix, self._upstream, self._addition = handler, prefix, upstream, addition
        self._headers = HTTPHeaders()
        self._status = (200, "OK")

    def on_header(self, line: str) -> None:
        if line.startswith("HTTP/"):
            start = parse_response_start_line(line.rstrip("\r\n"))
            self._status, self._headers = (start.code, start.reason), HTTPHeaders()
        elif line.strip():
            self._headers.parse_line(line)
        elif self._status[0] >= 200:
            self._start()

    def _start(self) -> None:
        self.started = True
        handler = self._handler
        handler.clear()
        handler.set_status(*self._status)
        headers = to_browser(self._headers.get_all(), self._prefix, self._upstream.origin)
        # Of two policies a browser follows both, and the server's own forbids every frame.
        for name in ("Content-Type", "Server", "Date", *(name for name, _ in headers)):
            handler.clear_header(name)
        for name, value in headers:
            if not (self._addition and name.lower() == "content-length"):
                handler.add_header(name, value)

    async def on_body(self, piece: bytes) -> None:
        self._handler.write(piece)
        with suppress(StreamClosedError):
            await self._handler.flush()

    async def finish(self) -> None:
        if self._addition and self._status[0] == 200 and self._handler.request.method == "GET":
            self._handler.write(self._addition)
        with suppress(StreamClosedError):
            # Before the end, so that tornado adds no header of its own.
            await self._handler.flush()
            await self._handler.finish()

    def break_off(self) -> None:
        """End the answer so that the browser knows it is not whole."""
        connection = self._handler.request.connection
        stream = getattr(connection, "stream", None)
        if stream is not None:
            stream.close()


async def pass_on(
    handler: RequestHandler,
    through: SimpleAsyncHTTPClient,
    prefix: Prefix,
    upstream: Upstream,
    body: bytes | None,
) -> None:
    """Answer a request with what Spark answers.

    Args:
        handler: of the request; its answer is finished when this returns.
        through: the client.
        prefix: of the request's address.
        upstream: where Spark listens.
        body: of the request.

    Raises:
        OSError, tornado.httpclient.HTTPError: Spark does not answer; nothing was written yet.
    """
    path = upstream_path(handler.request.uri or "/", prefix)
    addition = upstream.additions.get(path.partition("?")[0], "")
    answer = _Answer(handler, prefix, upstream, addition)
    request = HTTPRequest(
        upstream.origin + path,
        method=handler.request.method,
        headers=HTTPHeaders(),
        body=body,
        allow_nonstandard_methods=True,
        follow_redirects=False,
        decompress_response=False,
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=0,
        header_callback=answer.on_header,
        streaming_callback=answer.on_body,
    )
    for name, value in to_spark(handler.request.headers.get_all(), prefix, readable=bool(addition)):
        request.headers.add(name, value)
    response = await through.fetch(request, raise_error=False)
    if not answer.started:
        response.rethrow()
    elif response.code == _BROKEN_OFF:
        answer.break_off()
    else:
        await answer.finish()
