"""Files that come in chunks: whole or not at all, in little memory, never over what someone else wrote."""

from __future__ import annotations

import asyncio
import base64
import resource
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from s3_contents import S3ContentsManager, uploads
from tornado.web import HTTPError

from dev.s3_server import S3Server
from tests.support.s3_proxy import Fault, Request, S3Proxy

MIB = 2**20
KEY = "users/ada/f/data.bin"
CONTENT = b"0123456789abcdef" * (17 * MIB // 16)  # three parts
STEPS: dict[str, Callable[[Request], bool]] = {
    "begin": lambda request: request.method == "POST" and "uploadId" not in request.query,
    "part": lambda request: "partNumber=2" in request.query,
    "end": lambda request: request.method == "POST" and "uploadId" in request.query,
}
"""Requests of a multipart upload."""


def chunk(number: int, content: bytes, **more: Any) -> dict[str, Any]:
    encoded = base64.b64encode(content).decode()
    return {"type": "file", "format": "base64", "chunk": number, "content": encoded} | more


async def send(manager: S3ContentsManager, content: bytes, size: int = MIB, path: str = "f/data.bin") -> dict[str, Any]:
    """As JupyterLab: chunks 1, 2, ..., and -1 for the last."""
    parts = [content[first : first + size] for first in range(0, len(content), size)]
    model: dict[str, Any] = {}
    for number, part in enumerate(parts, 1):
        model = await manager.save(chunk(-1 if number == len(parts) else number, part), path)
    return model


def pending(server: S3Server, bucket: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return found


def stored(server: S3Server, bucket: str) -> bytes:
    body: bytes = server.client.get_object(Bucket=bucket, Key=KEY)["Body"].read()
    return body


@pytest.mark.parametrize("size", [2 * MIB, 8 * MIB, 8 * MIB + 1, 19 * MIB + 7])
async def test_the_file_is_what_was_sent(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str, size: int
) -> None:
    content = bytes(range(251)) * (size // 251) + bytes(size % 251)
    model = await send(manager, content)
    assert stored(s3_server, bucket) == content
    assert model["size"] == size
    shown = await manager.get("f/data.bin", content=False, require_hash=True)
    assert (shown["last_modified"], shown["hash"]) == (model["last_modified"], model["hash"])
    assert pending(s3_server, bucket) == []
    await manager.save({"type": "file", "format": "text", "content": "next version"}, "f/data.bin")


async def test_requests(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await send(manager, bytes(20 * MIB))
    # Uploads left behind? A file, a folder of this name? Start, two parts on the way, the last one, complete.
    assert proxy.methods() == ["GET", "HEAD", "GET", "POST", "PUT", "PUT", "PUT", "POST"]
    await send(manager, bytes(3 * MIB))
    assert proxy.methods() == ["PUT"]


async def test_nothing_is_seen_before_the_end(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=b"before")
    await manager.get("f/data.bin")
    for number in range(1, 12):
        model = await manager.save(chunk(number, bytes(MIB)), "f/data.bin")
        assert model["size"] == number * MIB
        assert stored(s3_server, bucket) == b"before"
    await manager.save(chunk(-1, b"end"), "f/data.bin")
    assert len(stored(s3_server, bucket)) == 11 * MIB + 3


async def test_a_new_file_exists_for_the_rest_of_its_chunks(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    """Jupyter Server asks before each chunk; the answer takes no request."""
    await manager.new(chunk(1, b"a"), "f/data.bin")
    proxy.requests.clear()
    assert await manager.file_exists("f/data.bin")
    assert proxy.methods() == []
    await manager.save(chunk(-1, b"b"), "f/data.bin")


@pytest.mark.parametrize("size", [2 * MIB, 10 * MIB])
@pytest.mark.parametrize("before", [None, b"before"])
async def test_what_someone_else_writes_meanwhile_is_kept(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str, size: int, before: bytes | None
) -> None:
    if before is not None:
        s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=before)
    await manager.save(chunk(1, bytes(size)), "f/data.bin")
    s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=b"theirs")
    with pytest.raises(HTTPError, match="by someone else") as raised:
        await manager.save(chunk(-1, b""), "f/data.bin")
    assert raised.value.status_code == 409
    assert stored(s3_server, bucket) == b"theirs"
    assert pending(s3_server, bucket) == []


@pytest.mark.parametrize("size", [2 * MIB, 10 * MIB])
async def test_a_file_that_is_deleted_meanwhile_is_written_anew(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str, size: int
) -> None:
    s3_server.client.put_object(Bucket=bucket, Key=KEY, Body=b"before")
    await manager.save(chunk(1, bytes(size)), "f/data.bin")
    s3_server.client.delete_object(Bucket=bucket, Key=KEY)
    await manager.save(chunk(-1, b"end"), "f/data.bin")
    assert stored(s3_server, bucket) == bytes(size) + b"end"


async def test_chunks_that_do_not_follow_each_other_are_refused(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    for wrong in ([2], [-1], [1, 3], [1, 2, 2], [1, 2, 4]):
        for number in wrong[:-1]:
            await manager.save(chunk(number, bytes(9 * MIB)), "f/data.bin")
        with pytest.raises(HTTPError, match=r"Upload (it|the file) again\.") as raised:
            await manager.save(chunk(wrong[-1], b"x"), "f/data.bin")
        assert raised.value.status_code == 400
        assert not await manager.file_exists("f/data.bin")
        assert pending(s3_server, bucket) == []


async def test_a_second_upload_of_a_file_replaces_the_first(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    await manager.save(chunk(1, bytes(9 * MIB)), "f/data.bin")
    await send(manager, b"second" * MIB)
    assert stored(s3_server, bucket) == b"second" * MIB
    assert pending(s3_server, bucket) == []


async def test_uploads_side_by_side(manager: S3ContentsManager) -> None:
    contents = {f"{number}.bin": bytes([number]) * (9 * MIB + number) for number in range(4)}
    await asyncio.gather(*(send(manager, content, path=path) for path, content in contents.items()))
    for path, content in contents.items():
        assert base64.b64decode((await manager.get(path, format="base64"))["content"]) == content


async def test_a_pause_that_is_too_long_ends_the_upload(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str
) -> None:
    manager.upload_timeout = 0.2
    await manager.save(chunk(1, bytes(9 * MIB)), "f/data.bin")
    assert len(pending(s3_server, bucket)) == 1
    for _ in range(600):
        if not pending(s3_server, bucket):
            break
        await asyncio.sleep(0.05)
    assert pending(s3_server, bucket) == []
    with pytest.raises(HTTPError, match="was interrupted"):
        await manager.save(chunk(2, b"x"), "f/data.bin")


async def test_what_a_killed_server_left_behind_is_removed(
    manager: S3ContentsManager, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = s3_server.client
    client.create_multipart_upload(Bucket=bucket, Key="users/ada/orphan")
    client.create_multipart_upload(Bucket=bucket, Key="users/bob/orphan")
    await send(manager, bytes(2 * MIB))
    assert len(pending(s3_server, bucket)) == 2, "they are not a day old"
    monkeypatch.setattr(uploads, "ORPHAN_AGE", timedelta(seconds=-5))
    next_server = S3ContentsManager(url=manager.url)
    await send(next_server, bytes(2 * MIB))
    await next_server.close()
    assert [upload["Key"] for upload in pending(s3_server, bucket)] == ["users/bob/orphan"]


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("step", STEPS)
async def test_a_short_fault_is_not_noticed(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str, *, step: str, fault: Fault
) -> None:
    met: list[Request] = []

    def once(request: Request) -> Fault | None:
        if met or not STEPS[step](request):
            return None
        met.append(request)
        return fault

    proxy.fault = once
    model = await send(manager, CONTENT)
    assert met
    assert stored(s3_server, bucket) == CONTENT
    assert model["hash"] == (await manager.get("f/data.bin", content=False, require_hash=True))["hash"]
    # An upload whose beginning nobody heard of is an orphan.
    is_orphan = step == "begin" and fault in (Fault.LOSE_ANSWER, Fault.TRUNCATE)
    assert len(pending(s3_server, bucket)) == is_orphan


@pytest.mark.parametrize("step", STEPS)
async def test_a_fault_that_lasts_keeps_the_file_that_was_there(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str, step: str
) -> None:
    await manager.save({"type": "file", "format": "text", "content": "before"}, "f/data.bin")
    proxy.fault = lambda request: Fault.REFUSE if STEPS[step](request) else None
    with pytest.raises(HTTPError) as raised:
        await send(manager, CONTENT)
    assert raised.value.status_code == 503
    assert stored(s3_server, bucket) == b"before"
    assert pending(s3_server, bucket) == []
    proxy.fault = lambda _request: None
    await send(manager, CONTENT)
    assert stored(s3_server, bucket) == CONTENT


async def test_a_slow_server_gets_all_of_it(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    proxy.delay = 0.3
    await send(manager, CONTENT)
    assert stored(s3_server, bucket) == CONTENT


async def test_closing_the_manager_ends_uploads(manager: S3ContentsManager, s3_server: S3Server, bucket: str) -> None:
    await manager.save(chunk(1, bytes(9 * MIB)), "f/data.bin")
    await manager.close()
    assert pending(s3_server, bucket) == []


async def test_memory_does_not_grow_with_the_file(manager: S3ContentsManager) -> None:
    await send(manager, bytes(40 * MIB), path="warm.bin")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    part = chunk(0, bytes(MIB))
    for number in range(1, 400):
        await manager.save(part | {"chunk": number}, "f/data.bin")
    await manager.save(part | {"chunk": -1}, "f/data.bin")
    assert (await manager.get("f/data.bin", content=False))["size"] == 400 * MIB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024, "KiB"
