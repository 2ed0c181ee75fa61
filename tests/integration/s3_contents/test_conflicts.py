"""No update is lost: several clients, several servers, and writers that are no Jupyter at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from s3_contents import S3ContentsManager
from tornado.web import HTTPError

from dev.s3_server import S3Server

KEY = "users/ada/a.txt"


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "format": "text", "content": content} | more


@pytest.fixture
async def other(manager: S3ContentsManager) -> AsyncIterator[S3ContentsManager]:
    """The manager of a second server of the same person."""
    other = S3ContentsManager(url=manager.url)
    yield other
    await other.close()


def stored(server: S3Server, bucket: str) -> str:
    body: bytes = server.client.get_object(Bucket=bucket, Key=KEY)["Body"].read()
    return body.decode()


async def test_a_change_from_outside_is_not_overwritten(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    await manager.new(text("mine 1"), "a.txt")
    await manager.get("a.txt")
    s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=b"theirs")
    for _ in range(2):
        with pytest.raises(HTTPError, match="changed by someone else since you opened it") as raised:
            await manager.save(text("mine 2"), "a.txt")
        assert raised.value.status_code == 409
    assert stored(s3_server, bucket) == "theirs"


@pytest.mark.parametrize("look", [{"content": True}, {"content": False, "require_hash": True}])
async def test_who_has_seen_the_change_may_overwrite_it(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str, look: dict[str, bool]
) -> None:
    """JupyterLab asks for the hash, shows a dialog, and saves again if the person says so."""
    await manager.new(text("mine 1"), "a.txt")
    s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=b"theirs")
    await manager.get("a.txt", **look)
    await manager.save(text("mine 2"), "a.txt")
    assert stored(s3_server, bucket) == "mine 2"


async def test_who_looks_at_the_time_alone_has_not_seen_the_change(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    await manager.new(text("mine 1"), "a.txt")
    s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=b"theirs")
    await manager.get("a.txt", content=False)
    with pytest.raises(HTTPError):
        await manager.save(text("mine 2"), "a.txt")


async def test_the_base_that_a_client_names_decides(manager: S3ContentsManager) -> None:
    first = await manager.new(text("1"), "a.txt")
    second = await manager.save(text("2", base_hash=first["hash"]), "a.txt")
    with pytest.raises(HTTPError, match="changed by someone else"):
        await manager.save(text("other tab", base_hash=first["hash"]), "a.txt")
    await manager.get("a.txt")
    with pytest.raises(HTTPError, match="changed by someone else"):
        await manager.save(text("other tab", base_hash=first["hash"]), "a.txt")
    with pytest.raises(HTTPError, match="created by someone else"):
        await manager.save(text("new", base_hash=None), "a.txt")
    await manager.save(text("3", base_hash=second["hash"]), "a.txt")
    assert (await manager.get("a.txt"))["content"] == "3"


async def test_of_two_servers_that_save_at_once_one_wins(
    manager: S3ContentsManager, other: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    await manager.new(text("0"), "a.txt")
    for number in range(10):
        await asyncio.gather(manager.get("a.txt"), other.get("a.txt"))
        results = await asyncio.gather(
            manager.save(text(f"{number} one"), "a.txt"),
            other.save(text(f"{number} other"), "a.txt"),
            return_exceptions=True,
        )
        failures = [result for result in results if isinstance(result, HTTPError)]
        assert [failure.status_code for failure in failures] == [409]
        winner = "other" if isinstance(results[0], HTTPError) else "one"
        assert stored(s3_server, bucket) == f"{number} {winner}"


async def test_saves_of_one_server_follow_each_other(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    await manager.new(text("0"), "a.txt")
    await asyncio.gather(*(manager.save(text(str(number)), "a.txt") for number in range(20)))
    assert stored(s3_server, bucket) == "19"


async def test_of_many_that_create_a_file_one_does(manager: S3ContentsManager, other: S3ContentsManager) -> None:
    results = await asyncio.gather(
        *(creator.new(text(str(number)), "a.txt") for number, creator in enumerate([manager, other] * 8)),
        return_exceptions=True,
    )
    created = [number for number, result in enumerate(results) if isinstance(result, dict)]
    assert len(created) == 1
    assert {result.status_code for result in results if isinstance(result, HTTPError)} == {409}
    assert (await manager.get("a.txt"))["content"] == str(created[0])


async def test_new_untitled_files_never_share_a_name(manager: S3ContentsManager, other: S3ContentsManager) -> None:
    models = await asyncio.gather(*(creator.new_untitled(type="notebook") for creator in [manager, other] * 5))
    assert len({model["path"] for model in models}) == 10
    copies = await asyncio.gather(*(creator.copy("Untitled.ipynb") for creator in [manager, other] * 5))
    assert len({model["path"] for model in copies}) == 10


async def test_a_file_that_was_deleted_elsewhere_is_saved_again(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    await manager.new(text("1"), "a.txt")
    s3_server.client.delete_object(Bucket=bucket, Key=KEY)
    await manager.save(text("2"), "a.txt")
    assert stored(s3_server, bucket) == "2"


async def test_a_version_follows_its_file(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    await manager.new(text("1"), "f/b.txt")
    await manager.rename("f", "g")
    await manager.rename("g/b.txt", "a.txt")
    s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=b"theirs")
    with pytest.raises(HTTPError, match="changed by someone else"):
        await manager.save(text("2"), "a.txt")


async def test_a_deleted_file_has_no_version(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    await manager.new(text("1"), "a.txt")
    await manager.delete("a.txt")
    s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=b"theirs")
    assert not await manager.mounts.home.tree.has_folder("a.txt")
    await manager.save(text("2"), "a.txt")
    assert stored(s3_server, bucket) == "2", "a client that never saw the file replaces what is there now"


async def test_a_restored_checkpoint_is_a_change(manager: S3ContentsManager) -> None:
    await manager.new(text("1"), "a.txt")
    checkpoint = await manager.create_checkpoint("a.txt")
    await manager.save(text("2"), "a.txt")
    await manager.restore_checkpoint(checkpoint["id"], "a.txt")
    with pytest.raises(HTTPError, match="changed by someone else"):
        await manager.save(text("3"), "a.txt")
    assert (await manager.get("a.txt"))["content"] == "1"


async def test_a_file_that_changes_while_it_is_renamed_keeps_its_name(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str, proxy: Any
) -> None:
    await manager.new(text("1"), "a.txt")

    def change_before_delete(request: Any) -> None:
        if request.method == "DELETE" and request.key == KEY:
            s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=b"theirs")

    proxy.fault = change_before_delete
    with pytest.raises(HTTPError, match="was changed while it was being renamed") as raised:
        await manager.rename("a.txt", "b.txt")
    assert raised.value.status_code == 409
    assert stored(s3_server, bucket) == "theirs"
    assert not await manager.exists("b.txt")


async def test_what_changes_while_a_folder_is_renamed_is_not_lost(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str, proxy: Any
) -> None:
    client = s3_server.client
    for name in ("changed", "deleted", "same"):
        client.put_object(Bucket=bucket, Key=f"users/ada/f/{name}", Body=b"old")
    pending = {"users/ada/g/same"}

    def change_during_copies(request: Any) -> None:
        if request.method == "PUT" and request.key in pending:
            pending.clear()
            client.put_object(Bucket=bucket, Key="users/ada/f/changed", Body=b"new")
            client.put_object(Bucket=bucket, Key="users/ada/f/created", Body=b"new")
            client.delete_object(Bucket=bucket, Key="users/ada/f/deleted")

    proxy.fault = change_during_copies
    await manager.rename("f", "g")
    contents = {
        entry["name"]: (await manager.get(entry["path"]))["content"] for entry in (await manager.get("g"))["content"]
    }
    assert contents == {"changed": "new", "created": "new", "same": "old"}
    assert not await manager.dir_exists("f")
