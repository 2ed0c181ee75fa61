"""What the contents manager says of files, on a real S3 server."""

from __future__ import annotations

import pytest
from jupyter_server.services.contents.handlers import validate_model
from nbformat.v4 import new_code_cell, new_notebook
from s3_contents import S3ContentsManager
from tornado.web import HTTPError

from dev.s3_server import S3Server

from .home import PLAIN_AND_VERSIONED, TEXT, status

pytestmark = PLAIN_AND_VERSIONED


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
