"""The look at the S3 server when Jupyter starts: it tries, with one small object, what the contents manager relies on."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from enum import Enum, auto
from typing import Any

from botocore.exceptions import ClientError

from s3_contents import paths
from s3_contents.capabilities import Capabilities, Support
from s3_contents.errors import ConflictError, RefusedError, S3Error, UnavailableError
from s3_contents.objects import etag, now, stamp, version_id
from s3_contents.store import S3Store

# Seconds between two tries while S3 does not answer.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
_NO_ETAG = '"00000000000000000000000000000000"'
# Of servers that do not know an operation, or a header of it.
_UNKNOWN = {400, 405, 501}


class StoreCheck:
    """Finds out, once, what the S3 server behind a manager can do, and tells ``store.supports`` and the log."""

    def __init__(self, store: S3Store, home: paths.Home, log: logging.Logger) -> None:
        self.checked: datetime | None = None
        self.error: str | None = None
        self._store = store
        self._home = home
        self._log = log
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the background."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.run())

    def stop(self) -> None:
        """Do not try any further."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Look until S3 has answered."""
        pause = FIRST_PAUSE
        while True:
            try:
                found = await look(self._store, self._home)
            except S3Error as error:
                self.error = str(error.log_message)
                self._log.warning("What the S3 server can do is not known yet. %s", self.error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                break
        self._store.supports, self.checked, self.error = found, now(), None
        self._log.info("%s: %s", self._store.url(self._home.prefix), found.line())
        for note in found.notes():
            self._log.warning("%s %s", self._store.url(self._home.prefix), note)

    def as_json(self) -> dict[str, Any]:
        """For an administrator: where the files are, what the server can do, what follows from what it cannot."""
        supports = self._store.supports
        return {
            "url": self._store.url(self._home.prefix),
            "checked": self.checked.isoformat() if self.checked else None,
            "error": self.error,
            "supports": {name: str(getattr(supports, name)) for name in Capabilities.__dataclass_fields__},
            "notes": supports.notes(),
        }


async def look(store: S3Store, home: paths.Home) -> Capabilities:
    """What the server can do; about 14 requests. UnavailableError if it does not answer.

    What seems to be missing is tried once more: a client repeats a request whose answer was lost, and its condition
    then fails for another reason.
    """
    found = await _look(store, home)
    return found.better(await _look(store, home)) if Support.NO in found.conditions else found


class _Outcome(Enum):
    DONE = auto()
    CONDITION = auto()  # not done, since the condition does not hold
    REFUSED = auto()
    UNKNOWN = auto()  # the server does not know such a request


_Answer = tuple[_Outcome, dict[str, Any]]
_Send = Callable[..., Awaitable[_Answer]]


async def _look(store: S3Store, home: paths.Home) -> Capabilities:
    key = home.probe(uuid.uuid4().hex)
    put = {"Body": b"", "Metadata": stamp(now()), "ContentType": "application/octet-stream"}

    async def send(operation: str, **arguments: Any) -> _Answer:
        return await _outcome(store.call("try out", operation, key, Key=key, **arguments))

    created, answer = await send("put_object", **put, IfNoneMatch="*")
    if created is _Outcome.REFUSED:
        return Capabilities(create=Support.REFUSED)
    try:
        if created is not _Outcome.DONE:
            _, answer = await send("put_object", **put)
        again, _ = await send("put_object", **put, IfNoneMatch="*")
        stale, _ = await send("put_object", **put, IfMatch=_NO_ETAG)
        current, _ = await send("put_object", **put, IfMatch=f'"{etag(answer)}"') if answer else (stale, {})
        multipart = await _multipart(send)
        itself = {"CopySource": {"Bucket": store.bucket, "Key": key}, "MetadataDirective": "REPLACE"}
        copied, _ = await send("copy_object", **itself, CopySourceIfMatch=_NO_ETAG)
        deleted, _ = await send("delete_object", IfMatch=_NO_ETAG)
    finally:
        listed = await _remove(store, key)
    keeps = version_id(answer) is not None
    return Capabilities(
        create=_support(again, created),
        replace=_support(stale, current),
        multipart=multipart,
        delete=_support(deleted),
        copy=_support(copied),
        versions=Support.YES if keeps else Support.NO,
        list_versions=listed,
    )


async def _multipart(send: _Send) -> Support:
    started, upload = await send("create_multipart_upload")
    if started is not _Outcome.DONE:
        return _support(started)
    where = {"UploadId": upload["UploadId"]}
    sent, part = await send("upload_part", **where, PartNumber=1, Body=b"x")
    completed = sent
    if sent is _Outcome.DONE:
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        completed, _ = await send("complete_multipart_upload", **where, MultipartUpload=parts, IfNoneMatch="*")
    await send("abort_multipart_upload", **where)
    return _support(completed)


async def _remove(store: S3Store, key: str) -> Support:
    """Delete the object, its versions and its deletions; whether versions can be listed."""
    listing, answer = await _outcome(store.call("try out", "list_object_versions", key, Prefix=key))
    entries = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
    found = [{"Key": key, "VersionId": entry["VersionId"]} for entry in entries if version_id(entry)]
    with suppress(S3Error):
        # The keys may be allowed to delete objects, and no versions.
        deleted = {"Objects": found, "Quiet": True}
        if not found or (await store.call("try out", "delete_objects", key, Delete=deleted)).get("Errors"):
            await store.delete(key)
    return {_Outcome.DONE: Support.YES, _Outcome.REFUSED: Support.REFUSED}.get(listing, Support.NO)


def _support(wrong: _Outcome, right: _Outcome = _Outcome.DONE) -> Support:
    """Of a condition, from what became of a request where it does not hold, and of one where it does."""
    if _Outcome.REFUSED in (wrong, right):
        return Support.REFUSED
    return Support.YES if (wrong, right) == (_Outcome.CONDITION, _Outcome.DONE) else Support.NO


async def _outcome(request: Awaitable[dict[str, Any]]) -> _Answer:
    try:
        return _Outcome.DONE, await request
    except ConflictError:
        return _Outcome.CONDITION, {}
    except RefusedError:
        return _Outcome.REFUSED, {}
    except UnavailableError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and cause.response["ResponseMetadata"]["HTTPStatusCode"] in _UNKNOWN:
            return _Outcome.UNKNOWN, {}
        raise
    except S3Error:
        return _Outcome.UNKNOWN, {}
