"""The contents manager on a real S3 server: what is where, and what it costs in requests."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from jupyter_server.services.contents.handlers import validate_model
from nbformat.v4 import new_code_cell, new_notebook
from s3_contents import S3ContentsManager, transfers
from s3_contents.errors import ConflictError
from tornado.web import HTTPError
from traitlets import TraitError

from dev.s3_server import S3Server
from tests.support.s3_proxy import S3Proxy

TEXT = {"type": "file", "format": "text"}


@pytest.fixture(params=[False, True], ids=["plain", "versions"])
def bucket(request: pytest.FixtureRequest, bucket: str, s3_server: S3Server) -> str:
    """A bucket without and with versions: deleted files leave traces in the second."""
    s3_server.create_bucket(bucket, versioning=request.param)
    return bucket


async def listed(manager: S3ContentsManager, path: str = "") -> list[tuple[str, str]]:
    model = await manager.get(path, type="directory")
    return sorted((entry["type"], entry["path"]) for entry in model["content"])


async def status(awaitable: Any) -> int:
    with pytest.raises(HTTPError) as raised:
        await awaitable
    return raised.value.status_code


def keys(server: S3Server, bucket: str) -> list[str]:
    return [entry["Key"] for entry in server.client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def write(server: S3Server, bucket: str, *names: str) -> None:
    """Write objects that hold their names."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: server.client.put_object(Bucket=bucket, Key=name, Body=name.encode()), names))


# What each operation costs


