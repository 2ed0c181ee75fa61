"""The folders in which kernels run: each mirrors the folder of its notebook."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from pathlib import Path

from s3_contents.errors import S3Error
from s3_contents.sync import FolderSync, Mirror

SCAN_SECONDS = 2.0
LIST_SECONDS = 10.0
# For how long a kernel waits for the files beside its notebook; the rest comes while it runs.
PATIENCE = 20.0


class WorkingFolders:
    """The open ones. One is open while a kernel that was started in it lives; then what was sent is removed from the disk."""

    def __init__(self, mirror: Mirror, living_kernels: Callable[[], Collection[str]]) -> None:
        self._mirror = mirror
        self._living = living_kernels
        self._open: dict[str, FolderSync] = {}
        self._kernels: dict[str, str] = {}
        self._starting: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._has_recalled = False
        self._recalling = asyncio.Lock()

    async def enter(self, folder: str) -> Path:
        """Open a folder for a kernel that is about to start, and give its place on the disk."""
        await self._recall()
        self._starting[folder] = self._starting.get(folder, 0) + 1
        sync = self._open.setdefault(folder, FolderSync(self._mirror, folder))
        place = self._mirror.disk.path(folder)
        await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True)
        first = asyncio.ensure_future(self._round(sync))
        done, _ = await asyncio.wait([first], timeout=PATIENCE)
        if not done:
            self._mirror.log.warning("A kernel starts before all files of the folder %r are beside it.", folder)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return place

    def started(self, folder: str, kernel: str | None) -> None:
        """The kernel has started in the folder (None: it has not)."""
        if self._starting.get(folder):
            self._starting[folder] -= 1
        if kernel is not None:
            self._kernels[kernel] = folder

    async def flush(self) -> None:
        """Send all that kernels have written."""
        for sync in list(self._open.values()):
            await self._round(sync, look_there=False, settled=True)

    async def close(self) -> None:
        """Send all, and stop."""
        if self._task is not None:
            self._task.cancel()
        await self.flush()

    async def turn(self, look_there: bool) -> None:
        """One round of all folders; those without a kernel are closed."""
        living = set(self._living())
        self._kernels = {kernel: folder for kernel, folder in self._kernels.items() if kernel in living}
        wanted = {*self._kernels.values(), *(folder for folder, number in self._starting.items() if number)}
        for folder, sync in list(self._open.items()):
            is_wanted = folder in wanted
            is_done = await self._round(sync, look_there=look_there or not is_wanted, settled=not is_wanted)
            if not is_wanted and is_done:
                await sync.empty(self._below(folder))
                del self._open[folder]

    async def _run(self) -> None:
        listed = time.monotonic()
        while True:
            await asyncio.sleep(SCAN_SECONDS)
            is_due = time.monotonic() - listed >= LIST_SECONDS
            listed = time.monotonic() if is_due else listed
            await self.turn(look_there=is_due)

    async def _round(self, sync: FolderSync, look_there: bool = True, settled: bool = False) -> bool:
        """Whether it succeeded. While S3 is away the files stay on the disk, and the next round goes on."""
        try:
            await sync.round(self._below(sync.path), look_there, settled)
        except (S3Error, OSError) as error:
            why = error.log_message if isinstance(error, S3Error) else error
            self._mirror.log.warning("The folder %r was not synchronised, and will be tried again: %s", sync.path, why)
            return False
        return True

    def _below(self, folder: str) -> list[str]:
        start = f"{folder}/" if folder else ""
        return [other for other in self._open if other != folder and other.startswith(start)]

    async def _recall(self) -> None:
        async with self._recalling:
            if not self._has_recalled:
                self._mirror.synced.update(await asyncio.to_thread(self._mirror.disk.recall))
                self._has_recalled = True
