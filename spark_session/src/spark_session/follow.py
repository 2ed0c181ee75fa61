"""Follows the executor pods of a session: one list, then one watch, renewed for as long as the session lives."""

from __future__ import annotations

import http.client
import queue
import random
import threading
import time
from dataclasses import dataclass

from spark_session.kube import Api, ApiError, Object
from spark_session.pods import SESSION_LABEL

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
_GONE = 410  # the version to watch from is too old


@dataclass(frozen=True)
class Listed:
    """All pods there are."""

    pods: list[Object]


@dataclass(frozen=True)
class Changed:
    """One pod is new, another than before, or gone."""

    pod: Object
    deleted: bool


@dataclass(frozen=True)
class Unanswered:
    """The API does not answer, since `since` (time.monotonic)."""

    since: float


Event = Listed | Changed | Unanswered


class Follower:
    """A thread that puts what happens to the pods into a queue.

    Args:
        api: a client of its own.
        session_id: the session whose executors are followed.
    """

    def __init__(self, api: Api, session_id: str) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._api = api
        self._selector = f"{SESSION_LABEL}={session_id}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"executors of {session_id}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """End soon."""
        self._ended.set()
        self._api.close()

    def _run(self) -> None:
        pause, silent_since = SHORTEST_PAUSE, None
        while not self._ended.is_set():
            try:
                listing = self._api.list("pods", labelSelector=self._selector)
                self.events.put(Listed(listing["items"]))
                pause, silent_since = SHORTEST_PAUSE, None
                self._watch(listing["metadata"]["resourceVersion"])
            except (ApiError, OSError, http.client.HTTPException, ValueError) as error:
                # The server ends a watch now and then, and a version grows old: no sign of trouble.
                if isinstance(error, ApiError) and error.status == _GONE:
                    continue
                silent_since = silent_since or time.monotonic()
                if not self._ended.is_set():
                    self.events.put(Unanswered(silent_since))
                # Sessions that lost one server together do not all come back at once.
                self._ended.wait(pause * random.uniform(0.75, 1.25))  # noqa: S311 (no secret)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _watch(self, version: str) -> None:
        while not self._ended.is_set():
            for change in self._api.watch("pods", labelSelector=self._selector, resourceVersion=version):
                pod = change["object"]
                if change["type"] == "ERROR":
                    raise ApiError(pod.get("code", _GONE), pod.get("reason", ""), pod.get("message", ""))
                version = pod["metadata"]["resourceVersion"]
                if change["type"] != "BOOKMARK":
                    self.events.put(Changed(pod, deleted=change["type"] == "DELETED"))
