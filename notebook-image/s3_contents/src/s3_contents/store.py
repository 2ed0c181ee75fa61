"""The S3 operations that the contents manager is made of: one bucket, whole keys, conditional writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import s3fs

from s3_contents.capabilities import Capabilities, Support
from s3_contents.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    S3Error,
    TooLargeError,
    UnavailableError,
    UnsafeError,
    translated,
)
from s3_contents.objects import (
    WRITE_ID,
    Object,
    Page,
    Version,
    etag,
    from_listing,
    from_response,
    modified,
    now,
    stamp,
    version_id,
    versions_from_listing,
)
from s3_contents.parsing import client_session

KEYS_PER_DELETE = 1000
CHUNK = 2**20
# Whose answers have the id of the version, if there is one.
_TELL_VERSIONS = {"get_object", "head_object", "put_object"}


class Opened(NamedTuple):
    """An object whose body is a stream (aiobotocore's StreamingBody); ``range`` is its Content-Range, if it is a part."""

    item: Object
    body: Any
    range: str | None


class S3Store:
    """Objects of one bucket.

    Credentials, endpoint and region are those that s3fs and botocore find in the environment. ``config`` is passed
    to aiobotocore's AioConfig. Every method raises the errors of ``s3_contents.errors``.
    """

    def __init__(self, bucket: str, config: Mapping[str, Any]) -> None:
        self.bucket = bucket
        # In a bucket with versions versitygw 1.8 takes what was deleted for what is there: in listings of folders, as
        # the source of a copy, and for If-None-Match.
        self.finds_deleted = False
        # What a look at the server has found (s3_contents.probe).
        self.supports = Capabilities()
        self.requests = 0
        # Whether the bucket keeps the versions of its objects, where an answer has told.
        self._keeps_versions: bool | None = None
        self._config = dict(config)
        # A client belongs to one event loop. Jupyter may ask for a folder before its own loop runs.
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, s3fs.S3FileSystem] = WeakKeyDictionary()

    async def client(self) -> Any:
        """The aiobotocore client of the running event loop."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            session = s3fs.S3FileSystem(
                asynchronous=True,
                skip_instance_cache=True,
                use_listings_cache=False,
                config_kwargs=self._config,
                session=client_session(),
            )
            self._sessions[loop] = session
        with translated("connect to", self.url("")):
            return await session.set_session()

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await (await session.set_session()).close()

    def url(self, key: str) -> str:
        """The ``s3://`` address of a key."""
        return f"s3://{self.bucket}/{key}"

    async def call(self, action: str, operation: str, key: str, **arguments: Any) -> dict[str, Any]:
        """The answer of a client's operation; ``action`` and ``key`` are for the text of an error."""
        client = await self.client()
        self.requests += 1
        with translated(action, self.url(key)):
            response: dict[str, Any] = await getattr(client, operation)(Bucket=self.bucket, **arguments)
        self.finds_deleted = response["ResponseMetadata"]["HTTPHeaders"].get("server") == "VERSITYGW"
        if operation in _TELL_VERSIONS:
            self._keeps_versions = self._keeps_versions or version_id(response) is not None
        return response

    # Reading

    async def head(self, key: str) -> Object:
        """The object's state; one request."""
        return from_response(key, await self.call("look at", "head_object", key, Key=key))

    async def get(self, key: str, limit: int, version: str | None = None) -> tuple[Object, bytes]:
        """The object's state and bytes, as of a version or now; one request.

        Raises TooLargeError beyond ``limit`` bytes, without reading them.
        """
        async with self.open(key, **_of(version)) as opened:
            item = opened.item
            if item.size > limit:
                raise TooLargeError(
                    f"{self.url(key)} has {item.size / 2**20:,.0f} MiB, more than the {limit / 2**20:,.0f} MiB that can "
                    "be opened in the browser. Download it, or read it in a notebook from this address."
                )
            return item, await self.read(opened)

    @asynccontextmanager
    async def open(self, key: str, **conditions: str) -> AsyncIterator[Opened]:
        """The object's state and its body as a stream; ``conditions`` are GetObject's (Range, IfMatch, IfNoneMatch, VersionId)."""
        response = await self.call("read", "get_object", key, Key=key, **conditions)
        async with response["Body"] as body:
            yield Opened(from_response(key, response), body, response.get("ContentRange"))

    async def read(self, opened: Opened) -> bytes:
        """The whole body of an opened object."""
        item = opened.item
        with translated("read", self.url(item.key)):
            content: bytes = await opened.body.read()
        self._check_whole(item, len(content))
        return content

    async def chunks(self, opened: Opened) -> AsyncIterator[bytes]:
        """The whole body of an opened object in pieces; UnavailableError at the end if some of it did not arrive."""
        size = 0
        chunks = opened.body.iter_chunks(CHUNK)
        while True:
            with translated("read", self.url(opened.item.key)):
                chunk: bytes = await anext(chunks, b"")
            if not chunk:
                break
            size += len(chunk)
            yield chunk
        self._check_whole(opened.item, size)

    async def save_to(self, opened: Opened, path: Path) -> None:
        """Write the whole body of an opened object into a file."""
        with await asyncio.to_thread(path.open, "wb") as file:
            async for chunk in self.chunks(opened):
                await asyncio.to_thread(file.write, chunk)

    def _check_whole(self, item: Object, arrived: int) -> None:
        if arrived != item.size:
            raise UnavailableError(
                f"Only {arrived} of {item.size} bytes of {self.url(item.key)} arrived. Open it again in a moment."
            )

    async def any_below(self, prefix: str) -> Object | None:
        """The first object under a prefix, which is the folder's marker if it has one; one request."""
        response = await self.call("look at", "list_objects_v2", prefix, Prefix=prefix, MaxKeys=1)
        return next(map(from_listing, response.get("Contents", [])), None)

    async def folder(self, prefix: str) -> AsyncIterator[Page]:
        """The names that begin with ``prefix`` up to the next slash; one request per 1,000."""
        async for page in self._pages(prefix, Delimiter="/"):
            yield Page(
                [from_listing(entry) for entry in page.get("Contents", [])],
                [entry["Prefix"] for entry in page.get("CommonPrefixes", [])],
            )

    async def tree(self, prefix: str) -> list[Object]:
        """All objects under a prefix, in the order of their keys; one request per 1,000."""
        return [item async for item in self.each(prefix)]

    async def each(self, prefix: str) -> AsyncIterator[Object]:
        """The objects under a prefix, in the order of their keys; one request per 1,000 that are taken."""
        async for page in self._pages(prefix):
            for entry in page.get("Contents", []):
                yield from_listing(entry)

    async def after(self, prefix: str, key: str) -> tuple[list[Object], bool]:
        """The objects under a prefix that come after a key ("": from the first on), and whether there are more; one request, 1,000 at most."""
        going_on = {"StartAfter": key} if key else {}
        page = await self.call("list", "list_objects_v2", prefix, Prefix=prefix, **going_on)
        return [from_listing(entry) for entry in page.get("Contents", [])], bool(page.get("IsTruncated"))

    async def versions(self, key: str, limit: int, after: str | None = None) -> tuple[list[Version], str | None]:
        """At most ``limit`` (and two) versions of an object, newest first, and the id to go on ``after``, if there are more; one request."""
        going_on = {"KeyMarker": key, "VersionIdMarker": after} if after else {}
        response = await self.call(
            "list versions of", "list_object_versions", key, Prefix=key, MaxKeys=max(limit, 2), **going_on
        )
        # After the first version alone, versitygw 1.8 would begin again with it.
        more = response.get("IsTruncated") and response.get("NextKeyMarker") == key
        mine = [version for version in versions_from_listing(response) if version.key == key]
        return mine, response.get("NextVersionIdMarker") if more else None

    async def all_versions(self, prefix: str, after: str = "") -> AsyncIterator[list[Version]]:
        """All versions and deletions under a prefix, by key, the newest of each first, from the key ``after`` on, or the next.

        One request per 1,000. Each page is given when the next one has come, since a listing may not go on after what has been deleted.
        """
        going_on = {"KeyMarker": after} if after else {}
        page = await self._page_of_versions(prefix, going_on)
        last: Version | None = None
        while True:
            following: dict[str, Any] | None = None
            if page.get("IsTruncated"):
                going_on = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
                following = await self._page_of_versions(prefix, going_on)
            versions = versions_from_listing(page)
            # versitygw 1.8 goes on after the first version of a key with that version again.
            yield [version for version in versions if last is None or (version.key, version.id) != (last.key, last.id)]
            if following is None:
                return
            last, page = versions[-1] if versions else last, following

    async def _page_of_versions(self, prefix: str, going_on: Mapping[str, str]) -> dict[str, Any]:
        return await self.call("list versions below", "list_object_versions", prefix, Prefix=prefix, **going_on)

    async def keeps_versions(self, key: str) -> bool:
        """Whether the bucket keeps versions; no request if an answer has told, else two, which look at an object at or below ``key``."""
        if self._keeps_versions is None:
            item = await self.any_below(key)
            if item is not None:
                await self.head(item.key)
        return bool(self._keeps_versions)

    async def _pages(self, prefix: str, **arguments: str) -> AsyncIterator[dict[str, Any]]:
        token: dict[str, str] = {}
        while True:
            page = await self.call("list", "list_objects_v2", prefix, Prefix=prefix, **arguments, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    # Writing

    async def create(self, key: str, body: bytes, content_type: str) -> Object:
        """Write a new object; ConflictError if there is one."""
        return await self.put(key, body, {"ContentType": content_type}, stamp(now()), IfNoneMatch="*")

    async def replace(self, key: str, body: bytes, content_type: str, version: str) -> Object:
        """Write over the version with this ETag; ConflictError if there is another one now, NotFoundError if there is none."""
        return await self.put(key, body, {"ContentType": content_type}, stamp(now()), IfMatch=f'"{version}"')

    async def put(
        self, key: str, body: bytes, headers: Mapping[str, str], metadata: Mapping[str, str], **condition: str
    ) -> Object:
        """Write an object with metadata of ``objects.stamp``; ``condition`` is IfMatch or IfNoneMatch (else ConflictError)."""

        async def send(**condition: str) -> Object:
            response = await self.call(
                "save", "put_object", key, Key=key, Body=body, Metadata=metadata, **headers, **condition
            )
            time, version = modified(metadata, now()), version_id(response)
            return Object(key, len(body), etag(response), time, headers, metadata, version)

        return await self.guard(key, metadata, send, condition)

    async def guard(
        self, key: str, metadata: Mapping[str, str], send: Callable[..., Awaitable[Object]], condition: dict[str, str]
    ) -> Object:
        """The outcome of ``send(**condition)``, a conditional write with this metadata.

        When it fails, the object tells what happened. A client repeats a request whose answer was lost, and the
        repetition's condition fails if the first one was carried out. A server may refuse a large body by cutting the
        connection, instead of answering that the condition does not hold. And one that finds deleted objects refuses
        If-None-Match where there was one, but accepts If-Match with the ETag of its last version.

        Raises UnsafeError where the server is known to disregard conditions.
        """
        if condition and not self.supports.can_write:
            raise UnsafeError(f"{self.url(key)} was not saved. {self.supports.notes()[0]}")
        try:
            return await send(**condition)
        except (ConflictError, NotFoundError, UnavailableError) as error:
            head = await self._head_after(error, key)
            if head is not None and head.metadata.get(WRITE_ID) == metadata[WRITE_ID]:
                return head
            if head is None and "IfMatch" in condition:
                raise NotFoundError(f"{self.url(key)} was deleted by someone else.") from None
            if head is None:
                deleted = await self._deleted_version(key)
                if deleted is not None:
                    return await send(IfMatch=f'"{deleted}"')
            elif f'"{head.etag}"' != condition.get("IfMatch"):
                raise ConflictError(f"{self.url(key)} was written by someone else.") from None
            raise

    async def _head_after(self, error: S3Error, key: str) -> Object | None:
        try:
            return await self.head(key)
        except NotFoundError:
            return None
        except S3Error:
            raise error from None

    async def _deleted_version(self, key: str) -> str | None:
        with suppress(S3Error):
            response = await self.call("list versions of", "list_object_versions", key, Prefix=key, MaxKeys=100)
            markers, versions = (response.get(kind, []) for kind in ("DeleteMarkers", "Versions"))
            if any(entry["Key"] == key and entry["IsLatest"] for entry in markers):
                return next((etag(entry) for entry in versions if entry["Key"] == key), None)
        return None

    async def make_marker(self, prefix: str) -> None:
        """Write a folder's marker unless it has one."""
        headers = {"ContentType": "application/x-directory", "Metadata": stamp(now())}
        with suppress(ConflictError):
            await self.call("create", "put_object", prefix, Key=prefix, Body=b"", IfNoneMatch="*", **headers)

    async def delete(self, key: str, version: str | None = None) -> None:
        """Delete an object, if given only while it has this ETag (else ConflictError)."""
        condition = {"IfMatch": f'"{version}"'} if version else {}
        if condition and self.supports.delete is Support.NO:
            await self.compare(key, condition)
            condition = {}
        await self.call("delete", "delete_object", key, Key=key, **condition)

    async def compare(self, key: str, condition: Mapping[str, str]) -> None:
        """Look whether IfMatch or IfNoneMatch holds, for a server that does not: ConflictError or NotFoundError if not."""
        try:
            found = await self.head(key)
        except NotFoundError:
            if "IfMatch" in condition:
                raise
            return
        if condition.get("IfMatch") != f'"{found.etag}"':
            raise ConflictError(f"{self.url(key)} was written by someone else.")

    async def delete_many(self, keys: Iterable[str]) -> None:
        """Delete objects; one request per 1,000. Files go before the markers of their folders."""
        ordered = sorted(keys, reverse=True)
        for first in range(0, len(ordered), KEYS_PER_DELETE):
            batch = ordered[first : first + KEYS_PER_DELETE]
            objects = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
            response = await self.call("delete", "delete_objects", batch[-1], Delete=objects)
            errors = response.get("Errors", [])
            if errors:
                raise UnavailableError(
                    f"S3 did not delete {len(errors)} of {len(batch)} objects, the first of them "
                    f"{self.url(errors[0]['Key'])} ({errors[0]['Code']}). Delete the folder again."
                )

    async def delete_versions(self, prefix: str) -> None:
        """Delete all objects under a prefix, with all their versions and deletions; two requests per 1,000 of them."""
        async for page in self.all_versions(prefix):
            await self.delete_each([(version.key, version.id) for version in page])

    async def delete_each(self, versions: Sequence[tuple[str, str | None]]) -> None:
        """Delete at most 1,000 versions for good; one request. UnavailableError, or RefusedError, if one of them stays."""
        if not versions:
            return
        objects = [{"Key": key, "VersionId": version or "null"} for key, version in versions]
        first = versions[0][0]
        response = await self.call("delete", "delete_objects", first, Delete={"Objects": objects, "Quiet": True})
        errors = response.get("Errors", [])
        if any(error["Code"] == "AccessDenied" for error in errors):
            raise RefusedError(
                f"S3 refused to delete versions of {self.url(first)}. The administrator has to allow s3:DeleteObjectVersion."
            )
        if errors:
            raise UnavailableError(
                f"S3 did not delete {len(errors)} of {len(versions)} versions ({errors[0]['Code']})."
            )

    async def copy(self, source: str, target: str, version: str | None = None, **options: Any) -> datetime:
        """Copy an object, or one version of it, over whatever ``target`` is, and return S3's time of the copy; one request.

        ``options`` are CopyObject's: CopySourceIfMatch, or MetadataDirective with the new headers and metadata. One
        more request without the first of them if the server finds deleted objects.
        """
        if self.finds_deleted and version is None and "CopySourceIfMatch" not in options:
            await self.head(source)
        origin = {"Bucket": self.bucket, "Key": source, **_of(version)}
        response = await self.call("copy", "copy_object", source, Key=target, CopySource=origin, **options)
        time: datetime = response["CopyObjectResult"]["LastModified"]
        return time


def _of(version: str | None) -> dict[str, str]:
    return {} if version is None else {"VersionId": version}
