"""The versions of a file on S3, those under its earlier names included; and its checkpoints where the bucket keeps no versions."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from urllib.parse import quote, unquote

from s3_contents import paths
from s3_contents.errors import NotFoundError, RefusedError, RejectedError, S3Error
from s3_contents.models import content_type
from s3_contents.objects import Version, now, stamp
from s3_contents.store import S3Store
from s3_contents.timed_id import CheckpointId

# The metadata of a record of a renaming: the path before, as in a URL.
WAS = "was"


@dataclass(frozen=True, slots=True)
class Place:
    """A version's key below the home, and S3's id of it (None: the object as it is)."""

    key: str
    version: str | None

    def token(self) -> str:
        """As a word of letters, digits, "-" and "_"."""
        return _word([self.key, self.version])

    @classmethod
    def parse(cls, token: str) -> Self:
        """The place of a token; NotFoundError if it is none of ``token``."""
        match _content(token):
            case [str() as key, str() | None as version]:
                return cls(key, version)
        raise NotFoundError(f"There is no version {token[:40]!r}. Open the history again.")


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a file as a person sees it: ``path`` is the name that it had then; a deletion has neither place nor size."""

    place: Place | None
    path: str
    time: datetime
    size: int | None
    hash: str | None
    is_latest: bool


@dataclass(frozen=True, slots=True)
class Renaming:
    """A record of a renaming: its key, S3's time of it in whole seconds, and our own in milliseconds since the epoch, which orders records."""

    key: str
    time: datetime
    order: int
    rest: str  # what follows the renamed folder in the path that is asked for


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a listing goes on: after a version of a path, which the file had until a renaming (its time and order)."""

    path: str
    after: str | None = None
    until: float | None = None
    order: int | None = None

    def token(self) -> str:
        """As a word of letters, digits, "-" and "_"."""
        return _word([self.path, self.after, self.until, self.order])

    @classmethod
    def parse(cls, token: str) -> Self:
        """The cursor of a token; RejectedError if it is none of ``token``."""
        match _content(token):
            case [str() as path, str() | None as after, float() | None as until, int() | None as order]:
                return cls(paths.canonical(path), after, until, order)
        raise RejectedError("The history cannot go on from there. Open it again.")


class History:
    """The versions of the files of one home. Renamings are recorded below ``<prefix>.s3_contents/renames/``."""

    def __init__(self, store: S3Store, home: paths.Home) -> None:
        self._store = store
        self._home = home

    async def page(self, path: str, limit: int, cursor: Cursor | None = None) -> tuple[list[Entry], Cursor | None]:
        """At most ``limit`` (and two) versions of a file, newest first, and where to go on.

        None at all in a bucket that keeps no versions, or whose versions this server may not list. Two requests for a file in the
        home itself, and one more for each folder that it is in.
        """
        at = cursor or Cursor(path)
        key = self._home.key(at.path)
        try:
            (listed, after), renaming = await asyncio.gather(
                self._store.versions(key, limit, at.after), self._last_renaming(at.path, at.order)
            )
        except RefusedError:
            return [], None
        kept = [version for version in listed if version.id is not None]
        mine = [version for version in kept if _is_between(version, renaming, at.until)]
        # A renaming leaves a deletion at the name before.
        while mine and mine[0].etag is None and at.until is not None:
            del mine[0]
        entries = [self._entry(at.path, version, is_first=cursor is None) for version in mine]
        has_passed = renaming is not None and any(_second(version.time) < renaming.time for version in kept)
        if after is not None and not has_passed:
            return entries, Cursor(at.path, after, at.until, at.order)
        return entries, await self._before(renaming) if renaming is not None and (kept or cursor) else None

    async def checkpoints(self, path: str) -> list[Entry]:
        """The file as it is, and its checkpoints, newest first: what there is without versions; two requests."""
        entries: list[Entry] = []
        with suppress(NotFoundError):
            head = await self._store.head(self._home.key(path))
            entries.append(Entry(Place(path, None), path, head.modified, head.size, head.etag, is_latest=True))
        prefix = self._home.checkpoints(path)
        for item in reversed([item async for page in self._store.folder(prefix) for item in page.files]):
            known = CheckpointId.parse(item.key.removeprefix(prefix))
            # One that points to a version is empty.
            if known is not None and known.size == item.size:
                place = Place(item.key.removeprefix(self._home.prefix), None)
                entries.append(Entry(place, path, known.time, item.size, item.etag, is_latest=False))
        return entries

    def key(self, path: str, place: Place) -> str:
        """The key of a version of a file; NotFoundError if the place is none that a history could name."""
        checkpoints = self._home.checkpoints(path).removeprefix(self._home.prefix)
        if not place.key.startswith(checkpoints) and not paths.is_canonical(place.key):
            raise NotFoundError(f"{path} has no such version. Open the history again.")
        return self._home.prefix + place.key

    async def restore(self, path: str, place: Place, **condition: str) -> None:
        """Make a version the present one: a copy of it, so that the present one stays a version; one request.

        ``condition`` is CopySourceIfMatch, which saves a request on a server that finds deleted objects.
        """
        replacement = {"MetadataDirective": "REPLACE", "Metadata": stamp(now()), "ContentType": content_type(path)}
        await self._store.copy(self.key(path, place), self._home.key(path), place.version, **replacement, **condition)

    async def record(self, old: str, new: str) -> str | None:
        """Remember that a path gets another name, and give the record's key (None: nothing to remember); one request."""
        if not await self._store.keeps_versions(self._home.key(old)):
            return None
        time = now()
        key = f"{self._home.renames(new)}@{time.timestamp() * 1000:.0f}"
        metadata = {**stamp(time), WAS: quote(old)}
        await self._store.put(key, b"", {"ContentType": "application/octet-stream"}, metadata, IfNoneMatch="*")
        return key

    async def forget(self, key: str | None) -> None:
        """Take a record back, since the path has kept its name."""
        if key is not None:
            with suppress(S3Error):
                await self._store.delete(key)

    async def _last_renaming(self, path: str, before: int | None) -> Renaming | None:
        """The last renaming, before another one, that gave a path its name: of the file, or of a folder above."""
        names = path.split("/")
        folders = ["/".join(names[:length]) for length in range(1, len(names) + 1)]
        found = await asyncio.gather(*(self._renamings(folder, path.removeprefix(folder)) for folder in folders))
        earlier = [renaming for each in found for renaming in each if before is None or renaming.order < before]
        return max(earlier, key=lambda renaming: renaming.order, default=None)

    async def _renamings(self, folder: str, rest: str) -> list[Renaming]:
        prefix = self._home.renames(folder)
        return [
            Renaming(item.key, _second(item.modified), int(order), rest)
            async for page in self._store.folder(prefix)
            for item in page.files
            if (order := item.key.removeprefix(f"{prefix}@")).isdecimal()
        ]

    async def _before(self, renaming: Renaming) -> Cursor | None:
        was = unquote((await self._store.head(renaming.key)).metadata.get(WAS, ""))
        path = was + renaming.rest
        return (
            Cursor(path, None, renaming.time.timestamp(), renaming.order) if was and paths.is_canonical(path) else None
        )

    def _entry(self, path: str, version: Version, is_first: bool) -> Entry:
        place = None if version.etag is None else Place(path, version.id)
        return Entry(place, path, version.time, version.size, version.etag, version.is_latest and is_first)


def _is_between(version: Version, since: Renaming | None, until: float | None) -> bool:
    time = _second(version.time)
    if since is not None and time < since.time:
        return False
    return until is None or time.timestamp() <= until


def _second(time: datetime) -> datetime:
    # Not all times of S3 have more.
    return time.replace(microsecond=0)


def _word(content: list[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _content(word: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
    except (ValueError, RecursionError):
        return None
