"""What the tests of the contents manager share: short questions to a manager and to the bucket behind it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from s3_contents import S3ContentsManager
from tornado.web import HTTPError

from dev.s3_server import S3Server

TEXT = {"type": "file", "format": "text"}
# Deleted files leave traces in a bucket that keeps versions.
# With versions is how the platform's own store is.
PLAIN_AND_VERSIONED = pytest.mark.parametrize(
    "versioning",
    [pytest.param(False, id="plain", marks=pytest.mark.long), pytest.param(True, id="versions")],
    indirect=True,
)


async def listed(manager: S3ContentsManager, path: str = "") -> list[tuple[str, str]]:
    model = await manager.get(path, type="directory")
    return sorted((entry["type"], entry["path"]) for entry in model["content"])


async def status(awaitable: Any) -> int:
    with pytest.raises(HTTPError) as raised:
        await awaitable
    return raised.value.status_code


def keys(server: S3Server, bucket: str) -> list[str]:
    """The keys in a bucket, but for the records of renamings that one with versions gets."""
    found = (entry["Key"] for entry in server.client.list_objects_v2(Bucket=bucket).get("Contents", []))
    return [key for key in found if "/.s3_contents/renames/" not in key]


def write(server: S3Server, bucket: str, *names: str) -> None:
    """Write objects that hold their names."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: server.client.put_object(Bucket=bucket, Key=name, Body=name.encode()), names))
