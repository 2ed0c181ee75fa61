"""Files that arrive from the browser in chunks, written to S3 as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from tornado.web import HTTPError

from s3_contents.errors import NotFoundError, S3Error
from s3_contents.multipart import Upload, stale_uploads
from s3_contents.objects import Object, now, stamp
from s3_contents.store import S3Store

PART_SIZE = 8 * 2**20
# An upload of another process that is older than this was left behind by one that was killed.
ORPHAN_AGE = timedelta(days=1)


class _Transfer:
    """One file on its way: one part is being sent while the next is coming, so at most two parts and a chunk are in memory."""

    def __init__(self, store: S3Store, key: str, content_type: str, base: str | None) -> None:
        self.lock = asyncio.Lock()
        self.chunks = 0
        self.size = 0
        self.expiry: asyncio.TimerHandle | None = None
        self._store = store
        self._key = key
        self._headers = {"ContentType": content_type}
        self._metadata = stamp(now())
        self._condition: Mapping[str, str] = {"IfMatch": f'"{base}"'} if base else {"IfNoneMatch": "*"}
        self._waiting: list[memoryview] = []  # together less than a part
        self._waiting_size = 0
        self._upload: Upload | None = None
        self._sending: asyncio.Task[None] | None = None

    async def add(self, data: bytes) -> None:
        """Take the next bytes. Raises what went wrong with those before them."""
        self.chunks += 1
        self.size += len(data)
        left = memoryview(data)
        while self._waiting_size + len(left) >= PART_SIZE:
            missing = PART_SIZE - self._waiting_size
            self._keep(left[:missing])
            left = left[missing:]
            await self._send(self._take())
        self._keep(left)

    async def finish(self) -> Object:
        last = self._take()
        if self._upload is not None and last:
            await self._send(last)
        await self._sent()
        try:
            return await self._write(last, self._condition)
        except NotFoundError:
            # The version to replace was deleted elsewhere.
            return await self._write(last, {"IfNoneMatch": "*"})

    async def abort(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._upload is not None:
            await self._upload.abort()

    def _keep(self, data: memoryview) -> None:
        self._waiting.append(data)
        self._waiting_size += len(data)

    def _take(self) -> bytes:
        taken = b"".join(self._waiting)
        self._waiting, self._waiting_size = [], 0
        return taken

    async def _send(self, part: bytes) -> None:
        if self._upload is None:
            self._upload = await Upload.start(self._store, self._key, self._headers, self._metadata)
        await self._sent()
        self._sending = asyncio.create_task(self._upload.write(part))

    async def _sent(self) -> None:
        if self._sending is not None:
            await self._sending

    async def _write(self, content: bytes, condition: Mapping[str, str]) -> Object:
        if self._upload is not None:
            return await self._upload.complete(**condition)
        return await self._store.put(self._key, content, self._headers, self._metadata, **condition)


class Uploads:
    """The uploads in progress, by API path.

    A file appears on S3 when its last chunk has come, whole or not at all. An upload that hears nothing for ``idle``
    seconds is thrown away.
    """

    def __init__(self, store: S3Store, idle: float) -> None:
        self._store = store
        self._idle = idle
        self._transfers: dict[str, _Transfer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def active(self, path: str) -> bool:
        """Whether a file is being uploaded to this path."""
        return path in self._transfers

    async def begin(self, path: str, key: str, content_type: str, base: str | None) -> None:
        """Expect a file that replaces the version ``base`` (an ETag), or is new (None)."""
        await self._drop(path)
        self._transfers[path] = _Transfer(self._store, key, content_type, base)

    async def add(self, path: str, chunk: int, data: bytes) -> Object:
        """Take chunk 1, 2, ...; gives the state of the file so far. HTTPError 400 when a chunk is missing."""
        transfer = self._transfer(path)
        async with transfer.lock:
            if chunk != transfer.chunks + 1:
                await self._drop(path)
                raise HTTPError(
                    400, f"The upload of {path} is broken: part {chunk} came after {transfer.chunks}. Upload it again."
                )
            await self._add(path, transfer, data)
            return Object(path, transfer.size, "", now())

    async def finish(self, path: str, data: bytes) -> Object:
        """Take the last chunk and write the file; ConflictError if the version to replace is not the present one."""
        transfer = self._transfer(path)
        async with transfer.lock:
            await self._add(path, transfer, data)
            try:
                item = await transfer.finish()
            except BaseException:
                await self._drop(path)
                raise
            self._forget(path)
            return item

    async def abort_orphans(self, prefix: str) -> int:
        """Throw away what killed processes left behind under a key prefix; gives how many."""
        uploads = await stale_uploads(self._store, prefix, datetime.now(UTC) - ORPHAN_AGE)
        for upload in uploads:
            await upload.abort()
        return len(uploads)

    async def close(self) -> None:
        """Throw away all uploads in progress."""
        for path in list(self._transfers):
            await self._drop(path)

    async def _add(self, path: str, transfer: _Transfer, data: bytes) -> None:
        if transfer.expiry is not None:
            transfer.expiry.cancel()
        try:
            await transfer.add(data)
        except BaseException:
            await self._drop(path)
            raise
        transfer.expiry = asyncio.get_running_loop().call_later(self._idle, self._expire, path)

    def _transfer(self, path: str) -> _Transfer:
        transfer = self._transfers.get(path)
        if transfer is None:
            raise HTTPError(
                400,
                f"The upload of {path} was interrupted: it paused for more than {self._idle / 60:.0f} minutes, or the "
                "server restarted. Upload the file again.",
            )
        return transfer

    def _expire(self, path: str) -> None:
        task = asyncio.get_running_loop().create_task(self._drop(path))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _forget(self, path: str) -> _Transfer | None:
        transfer = self._transfers.pop(path, None)
        if transfer is not None and transfer.expiry is not None:
            transfer.expiry.cancel()
        return transfer

    async def _drop(self, path: str) -> None:
        transfer = self._forget(path)
        if transfer is not None:
            # What cannot be thrown away now is an orphan, and goes a day later.
            with suppress(S3Error):
                await transfer.abort()
