"""Keeping one folder on the disk the same as one on S3, in rounds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from s3_contents import models
from s3_contents.errors import ConflictError, NotFoundError, S3Error, TooLargeError
from s3_contents.mounts import Mounts
from s3_contents.multipart import Upload
from s3_contents.objects import Object, now, stamp
from s3_contents.store import S3Store
from s3_contents.sync_disk import PART, Disk, Scan
from s3_contents.sync_list import FolderLister, Listing
from s3_contents.sync_plan import Limits, OnDisk, Step, Synced, first, plan, reading, within

PARALLEL = 8
# Files on the disk that are looked at in one round; what is beyond is not sent.
MOST_SCANNED = 10_000
# Seconds until a file that could not be brought or sent is tried again, for the first time and at most.
RETRY, MOST_RETRY = 4.0, 300.0
# A folder on the disk may fill this share of what is free.
SHARE_OF_FREE = 0.5


@dataclass(slots=True)
class Mirror:
    """What all folders have in common: both sides, what was the same on them, and what this process has seen on the disk."""

    store: S3Store
    mounts: Mounts
    disk: Disk
    limits: Limits
    log: logging.Logger
    synced: dict[str, Synced] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    # Folders that kernels are in: they stay on the disk, also when they are empty.
    in_use: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Seconds to wait, and when they are over (monotonic)."""

    wait: float
    end: float


