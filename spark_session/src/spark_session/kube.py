"""A small client of the Kubernetes API for the few calls a session makes: one connection, by default with the pod's own service account.

The standard library is enough for them; the `kubernetes` package takes longer to import than a local session takes to start.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

Object = dict[str, Any]
"""A Kubernetes object, as in its API."""

TIMEOUT = 10.0  # seconds for an answer
# The server sends a bookmark about once a minute, so a watch that is silent for longer has lost its server.
SILENCE = 150.0
WATCH_SECONDS = 1800
_JSON = "application/json"


class ApiError(Exception):
    """The API answered with an error.

    Args:
        status: the HTTP status.
        reason: Kubernetes' word for it, such as "Forbidden"; empty when the answer was not Kubernetes'.
        message: Kubernetes' sentence.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class Access(Protocol):
    """Who asks the API, and how it is known to be the right one."""

    def context(self) -> ssl.SSLContext:
        """For connections."""

    def headers(self) -> Mapping[str, str]:
        """Of a request that is made now."""


@dataclass(frozen=True)
class ServiceAccount:
    """That of a pod.

    Args:
        folder: with the account's `token` and the API's `ca.crt`.
    """

    folder: Path = SERVICE_ACCOUNT

    def context(self) -> ssl.SSLContext:
        """For connections to the API of its cluster, and to no other."""
        return ssl.create_default_context(cafile=str(self.folder / "ca.crt"))

    def headers(self) -> Mapping[str, str]:
        """With the token of now: Kubernetes renews the file before the token in it runs out."""
        return {"Authorization": f"Bearer {(self.folder / 'token').read_text().strip()}"}


THIS_POD = ServiceAccount()


def url_in_pod(variables: Mapping[str, str]) -> str:
    """Of the API server, by the variables that every pod has."""
    return f"https://{variables['KUBERNETES_SERVICE_HOST']}:{variables.get('KUBERNETES_SERVICE_PORT') or 443}"


