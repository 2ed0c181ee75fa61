"""Keeping one folder on the disk the same as one on S3, in rounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from s3_contents import models, paths
from s3_contents.errors import ConflictError, NotFoundError, S3Error, TooLargeError
from s3_contents.multipart import Upload
from s3_contents.objects import Object, now, stamp
from s3_contents.store import S3Store
from s3_contents.sync_disk import Disk
from s3_contents.sync_plan import Limits, OnDisk, Step, Synced, plan, within
from s3_contents.trash import Trash

PARALLEL = 8
PART = 8 * 2**20
# Of files on S3, and on the disk, that are looked at in one round.
MOST_LISTED = 5_000
MOST_SCANNED = 20_000


@dataclass(slots=True)
class Mirror:
    """What all folders have in common: both sides, what was the same on them, and what this process has seen on the disk."""

    store: S3Store
    home: paths.Home
    trash: Trash
    disk: Disk
    limits: Limits
    log: logging.Logger
    synced: dict[str, Synced] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)


class FolderSync:
    """A folder of a home, and the one on the disk that mirrors it, with all that is below them.

    Nothing is overwritten that the other side has not seen: writes to S3 are conditional, a file on the disk is replaced
    only if it is as it was, and where both have changed the one on the disk becomes a file of its own beside the other.
    """

    def __init__(self, mirror: Mirror, path: str) -> None:
        self.path = path
        self.left_out: list[str] = []
        self._mirror = mirror
        self._before: Mapping[str, OnDisk] = {}
        self._remote: dict[str, Object] = {}
        self._remote_is_whole = False
        self._lock = asyncio.Lock()

    async def round(self, without: Collection[str] = (), look_there: bool = True, settled: bool = False) -> int:
        """Bring both sides together; gives how many files that took.

        Args:
            without: folders below this one that are kept the same by themselves.
            look_there: list the folder on S3, too; else what was listed last, and has been done since, is taken for it.
            settled: send also what has changed since the last round, and may still be written to.
        """
        mirror = self._mirror
        async with self._lock:
            if look_there:
                await self._list(without)
            disk = await asyncio.to_thread(mirror.disk.scan, self.path, without, MOST_SCANNED)
            synced = {path: known for path, known in mirror.synced.items() if self._is_mine(path, without)}
            steps = plan(synced, disk, self._wanted(disk, synced), self._remote_is_whole)
            due = {
                path: mended
                for path, step in steps.items()
                if (mended := self._due(path, step, disk, settled)) is not None
            }
            self._before = disk
            mirror.present |= disk.keys()
            if due:
                await self._do_all(due, disk)
                await asyncio.to_thread(mirror.disk.remember, dict(mirror.synced))
            return len(due)

    async def empty(self, without: Collection[str]) -> None:
        """Remove from the disk what is the same on S3; what is not stays."""
        mirror = self._mirror
        async with self._lock:
            disk = await asyncio.to_thread(mirror.disk.scan, self.path, without, MOST_SCANNED)
            for path, found in disk.items():
                known = mirror.synced.get(path)
                if known is not None and known.disk == found:
                    await asyncio.to_thread(mirror.disk.remove, path, found)
                    del mirror.synced[path]
                    mirror.present.discard(path)
            await asyncio.to_thread(mirror.disk.remember, dict(mirror.synced))

    def _due(self, path: str, step: Step, disk: Mapping[str, OnDisk], settled: bool) -> Step | None:
        """The step if it is time for it."""
        if step is Step.TRASH:
            # Programs replace a file by deleting it first. And what this process has never seen was not deleted by a kernel of it.
            if path not in self._mirror.present:
                return Step.FETCH
            return None if (path in self._before and not settled) or len(disk) >= MOST_SCANNED else step
        is_at_rest = settled or path not in disk or disk[path] == self._before.get(path)
        return step if is_at_rest or step in (Step.FETCH, Step.REMOVE) else None

    def _is_mine(self, path: str, without: Collection[str]) -> bool:
        below = not self.path or path.startswith(f"{self.path}/")
        return below and not any(path.startswith(f"{folder}/") for folder in without)

    async def _list(self, without: Collection[str]) -> None:
        mirror = self._mirror
        found: dict[str, Object] = {}
        self._remote_is_whole = True
        async for item in mirror.store.each(mirror.home.folder(self.path)):
            path = mirror.home.path(item.key)
            is_file = not item.key.endswith("/") and paths.is_canonical(path) and not paths.is_hidden(path)
            if not is_file or not self._is_mine(path, without):
                continue
            if len(found) >= MOST_LISTED:
                self._remote_is_whole = False
                break
            found[path] = item
        self._remote = found

    def _wanted(self, disk: Mapping[str, OnDisk], synced: Mapping[str, Synced]) -> dict[str, str]:
        have = {path: each.size for path, each in disk.items()}
        sizes = {path: item.size for path, item in self._remote.items()}
        wanted, left_out = within(self._mirror.limits, sizes, have)
        new = [path for path in left_out if path not in self.left_out]
        if new:
            self._mirror.log.warning(
                "%d files are not beside the kernels of the folder %r, since they are too many or too large, such as %s. "
                "Read them by their s3:// addresses.",
                len(new),
                self.path,
                ", ".join(islice(new, 3)),
            )
        self.left_out = left_out
        # One that was here, and is too large now, is not taken for deleted.
        return {path: item.etag for path, item in self._remote.items() if path in wanted or path in synced}

    async def _do_all(self, steps: Mapping[str, Step], disk: Mapping[str, OnDisk]) -> None:
        queue = iter(steps.items())

        async def work() -> None:
            for path, step in queue:
                try:
                    await self._do(path, step, disk.get(path))
                except (S3Error, OSError) as error:
                    why = error.log_message if isinstance(error, S3Error) else error
                    self._mirror.log.warning("%s was not synchronised, and will be tried again: %s", path, why)

        await asyncio.gather(*(work() for _ in range(min(PARALLEL, len(steps)))))

    async def _do(self, path: str, step: Step, disk: OnDisk | None) -> None:
        match step:
            case Step.FORGET:
                self._forget(path)
            case Step.FETCH:
                await self._fetch(path, disk)
            case Step.TRASH:
                await self._delete_there(path)
            case _ if disk is None:
                return
            case Step.REMOVE:
                await asyncio.to_thread(self._mirror.disk.remove, path, disk)
                self._forget(path)
            case Step.COMPARE:
                if not await self._is_same(path, disk):
                    await self._keep_both(path)
            case Step.SEND | Step.SEND_NEW:
                base = self._mirror.synced[path].etag if step is Step.SEND else None
                try:
                    await self._send(path, disk, base)
                except ConflictError:
                    await self._keep_both(path)

    async def _is_same(self, path: str, disk: OnDisk) -> bool:
        there = self._remote[path]
        if disk.size != there.size or not await asyncio.to_thread(self._mirror.disk.has_content, path, there.etag):
            return False
        self._is_now(path, there, disk)
        return True

    async def _keep_both(self, path: str) -> None:
        disk = self._mirror.disk
        copy = await asyncio.to_thread(disk.keep_as_copy, path, now().astimezone())
        self._forget(path)
        self._mirror.log.warning(
            "%s was changed by a kernel and elsewhere: the kernel's version is %s now.", path, copy
        )
        await self._fetch(path, None)
        written = await asyncio.to_thread(disk.look, copy)
        if written is not None:
            await self._send(copy, written, None)

    async def _fetch(self, path: str, expected: OnDisk | None) -> None:
        disk, store = self._mirror.disk, self._mirror.store
        part = await asyncio.to_thread(disk.part, path)
        try:
            async with store.open(self._mirror.home.key(path)) as opened:
                if opened.item.size > self._mirror.limits.file_size:
                    raise TooLargeError(f"It has {opened.item.size / 2**20:,.0f} MiB now.")
                await store.save_to(opened, part)
        except BaseException as error:
            part.unlink(missing_ok=True)
            if isinstance(error, NotFoundError):
                return  # The next listing tells that it was deleted.
            raise
        written = await asyncio.to_thread(disk.put, part, path, expected)
        if written is not None:
            self._mirror.present.add(path)
            self._is_now(path, opened.item, written)

    async def _send(self, path: str, disk: OnDisk, base: str | None) -> None:
        store, key = self._mirror.store, self._mirror.home.key(path)
        condition = {"IfMatch": f'"{base}"'} if base else {"IfNoneMatch": "*"}
        headers, metadata = {"ContentType": models.content_type(path)}, stamp(now())
        read = _reader(self._mirror.disk.path(path))
        try:
            if disk.size <= PART:
                body = await asyncio.to_thread(read, 0)
                if await self._has_changed(path, disk):
                    return
                item = await store.put(key, body, headers, metadata, **condition)
            else:
                upload = await Upload.start(store, key, headers, metadata)
                try:
                    for first in range(0, disk.size, PART):
                        await upload.write(await asyncio.to_thread(read, first))
                    if await self._has_changed(path, disk):
                        await upload.abort()
                        return
                    item = await upload.complete(**condition)
                except BaseException:
                    await upload.abort()
                    raise
        except NotFoundError:
            # It was deleted there since it was listed. What a kernel writes is worth more than the deletion.
            self._forget(path)
            return
        self._is_now(path, item, disk)

    async def _has_changed(self, path: str, disk: OnDisk) -> bool:
        """Whether a file was written to while it was read: then it is sent in a later round."""
        return await asyncio.to_thread(self._mirror.disk.look, path) != disk

    async def _delete_there(self, path: str) -> None:
        mirror = self._mirror
        try:
            current = await mirror.store.head(mirror.home.key(path))
        except NotFoundError:
            current = None
        # What was changed there since it was listed comes back in the next round.
        if current is not None and current.etag == mirror.synced[path].etag:
            await mirror.trash.put(path)
            mirror.log.info("%s was deleted by a kernel, and is in the trash.", path)
        self._forget(path)

    def _is_now(self, path: str, item: Object, disk: OnDisk) -> None:
        self._mirror.synced[path] = Synced(item.etag, disk)
        self._remote[path] = item

    def _forget(self, path: str) -> None:
        self._mirror.synced.pop(path, None)
        self._mirror.present.discard(path)
        self._remote.pop(path, None)


def _reader(path: Path) -> Callable[[int], bytes]:
    def read(first: int) -> bytes:
        with path.open("rb") as file:
            file.seek(first)
            return file.read(PART)

    return read
