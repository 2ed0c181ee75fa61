"""Follows all objects of one kind: a list, then its changes, and a list again whenever those break off."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

Read = TypeVar("Read")

WATCH_SECONDS = 60  # a watch whose connection has died unnoticed is replaced after this time
RETRY = 0.5

log = logging.getLogger("network-policies")


class HistoryGoneError(Exception):
    """The API server does not remember where we were: only a list helps."""


class Store(Generic[Read]):
    """The objects that `lister` (a method of the Kubernetes client) lists, as `read` sees them, by uid.

    `read` may give None for an object that is of no interest. `changed` is called after each change of what it gives.
    """

    def __init__(
        self, lister: Callable[..., Any], read: Callable[[dict[str, Any]], Read | None], changed: Callable[[], None]
    ) -> None:
        self._lister = lister
        self._read = read
        self._changed = changed
        self._objects: dict[str, Read] | None = None

    @property
    def listed(self) -> bool:
        """Whether there has been a list."""
        return self._objects is not None

    def objects(self) -> dict[str, Read]:
        """All of them now."""
        return dict(self._objects or {})

    def follow(self) -> None:
        """Start to follow, in a thread that ends with the process."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        version: str | None = None
        while True:
            try:
                version = self._watch(version) if version else self._list()
            except HistoryGoneError:
                version = None
            except (ApiException, HTTPError, OSError, ValueError) as error:
                log.warning("Reading %s broke off, trying again: %s", self._lister.__name__, error)
                version = None
                time.sleep(RETRY)

    def _list(self) -> str:
        answer = json.loads(self._lister(_preload_content=False).data)
        found = {item["metadata"]["uid"]: self._read(item) for item in answer["items"]}
        objects = {uid: one for uid, one in found.items() if one is not None}
        if objects != self._objects:
            self._objects = objects
            self._changed()
        return str(answer["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> str:
        """Take changes in until the API server ends the watch; the version up to which they are known."""
        answer = self._lister(
            watch=True,
            resource_version=version,
            allow_watch_bookmarks=True,
            timeout_seconds=WATCH_SECONDS,
            _preload_content=False,
            _request_timeout=2 * WATCH_SECONDS,
        )
        for change in _lines(answer):
            if change["type"] == "ERROR":
                raise HistoryGoneError
            item = change["object"]
            version = item["metadata"]["resourceVersion"]
            if change["type"] != "BOOKMARK":
                self._take(item["metadata"]["uid"], None if change["type"] == "DELETED" else self._read(item))
        return version

    def _take(self, uid: str, found: Read | None) -> None:
        # A new mapping each time: readers in other threads keep theirs.
        objects = self.objects()
        before = objects.pop(uid, None)
        if found is not None:
            objects[uid] = found
        if found != before:
            self._objects = objects
            self._changed()


def _lines(answer: Any) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream, one in each line."""
    rest = b""
    for chunk in answer.stream(amt=None, decode_content=False):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)