async def test_opening_looking_and_saving_take_one_request_each(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await manager.new(path="a.ipynb")
    proxy.requests.clear()
    model = await manager.get("a.ipynb", type="notebook", require_hash=True)
    assert proxy.methods() == ["GET"]
    await manager.get("a.ipynb", content=False)
    assert proxy.methods() == ["HEAD"]
    await manager.save(model, "a.ipynb")
    assert proxy.methods() == ["PUT"]
    await manager.file_exists("a.ipynb")
    assert proxy.methods() == [], "a file that was written a moment ago"
    await manager.dir_exists("a")
    assert proxy.methods() == ["GET"]
    assert not await manager.is_hidden("a.ipynb")
    assert proxy.methods() == []


async def test_a_save_whose_version_is_unknown_looks_for_it_first(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    s3_server.client.put_object(Bucket=bucket, Key="users/ada/b.txt", Body=b"1")
    await manager.save(TEXT | {"content": "2"}, "b.txt")
    assert proxy.methods() == ["HEAD", "PUT"]


async def test_a_new_file_takes_a_look_for_a_folder_of_its_name(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await manager.new(TEXT | {"content": "1"}, "b.txt")
    assert [str(request) for request in proxy.requests] == [
        "GET ?list-type=2&prefix=users/ada/b.txt/&max-keys=1&encoding-type=url",
        "PUT users/ada/b.txt",
    ]


async def test_new_untitled_files_take_one_listing(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    for number in range(3):
        await manager.new_untitled(ext=".txt")
        assert proxy.methods() == ["GET", "PUT"], number
    assert await listed(manager) == [("file", "untitled.txt"), ("file", "untitled1.txt"), ("file", "untitled2.txt")]


async def test_a_long_folder_takes_a_request_per_thousand_entries(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    names = [f"{number:04}" for number in range(1005)]
    write(s3_server, bucket, *(f"users/ada/many/{name}" for name in names))
    model = await manager.get("many", type="directory")
    assert [entry["name"] for entry in model["content"]] == names
    assert proxy.methods() == ["GET"] * 2
    manager.always_delete_dir = True
    await manager.delete_file("many")
    assert proxy.methods() == ["HEAD", "GET", "GET", "POST", "POST"]
    assert keys(s3_server, bucket) == []


async def test_checkpoints_take_few_requests(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await manager.new(path="a.ipynb")
    proxy.requests.clear()
    await manager.create_checkpoint("a.ipynb")
    assert proxy.methods() == ["HEAD", "PUT"], "versitygw would copy a deleted file"
    await manager.list_checkpoints("a.ipynb")
    assert proxy.methods() == ["GET"]
    await manager.restore_checkpoint("checkpoint", "a.ipynb")
    assert proxy.methods() == ["HEAD", "PUT"]
    manager.store.finds_deleted = False
    await manager.create_checkpoint("a.ipynb")
    assert proxy.methods() == ["PUT"], "other servers would not"


async def test_renaming_a_small_file(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await manager.new(path="a.ipynb")
    proxy.requests.clear()
    await manager.rename_file("a.ipynb", "b.ipynb")
    # Is b.ipynb a folder? Read, write unless there is one, delete if it is what was read.
    assert proxy.methods() == ["GET", "GET", "PUT", "DELETE"]


async def test_renaming_a_folder_takes_a_copy_per_file(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    write(s3_server, bucket, *(f"users/ada/old/{number}" for number in range(100)))
    await manager.rename_file("old", "new")
    methods = proxy.methods()
    assert methods.count("PUT") == 100
    assert methods.count("POST") == 1, "one delete of many"
    # Is "new" a folder? Is "old" a file, is it a folder, is "new" a file? What is in it, and what after the copies?
    assert len(methods) == 100 + 1 + 6
    assert [entry["name"] for entry in (await manager.get("new"))["content"]] == sorted(map(str, range(100)))
    assert not await manager.dir_exists("old")


# Models


async def test_models_are_those_that_jupyter_asks_for(manager: S3ContentsManager) -> None:
    await manager.new(path="a.ipynb")
    await manager.new(TEXT | {"content": "x"}, "f/b.txt")
    for path in ("a.ipynb", "f/b.txt"):
        validate_model(await manager.get(path, require_hash=True), expect_content=True, expect_hash=True)
        validate_model(await manager.get(path, content=False, require_hash=True), expect_hash=True)
    validate_model(await manager.get("f"), expect_content=True)
    validate_model(await manager.get("f", content=False))
    for entry in (await manager.get(""))["content"]:
        validate_model(entry)


async def test_times_and_hashes_are_the_same_whoever_asks(manager: S3ContentsManager, bucket: str) -> None:
    saved = await manager.new(path="a.ipynb")
    assert saved["last_modified"].microsecond % 1000 == 0
    for _ in range(2):
        for content in (True, False):
            shown = await manager.get("a.ipynb", content=content, require_hash=True)
            assert (shown["last_modified"], shown["hash"]) == (saved["last_modified"], saved["hash"])
    (entry,) = (await manager.get(""))["content"]
    assert entry["last_modified"] == saved["last_modified"]
    other = S3ContentsManager(url=manager.url)
    assert (await other.get("a.ipynb"))["last_modified"] == saved["last_modified"]
    await other.close()


async def test_times_of_files_that_other_programs_wrote_are_those_of_s3(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    client = s3_server.client
    for metadata in ({}, {"mtime": "yesterday"}, {"mtime": "1e300"}, {"mtime": "nan"}):
        client.put_object(Bucket=bucket, Key="users/ada/a.txt", Body=b"", Metadata=metadata)
        expected = client.head_object(Bucket=bucket, Key="users/ada/a.txt")["LastModified"]
        assert (await manager.get("a.txt"))["last_modified"] == expected, metadata
    client.put_object(Bucket=bucket, Key="users/ada/a.txt", Body=b"", Metadata={"mtime": "1700000000.25"})
    assert (await manager.get("a.txt"))["last_modified"].timestamp() == 1700000000.25


async def test_a_notebook_is_stored_as_jupyter_stores_it(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    notebook = new_notebook(cells=[new_code_cell("print('ä √')")])
    await manager.new({"type": "notebook", "content": notebook}, "a.ipynb")
    stored = s3_server.client.get_object(Bucket=bucket, Key="users/ada/a.ipynb")
    body = stored["Body"].read().decode()
    assert body.startswith('{\n "cells": [\n  {')
    assert body.endswith("}\n")
    assert "print('ä √')" in body
    assert stored["ContentType"] == "application/x-ipynb+json"
    again = await manager.get("a.ipynb")
    await manager.save(again, "a.ipynb")
    assert s3_server.client.get_object(Bucket=bucket, Key="users/ada/a.ipynb")["Body"].read().decode() == body


@pytest.mark.parametrize("content", [b"", b"plain", "ä\r\n√".encode(), b"\xff\x00\xfe"])
async def test_bytes_come_back_as_they_are(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str, content: bytes
) -> None:
    s3_server.client.put_object(Bucket=bucket, Key="users/ada/data", Body=content)
    model = await manager.get("data")
    assert model["format"] == ("base64" if b"\xff" in content else "text")
    await manager.save(model, "copy")
    assert s3_server.client.get_object(Bucket=bucket, Key="users/ada/copy")["Body"].read() == content


async def test_asking_for_the_wrong_type(manager: S3ContentsManager) -> None:
    await manager.new(TEXT | {"content": "no notebook"}, "f/a.txt")
    assert await status(manager.get("f/a.txt", type="directory")) == 400
    assert await status(manager.get("f", type="file")) == 400
    assert await status(manager.get("f", type="notebook")) == 400
    assert await status(manager.get("f/a.txt", type="notebook")) == 400
    assert await status(manager.get("f/missing", type="directory")) == 404
    assert await status(manager.get("f/missing")) == 404


async def test_a_file_that_is_too_large_for_the_browser_is_not_loaded(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    manager.max_open_mb = 1
    s3_server.client.put_object(Bucket=bucket, Key="users/ada/big.csv", Body=bytes(2 * 2**20))
    with pytest.raises(HTTPError, match=f"s3://{bucket}/users/ada/big.csv has 2 MiB, more than the 1 MiB") as raised:
        await manager.get("big.csv")
    assert raised.value.status_code == 413
    assert (await manager.get("big.csv", content=False))["size"] == 2 * 2**20


# Folders


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
    assert [entry["type"] for entry in manager._children("", page)] == ["directory", "file"]


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


# Names

NAMES = [
    "ä √ 中文.txt",
    "a+b %20 %2F&=?#.txt",
    "'quotes\".txt",
    "back\\slash.txt",
    " leading and trailing ",
    "tilde~ * [x] {y} | ^ `.txt",
    "e\u0301 decomposed.txt",
    "é composed.txt",
    "😀.txt",
]


async def test_odd_names_are_kept_as_they_are(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    manager.hide_globs = []
    for name in NAMES:
        path = f"{name} folder/{name}"
        await manager.new(TEXT | {"content": name}, path)
        await manager.create_checkpoint(path)
        assert (await manager.get(path))["content"] == name
        assert f"users/ada/{path}" in keys(s3_server, bucket)
        assert [entry["path"] for entry in (await manager.get(f"{name} folder"))["content"]] == [path]
        await manager.rename(path, f"{path}.new")
        await manager.copy(f"{path}.new", path)
        assert len(await manager.list_checkpoints(f"{path}.new")) == 1
        assert (await manager.get(path))["content"] == name
    assert len((await manager.get(""))["content"]) == len(NAMES)


@pytest.mark.parametrize("path", ["a//b", "a/./b", "./a", "a\x00b", "a\nb", "\x7f", "\ud800", "x/" * 600 + "x"])
async def test_names_that_cannot_be_kept_are_refused(manager: S3ContentsManager, proxy: S3Proxy, path: str) -> None:
    manager.allow_hidden = True
    assert await status(manager.get(path)) == 400
    assert await status(manager.save(TEXT | {"content": ""}, path)) == 400
    assert await status(manager.delete(path)) == 400
    await manager.new(TEXT | {"content": ""}, "ok.txt")
    proxy.requests.clear()
    assert await status(manager.rename("ok.txt", path)) == 400
    assert await status(manager.copy("ok.txt", path)) == 400
    assert proxy.methods() == []


async def test_a_name_that_is_too_long_for_the_server(manager: S3ContentsManager) -> None:
    with pytest.raises(HTTPError, match="S3 does not accept this name") as raised:
        await manager.new(TEXT | {"content": ""}, "x" * 300)
    assert raised.value.status_code == 400


@pytest.mark.parametrize("path", ["..", "../a", "a/../../b", "a/.."])
async def test_nothing_leads_out_of_the_home(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str, path: str
) -> None:
    manager.allow_hidden = manager.always_delete_dir = True
    s3_server.client.put_object(Bucket=bucket, Key="users/a", Body=b"secret")
    for attempt in (manager.get(path), manager.delete(path), manager.rename(path, "x"), manager.copy(path, "x")):
        assert await status(attempt) == 404
    assert await status(manager.save(TEXT | {"content": ""}, path)) == 404
    assert keys(s3_server, bucket) == ["users/a"]


async def test_keys_that_are_no_paths_are_not_shown(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    write(s3_server, bucket, "users/ada/a\nb", "users/ada/ok")
    assert await listed(manager) == [("file", "ok")]


async def test_the_managers_own_folder_is_out_of_reach(manager: S3ContentsManager) -> None:
    manager.allow_hidden = True
    await manager.new(path="a.ipynb")
    await manager.create_checkpoint("a.ipynb")
    assert await listed(manager) == [("notebook", "a.ipynb")]
    assert await status(manager.get(".s3_contents")) == 400
    assert await status(manager.save(TEXT | {"content": ""}, ".s3_contents/x")) == 400
    assert await status(manager.rename("a.ipynb", ".s3_contents/a.ipynb")) == 400


# Hidden files


async def test_hidden_files(manager: S3ContentsManager) -> None:
    manager.allow_hidden = True
    for path in (".a", ".f/b", "f/.c", "f/d", "f/e.pyc", "f/__pycache__/x", "f/g~"):
        await manager.new(TEXT | {"content": ""}, path)
    assert await listed(manager, "f") == [("file", "f/.c"), ("file", "f/d")]
    manager.allow_hidden = False
    assert await listed(manager) == [("directory", "f")]
    assert await listed(manager, "f") == [("file", "f/d")]
    for path in (".a", ".f/b", "f/.c"):
        assert await manager.is_hidden(path)
        assert await status(manager.get(path)) == 404
        assert await status(manager.save(TEXT | {"content": ""}, path)) == 400
        assert await status(manager.delete(path)) == 400
        assert await status(manager.rename(path, "x")) == 400
        assert await status(manager.rename("f/d", path)) == 400
        assert await status(manager.copy(path)) == 400


# Checkpoints


async def test_a_checkpoint_is_what_the_file_was(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    model = await manager.new(TEXT | {"content": "one"}, "f/a.txt")
    checkpoint = await manager.create_checkpoint("f/a.txt")
    assert await manager.list_checkpoints("f/a.txt") == [checkpoint]
    await manager.save(TEXT | {"content": "two"}, "f/a.txt")
    await manager.rename("f/a.txt", "f/b.txt")
    assert await manager.list_checkpoints("f/a.txt") == []
    await manager.restore_checkpoint(checkpoint["id"], "f/b.txt")
    restored = await manager.get("f/b.txt")
    assert restored["content"] == "one"
    assert restored["last_modified"] > model["last_modified"]
    assert restored["mimetype"] == "text/plain"
    await manager.delete_checkpoint(checkpoint["id"], "f/b.txt")
    assert await manager.list_checkpoints("f/b.txt") == []
    assert await status(manager.delete_checkpoint(checkpoint["id"], "f/b.txt")) == 404
    assert await status(manager.restore_checkpoint(checkpoint["id"], "f/b.txt")) == 404
    assert await status(manager.restore_checkpoint("../../x", "f/b.txt")) == 404
    assert await status(manager.create_checkpoint("f/a.txt")) == 404


async def test_checkpoints_go_with_their_files(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    manager.always_delete_dir = True
    for path in ("a.txt", "f/b.txt", "f/g/c.txt"):
        await manager.new(TEXT | {"content": ""}, path)
        await manager.create_checkpoint(path)
    await manager.delete("a.txt")
    await manager.delete("f")
    assert keys(s3_server, bucket) == []


# Events


async def test_events_tell_what_happened(manager: S3ContentsManager) -> None:
    events: list[tuple[str, ...]] = []

    async def listen(logger: Any, schema_id: str, data: dict[str, str]) -> None:
        events.append((data["action"], data["path"], data.get("source_path", "")))

    manager.event_logger.add_listener(schema_id=manager.event_schema_id, listener=listen)
    await manager.new(path="a.ipynb")
    await manager.get("a.ipynb")
    await manager.copy("a.ipynb")
    await manager.rename("a.ipynb", "b.ipynb")
    await manager.delete("b.ipynb")
    await asyncio.sleep(0)
    await manager.event_logger.gather_listeners()
    assert events == [
        ("save", "a.ipynb", ""),
        ("get", "a.ipynb", ""),
        ("copy", "a-Copy1.ipynb", "a.ipynb"),
        ("rename", "b.ipynb", "a.ipynb"),
        ("delete", "b.ipynb", ""),
    ]


# Settings


async def test_a_preferred_folder_is_looked_for_while_jupyter_starts(manager: S3ContentsManager) -> None:
    """Jupyter asks from a thread with an event loop of its own."""
    await manager.new({"type": "directory"}, "f")
    other = S3ContentsManager(url=manager.url, preferred_dir="f")
    assert other.preferred_dir == "f"
    assert (await other.get("f"))["type"] == "directory"
    await other.close()
    with pytest.raises(TraitError, match="Preferred directory not found: 'g'"):
        S3ContentsManager(url=manager.url, preferred_dir="g")


async def test_a_home_may_be_a_whole_bucket(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    whole = S3ContentsManager(url=f"s3://{bucket}")
    await whole.new(TEXT | {"content": ""}, "a.txt")
    await whole.create_checkpoint("a.txt")
    assert await listed(whole) == [("file", "a.txt")]
    assert keys(s3_server, bucket) == [".s3_contents/checkpoints/a.txt/checkpoint", "a.txt"]
    await whole.close()