class FolderSync:
    """A folder of a home or a share, and the one on the disk that mirrors it, with all that is below them.

    Nothing is overwritten that the other side has not seen: writes to S3 are conditional, a file on the disk is replaced
    only if it is as it was, and where both have changed the one on the disk becomes a file of its own beside the other. Nothing is
    sent where files can only be read.
    """

    def __init__(self, mirror: Mirror, path: str) -> None:
        self.path = path
        self.left_out: list[str] = []
        # How long the last look at the disk took, in seconds.
        self.scan_seconds = 0.0
        self._mirror = mirror
        self._mount = mirror.mounts.at(path)
        self._before: Mapping[str, OnDisk] = {}
        self._lister = FolderLister(mirror.store, self._mount, path)
        self._listing = Listing(is_whole=False)
        self._failures: dict[str, _Failure] = {}
        self._is_cut = False
        self._unsent: set[str] = set()
        self._lock = asyncio.Lock()

    @property
    def failing(self) -> list[str]:
        """Files that could not be brought or sent at the last try."""
        return sorted(self._failures)

    def try_at_once(self) -> None:
        """Let the next round try, too, what has failed a moment ago."""
        self._failures.clear()

    async def round(
        self,
        without: Collection[str] = (),
        look_there: bool = True,
        settled: bool = False,
        only: Collection[str] | None = None,
    ) -> int:
        """Bring both sides together; gives how many files that took.

        Args:
            without: folders below this one that are kept the same by themselves.
            look_there: list the folder on S3, too; else what was listed last, and has been done since, is taken for it.
            settled: send also what has changed since the last round, and may still be written to.
            only: files that alone are meant; None: all.
        """
        mirror = self._mirror
        async with self._lock:
            if look_there:
                self._listing = await self._lister.list(without)
            scan = await asyncio.to_thread(self._scan, without)
            # In a thread, since it takes long where there are many files.
            due = await asyncio.to_thread(self._due_steps, scan, without, settled, dict(mirror.synced))
            if only is not None:
                due = {path: step for path, step in due.items() if path in only}
            self._before = scan.files
            mirror.present |= scan.files.keys()
            if due:
                await self._do_all(due, scan.files)
                await asyncio.to_thread(mirror.disk.remember, dict(mirror.synced))
            return len(due)

    async def empty(self, without: Collection[str]) -> None:
        """Remove from the disk what is the same on S3; what is not stays."""
        mirror = self._mirror
        async with self._lock:
            scan = await asyncio.to_thread(self._scan, without)
            for path, found in scan.files.items():
                known = mirror.synced.get(path)
                if known is not None and known.disk == found:
                    await asyncio.to_thread(mirror.disk.remove, path, found, mirror.in_use)
                    self._forget(path)
            gone = [path for path in mirror.synced if self._is_mine(path, without) and path not in scan.files]
            for path in gone if scan.is_whole else ():
                self._forget(path)
            await asyncio.to_thread(mirror.disk.remove_empty, self.path, mirror.in_use)
            await asyncio.to_thread(mirror.disk.remember, dict(mirror.synced))

    def left_behind(self, synced: Mapping[str, Synced], without: Collection[str]) -> set[str]:
        """The files on the disk, but those below some folders, that are not as they were when they were last the same on S3."""
        found = self._scan(without).files
        return {path for path, disk in found.items() if path not in synced or synced[path].disk != disk}

    def _scan(self, without: Collection[str]) -> Scan:
        began = time.monotonic()
        scan = self._mirror.disk.scan(self.path, without, MOST_SCANNED)
        self.scan_seconds = time.monotonic() - began
        return scan

    def _due_steps(
        self, scan: Scan, without: Collection[str], settled: bool, all_synced: Mapping[str, Synced]
    ) -> dict[str, Step]:
        synced = {path: known for path, known in all_synced.items() if self._is_mine(path, without)}
        if scan.is_missing:
            # A kernel deletes files, not the place it is in: that is made anew.
            self._mirror.disk.path(self.path).mkdir(parents=True, exist_ok=True)
            self._mirror.present -= synced.keys()
        if scan.is_whole == self._is_cut:
            self._is_cut = not scan.is_whole
            if self._is_cut:
                self._mirror.log.warning(
                    "There are more than %d files beside the kernels of the folder %r: not all that they write is sent to S3.",
                    MOST_SCANNED,
                    self.path,
                )
        elsewhere = sum(known.disk.size for path, known in all_synced.items() if path not in synced)
        remote = self._remote(scan.files, synced, without, elsewhere)
        steps = plan(synced, scan.files, remote)
        if not self._mount.writable:
            steps = self._readable(steps)
        tried = time.monotonic()
        due: dict[str, Step] = {}
        for path in sorted(steps, key=lambda path: self._rank(path, scan.files)):
            failure = self._failures.get(path)
            if (failure and failure.end > tried) or _is_at_or_in(path, scan.unreadable):
                continue
            step = self._due(path, steps[path], scan, settled)
            if step is not None:
                due[path] = step
        return due

    def _readable(self, steps: dict[str, Step]) -> dict[str, Step]:
        readable = reading(steps)
        unsent = steps.keys() - readable.keys()
        if unsent - self._unsent:
            self._mirror.log.warning(
                "%d files that kernels have written in %r stay beside them and will be lost, such as %s: the folder is shared for "
                "reading only.",
                len(unsent),
                self.path,
                ", ".join(islice(sorted(unsent), 3)),
            )
        self._unsent = unsent
        return readable

    def _rank(self, path: str, disk: Mapping[str, OnDisk]) -> tuple[int, int, str]:
        here, there = disk.get(path), self._listing.files.get(path)
        return first(path, here.size if here else there.size if there else 0)

    def _due(self, path: str, step: Step, scan: Scan, settled: bool) -> Step | None:
        """The step if it is time for it."""
        if step is Step.TRASH:
            # Programs replace a file by deleting it first. And what this process has never seen was not deleted by a kernel of it.
            if path not in self._mirror.present:
                return Step.FETCH
            return None if (path in self._before and not settled) or not scan.is_whole else step
        is_at_rest = settled or path not in scan.files or scan.files[path] == self._before.get(path)
        return step if is_at_rest or step in (Step.FETCH, Step.REMOVE) else None

    def _is_mine(self, path: str, without: Collection[str]) -> bool:
        below = not self.path or path.startswith(f"{self.path}/")
        return below and not any(path.startswith(f"{folder}/") for folder in without)

    def _remote(
        self, disk: Mapping[str, OnDisk], synced: Mapping[str, Synced], without: Collection[str], elsewhere: int
    ) -> dict[str, str]:
        """The ETags of what is on S3 and is to be beside kernels, or is there already."""
        limits = self._mirror.limits
        have = {path: each.size for path, each in disk.items()}
        # A copy: other tasks of the loop go on meanwhile.
        files = dict(self._listing.files)
        sizes = {path: item.size for path, item in files.items() if self._is_mine(path, without)}
        room = sum(have.values()) + int(self._mirror.disk.free() * SHARE_OF_FREE)
        total = min(limits.total - elsewhere, room)
        wanted, left_out = within(Limits(limits.files, limits.file_size, total), sizes, have)
        # One that has become too large is not brought, and the old one does not stay either.
        grown = {
            path
            for path in sizes.keys() & synced.keys()
            if sizes[path] > limits.file_size and files[path].etag != synced[path].etag
        }
        self._tell_left_out([*left_out, *sorted(grown)])
        remote = {path: files[path].etag for path in sizes if (path in wanted or path in synced) and path not in grown}
        # What was not listed is taken for unchanged: what a kernel does to it is done on condition that it is.
        unseen = (path for path in synced if path not in files and not self._listing.covers(path, self.path))
        return remote | {path: synced[path].etag for path in unseen}

    def _tell_left_out(self, left_out: list[str]) -> None:
        known = set(self.left_out)
        new = [path for path in left_out if path not in known]
        if new:
            self._mirror.log.warning(
                "%d files are not beside the kernels of the folder %r, since they are too many or too large, such as %s. "
                "Read them by their s3:// addresses.",
                len(new),
                self.path,
                ", ".join(islice(new, 3)),
            )
        self.left_out = left_out

    async def _do_all(self, steps: Mapping[str, Step], disk: Mapping[str, OnDisk]) -> None:
        queue = iter(steps.items())

        async def work() -> None:
            for path, step in queue:
                try:
                    await self._do(path, step, disk.get(path))
                except (S3Error, OSError) as error:
                    why = error.log_message if isinstance(error, S3Error) else error
                    self._failed(path, str(why))
                else:
                    self._failures.pop(path, None)

        await asyncio.gather(*(work() for _ in range(min(PARALLEL, len(steps)))))

    def _failed(self, path: str, why: str) -> None:
        before = self._failures.get(path)
        wait = min(before.wait * 2, MOST_RETRY) if before else RETRY
        self._failures[path] = _Failure(wait, time.monotonic() + wait)
        self._mirror.log.warning(
            "%s was not synchronised, and will be tried again in %.0f seconds: %s", path, wait, why
        )

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
                await asyncio.to_thread(self._mirror.disk.remove, path, disk, self._mirror.in_use)
                self._forget(path)
            case Step.COMPARE:
                there = self._listing.files.get(path)
                if there is None or not await self._is_same(path, disk, there):
                    await self._keep_both(path)
            case Step.SEND | Step.SEND_NEW:
                base = self._mirror.synced[path].etag if step is Step.SEND else None
                try:
                    await self._send(path, disk, base)
                except ConflictError:
                    if not await self._was_sent(path, disk):
                        await self._keep_both(path)

    async def _was_sent(self, path: str, disk: OnDisk) -> bool:
        """Whether S3 has what was to be sent: a killed server may have sent it, and left no word of that."""
        try:
            return await self._is_same(path, disk, await self._mirror.store.head(self._mount.key(path)))
        except NotFoundError:
            return False

    async def _is_same(self, path: str, disk: OnDisk, there: Object) -> bool:
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
        if written is not None and self._mount.writable:
            await self._send(copy, written, None)

    async def _fetch(self, path: str, expected: OnDisk | None) -> None:
        disk, store = self._mirror.disk, self._mirror.store
        part = await asyncio.to_thread(disk.part)
        try:
            async with store.open(self._mount.key(path)) as opened:
                if opened.item.size > self._mirror.limits.file_size:
                    raise TooLargeError(f"It has {opened.item.size / 2**20:,.0f} MiB now.")
                await store.save_to(opened, part)
        except BaseException as error:
            part.unlink(missing_ok=True)
            if isinstance(error, NotFoundError):
                return  # The next listing tells that it was deleted.
            raise
        written = await asyncio.to_thread(disk.put, part, path, expected)
        if written is None:
            raise OSError("a kernel has made something of this name meanwhile")
        self._mirror.present.add(path)
        self._is_now(path, opened.item, written)

    async def _send(self, path: str, disk: OnDisk, base: str | None) -> None:
        store, key = self._mirror.store, self._mount.key(path)
        condition = {"IfMatch": f'"{base}"'} if base else {"IfNoneMatch": "*"}
        headers, metadata = {"ContentType": models.content_type(path)}, stamp(now())
        read = partial(self._mirror.disk.read, path)
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
            current = await mirror.store.head(self._mount.key(path))
        except NotFoundError:
            current = None
        # What was changed there since it was listed comes back in the next round.
        if current is not None and current.etag == mirror.synced[path].etag:
            await self._mount.trash.put(self._mount.within(path))
            mirror.log.info("%s was deleted by a kernel, and is in the trash.", path)
        self._forget(path)

    def _is_now(self, path: str, item: Object, disk: OnDisk) -> None:
        self._mirror.synced[path] = Synced(item.etag, disk)
        self._listing.files[path] = item

    def _forget(self, path: str) -> None:
        self._mirror.synced.pop(path, None)
        self._mirror.present.discard(path)
        self._listing.files.pop(path, None)


def _is_at_or_in(path: str, places: Collection[str]) -> bool:
    return any(path == place or not place or path.startswith(f"{place}/") for place in places)
