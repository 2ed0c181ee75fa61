"""The folders in which kernels run: each mirrors the folder of its notebook."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

from s3_contents.errors import S3Error
from s3_contents.sync import FolderSync, Mirror

SCAN_SECONDS = 2.0
# A look at the disk takes at most this share of the time.
SCAN_SHARE = 0.05
# Between two looks at S3, while a kernel of the server computes, or has done so a moment ago, and while none does.
LIST_SECONDS, IDLE_LIST_SECONDS = 10.0, 60.0
# What is changed within so many seconds through the server is looked at together.
TOGETHER = 0.5
# For how long a kernel waits for the files beside its notebook; the rest comes while it runs.
PATIENCE = 5.0
# For how long files that cannot be sent are tried after the last kernel of their folder has ended.
CLOSING_PATIENCE = 600.0


class WorkingFolders:
    """The open ones. One is open while a kernel that was started in it lives; then what was sent is removed from the disk."""

    def __init__(
        self, mirror: Mirror, living_kernels: Callable[[], Collection[str]], is_active: Callable[[], bool]
    ) -> None:
        self._mirror = mirror
        self._living = living_kernels
        self._is_active = is_active
        self._open: dict[str, FolderSync] = {}
        self._kernels: dict[str, str] = {}
        self._starting: dict[str, int] = {}
        self._ending: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        # Folders do not wait for one another: one may send gigabytes.
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._next_scan: dict[str, float] = {}
        self._look_now = asyncio.Event()
        # When S3 was looked at last, and the folders for which that is still to be done.
        self._listed = time.monotonic()
        self._due: set[str] = set()
        self._failing: str | None = None
        self._has_recalled = False
        self._recalling = asyncio.Lock()

    async def enter(self, folder: str) -> Path:
        """Open a folder for a kernel that is about to start, and give its place on the disk."""
        await self._recall()
        self._starting[folder] = self._starting.get(folder, 0) + 1
        sync = self._open.setdefault(folder, FolderSync(self._mirror, folder))
        self._mirror.in_use.add(folder)
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

    def look_soon(self) -> None:
        """Something was changed on S3 through this server: kernels are to have it at once."""
        self._look_now.set()

    async def send_left_behind(self) -> None:
        """Send what a server that was killed has left on the disk, wherever no kernel runs yet."""
        await self._recall()
        mounts = [mount.path for mount in self._mirror.mounts if mount.writable]
        await asyncio.gather(*(self._send_left_behind(path) for path in mounts))

    async def _send_left_behind(self, path: str) -> None:
        mirror = self._mirror
        sync = FolderSync(mirror, path)
        left = await asyncio.to_thread(sync.left_behind, dict(mirror.synced), mirror.mounts.points(path))
        if not left:
            return
        mirror.log.info("%d files that kernels had written are still to be sent to S3.", len(left))
        is_sent = await self._round(sync, settled=True, only=left)
        while not is_sent:
            await asyncio.sleep(IDLE_LIST_SECONDS)
            is_sent = await self._round(sync, settled=True, only=left)
        await sync.empty(self._below(path))

    async def flush(self) -> None:
        """Send all that kernels have written."""
        for sync in self._open.values():
            sync.try_at_once()
        await asyncio.gather(*(self._round(sync, look_there=False, settled=True) for sync in self._open.values()))

    async def close(self) -> None:
        """Send all, and stop."""
        if self._task is not None:
            self._task.cancel()
        await self.flush()
        for turn in self._turns.values():
            turn.cancel()

    async def turn(self, look_there: bool) -> None:
        """One round of all folders; those without a kernel are closed."""
        wanted = self._wanted()
        await asyncio.gather(*(self._turn(folder, folder in wanted, look_there) for folder in list(self._open)))

    def _wanted(self) -> set[str]:
        living = set(self._living())
        self._kernels = {kernel: folder for kernel, folder in self._kernels.items() if kernel in living}
        return {*self._kernels.values(), *(folder for folder, number in self._starting.items() if number)}

    async def _turn(self, folder: str, is_wanted: bool, look_there: bool) -> None:
        sync = self._open[folder]
        if is_wanted:
            self._ending.pop(folder, None)
            await self._round(sync, look_there)
            return
        is_first = folder not in self._ending
        began = self._ending.setdefault(folder, time.monotonic())
        is_done = await self._round(sync, look_there or is_first, settled=True) and not sync.failing
        is_given_up = time.monotonic() - began > CLOSING_PATIENCE
        if is_done or is_given_up:
            if not is_done:
                self._mirror.log.warning(
                    "No kernel runs in the folder %r any more, and of its files %s could not be sent to S3. They stay in %s.",
                    folder,
                    ", ".join(sync.failing[:3]) or "some",
                    self._mirror.disk.path(folder),
                )
            self._mirror.in_use.discard(folder)
            await sync.empty(self._below(folder))
            if folder in self._wanted():
                self._mirror.in_use.add(folder)  # a kernel has started meanwhile, and waits for its files
            else:
                del self._open[folder], self._ending[folder]

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), SCAN_SECONDS)
                await asyncio.sleep(TOGETHER)
            try:
                self._start_turns()
            except Exception:
                # Files that are not sent are what nobody must get used to: whatever it is, it goes on.
                self._mirror.log.exception("The folders of kernels were not looked at")

    def _start_turns(self) -> None:
        began = time.monotonic()
        if self._look_now.is_set() or began - self._listed >= self._pause():
            self._look_now.clear()
            self._listed = began
            self._due |= self._open.keys()
        wanted = self._wanted()
        for folder, sync in self._open.items():
            if folder not in self._turns and (folder in self._due or began >= self._next_scan.get(folder, 0.0)):
                self._next_scan[folder] = began + sync.scan_seconds / SCAN_SHARE
                turn = asyncio.create_task(self._turn(folder, folder in wanted, folder in self._due))
                self._due.discard(folder)
                self._turns[folder] = turn
                turn.add_done_callback(partial(self._turned, folder))

    def _pause(self) -> float:
        return LIST_SECONDS if self._is_active() else IDLE_LIST_SECONDS

    def _turned(self, folder: str, turn: asyncio.Task[None]) -> None:
        del self._turns[folder]
        if not turn.cancelled() and (error := turn.exception()) is not None:
            # The next turn tries again.
            self._mirror.log.error("The folder %r was not synchronised", folder, exc_info=error)

    async def _round(
        self,
        sync: FolderSync,
        look_there: bool = True,
        settled: bool = False,
        only: Collection[str] | None = None,
    ) -> bool:
        """Whether it succeeded. While S3 is away the files stay on the disk, and the next round goes on."""
        try:
            await sync.round(self._below(sync.path), look_there, settled, only)
        except (S3Error, OSError) as error:
            why = str(error.log_message if isinstance(error, S3Error) else error)
            if why != self._failing:
                self._mirror.log.warning(
                    "The folder %r was not synchronised, and will be tried again: %s", sync.path, why
                )
            self._failing = why
            return False
        self._failing = None
        return True

    def _below(self, folder: str) -> list[str]:
        """The folders below one that are kept the same by themselves, and that of shares, which are beside the kernels in them only."""
        start = f"{folder}/" if folder else ""
        below = [other for other in self._open if other != folder and other.startswith(start)]
        return [*below, *self._mirror.mounts.points(folder)]

    async def _recall(self) -> None:
        async with self._recalling:
            if not self._has_recalled:
                self._mirror.synced.update(await asyncio.to_thread(self._mirror.disk.recall))
                await asyncio.to_thread(self._mirror.disk.clear_parts)
                # What is the same is brought again where a kernel wants it: until then it would only take room, and grow old.
                await FolderSync(self._mirror, "").empty(())
                self._has_recalled = True
