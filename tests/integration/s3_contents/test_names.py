"""Names: odd ones, those that cannot be kept, those that lead elsewhere, hidden ones."""

from __future__ import annotations

import pytest
from s3_contents import S3ContentsManager
from tornado.web import HTTPError

from dev.s3_server import S3Server
from tests.support.s3_proxy import S3Proxy

from .home import PLAIN_AND_VERSIONED, TEXT, keys, listed, status, write

pytestmark = PLAIN_AND_VERSIONED


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
