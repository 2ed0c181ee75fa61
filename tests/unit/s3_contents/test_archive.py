"""A zip archive that is made while it is sent."""

import asyncio
import io
import os
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from s3_contents.archive import Member, zipped

TIME = datetime(2026, 11, 21, 9, 30, 20, tzinfo=UTC)
MIB = 2**20


async def parts(*content: bytes) -> AsyncIterator[bytes]:
    for part in content:
        yield part


async def each(*members: Member) -> AsyncIterator[Member]:
    for member in members:
        yield member


async def collected(*members: Member) -> list[bytes]:
    return [part async for part in zipped(each(*members))]


def archive(*members: Member) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(asyncio.run(collected(*members)))))


def test_files_and_folders_are_in_it_with_names_times_and_bytes() -> None:
    found = archive(
        Member("d", TIME, None),
        Member("d/ä b.txt", TIME, parts(b"one ", b"two")),
        Member("d/empty", TIME, parts()),
    )
    assert found.testzip() is None
    assert found.namelist() == ["d/", "d/ä b.txt", "d/empty"]
    assert found.read("d/ä b.txt") == b"one two"
    assert found.getinfo("d/ä b.txt").date_time == (2026, 11, 21, 9, 30, 20)
    assert found.getinfo("d/").is_dir()
    assert found.getinfo("d/empty").file_size == 0


def test_a_time_that_no_archive_can_have_is_the_first_that_one_can() -> None:
    assert archive(Member("a", datetime(1970, 1, 1, tzinfo=UTC), parts(b"1"))).getinfo("a").date_time[0] == 1980


def test_without_members_it_is_an_empty_archive() -> None:
    assert archive().namelist() == []


def test_it_comes_while_it_is_made() -> None:
    noise = [os.urandom(MIB) for _ in range(8)]
    found = asyncio.run(collected(Member("big", TIME, parts(*noise))))
    assert max(len(part) for part in found) < 2 * MIB
    assert zipfile.ZipFile(io.BytesIO(b"".join(found))).read("big") == b"".join(noise)


def test_what_cannot_be_read_leaves_no_archive_that_looks_whole() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield os.urandom(MIB)
        raise OSError("S3 went away")

    sent: list[bytes] = []

    async def send() -> None:
        async for part in zipped(each(Member("a", TIME, parts(b"1")), Member("b", TIME, broken()))):
            sent.append(part)

    with pytest.raises(OSError, match="went away"):
        asyncio.run(send())
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(sent)))
