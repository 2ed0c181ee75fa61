"""Writing one object in parts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from s3_contents.capabilities import Support
from s3_contents.errors import NotFoundError
from s3_contents.objects import Object, etag, modified, now, version_id
from s3_contents.store import S3Store


class Upload:
    """A multipart upload. Nothing of it is visible until ``complete``, which is one atomic, conditional write."""

    def __init__(self, store: S3Store, key: str, upload_id: str, metadata: Mapping[str, str]) -> None:
        self.key = key
        self._store = store
        self._metadata = metadata
        self._where = {"Key": key, "UploadId": upload_id}
        self._etags: list[str] = []
        self._size = 0

    @classmethod
    async def start(cls, store: S3Store, key: str, headers: Mapping[str, str], metadata: Mapping[str, str]) -> Self:
        """Begin an upload of an object with these headers and metadata (of ``objects.stamp``)."""
        response = await store.call("save", "create_multipart_upload", key, Key=key, Metadata=metadata, **headers)
        return cls(store, key, response["UploadId"], metadata)

    async def write(self, part: bytes) -> None:
        """Send the next part; each but the last has at least 5 MiB."""
        response = await self._store.call(
            "save", "upload_part", self.key, PartNumber=len(self._etags) + 1, Body=part, **self._where
        )
        self._etags.append(response["ETag"])
        self._size += len(part)

    async def copy(self, source: Object, first: int, last: int) -> None:
        """Add the bytes from ``first`` to ``last``, both included, of this version of another object."""
        response = await self._store.call(
            "copy",
            "upload_part_copy",
            source.key,
            PartNumber=len(self._etags) + 1,
            CopySource={"Bucket": self._store.bucket, "Key": source.key},
            CopySourceIfMatch=f'"{source.etag}"',
            CopySourceRange=f"bytes={first}-{last}",
            **self._where,
        )
        self._etags.append(response["CopyPartResult"]["ETag"])
        self._size += last - first + 1

    async def complete(self, **condition: str) -> Object:
        """Make the object; ``condition`` is IfMatch or IfNoneMatch (ConflictError when it does not hold)."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(self._etags, 1)]
        upload = {"Parts": parts}

        async def send(**condition: str) -> Object:
            if condition and self._store.supports.multipart is Support.NO:
                await self._store.compare(self.key, condition)
                condition = {}
            response = await self._store.call(
                "save", "complete_multipart_upload", self.key, MultipartUpload=upload, **self._where, **condition
            )
            time, version = modified(self._metadata, now()), version_id(response)
            return Object(self.key, self._size, etag(response), time, {}, self._metadata, version)

        return await self._store.guard(self.key, self._metadata, send, condition)

    async def abort(self) -> None:
        """Throw the parts away; an upload that is gone already is no error."""
        try:
            await self._store.call("stop the upload of", "abort_multipart_upload", self.key, **self._where)
        except NotFoundError:
            return


async def stale_uploads(store: S3Store, prefix: str, before: datetime) -> list[Upload]:
    """Uploads under a prefix that began before a time and were not completed; one request, 1,000 at most."""
    response = await store.call("list uploads below", "list_multipart_uploads", prefix, Prefix=prefix)
    entries = response.get("Uploads", [])
    return [Upload(store, entry["Key"], entry["UploadId"], {}) for entry in entries if entry["Initiated"] < before]
