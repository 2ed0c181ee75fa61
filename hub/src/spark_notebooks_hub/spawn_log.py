"""The steps of one start, for any number of people who watch it."""

import asyncio
from collections.abc import AsyncIterator

from .progress import PodProgress


class SpawnLog:
    """Keeps what was said, so that a page opened late shows the start from its beginning."""

    def __init__(self) -> None:
        self._said: list[PodProgress] = []
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def last(self) -> PodProgress | None:
        return self._said[-1] if self._said else None

    def say(self, progress: PodProgress) -> None:
        """Adds a step; the same one again is not repeated."""
        if self.last is None or progress.message != self.last.message:
            self._said.append(progress)
            self._wake()

    def close(self) -> None:
        """Ends every follow() after what was said."""
        self._closed = True
        self._wake()

    async def follow(self) -> AsyncIterator[PodProgress]:
        """All steps so far, then each new one, until the start ends."""
        seen = 0
        while True:
            changed = self._changed
            while seen < len(self._said):
                yield self._said[seen]
                seen += 1
            if self._closed:
                return
            if seen == len(self._said):
                await changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
