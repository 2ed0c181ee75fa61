"""One version of an S3 object as the contents manager sees it, read from the answers of an S3 client."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

# Seconds since the epoch with milliseconds, the name and format that rclone uses. S3's own LastModified is known only
# after the write, and has whole seconds.
MTIME = "mtime"
# Marks each write, so that a write whose answer was lost is recognised when its repetition fails.
WRITE_ID = "write-id"
_ULID_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(f"0[{_ULID_LETTERS}]{{25}}")
# What a copy keeps of its source beside the metadata.
_KEPT_HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")


@dataclass(frozen=True, slots=True)
class Object:
    """One version of an object. ``etag`` has no quotes; ``modified`` has milliseconds and is in UTC.

    ``version`` is S3's id of it, where the bucket keeps versions and an answer told it.
    """

    key: str
    size: int
    etag: str
    modified: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object as a listing of versions has it; one that is a deletion has neither size nor ETag.

    ``id`` is None in a bucket that keeps no versions. ``time`` is S3's, in UTC, and has whole seconds on most servers.
    """

    key: str
    id: str | None
    time: datetime
    size: int | None
    etag: str | None
    is_latest: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a folder's listing: its files, and the key prefixes of its folders."""

    files: Sequence[Object]
    folders: Sequence[str]


def now() -> datetime:
    """The present time as it is stored."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def stamp(time: datetime) -> dict[str, str]:
    """The metadata of a new write at ``time``."""
    return {MTIME: f"{time.timestamp():.3f}", WRITE_ID: uuid.uuid4().hex}


def modified(metadata: Mapping[str, str], fallback: datetime) -> datetime:
    """When the object was written: its own time, or S3's for an object that another program wrote."""
    try:
        milliseconds = round(float(metadata[MTIME]) * 1000)
        return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
    except (KeyError, ValueError, OverflowError, OSError):
        return fallback.astimezone(UTC)


def etag(response: Mapping[str, Any]) -> str:
    """The ETag of an answer, without its quotes."""
    return str(response["ETag"]).strip('"')


def version_id(response: Mapping[str, Any]) -> str | None:
    """S3's id of a version in an answer; None in a bucket that keeps no versions."""
    found = response.get("VersionId")
    return None if found in (None, "", "null") else str(found)


def from_response(key: str, response: Mapping[str, Any]) -> Object:
    """The object in an answer of HeadObject or GetObject."""
    metadata = response.get("Metadata", {})
    return Object(
        key,
        response["ContentLength"],
        etag(response),
        modified(metadata, response["LastModified"]),
        {name: response[name] for name in _KEPT_HEADERS if response.get(name)},
        metadata,
        version_id(response),
    )


def from_listing(entry: Mapping[str, Any]) -> Object:
    """The object in an entry of ListObjectsV2, which knows S3's time alone."""
    return Object(entry["Key"], entry["Size"], etag(entry), entry["LastModified"].astimezone(UTC))


def versions_from_listing(response: Mapping[str, Any]) -> list[Version]:
    """The versions in an answer of ListObjectVersions, by key, the newest of each first."""
    found = [
        Version(
            entry["Key"],
            version_id(entry),
            _written(entry),
            entry.get("Size"),
            etag(entry) if "ETag" in entry else None,
            entry["IsLatest"],
        )
        for kind in ("DeleteMarkers", "Versions")
        for entry in response.get(kind, [])
    ]
    # Each kind is in order already, which counts where two have the same time.
    newest_first = sorted(found, key=lambda version: (version.is_latest, version.time), reverse=True)
    return sorted(newest_first, key=lambda version: version.key)


def _written(entry: Mapping[str, Any]) -> datetime:
    # versitygw says of an older version when it was replaced, but its ids are ULIDs (https://github.com/ulid/spec), which begin with the
    # time of the write in milliseconds.
    told: datetime = entry["LastModified"].astimezone(UTC).replace(microsecond=0)
    if not _ULID.fullmatch(str(entry.get("VersionId"))):
        return told
    milliseconds = 0
    for letter in entry["VersionId"][:10]:
        milliseconds = milliseconds * 32 + _ULID_LETTERS.index(letter)
    time = datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
    return time if time < told + timedelta(seconds=1) else told
