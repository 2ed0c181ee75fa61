"""What is deleted and brought back, and what is cleared away by age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from s3_contents import S3ContentsManager, janitor

from dev.s3_server import S3Server
from tests.support.s3_proxy import Fault, S3Proxy

from .home import PLAIN_AND_VERSIONED, TEXT, keys, listed, status, write

pytestmark = PLAIN_AND_VERSIONED


@pytest.fixture
def trashing(manager: S3ContentsManager) -> S3ContentsManager:
    manager.delete_to_trash = True
    return manager


async def save(manager: S3ContentsManager, path: str, content: str) -> Any:
    return await manager.save(TEXT | {"content": content}, path)


async def only_id(manager: S3ContentsManager) -> Any:
    (entry,) = await manager.mounts.home.trash.entries()
    return entry.id


async def test_a_deleted_file_comes_back_with_its_checkpoints(trashing: S3ContentsManager, versioning: bool) -> None:
    await save(trashing, "f/a.txt", "one")
    checkpoint = await trashing.create_checkpoint("f/a.txt")
    saved = await save(trashing, "f/a.txt", "two")
    await trashing.delete("f/a.txt")
    assert await listed(trashing, "f") == []
    (entry,) = await trashing.mounts.home.trash.entries()
    assert (entry.path, entry.is_folder, entry.files, entry.size) == ("f/a.txt", False, 1, 3)
    assert abs(entry.id.time - datetime.now(UTC)) < timedelta(minutes=5)
    assert await trashing.restore_from_trash(entry.id) == "f/a.txt"
    found = await trashing.get("f/a.txt")
    assert (found["content"], found["last_modified"]) == ("two", saved["last_modified"])
    assert await trashing.list_checkpoints("f/a.txt") == [checkpoint]
    assert await trashing.mounts.home.trash.entries() == []
    assert await status(trashing.restore_from_trash(entry.id)) == 404
    if versioning:
        entries, _ = await trashing.mounts.home.history.page("f/a.txt", 10)
        # As it was restored, deleted, and twice saved.
        assert [each.size for each in entries] == [3, None, 3, 3]
    await trashing.restore_checkpoint(checkpoint["id"], "f/a.txt")
    assert (await trashing.get("f/a.txt"))["content"] == "one"


async def test_a_folder_comes_back_with_all_that_was_in_it(
    trashing: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    write(s3_server, bucket, *(f"users/ada/f/g/{number}" for number in range(40)))
    await trashing.save({"type": "directory"}, "f/empty")
    before = await listed(trashing, "f"), await listed(trashing, "f/g")
    await trashing.delete("f")
    assert await listed(trashing) == []
    (entry,) = await trashing.mounts.home.trash.entries()
    assert (entry.path, entry.is_folder, entry.files) == ("f", True, 40)
    assert await trashing.restore_from_trash(entry.id) == "f"
    assert (await listed(trashing, "f"), await listed(trashing, "f/g")) == before
    assert not [key for key in keys(s3_server, bucket) if "/trash/" in key]


async def test_what_has_taken_the_name_stays(trashing: S3ContentsManager) -> None:
    for content in ("one", "two", "three"):
        await trashing.new(TEXT | {"content": content}, "a.tar.gz")
        await trashing.delete("a.tar.gz")
    await trashing.new(TEXT | {"content": "four"}, "a.tar.gz")
    entries = await trashing.mounts.home.trash.entries()
    assert [entry.size for entry in entries] == [5, 3, 3], "the last deleted first"
    restored = [await trashing.restore_from_trash(entry.id) for entry in entries]
    assert restored == ["a.tar.gz".replace(".", f"-Restored{number}.", 1) for number in (1, 2, 3)]
    contents = [(await trashing.get(path))["content"] for path in ("a.tar.gz", *restored)]
    assert contents == ["four", "three", "two", "one"]


async def test_the_folder_of_a_restored_file_is_made_again(trashing: S3ContentsManager) -> None:
    await save(trashing, "f/g/a.txt", "1")
    await trashing.delete("f/g/a.txt")
    file = await only_id(trashing)
    await trashing.delete("f")
    assert [entry.path for entry in await trashing.mounts.home.trash.entries()] == ["f", "f/g/a.txt"]
    assert await trashing.restore_from_trash(file) == "f/g/a.txt"
    assert (await trashing.get("f/g/a.txt"))["content"] == "1"


async def test_a_deletion_that_fails_leaves_the_file(trashing: S3ContentsManager, proxy: S3Proxy) -> None:
    await save(trashing, "a.txt", "1")
    proxy.fault = lambda request: (
        Fault.SLOW_DOWN if request.method == "DELETE" and "/trash/" not in request.key else None
    )
    assert await status(trashing.delete("a.txt")) == 503
    proxy.fault = lambda _request: None
    assert (await trashing.get("a.txt"))["content"] == "1"
    assert await trashing.mounts.home.trash.entries() == []
    assert await status(trashing.delete("b.txt")) == 404


async def test_the_trash_is_cleared_by_age(
    trashing: S3ContentsManager, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("a.txt", "f/b.txt"):
        await save(trashing, path, "1")
        await trashing.create_checkpoint(path)
    await trashing.delete("a.txt")
    await trashing.delete("f")
    await save(trashing, "c.txt", "1")
    assert (await trashing.janitors[0].clear()).trashed == 0
    later = datetime.now(UTC) + timedelta(days=31)
    monkeypatch.setattr(janitor, "now", lambda: later)
    cleared = await trashing.janitors[0].clear()
    assert (cleared.trashed, cleared.is_whole) == (2, True)
    assert keys(s3_server, bucket) == ["users/ada/c.txt"]
    listing = s3_server.client.list_object_versions(Bucket=bucket, Prefix="users/ada/.s3_contents/trash/")
    assert not listing.get("Versions")
    assert not listing.get("DeleteMarkers")


async def test_a_round_ends_with_its_budget_and_the_next_goes_on(
    trashing: S3ContentsManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        await save(trashing, f"{number}.txt", "1")
        await trashing.delete(f"{number}.txt")
    later = datetime.now(UTC) + timedelta(days=31)
    monkeypatch.setattr(janitor, "now", lambda: later)
    trashing.clearing_budget = 10
    rounds = []
    while not rounds or not rounds[-1].is_whole:
        rounds.append(await trashing.janitors[0].clear())
    assert len(rounds) > 2
    assert max(cleared.requests for cleared in rounds) <= 10 + 6
    assert sum(cleared.trashed for cleared in rounds) == 12
