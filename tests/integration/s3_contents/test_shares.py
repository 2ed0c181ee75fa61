"""Folders shared with others, beside the home: two people, one who may only read, and one real S3 server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from s3_contents import S3ContentsManager
from s3_contents.objects import now
from tornado.web import HTTPError

from dev.s3_server import S3Server
from tests.support.s3_proxy import S3Proxy

from .home import PLAIN_AND_VERSIONED, TEXT, keys, listed, status, write

pytestmark = PLAIN_AND_VERSIONED

Person = Callable[..., S3ContentsManager]


@pytest.fixture
async def person(bucket: str, proxy: S3Proxy) -> AsyncIterator[Person]:
    """A manager for a person who shares the folder ``flights``."""
    managers: list[S3ContentsManager] = []

    def make(name: str, writable: bool = True, **settings: Any) -> S3ContentsManager:
        share = {"name": "flights", "url": f"s3://{bucket}/groups/flights", "writable": writable}
        managers.append(
            S3ContentsManager(url=f"s3://{bucket}/users/{name}", shares=[share], max_attempts=3, **settings)
        )
        return managers[-1]

    yield make
    for manager in managers:
        await manager.close()


@pytest.fixture
def ada(person: Person) -> S3ContentsManager:
    return person("ada")


@pytest.fixture
def bob(person: Person) -> S3ContentsManager:
    return person("bob")


@pytest.fixture
def reader(person: Person) -> S3ContentsManager:
    return person("eve", writable=False)


async def save(manager: S3ContentsManager, path: str, content: str, **model: Any) -> Any:
    return await manager.save(TEXT | {"content": content} | model, path)


async def text(manager: S3ContentsManager, path: str) -> str:
    return str((await manager.get(path))["content"])


async def refusal(awaitable: Any) -> str:
    with pytest.raises(HTTPError) as raised:
        await awaitable
    assert raised.value.status_code == 403
    return str(raised.value.log_message)


async def test_what_one_saves_the_others_see(
    ada: S3ContentsManager, bob: S3ContentsManager, bucket: str, s3_server: S3Server
) -> None:
    await ada.save({"type": "directory"}, "shared/flights/f")
    await save(ada, "shared/flights/f/a.txt", "one")
    await save(ada, "mine.txt", "1")
    assert await listed(bob) == [("directory", "shared")]
    assert await listed(bob, "shared") == [("directory", "shared/flights")]
    assert await listed(bob, "shared/flights") == [("directory", "shared/flights/f")]
    assert await listed(bob, "shared/flights/f") == [("file", "shared/flights/f/a.txt")]
    assert await text(bob, "shared/flights/f/a.txt") == "one"
    assert keys(s3_server, bucket) == ["groups/flights/f/", "groups/flights/f/a.txt", "users/ada/mine.txt"]
    assert await listed(ada) == [("directory", "shared"), ("file", "mine.txt")]


async def test_a_lost_update_is_impossible(ada: S3ContentsManager, bob: S3ContentsManager) -> None:
    path = "shared/flights/a.txt"
    base = (await save(ada, path, "one"))["hash"]
    await bob.get(path)
    await save(bob, path, "two", base_hash=base)
    for model in ({}, {"base_hash": base}):
        with pytest.raises(HTTPError, match="was changed by someone else since you opened it") as raised:
            await save(ada, path, "three", **model)
        assert raised.value.status_code == 409
    with pytest.raises(HTTPError, match="was created by someone else"):
        await ada.new(TEXT | {"content": "four"}, path)
    assert await text(ada, path) == "two"


async def test_each_operation_takes_as_many_requests_as_at_home(ada: S3ContentsManager, proxy: S3Proxy) -> None:
    for folder in ("", "shared/flights/"):
        path = f"{folder}a.ipynb"
        await ada.new(path=path)
        proxy.requests.clear()
        model = await ada.get(path, type="notebook", require_hash=True)
        assert proxy.methods() == ["GET"]
        await ada.get(path, content=False)
        assert proxy.methods() == ["HEAD"]
        await ada.save(model, path)
        assert proxy.methods() == ["PUT"]
        await ada.get(folder, type="directory")
        assert set(proxy.methods()) == {"GET"}
    proxy.requests.clear()
    for path in ("shared", "shared/flights"):
        assert await ada.dir_exists(path)
        assert not await ada.file_exists(path)
        assert (await ada.get(path, content=False))["type"] == "directory"
    await ada.get("shared")
    assert proxy.methods() == []


async def test_files_are_renamed_within_a_share_with_their_history_and_checkpoints(
    ada: S3ContentsManager, bob: S3ContentsManager, versioning: bool
) -> None:
    await save(ada, "shared/flights/a.txt", "one")
    checkpoint = await ada.create_checkpoint("shared/flights/a.txt")
    await save(ada, "shared/flights/a.txt", "three")
    await ada.rename("shared/flights/a.txt", "shared/flights/b.txt")
    assert await bob.list_checkpoints("shared/flights/b.txt") == [checkpoint]
    if versioning:
        mount = bob.mounts.at("shared/flights")
        entries, following = await mount.history.page("b.txt", 10)
        earlier, _ = await mount.history.page("b.txt", 10, following)
        assert [(entry.path, entry.size) for entry in entries + earlier] == [("b.txt", 5), ("a.txt", 5), ("a.txt", 3)]
        place = earlier[-1].place
        assert place is not None
        assert (await bob.get_version("shared/flights/b.txt", place))["content"] == "one"
    await bob.restore_checkpoint(checkpoint["id"], "shared/flights/b.txt")
    assert await text(ada, "shared/flights/b.txt") == "one"
    await bob.delete_checkpoint(checkpoint["id"], "shared/flights/b.txt")
    assert await ada.list_checkpoints("shared/flights/b.txt") == []


async def test_nothing_moves_into_or_out_of_a_share(ada: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    await save(ada, "a.txt", "1")
    await save(ada, "shared/flights/b.txt", "2")
    before = keys(s3_server, bucket)
    for old, new in (("a.txt", "shared/flights/a.txt"), ("shared/flights/b.txt", "b.txt")):
        with pytest.raises(HTTPError, match=r"Copy it there, then delete it here\.") as raised:
            await ada.rename(old, new)
        assert raised.value.status_code == 400
    assert keys(s3_server, bucket) == before


async def test_files_and_folders_are_copied_between_the_home_and_a_share(
    ada: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    write(s3_server, bucket, "users/ada/f/g/a", "users/ada/f/b", "groups/flights/c.txt")
    assert (await ada.copy("f", "shared/flights"))["path"] == "shared/flights/f"
    assert (await ada.copy("f", "shared/flights"))["path"] == "shared/flights/f-Copy1"
    assert (await ada.copy("shared/flights/c.txt", ""))["path"] == "c.txt"
    assert (await ada.copy("shared/flights/c.txt"))["path"] == "shared/flights/c-Copy1.txt"
    assert (await ada.copy("shared/flights/c.txt", "f/d.txt"))["path"] == "f/d.txt"
    assert await text(ada, "shared/flights/f/g/a") == "users/ada/f/g/a"
    assert await text(ada, "c.txt") == await text(ada, "f/d.txt") == "groups/flights/c.txt"
    for whole in ("shared", "shared/flights"):
        assert await status(ada.copy(whole, "f")) == 400
    # A folder that is called as that of the shares does not get in its way.
    await ada.save({"type": "directory"}, "shared/flights/shared")
    assert (await ada.copy("shared/flights/shared", ""))["path"] == "shared-Copy1"


async def test_what_is_deleted_is_in_the_trash_of_the_share(
    ada: S3ContentsManager, bob: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    await save(ada, "shared/flights/a.txt", "one")
    await ada.delete("shared/flights/a.txt")
    assert await listed(bob, "shared/flights") == []
    assert await ada.mounts.home.trash.entries() == []
    mount = bob.mounts.at("shared/flights")
    (entry,) = await mount.trash.entries()
    assert entry.path == "a.txt"
    assert all(key.startswith("groups/flights/.s3_contents/trash/") for key in keys(s3_server, bucket))
    assert await bob.restore_from_trash(entry.id, mount) == "shared/flights/a.txt"
    assert await text(ada, "shared/flights/a.txt") == "one"


async def test_the_shares_themselves_stay(ada: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    await save(ada, "shared/flights/a.txt", "one")
    before = keys(s3_server, bucket)
    for path in ("shared", "shared/flights"):
        for action in (
            ada.delete(path),
            ada.rename(path, "x"),
            save(ada, path, "x"),
            ada.save({"type": "directory"}, path),
        ):
            with pytest.raises(HTTPError, match="the administrator sets up shared folders") as raised:
                await action
            assert raised.value.status_code == 400
    for action in (
        save(ada, "shared/x.txt", "1"),
        ada.new_untitled("shared"),
        ada.save({"type": "directory"}, "shared/x"),
    ):
        with pytest.raises(HTTPError, match="holds the folders that are shared with you, and nothing else") as raised:
            await action
        assert raised.value.status_code == 404
    assert await status(ada.get("shared/other")) == await status(ada.get("shared/other/a.txt")) == 404
    assert await status(ada.get("shared/flights", type="file")) == 400
    assert not await ada.exists("shared/other")
    assert keys(s3_server, bucket) == before


async def test_who_may_only_read_reads_all_and_changes_nothing(
    ada: S3ContentsManager, reader: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    path = "shared/flights/f/a.txt"
    await ada.save({"type": "directory"}, "shared/flights/f")
    saved = await save(ada, path, "one")
    checkpoint = await ada.create_checkpoint(path)
    await save(reader, "b.txt", "two")
    before = keys(s3_server, bucket)
    model = await reader.get(path, require_hash=True)
    assert (model["content"], model["writable"], model["hash"]) == ("one", False, saved["hash"])
    folders = [await reader.get(folder) for folder in ("shared/flights/f", "shared/flights", "shared")]
    assert [(folder["writable"], folder["content"][0]["writable"]) for folder in folders] == [(False, False)] * 3
    assert (await reader.get("b.txt"))["writable"]
    assert await reader.list_checkpoints(path) == [checkpoint]
    chunk = {**TEXT, "content": "x", "chunk": 1}
    messages = {
        await refusal(action)
        for action in (
            save(reader, path, "two"),
            save(reader, path, "two", base_hash=saved["hash"]),
            reader.save(chunk, path),
            reader.delete(path),
            reader.rename(path, "shared/flights/f/b.txt"),
            reader.rename(path, "a.txt"),
            reader.create_checkpoint(path),
            reader.restore_checkpoint(checkpoint["id"], path),
            reader.delete_checkpoint(checkpoint["id"], path),
        )
    }
    assert messages == {
        "Nothing was changed: 'shared/flights' is shared with you for reading only. Save a copy among your own files, or ask the "
        "administrator for the right to write."
    }
    for action in (
        reader.new_untitled("shared/flights/f", ext=".txt"),
        reader.save({"type": "directory"}, "shared/flights/g"),
        reader.copy(path),
        reader.copy("b.txt", "shared/flights"),
        reader.rename("b.txt", "shared/flights/b.txt"),
        reader.delete("shared/flights/f"),
    ):
        assert "for reading only" in await refusal(action)
    assert keys(s3_server, bucket) == before
    assert await text(ada, path) == "one"
    assert (await reader.copy(path, ""))["path"] == "a.txt"
    assert (await reader.get("a.txt"))["writable"]


async def test_a_file_of_ones_own_called_shared_is_hidden_not_lost(
    person: Person, s3_server: S3Server, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(s3_server, bucket, "users/ada/shared/own.txt", "users/ada/shared/flights/own.txt", "users/bob/shared")
    for name in ("ada", "bob"):
        manager = person(name)
        assert await listed(manager) == [("directory", "shared")]
        assert await listed(manager, "shared/flights") == []
        await manager._tell_of_hidden_folder()
    assert caplog.messages == ["The shared folders hide a folder 'shared' of the person's own."]
    moved = person("ada", shares_folder="team")
    assert await listed(moved, "shared") == [("directory", "shared/flights"), ("file", "shared/own.txt")]


async def test_one_server_at_a_time_clears_a_share(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob, reader = (person(name, name != "eve", trash_days=1) for name in ("ada", "bob", "eve"))
    assert len(reader.janitors) == 1, "who may only read clears the home alone"
    await save(ada, "shared/flights/a.txt", "one")
    await ada.delete("shared/flights/a.txt")
    first, second = ada.janitors[1], bob.janitors[1]
    later = ada.mounts.at("shared/flights")
    monkeypatch.setattr("s3_contents.janitor.now", _clock(timedelta(days=2)))
    assert (await first.clear()).trashed == 1
    assert await later.trash.entries() == []
    assert (await second.clear()).requests == 1, "the other one has only looked at the mark"
    monkeypatch.setattr("s3_contents.janitor.now", _clock(timedelta(days=4)))
    assert (await second.clear()).requests > 1


def _clock(ahead: timedelta) -> Callable[[], Any]:
    return lambda: now() + ahead
