"""The Jupyter server extension: puts the parts together, and collects event logs while the server lives."""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import Any, ClassVar

from fsspec.core import url_to_fs
from jupyter_server.extension.application import ExtensionApp
from spark_session.environment import EVENT_LOGS_VARIABLE, HOME_VARIABLE
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from traitlets import Unicode, default

from spark_session import event_logs
from spark_ui import stopping
from spark_ui.handlers import ProxyHandler, SessionHandler, SessionsHandler, find_history, find_session
from spark_ui.history_server import HistoryServer
from spark_ui.paths import PAST, ROOT, SESSION_ID, route
from spark_ui.reverse_proxy import client
from spark_ui.sessions import Sessions, running

_COLLECT_SECONDS = 10
# Of the ten seconds that a pod has to end.
_GOODBYE_SECONDS = 4.0


class SparkUI(ExtensionApp):
    """The Spark UI of every session of this server, running and past."""

    name = "spark_ui"
    extension_url = f"/{ROOT}"
    load_other_extensions = True
    classes: ClassVar = [HistoryServer]

    home = Unicode(
        help="The person's place on S3, as s3://bucket/prefix, for the records of past sessions. Empty: none are kept. Default: $SPARK_NOTEBOOKS_S3_HOME"
    ).tag(config=True)

    _collecting: asyncio.Task[None] | None = None
    _client: SimpleAsyncHTTPClient
    _history: HistoryServer
    _collector: event_logs.Collector | None = None

    @default("home")
    def _home_of_environment(self) -> str:
        return os.environ.get(HOME_VARIABLE, "")

    def initialize_settings(self) -> None:
        """Offer a folder for event logs to the kernels, which inherit the environment of the server."""
        self._client = client()
        self._history = HistoryServer(self._client, parent=self, home=self.home)
        if not self.home:
            return
        folder = event_logs.folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        os.environ.setdefault(EVENT_LOGS_VARIABLE, str(folder))
        self._collector = event_logs.Collector(folder, self.home, self.log, _open_store)

    def initialize_handlers(self) -> None:
        """Answer below `<base_url>/spark-ui/`."""
        assert self.serverapp is not None
        base_url = self.serverapp.base_url
        # New with each server, and told by the list of sessions only.
        key = secrets.token_urlsafe(18)
        listing = Sessions(self._client, base_url, key, history=bool(self.home))
        proxied: dict[str, Any] = {"client": self._client, "key": key}
        self.handlers += [
            (rf"/{ROOT}/api/sessions", SessionsHandler, {"listing": listing}),
            (rf"/{ROOT}/api/sessions/({SESSION_ID})", SessionHandler),
            (route("/", SESSION_ID), ProxyHandler, {**proxied, "find": find_session}),
        ]
        if self.home:
            self.handlers.append((route("/", PAST), ProxyHandler, {**proxied, "find": find_history(self._history)}))

    async def _start_jupyter_server_extension(self, _serverapp: Any) -> None:
        if self._collector is not None:
            self._collecting = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        while True:
            await asyncio.sleep(_COLLECT_SECONDS)
            await self._collect_once(everything=False)

    async def _collect_once(self, *, everything: bool) -> None:
        assert self._collector is not None
        alive = [record.application_id for record in running(os.environ)]
        try:
            await asyncio.to_thread(self._collector.collect, alive, everything=everything)
        except Exception as error:  # noqa: BLE001 (S3 clients raise many kinds, and none may reach the server)
            self.log.warning(
                "The records of Spark sessions do not reach %s: %s: %s. They wait in %s.",
                *(self.home, type(error).__name__, error, event_logs.folder()),
            )

    async def stop_extension(self) -> None:
        """Stop the sessions, whose kernels end next, and send their records while there is time."""
        if self._collecting is not None:
            self._collecting.cancel()
        found = stopping.of_this_server(running(os.environ), os.getpid())
        await asyncio.gather(*(stopping.stop(record, _GOODBYE_SECONDS / 2) for record in found))
        await self._history.stop()
        if self._collector is not None:
            try:
                await asyncio.wait_for(self._collect_once(everything=True), _GOODBYE_SECONDS)
            except TimeoutError:
                self.log.warning("The server ends before all records of Spark sessions have reached %s.", self.home)


def _open_store(url: str) -> tuple[event_logs.Store, str]:
    # A file system of its own: the listings of fsspec's shared ones would go stale in a server that lives for weeks.
    store: tuple[event_logs.Store, str] = url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)
    return store


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "spark_ui", "app": SparkUI}]
