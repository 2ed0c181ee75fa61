"""The versions of files, and checkpoints that point to them."""

from __future__ import annotations

import asyncio

import pytest
from s3_contents import S3ContentsManager
from s3_contents.history import Cursor, Entry, Place
from s3_contents.timed_id import CheckpointId
from tornado.web import HTTPError

from dev.s3_server import S3Server
from tests.support.s3_proxy import Fault, S3Proxy

from .home import PLAIN_AND_VERSIONED, TEXT, keys, status

VERSIONED = pytest.mark.parametrize("versioning", [True], ids=["versions"], indirect=True)


async def written(manager: S3ContentsManager, path: str, *contents: str) -> None:
    """Save a file several times."""
    for content in contents:
        await manager.save(TEXT | {"content": content}, path)


async def entries(manager: S3ContentsManager, path: str, limit: int = 1000) -> list[Entry]:
    """The whole history, page by page."""
    found: list[Entry] = []
    cursor: Cursor | None = None
    while True:
        page, cursor = await manager.mounts.home.history.page(path, limit, cursor)
        found += page
        if cursor is None:
            return found
        cursor = Cursor.parse(cursor.token())


async def told(manager: S3ContentsManager, path: str, limit: int = 1000) -> list[str]:
    """Content and path of each version, newest first; a deletion is a dash."""
    return [await _told(manager, path, entry) for entry in await entries(manager, path, limit)]


async def _told(manager: S3ContentsManager, path: str, entry: Entry) -> str:
    if entry.place is None:
        return "-"
    model = await manager.get_version(path, entry.place)
    assert (model["writable"], model["path"], model["size"]) == (False, path, entry.size)
    return f"{model['content']} {entry.path}"


@VERSIONED
@pytest.mark.parametrize("limit", [1, 2, 1000])
async def test_the_versions_of_a_file(manager: S3ContentsManager, limit: int) -> None:
    await written(manager, "f/a.txt", "1", "22", "333")
    await written(manager, "f/a.txt2", "other")
    assert await told(manager, "f/a.txt", limit) == ["333 f/a.txt", "22 f/a.txt", "1 f/a.txt"]
    found = await entries(manager, "f/a.txt", limit)
    assert [(entry.size, entry.is_latest) for entry in found] == [(3, True), (2, False), (1, False)]
    assert found[0].hash == (await manager.get("f/a.txt", require_hash=True))["hash"]


@VERSIONED
async def test_the_time_of_a_version_is_that_of_its_save(manager: S3ContentsManager) -> None:
    first = await manager.save(TEXT | {"content": "1"}, "a.txt")
    await asyncio.sleep(1.1)  # times that have whole seconds differ then
    second = await manager.save(TEXT | {"content": "2"}, "a.txt")
    found = [entry.time for entry in await entries(manager, "a.txt")]
    saved = [second["last_modified"], first["last_modified"]]
    assert all(abs((time - told).total_seconds()) < 1 for told, time in zip(saved, found, strict=True))


@VERSIONED
@pytest.mark.parametrize("limit", [1, 1000])
async def test_history_follows_renamings(manager: S3ContentsManager, limit: int) -> None:
    await written(manager, "f/g/a.txt", "1", "2")
    await manager.rename("f/g/a.txt", "f/g/b.txt")
    await written(manager, "f/g/b.txt", "3")
    await manager.rename("f", "h")
    await written(manager, "h/g/b.txt", "4")
    expected = ["4 h/g/b.txt", "3 h/g/b.txt", "3 f/g/b.txt", "2 f/g/b.txt", "2 f/g/a.txt", "1 f/g/a.txt"]
    assert await told(manager, "h/g/b.txt", limit) == expected


@VERSIONED
async def test_the_history_of_a_name_that_comes_back_ends(manager: S3ContentsManager) -> None:
    await written(manager, "a.txt", "1")
    await manager.rename("a.txt", "b.txt")
    await manager.rename("b.txt", "a.txt")
    await written(manager, "a.txt", "2")
    lines = await told(manager, "a.txt")
    assert (lines[0], lines[-1]) == ("2 a.txt", "1 a.txt")
    assert "1 b.txt" in lines


