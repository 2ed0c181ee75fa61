"""Which version of each file the clients of this server have seen."""

from __future__ import annotations

import time
from collections import OrderedDict

from s3_contents.objects import Object

CAPACITY = 10_000


class SeenVersions:
    """Each file as it was last shown to a client, or written for one, by API path.

    A save replaces that version and no other. The least recently seen files are forgotten beyond ``capacity``.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._seen: OrderedDict[str, tuple[Object, float]] = OrderedDict()

    def get(self, path: str) -> Object | None:
        """The version last seen, or None."""
        seen = self._seen.get(path)
        return seen[0] if seen else None

    def is_fresh(self, path: str, seconds: float) -> bool:
        """Whether the file was seen within the last seconds."""
        seen = self._seen.get(path)
        return seen is not None and time.monotonic() - seen[1] < seconds

    def set(self, path: str, item: Object) -> None:
        """Remember a version."""
        self._seen[path] = (item, time.monotonic())
        self._seen.move_to_end(path)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)

    def forget(self, path: str) -> None:
        """Forget a file, or all files of a folder."""
        for known in self._below(path):
            del self._seen[known]

    def rename(self, old: str, new: str) -> None:
        """Follow the renaming of a file or folder."""
        for known in self._below(old):
            self._seen[new + known.removeprefix(old)] = self._seen.pop(known)

    def _below(self, path: str) -> list[str]:
        return [known for known in self._seen if known == path or known.startswith(f"{path}/")]
