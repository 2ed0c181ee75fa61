"""The sessions of this server, as the records on this machine and their own Spark tell of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spark_session.records import Record
from tornado.httpclient import HTTPClientError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from spark_session import processes, records
from spark_ui.paths import PAST, Prefix

_SECONDS = 5


@dataclass(frozen=True)
class Executors:
    """Executors of a session.

    Args:
        alive: registered with the driver.
        asked: how many the session asks for now; None for local Spark.
        tasks: tasks that run now, on executors and driver.
        failed_tasks: since the start.
    """

    alive: int
    asked: int | None
    tasks: int
    failed_tasks: int


@dataclass(frozen=True)
class Session:
    """A session as lists show it.

    Args:
        id: 8 hexadecimal digits.
        name: what its owner calls it.
        application_id: what Spark calls it.
        state: "computing", "idle", or "not answering".
        started: seconds since 1970.
        executors: None while Spark does not answer.
        ui: path of its Spark UI for a tab of the browser; None where it is off.
        frame: path of its Spark UI for a frame in JupyterLab; None where it is off.
    """

    id: str
    name: str
    application_id: str
    state: str
    started: float
    executors: Executors | None
    ui: str | None
    frame: str | None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def is_alive(record: Record) -> bool:
    """Whether the driver of a session has started and lives."""
    return record.jvm is not None and processes.lives(record.jvm, record.jvm_started)


def running(variables: Mapping[str, str]) -> list[Record]:
    """The sessions whose driver JVM runs, the oldest first."""
    return [record for record in records.read(records.folder(variables)) if is_alive(record)]


def find(variables: Mapping[str, str], session_id: str) -> Record | None:
    """The running session of that id."""
    return next((record for record in running(variables) if record.session_id == session_id), None)


def executors(listed: list[dict[str, Any]], asked: int | None) -> Executors:
    """Counts from what Spark's REST API lists as active executors, the driver among them."""
    return Executors(
        alive=sum(1 for one in listed if one["id"] != "driver" and one["isActive"]),
        asked=asked,
        tasks=sum(int(one["activeTasks"]) for one in listed),
        failed_tasks=sum(int(one["failedTasks"]) for one in listed),
    )


class Sessions:
    """Tells of the sessions of this server."""

    def __init__(self, client: SimpleAsyncHTTPClient, base_url: str, key: str, *, history: bool) -> None:
        self._client = client
        self._base_url = base_url
        self._key = key
        self._history = history

    @property
    def past(self) -> dict[str, str] | None:
        """Where the history server is, as `ui` and `frame` of a session; None without one."""
        if not self._history:
            return None
        return {
            "ui": f"{Prefix(self._base_url, PAST)}/",
            "frame": f"{Prefix(self._base_url, PAST, self._key)}/",
        }

    async def list(self) -> list[Session]:
        """All that run, the oldest first."""
        return [await self._tell(record) for record in running(os.environ)]

    async def _tell(self, record: Record) -> Session:
        counts = await self._executors(record)
        state = "not answering" if counts is None else "computing" if counts.tasks else "idle"
        if record.ui_port is None:
            state = "no Spark UI"
        return Session(
            id=record.session_id,
            name=record.name,
            application_id=record.application_id,
            state=state,
            started=record.started,
            executors=counts,
            ui=None if record.ui_port is None else f"{Prefix(self._base_url, record.session_id)}/",
            frame=None if record.ui_port is None else f"{Prefix(self._base_url, record.session_id, self._key)}/",
        )

    async def _executors(self, record: Record) -> Executors | None:
        if record.ui_port is None:
            return None
        api = f"http://127.0.0.1:{record.ui_port}/api/v1/applications/{record.application_id}"
        try:
            return executors(await self._get(f"{api}/executors"), record.asked)
        except (OSError, HTTPClientError, ValueError):
            return None

    async def _get(self, url: str) -> Any:
        response = await self._client.fetch(url, connect_timeout=_SECONDS, request_timeout=_SECONDS)
        return json.loads(response.body)
