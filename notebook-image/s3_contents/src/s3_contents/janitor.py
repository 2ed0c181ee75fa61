"""Clearing away by age: what lies in the trash, and versions that have been replaced."""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from s3_contents.errors import ConflictError, NotFoundError, S3Error
from s3_contents.mounts import Mount
from s3_contents.objects import Object, Version, now, stamp
from s3_contents.store import KEYS_PER_DELETE, S3Store
from s3_contents.timed_id import CheckpointId

# By how much the clocks of this server and of S3 may differ, S3's whole seconds included.
CLOCKS = timedelta(minutes=15)
# Bytes: a key has at most 1,024.
MOST_OF_MARK = 2048


@dataclass(frozen=True, slots=True)
class Ages:
    """After how long things go: None is never."""

    trash: timedelta | None
    versions: timedelta | None


@dataclass(slots=True)
class Cleared:
    """What one round has done. ``is_whole`` is False where the budget of requests was spent before the end."""

    trashed: int = 0
    versions: int = 0
    requests: int = 0
    is_whole: bool = True


class Janitor:
    """Clears one place, in rounds of at most ``budget`` requests or so; the next round goes on where one has stopped.

    With ``pause`` other servers clear the same place: a round is left out when one of them has begun one less than that ago.
    """

    def __init__(
        self,
        store: S3Store,
        mount: Mount,
        ages: Ages,
        budget: int,
        pause: timedelta | None = None,
    ) -> None:
        self._store = store
        self._home = mount.home
        self._trash = mount.trash
        self._ages = ages
        self._budget = budget
        self._pause = pause
        self._after = ""

    async def run(self, log: logging.Logger, first: float, every: float) -> None:
        """Clear for ever: after ``first`` seconds, then ``every`` so many."""
        await asyncio.sleep(first)
        while True:
            try:
                cleared = await self.clear()
            except S3Error as error:
                log.warning("The trash and old versions were not cleared: %s", error.log_message)
            else:
                if cleared.trashed or cleared.versions:
                    log.info(
                        "Cleared away: %d from the trash, %d old versions; %d requests",
                        cleared.trashed,
                        cleared.versions,
                        cleared.requests,
                    )
            await asyncio.sleep(every)

    async def clear(self) -> Cleared:
        """One round."""
        begin, done = self._store.requests, Cleared()
        mark = await self._take_turn(self._pause) if self._pause is not None else None
        if self._pause is None or mark is not None:
            await self._clear(begin, done)
        if mark is not None and self._after:
            await self._write_mark(IfMatch=f'"{mark.etag}"')
        done.requests = self._store.requests - begin
        return done

    async def _clear(self, begin: int, done: Cleared) -> None:
        if self._ages.trash is not None:
            await self._clear_trash(now() - self._ages.trash, begin, done)
        if self._ages.versions is not None and done.is_whole and await self._store.keeps_versions(self._home.prefix):
            await self._clear_versions(now() - self._ages.versions, begin, done)

    async def _take_turn(self, pause: timedelta) -> Object | None:
        """The mark of a round of this server's; None if another server has begun one a moment ago. Two requests."""
        try:
            last, body = await self._store.get(self._home.cleared(), MOST_OF_MARK)
        except NotFoundError:
            self._after, condition = "", {"IfNoneMatch": "*"}
        else:
            if now() - last.modified < pause:
                return None
            self._after, condition = body.decode(errors="replace").partition("\n")[2], {"IfMatch": f'"{last.etag}"'}
        try:
            return await self._write_mark(**condition)
        except (ConflictError, NotFoundError):
            return None

    async def _write_mark(self, **condition: str) -> Object:
        # With something of its own, so that no two marks have one ETag.
        body = f"{uuid.uuid4().hex}\n{self._after}".encode()
        headers = {"ContentType": "application/octet-stream"}
        return await self._store.put(self._home.cleared(), body, headers, stamp(now()), **condition)

    def _is_spent(self, begin: int, done: Cleared) -> bool:
        done.is_whole = self._store.requests - begin < self._budget
        return not done.is_whole

    async def _clear_trash(self, before: datetime, begin: int, done: Cleared) -> None:
        # Ids begin with the time: the oldest come first.
        for trash_id in await self._trash.ids():
            if trash_id.time >= before or self._is_spent(begin, done):
                return
            await self._trash.remove(trash_id)
            done.trashed += 1

    async def _clear_versions(self, before: datetime, begin: int, done: Cleared) -> None:
        checkpoints = await self._checkpoints()
        async for versions in self._keys():
            old, markers = expired(versions, checkpoints, before)
            # Deletions after what they hide, which would else be there again for a moment.
            for group in (old, markers):
                for first in range(0, len(group), KEYS_PER_DELETE):
                    batch = group[first : first + KEYS_PER_DELETE]
                    await self._store.delete_each([(version.key, version.id) for version in batch])
            done.versions += len(old)
            if self._is_spent(begin, done):
                self._after = versions[-1].key
                return
        self._after = ""

    async def _keys(self) -> AsyncIterator[list[Version]]:
        """All versions, in lists of a page or so that hold all versions of the keys that they hold."""
        waiting: list[Version] = []
        async for page in self._store.all_versions(self._home.prefix, self._after):
            found = waiting + page
            waiting = [version for version in found if version.key == found[-1].key]
            if len(waiting) < len(found):
                yield found[: -len(waiting)]
        if waiting:
            yield waiting

    async def _checkpoints(self) -> list[CheckpointId]:
        items = await self._store.tree(self._home.checkpoints(""))
        names = (item.key.rpartition("/")[2] for item in items)
        return [known for name in names if (known := CheckpointId.parse(name)) is not None]


def expired(
    versions: Sequence[Version], checkpoints: Iterable[CheckpointId], before: datetime
) -> tuple[list[Version], list[Version]]:
    """Which versions were replaced before a time and are no checkpoint's, and the deletions that hide nothing without them.

    Args:
        versions: all of some keys, by key, the newest of each first.
        checkpoints: all that there are. Which version one points to is not looked up: every version of its size that was the present
            one when it was made is spared.
        before: UTC.
    """
    sizes: dict[int, list[datetime]] = {}
    for checkpoint in checkpoints:
        sizes.setdefault(checkpoint.size, []).append(checkpoint.time)
    old: list[Version] = []
    markers: list[Version] = []
    for _, group in itertools.groupby(versions, lambda version: version.key):
        latest, *replaced = group
        # A listing without a present version, or with two, is not to be trusted.
        if [version.is_latest for version in (latest, *replaced)] != [True, *(False for _ in replaced)]:
            continue
        mine = [
            version
            for successor, version in itertools.pairwise([latest, *replaced])
            if successor.time < before and version.id is not None and not _is_checkpoint(version, successor, sizes)
        ]
        old += mine
        if latest.etag is None and latest.id is not None and latest.time < before and len(mine) == len(replaced):
            markers.append(latest)
    return old, markers


def _is_checkpoint(version: Version, successor: Version, sizes: Mapping[int, Sequence[datetime]]) -> bool:
    if version.size is None:
        return False
    first, last = version.time - CLOCKS, successor.time + CLOCKS
    return any(first <= time <= last for time in sizes.get(version.size, []))