class Api:
    """The API server as somebody sees it; not for use by two threads at once.

    Every method raises ApiError for an answer that is an error, and OSError or http.client.HTTPException when there is none.

    Args:
        url: "https://host:port", and a path where a proxy of several clusters is asked.
        namespace: the only one that is asked about.
        access: who asks.
        group: path of the group of resources that is asked about, such as "apis/batch/v1".
    """

    def __init__(self, url: str, namespace: str, access: Access = THIS_POD, group: str = "api/v1") -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or 443
        self._prefix = f"{parts.path.rstrip('/')}/{group}/namespaces/{quote(namespace, safe='')}/"
        self._access = access
        self._context = access.context()
        self._connection: http.client.HTTPSConnection | None = None

    def list(self, resource: str, **query: str | int) -> Object:
        """The list of a resource, such as list("pods", labelSelector="a=b")."""
        return self._json("GET", resource, query)

    def get(self, resource: str, name: str) -> Object:
        """One object."""
        return self._json("GET", f"{resource}/{quote(name, safe='')}", {})

    def create(self, resource: str, manifest: Mapping[str, Any]) -> Object:
        """The object that came of a manifest. It is asked for once: nobody knows what came of a request whose connection broke."""
        self.close()
        return self._json("POST", resource, {}, json.dumps(manifest).encode())

    def dry_run(self, resource: str, manifest: Mapping[str, Any]) -> Object:
        """What creating an object would give, checked in full and not kept."""
        return self._json("POST", resource, {"dryRun": "All"}, json.dumps(manifest).encode())

    def patch(self, resource: str, name: str, changes: Mapping[str, Any]) -> Object:
        """The object after fields of it were changed; None takes one out (a JSON merge patch)."""
        path = f"{resource}/{quote(name, safe='')}"
        return self._json("PATCH", path, {}, json.dumps(changes).encode(), "application/merge-patch+json")

    def delete(self, resource: str, name: str, **query: str | int) -> None:
        """Delete one object."""
        self._answer("DELETE", f"{resource}/{quote(name, safe='')}", query)

    def delete_all(self, resource: str, **query: str | int) -> None:
        """Delete the objects that a query finds."""
        self._answer("DELETE", resource, query)

    def log(self, pod: str, lines: int) -> str:
        """The last lines of a pod's log."""
        return self.raw_log(pod, tailLines=lines).decode(errors="replace")

    def raw_log(self, pod: str, **query: str | int) -> bytes:
        """A pod's log as its node has kept it, narrowed down by the query."""
        return self._answer("GET", f"pods/{quote(pod, safe='')}/log", query)

    def watch(self, resource: str, **query: str | int) -> Iterator[Object]:
        """Changes of a resource, {"type": ..., "object": ...}, until the server ends the watch; `close` ends it from another thread."""
        asked = {"watch": 1, "allowWatchBookmarks": "true", "timeoutSeconds": WATCH_SECONDS, **query}
        for line in self._lines(self._path(resource, asked)):
            yield json.loads(line)

    def follow_log(self, pod: str, **query: str | int) -> Iterator[bytes]:
        """The lines of a pod's log as they are written, until its container ends or is silent for SILENCE seconds (TimeoutError)."""
        yield from self._lines(self._path(f"pods/{quote(pod, safe='')}/log", {"follow": "true", **query}))

    def close(self) -> None:
        """Close the connection; the next call makes a new one."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.sock is not None:
            with suppress(OSError):  # the other side may have closed it
                connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()

    def _lines(self, path: str) -> Iterator[bytes]:
        self.close()
        connection = self._connection = self._connect(SILENCE)
        connection.request("GET", path, headers=self._headers())
        response = connection.getresponse()
        if response.status >= http.client.BAD_REQUEST:
            raise _error(response.status, response.read())
        while line := _next_line(response):
            yield line

    def _json(
        self, method: str, path: str, query: Mapping[str, str | int], body: bytes | None = None, kind: str = _JSON
    ) -> Object:
        answer: Object = json.loads(self._answer(method, path, query, body, kind))
        return answer

    def _answer(
        self, method: str, path: str, query: Mapping[str, str | int], body: bytes | None = None, kind: str = _JSON
    ) -> bytes:
        kept = self._connection is not None
        try:
            status, answer = self._exchange(method, self._path(path, query), body, kind)
        except (http.client.HTTPException, OSError) as error:
            if not kept or isinstance(error, TimeoutError):
                raise
            # The server closes a connection that was idle for long: that says nothing about this call.
            status, answer = self._exchange(method, self._path(path, query), body, kind)
        if status >= http.client.BAD_REQUEST:
            raise _error(status, answer)
        return answer

    def _exchange(self, method: str, path: str, body: bytes | None, kind: str) -> tuple[int, bytes]:
        connection = self._connection = self._connection or self._connect(TIMEOUT)
        try:
            connection.request(method, path, body, self._headers(kind))
            response = connection.getresponse()
            return response.status, response.read()
        except (http.client.HTTPException, OSError):
            self.close()
            raise

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)

    def _path(self, resource: str, query: Mapping[str, str | int]) -> str:
        return self._prefix + resource + (f"?{urlencode(query)}" if query else "")

    def _headers(self, kind: str = _JSON) -> dict[str, str]:
        return {**self._access.headers(), "Accept": _JSON, "Content-Type": kind}


def _next_line(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.readline()
    except AttributeError as error:  # `close` took the connection away meanwhile
        raise ConnectionAbortedError("the watch was closed") from error


def _error(status: int, answer: bytes) -> ApiError:
    try:
        content = json.loads(answer)
        return ApiError(status, str(content.get("reason", "")), str(content.get("message", "")))
    except (ValueError, AttributeError):
        return ApiError(status, "", answer.decode(errors="replace")[:200])
