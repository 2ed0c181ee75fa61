"""A stand-in for the Kubernetes client's list methods: objects that tests change, and the watches on them."""

import json
import queue
from collections.abc import Iterator
from typing import Any


class Collection:
    """Objects of one kind. Call it as the client's list method; `put` and `remove` tell watches of it."""

    __name__ = "list_things"

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.version = 1
        self.lists = 0
        self.mute = False
        self._watches: list[queue.Queue[dict[str, Any] | None]] = []

    def put(self, item: dict[str, Any]) -> None:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        known = item["metadata"]["uid"] in self.items
        self.items[item["metadata"]["uid"]] = item
        self._tell({"type": "MODIFIED" if known else "ADDED", "object": item})

    def remove(self, uid: str) -> None:
        self._tell({"type": "DELETED", "object": self.items.pop(uid)})

    def forget_history(self) -> None:
        """All watches end with what the API server says when it does not remember where they were."""
        self._tell({"type": "ERROR", "object": {"code": 410}})

    def hang_up(self) -> None:
        """All watches end, as they do after a while."""
        for watch in self._watches:
            watch.put(None)

    def __call__(self, *_: Any, watch: bool = False, **__: Any) -> Any:
        if watch:
            changes: queue.Queue[dict[str, Any] | None] = queue.Queue()
            self._watches.append(changes)
            return _Stream(changes)
        self.lists += 1
        text = json.dumps({"metadata": {"resourceVersion": str(self.version)}, "items": list(self.items.values())})
        return _Answer(text)

    def _tell(self, change: dict[str, Any]) -> None:
        if not self.mute:
            for watch in self._watches:
                watch.put(change)


class _Answer:
    def __init__(self, text: str) -> None:
        self.data = text


class _Stream:
    def __init__(self, changes: queue.Queue[dict[str, Any] | None]) -> None:
        self._changes = changes

    def stream(self, **_: Any) -> Iterator[bytes]:
        while (change := self._changes.get()) is not None:
            text = json.dumps(change).encode() + b"\n"
            # Lines arrive in pieces.
            yield text[:7]
            yield text[7:]