@VERSIONED
async def test_a_renaming_that_fails_is_no_history(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    await written(manager, "a.txt", "1")
    proxy.fault = lambda request: Fault.SLOW_DOWN if (request.method, request.key[-5:]) == ("PUT", "b.txt") else None
    assert await status(manager.rename("a.txt", "b.txt")) == 503
    proxy.fault = lambda _request: None
    await written(manager, "b.txt", "2")
    assert await told(manager, "b.txt") == ["2 b.txt"]
    records = s3_server.client.list_objects_v2(Bucket=bucket, Prefix="users/ada/.s3_contents/renames/")
    assert records["KeyCount"] == 0


@VERSIONED
async def test_a_deleted_file_can_be_restored(manager: S3ContentsManager) -> None:
    await written(manager, "a.txt", "1", "2")
    await manager.delete("a.txt")
    found = await entries(manager, "a.txt")
    assert [entry.place is None for entry in found] == [True, False, False]
    assert found[2].place is not None
    await manager.mounts.home.history.restore("a.txt", found[2].place)
    assert (await manager.get("a.txt"))["content"] == "1"
    assert await told(manager, "a.txt") == ["1 a.txt", "-", "2 a.txt", "1 a.txt"]


@VERSIONED
async def test_restoring_an_earlier_version_is_a_change_that_no_tab_has_seen(manager: S3ContentsManager) -> None:
    await written(manager, "a.txt", "1", "2")
    await manager.rename("a.txt", "b.txt")
    base = (await manager.get("b.txt", require_hash=True))["hash"]
    first = (await entries(manager, "b.txt"))[-1]
    assert first.place is not None
    await manager.mounts.home.history.restore("b.txt", first.place)
    with pytest.raises(HTTPError, match="changed by someone else"):
        await manager.save(TEXT | {"content": "3", "base_hash": base}, "b.txt")
    assert (await manager.get("b.txt"))["content"] == "1"


async def test_a_bucket_without_versions_has_checkpoints(manager: S3ContentsManager) -> None:
    await written(manager, "a.txt", "1")
    await manager.create_checkpoint("a.txt")
    await written(manager, "a.txt", "22")
    assert await entries(manager, "a.txt") == []
    found = await manager.mounts.home.history.checkpoints("a.txt")
    assert [await _told(manager, "a.txt", entry) for entry in found] == ["22 a.txt", "1 a.txt"]
    assert found[1].place is not None
    await manager.mounts.home.history.restore("a.txt", found[1].place)
    assert (await manager.get("a.txt"))["content"] == "1"


@PLAIN_AND_VERSIONED
async def test_several_checkpoints(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    made = []
    for content in ("1", "22", "333"):
        await written(manager, "f/a.txt", content)
        made.append(await manager.create_checkpoint("f/a.txt"))
    assert await manager.list_checkpoints("f/a.txt") == made
    ids = [CheckpointId.parse(checkpoint["id"]) for checkpoint in made]
    assert [known.size for known in ids if known] == [1, 2, 3]
    await manager.rename("f", "g")
    assert await manager.list_checkpoints("g/a.txt") == made
    await manager.restore_checkpoint(made[1]["id"], "g/a.txt")
    assert (await manager.get("g/a.txt"))["content"] == "22"
    await manager.delete_checkpoint(made[0]["id"], "g/a.txt")
    assert await status(manager.delete_checkpoint(made[0]["id"], "g/a.txt")) == 404
    assert await status(manager.restore_checkpoint(made[0]["id"], "g/a.txt")) == 404
    assert await manager.list_checkpoints("g/a.txt") == made[1:]
    await manager.delete("g/a.txt")
    assert keys(s3_server, bucket) == ["users/ada/g/"]


@VERSIONED
async def test_deleting_a_checkpoint_leaves_the_version(manager: S3ContentsManager) -> None:
    await written(manager, "a.txt", "1")
    checkpoint = await manager.create_checkpoint("a.txt")
    await written(manager, "a.txt", "2")
    await manager.delete_checkpoint(checkpoint["id"], "a.txt")
    assert await told(manager, "a.txt") == ["2 a.txt", "1 a.txt"]


@PLAIN_AND_VERSIONED
async def test_the_oldest_checkpoints_go(manager: S3ContentsManager) -> None:
    manager.checkpoints.max_checkpoints = 2
    await written(manager, "a.txt", "1")
    made = [await manager.create_checkpoint("a.txt") for _ in range(4)]
    for _ in range(2):
        assert await manager.list_checkpoints("a.txt") == made[2:]


@VERSIONED
@pytest.mark.parametrize("word", ["", "x", "bnVsbA", "WzEsMl0", "Wy" * 2000])
async def test_words_that_are_no_versions(manager: S3ContentsManager, word: str) -> None:
    for parse, expected in ((Place.parse, 404), (Cursor.parse, 400)):
        with pytest.raises(HTTPError) as raised:
            parse(word)
        assert raised.value.status_code == expected


@VERSIONED
@pytest.mark.parametrize("key", ["../x", ".s3_contents/renames/a/@1", ".s3_contents/checkpoints/b.txt/1", "/a", ""])
async def test_a_version_is_of_a_file_of_the_home(manager: S3ContentsManager, key: str) -> None:
    await written(manager, "a.txt", "1")
    for action in (
        manager.get_version("a.txt", Place(key, None)),
        manager.mounts.home.history.restore("a.txt", Place(key, None)),
    ):
        assert await status(action) == 404
