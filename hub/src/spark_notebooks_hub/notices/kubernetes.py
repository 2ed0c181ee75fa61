"""What is asked of the Kubernetes API: Jobs of all workspaces, whose a workspace is, and the ledger."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from .ending import LABELS
from .errors import AwayError, OutdatedError

Object = dict[str, Any]

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
JOBS: Final = "/apis/batch/v1/jobs"
PAGE: Final = 500
REQUEST_SECONDS: Final = 20
WATCH_SECONDS: Final = 1800
# The server sends a bookmark about once a minute, so a watch that is silent for longer has lost its server.
SILENCE: Final = 150
_SELECTOR: Final = ",".join(f"{key}={value}" for key, value in LABELS.items())
_OUTDATED: Final = (409, 410)
# An aiohttp error, or what comes of an answer that is none.
_NO_ANSWER: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError)


class KubernetesApi:
    """The API, asked as a pod's service account. Methods raise AwayError where it does not answer, or refuses.

    Args:
        url: "https://host:port".
        account: the folder of the account's token, which is read again for each question, and of the API's certificate.
    """

    def __init__(self, url: str, account: Path = ACCOUNT) -> None:
        self.url, self.account = url, account
        self._session: aiohttp.ClientSession | None = None

    async def jobs(self) -> AsyncIterator[tuple[list[Object], str]]:
        """All our Jobs, page by page, each with the version of the whole list."""
        following = ""
        while True:
            query = {"labelSelector": _SELECTOR, "limit": str(PAGE), **({"continue": following} if following else {})}
            found = await self._json("GET", JOBS, query)
            yield found["items"], str(found["metadata"]["resourceVersion"])
            following = str(found["metadata"].get("continue") or "")
            if not following:
                return

    async def watch_jobs(self, version: str) -> AsyncIterator[Object]:
        """What changes of our Jobs after a version, {"type": ..., "object": ...}, bookmarks too, until the server ends the watch.

        Raises:
            OutdatedError: the version is too old.
        """
        query = {
            "labelSelector": _SELECTOR, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS), "resourceVersion": version,
        }  # fmt: skip
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=SILENCE)
        async with self._asked("GET", JOBS, query, timeout=timeout) as response:
            begun = b""
            # By hand: aiohttp's own lines end at 128 KiB, and a Job may be larger.
            async for piece in _pieces(response):
                *lines, begun = (begun + piece).split(b"\n")
                for line in lines:
                    event = _event(line)
                    if event["type"] == "ERROR":
                        raise OutdatedError(str(event["object"].get("message")))
                    yield event

    async def namespace(self, name: str) -> Object | None:
        """A Namespace; None where there is none."""
        return await self._json("GET", f"/api/v1/namespaces/{name}", missing=True) or None

    async def config_map(self, namespace: str, name: str) -> Object:
        """A ConfigMap."""
        return await self._json("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")

    async def write(self, config_map: Mapping[str, Any]) -> Object:
        """Write a ConfigMap in the place of the one that was read; returns it as it is now.

        Raises:
            OutdatedError: it is another one by now.
        """
        metadata = config_map["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/configmaps/{metadata['name']}"
        return await self._json("PUT", path, body=config_map)

    async def close(self) -> None:
        """Ends the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        missing: bool = False,
    ) -> Object:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        async with self._asked(method, path, query, body=body, missing=missing, timeout=timeout) as response:
            if response.status == 404:
                return {}
            try:
                return dict(await response.json(content_type=None))
            except _NO_ANSWER as error:
                raise _away(error) from error

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's)
        body: Mapping[str, Any] | None = None,
        missing: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            token = (self.account / "token").read_text().strip()
            response = await self._connected().request(
                method, f"{self.url}{path}", params=query, json=body, timeout=timeout, headers={"Authorization": f"Bearer {token}"}
            )  # fmt: skip
        except _NO_ANSWER as error:
            raise _away(error) from error
        async with response:
            if response.status in _OUTDATED:
                raise OutdatedError(f"The Kubernetes API answers {response.status} to {method} {path}.")
            if response.status >= 300 and not (missing and response.status == 404):
                raise AwayError(f"The Kubernetes API answers {response.status} to {method} {path}.")
            yield response

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cafile=str(self.account / "ca.crt"))
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
        return self._session


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_any():
            yield piece
    except _NO_ANSWER as error:
        raise _away(error) from error


def _event(line: bytes) -> Object:
    try:
        return dict(json.loads(line))
    except ValueError as error:
        raise _away(error) from error


def _away(error: Exception) -> AwayError:
    return AwayError(f"The Kubernetes API does not answer ({type(error).__name__}).")
