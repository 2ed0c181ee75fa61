"""Folders, and what is moved and copied, on a store that has neither."""

from __future__ import annotations

import asyncio

import pytest
from s3_contents import S3ContentsManager, transfers
from s3_contents.errors import ConflictError
from tornado.web import HTTPError

from dev.s3_server import S3Server
from tests.support.s3_proxy import S3Proxy

from .home import PLAIN_AND_VERSIONED, TEXT, keys, listed, status, write

pytestmark = PLAIN_AND_VERSIONED


async def test_folders_that_other_programs_made(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    write(s3_server, bucket, "users/ada/a/b/c.txt", "users/ada/d/e", "users/adam/secret", "users/secret")
    assert await listed(manager) == [("directory", "a"), ("directory", "d")]
    assert await listed(manager, "a") == [("directory", "a/b")]
    assert await listed(manager, "a/b") == [("file", "a/b/c.txt")]
    assert await manager.dir_exists("a/b")
    assert not await manager.dir_exists("a/b/c")


async def test_an_empty_home_is_an_empty_folder(manager: S3ContentsManager) -> None:
    assert (await manager.get(""))["content"] == []
    assert await manager.dir_exists("")


async def test_empty_folders_stay(manager: S3ContentsManager) -> None:
    await manager.new({"type": "directory"}, "made")
    await manager.save({"type": "directory"}, "made")
    assert (await manager.get("made"))["content"] == []
    await manager.new(TEXT | {"content": ""}, "found/a.txt")
    await manager.delete("found/a.txt")
    assert (await manager.get("found"))["content"] == []
    await manager.new(TEXT | {"content": ""}, "found/b.txt")
    await manager.rename("found/b.txt", "b.txt")
    assert await listed(manager) == [("directory", "found"), ("directory", "made"), ("file", "b.txt")]


async def test_a_folder_with_something_in_it_is_not_deleted(manager: S3ContentsManager) -> None:
    await manager.new(TEXT | {"content": ""}, "f/g/a.txt")
    assert await status(manager.delete("f")) == 400
    assert await manager.file_exists("f/g/a.txt")
    manager.always_delete_dir = True
    await manager.delete("f")
    assert (await manager.get(""))["content"] == []
    assert await status(manager.delete("f")) == 404
    assert await status(manager.delete("")) == 400


async def test_a_renamed_folder_has_everything(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    times = {}
    for path in ("f/a.ipynb", "f/g/b.ipynb", "f/g/.hidden"):
        manager.allow_hidden = True
        times[path] = (await manager.new({"type": "notebook"}, path))["last_modified"]
    await manager.new({"type": "directory"}, "f/empty")
    await manager.create_checkpoint("f/g/b.ipynb")
    await manager.rename("f", "n/f2")
    for path, time in times.items():
        assert (await manager.get(f"n/f2{path[1:]}"))["last_modified"] == time
    assert await listed(manager, "n/f2") == [
        ("directory", "n/f2/empty"),
        ("directory", "n/f2/g"),
        ("notebook", "n/f2/a.ipynb"),
    ]
    assert len(await manager.list_checkpoints("n/f2/g/b.ipynb")) == 1
    assert not [key for key in keys(s3_server, bucket) if "ada/f/" in key or "checkpoints/f/" in key]


async def test_names_that_are_taken_are_not_taken_away(manager: S3ContentsManager) -> None:
    for path in ("a.txt", "f/b.txt", "g/c.txt"):
        await manager.new(TEXT | {"content": path}, path)
    assert await status(manager.rename("f/b.txt", "a.txt")) == 409
    assert await status(manager.rename("a.txt", "f")) == 409
    assert await status(manager.rename("f", "a.txt")) == 409
    assert await status(manager.rename("f", "g")) == 409
    assert await status(manager.rename("f", "f/h")) == 400
    assert await status(manager.copy("f/b.txt", "a.txt")) == 409
    assert await status(manager.new(TEXT | {"content": "no"}, "a.txt")) == 409
    assert await status(manager.new(TEXT | {"content": "no"}, "f")) == 400
    assert await status(manager.new({"type": "directory"}, "a.txt")) == 400
    assert await status(manager.rename("missing", "m")) == 404
    assert [(await manager.get(path))["content"] for path in ("a.txt", "f/b.txt", "g/c.txt")] == [
        "a.txt",
        "f/b.txt",
        "g/c.txt",
    ]


async def test_names_of_deleted_files_are_free(manager: S3ContentsManager) -> None:
    for _ in range(3):
        assert (await manager.new_untitled(ext=".txt"))["path"] == "untitled.txt"
        assert (await manager.new_untitled(type="directory"))["path"] == "Untitled Folder"
        await manager.new(TEXT | {"content": "x"}, "f/a.txt")
        await manager.rename("f/a.txt", "f/b.txt")
        assert (await manager.copy("f/b.txt", "f/a.txt"))["path"] == "f/a.txt"
        assert (await manager.copy("f"))["path"] == "f-Copy1"
        for path in ("f/a.txt", "f/b.txt", "f", "f-Copy1/a.txt", "f-Copy1/b.txt", "f-Copy1"):
            await manager.delete(path)
        await manager.delete("untitled.txt")
        await manager.delete("Untitled Folder")
        assert (await manager.get(""))["content"] == []


async def test_of_many_that_reuse_a_name_one_does(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    await manager.new(TEXT | {"content": "old"}, "a.txt")
    await manager.delete("a.txt")
    attempts = (manager.store.create("users/ada/a.txt", b"%d" % number, "text/plain") for number in range(16))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert [type(result) for result in results].count(ConflictError) == 15
    (winner,) = (number for number, result in enumerate(results) if not isinstance(result, Exception))
    assert (await manager.get("a.txt"))["content"] == str(winner)


async def test_a_folder_in_the_place_of_a_deleted_file(
    manager: S3ContentsManager, request: pytest.FixtureRequest
) -> None:
    await manager.new(TEXT | {"content": ""}, "a")
    await manager.delete("a")
    if "versions" in request.node.name:
        with pytest.raises(HTTPError, match="keeps versions of a deleted file of this name"):
            await manager.new({"type": "directory"}, "a")
    else:
        await manager.new({"type": "directory"}, "a")
        assert await listed(manager) == [("directory", "a")]


async def test_a_file_and_a_folder_of_one_name_are_both_shown(s3_server: S3Server, manager: S3ContentsManager) -> None:
    """Other S3 servers than the one used here have such keys, so the listing is given as they would give it."""
    from s3_contents.objects import Object, Page, now

    page = Page([Object("users/ada/a", 1, "etag", now())], ["users/ada/a/"])
    assert [entry["type"] for entry in manager._children("", manager.mounts.home, page)] == ["directory", "file"]


async def test_copies(manager: S3ContentsManager) -> None:
    await manager.new(TEXT | {"content": "x"}, "f/a.tar.gz")
    first = await manager.copy("f/a.tar.gz")
    assert first["path"] == "f/a-Copy1.tar.gz"
    assert (await manager.copy("f/a-Copy1.tar.gz"))["path"] == "f/a-Copy2.tar.gz"
    original = await manager.get("f/a.tar.gz", require_hash=True)
    assert first["last_modified"] > original["last_modified"]
    assert first["hash"] == original["hash"]
    assert (await manager.copy("f", ""))["path"] == "f-Copy1"
    assert len((await manager.get("f-Copy1"))["content"]) == 3
    assert await status(manager.copy("missing")) == 404


async def test_large_files_are_copied_in_parts_on_the_servers_side(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "SMALL", 2**20)
    monkeypatch.setattr(transfers, "PART", 5 * 2**20)
    content = bytes(range(256)) * (12 * 2**12)
    key = "users/ada/{}".format
    metadata = {"mtime": "1700000000.250", "project": "x"}
    s3_server.client.put_object(Bucket=bucket, Key=key("f/a"), Body=content, Metadata=metadata, ContentType="a/b")
    s3_server.client.put_object(Bucket=bucket, Key=key("taken"), Body=b"taken")
    await manager.rename("f/a", "f/b")
    proxy.requests.clear()
    await manager.rename_file("f", "g")
    assert sum("partNumber" in request.query for request in proxy.requests) == 3
    await manager.copy("g/b", "copy")
    assert await status(manager.rename("copy", "taken")) == 409
    assert await status(manager.copy("copy", "taken")) == 409
    for name in ("g/b", "copy"):
        head = s3_server.client.get_object(Bucket=bucket, Key=key(name))
        assert head["Body"].read() == content
        assert (head["ContentType"], head["Metadata"]["project"]) == ("a/b", "x")
    assert (await manager.get("g/b", content=False))["last_modified"].timestamp() == 1700000000.25
    assert (await manager.get("copy", content=False))["last_modified"].timestamp() > 1700000001
    assert "Uploads" not in s3_server.client.list_multipart_uploads(Bucket=bucket)
    assert keys(s3_server, bucket) == [key(name) for name in ("copy", "g/b", "taken")]
