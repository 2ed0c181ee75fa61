"""Versions that were replaced long ago are cleared away; those that a checkpoint points to are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from s3_contents import S3ContentsManager, janitor

from dev.s3_server import S3Server

from .home import TEXT

pytestmark = pytest.mark.parametrize("versioning", [True], ids=["versions"], indirect=True)


@pytest.fixture
def clearing(manager: S3ContentsManager, monkeypatch: pytest.MonkeyPatch) -> S3ContentsManager:
    """A manager that keeps old versions for 30 days, in 31 days."""
    later = datetime.now(UTC) + timedelta(days=31)
    monkeypatch.setattr(janitor, "now", lambda: later)
    manager.version_days = 30
    return manager


async def save(manager: S3ContentsManager, path: str, sizes: range) -> None:
    for size in sizes:
        await manager.save(TEXT | {"content": "x" * size}, path)


async def sizes(manager: S3ContentsManager, path: str) -> list[int | None]:
    entries, following = await manager.mounts.home.history.page(path, 100)
    while following is not None:
        more, following = await manager.mounts.home.history.page(path, 100, following)
        entries += more
    return [entry.size for entry in entries]


async def test_what_is_present_or_a_checkpoint_stays(clearing: S3ContentsManager) -> None:
    await save(clearing, "f/a.txt", range(1, 4))
    checkpoint = await clearing.create_checkpoint("f/a.txt")
    await save(clearing, "f/a.txt", range(4, 7))
    await clearing.rename("f", "g")
    await save(clearing, "b.txt", range(10, 15))
    cleared = await clearing.janitors[0].clear()
    assert cleared.is_whole
    assert await sizes(clearing, "b.txt") == [14]
    assert await sizes(clearing, "g/a.txt") == [6, 3], "renamed, and the version of the checkpoint before that"
    await clearing.restore_checkpoint(checkpoint["id"], "g/a.txt")
    assert len((await clearing.get("g/a.txt"))["content"]) == 3
    await clearing.janitors[0].clear()
    assert await sizes(clearing, "g/a.txt") == [3, 3], "as it was restored, and the checkpoint"


async def test_what_was_replaced_lately_stays(clearing: S3ContentsManager, monkeypatch: pytest.MonkeyPatch) -> None:
    await save(clearing, "a.txt", range(1, 4))
    soon = datetime.now(UTC) + timedelta(days=29)
    monkeypatch.setattr(janitor, "now", lambda: soon)
    assert (await clearing.janitors[0].clear()).versions == 0
    assert await sizes(clearing, "a.txt") == [3, 2, 1]


async def test_a_deleted_file_goes_and_stays_away(
    clearing: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    await save(clearing, "a.txt", range(1, 4))
    await clearing.delete("a.txt")
    await clearing.janitors[0].clear()
    listing = s3_server.client.list_object_versions(Bucket=bucket, Prefix="users/ada/a.txt")
    assert not listing.get("Versions")
    assert not listing.get("DeleteMarkers")
    assert not await clearing.file_exists("a.txt")
    await save(clearing, "a.txt", range(7, 8))
    assert await sizes(clearing, "a.txt") == [7]


async def test_versions_of_many_pages(clearing: S3ContentsManager, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcde":
        await save(clearing, f"{name}.txt", range(1, 8))
    # Pages that end in the middle of a file's versions.
    original = clearing.store.call

    async def call(action: str, operation: str, key: str, **arguments: object) -> dict[str, object]:
        if operation == "list_object_versions":
            arguments["MaxKeys"] = 4
        return await original(action, operation, key, **arguments)

    monkeypatch.setattr(clearing.store, "call", call)
    clearing.clearing_budget = 10
    rounds = [await clearing.janitors[0].clear()]
    while not rounds[-1].is_whole:
        rounds.append(await clearing.janitors[0].clear())
    assert len(rounds) > 1
    while (await clearing.janitors[0].clear()).versions:
        pass
    for name in "abcde":
        assert await sizes(clearing, f"{name}.txt") == [7]


async def test_versions_stay_where_nobody_has_set_an_age(clearing: S3ContentsManager) -> None:
    clearing.version_days = 0
    await save(clearing, "a.txt", range(1, 4))
    assert (await clearing.janitors[0].clear()).versions == 0
    assert await sizes(clearing, "a.txt") == [3, 2, 1]
