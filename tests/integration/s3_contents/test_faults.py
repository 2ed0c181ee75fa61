"""Networks that cut, servers that are busy, slow or away, keys that are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from s3_contents import S3ContentsManager
from tornado.web import HTTPError

from dev.s3_server import S3Server
from tests.support.s3_proxy import Fault, Request, S3Proxy

from .home import PLAIN_AND_VERSIONED, keys


def text(content: str) -> dict[str, Any]:
    return {"type": "file", "format": "text", "content": content}


def first(fault: Fault, method: str, times: int = 1) -> Callable[[Request], Fault | None]:
    """The fault for the first requests with this method."""
    left = [fault] * times

    def decide(request: Request) -> Fault | None:
        return left.pop() if left and request.method == method else None

    return decide


def always(fault: Fault, *methods: str) -> Callable[[Request], Fault | None]:
    return lambda request: fault if not methods or request.method in methods else None


async def failure(awaitable: Any) -> HTTPError:
    with pytest.raises(HTTPError) as raised:
        await awaitable
    return raised.value


@pytest.fixture
async def fresh(manager: S3ContentsManager) -> AsyncIterator[S3ContentsManager]:
    """A manager that reads its settings and credentials now."""
    managers: list[S3ContentsManager] = []

    class Lazy:
        def __call__(self, **options: Any) -> S3ContentsManager:
            managers.append(S3ContentsManager(**({"url": manager.url, "max_attempts": 2} | options)))
            return managers[-1]

    yield Lazy()
    for created in managers:
        await created.close()


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.SLOW_DOWN, Fault.INTERNAL_ERROR, Fault.LOSE_ANSWER])
async def test_a_short_fault_is_not_noticed(manager: S3ContentsManager, proxy: S3Proxy, fault: Fault) -> None:
    await manager.new(text("1"), "a.txt")
    proxy.fault = first(fault, "PUT")
    saved = await manager.save(text("2"), "a.txt")
    proxy.fault = first(fault, "GET")
    shown = await manager.get("a.txt", require_hash=True)
    assert (shown["content"], shown["hash"], shown["last_modified"]) == ("2", saved["hash"], saved["last_modified"])
    proxy.fault = first(fault, "PUT")
    await manager.new(text("3"), "b.txt")
    proxy.fault = first(fault, "PUT")
    assert (await manager.new_untitled(ext=".txt"))["path"] == "untitled.txt"


async def test_a_save_whose_every_answer_is_lost_is_a_success(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await manager.new(text("1"), "a.txt")
    proxy.fault = always(Fault.LOSE_ANSWER, "PUT")
    saved = await manager.save(text("2"), "a.txt")
    assert (await manager.get("a.txt", require_hash=True))["hash"] == saved["hash"]
    created = await manager.new(text("3"), "b.txt")
    assert (await manager.get("b.txt", require_hash=True))["hash"] == created["hash"]


async def test_a_conflict_that_is_answered_by_a_cut_is_a_conflict(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    await manager.new(text("1"), "a.txt")
    s3_server.client.put_object(Bucket=bucket, Key="users/ada/a.txt", Body=b"theirs")
    proxy.fault = always(Fault.REFUSE, "PUT")
    assert (await failure(manager.save(text("2"), "a.txt"))).status_code == 409
    assert (await failure(manager.new(text("2"), "a.txt"))).status_code == 409
    assert (await failure(manager.new(text("2"), "b.txt"))).status_code == 503
    s3_server.client.delete_object(Bucket=bucket, Key="users/ada/a.txt")
    proxy.fault = lambda request: Fault.REFUSE if "if-match" in request.headers else None
    await manager.save(text("3"), "a.txt")


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.SLOW_DOWN, Fault.LOSE_ANSWER])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_rename_survives_a_short_fault(
    manager: S3ContentsManager, proxy: S3Proxy, fault: Fault, method: str
) -> None:
    await manager.new(text("1"), "a.txt")
    proxy.fault = first(fault, method)
    await manager.rename("a.txt", "b.txt")
    assert [entry["path"] for entry in (await manager.get(""))["content"]] == ["b.txt"]
    assert (await manager.get("b.txt"))["content"] == "1"


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"], ids=["list", "copy", "delete"])
async def test_the_rename_of_a_folder_survives_a_short_fault(
    manager: S3ContentsManager, proxy: S3Proxy, fault: Fault, method: str
) -> None:
    for number in range(5):
        await manager.new(text(f"{number}"), f"f/{number}")
    proxy.requests.clear()
    proxy.fault = first(fault, method)
    await manager.rename("f", "g")
    assert method in {request.method for request in proxy.requests}
    assert [entry["path"] for entry in (await manager.get(""))["content"]] == ["g"]
    found = [(await manager.get(entry["path"]))["content"] for entry in (await manager.get("g"))["content"]]
    assert sorted(found) == ["0", "1", "2", "3", "4"]


async def test_a_rename_that_cannot_delete_leaves_the_file_where_it_was(
    manager: S3ContentsManager, proxy: S3Proxy
) -> None:
    await manager.new(text("1"), "a.txt")
    proxy.fault = lambda request: Fault.SLOW_DOWN if request.method == "DELETE" and "a.txt" in request.key else None
    assert (await failure(manager.rename("a.txt", "b.txt"))).status_code == 503
    assert [entry["path"] for entry in (await manager.get(""))["content"]] == ["a.txt"]
    proxy.fault = lambda _request: None
    await manager.rename("a.txt", "b.txt")


async def test_a_folder_whose_rename_fails_stays_where_it_was(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    for number in range(60):
        s3_server.client.put_object(Bucket=bucket, Key=f"users/ada/f/{number}", Body=b"%d" % number)
    proxy.fault = lambda request: Fault.REFUSE if request.method == "PUT" and request.key.endswith("/41") else None
    assert (await failure(manager.rename("f", "g"))).status_code == 503
    assert [entry["path"] for entry in (await manager.get(""))["content"]] == ["f"]
    assert len((await manager.get("f"))["content"]) == 60
    proxy.fault = lambda _request: None
    await manager.rename("f", "g")
    assert [entry["path"] for entry in (await manager.get(""))["content"]] == ["g"]
    assert len((await manager.get("g"))["content"]) == 60


def goes_away_at(proxy: S3Proxy, method: str, number: int) -> None:
    """S3 refuses the request of this number with the method, and all that follow."""
    count = 0

    def decide(request: Request) -> Fault | None:
        nonlocal count
        count += request.method == method
        return Fault.REFUSE if count >= number else None

    proxy.fault = decide


async def interrupted(manager: S3ContentsManager, proxy: S3Proxy, server: S3Server, bucket: str, method: str) -> None:
    """A folder of 12 files whose renaming from "f" to "g" S3 has left half-done."""
    manager.max_attempts = 1
    for number in range(12):
        server.client.put_object(Bucket=bucket, Key=f"users/ada/f/{number:02}", Body=b"%d" % number)
    goes_away_at(proxy, method, 8 if method == "PUT" else 1)
    assert (await failure(manager.rename("f", "g"))).status_code == 503
    proxy.fault = lambda _request: None


async def contents(manager: S3ContentsManager, folder: str) -> dict[str, str]:
    listing = (await manager.get(folder))["content"]
    return {entry["name"]: (await manager.get(entry["path"]))["content"] for entry in listing}


ALL = {f"{number:02}": str(number) for number in range(12)}


@PLAIN_AND_VERSIONED
@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_folder_whose_renaming_was_interrupted_is_renamed_again(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str, method: str
) -> None:
    await interrupted(manager, proxy, s3_server, bucket, method)
    assert await manager.dir_exists("g")
    await manager.rename("f", "g")
    assert await contents(manager, "g") == ALL
    assert not await manager.dir_exists("f")
    assert not [key for key in keys(s3_server, bucket) if "/moving/" in key]


@PLAIN_AND_VERSIONED
@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_folder_whose_renaming_was_interrupted_is_renamed_back(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str, method: str
) -> None:
    await interrupted(manager, proxy, s3_server, bucket, method)
    await manager.rename("g", "f")
    assert await contents(manager, "f") == ALL
    assert not await manager.dir_exists("g")
    assert not [key for key in keys(s3_server, bucket) if "/moving/" in key]


async def test_a_file_that_was_changed_after_the_interruption_is_not_overwritten(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    await interrupted(manager, proxy, s3_server, bucket, "PUT")
    arrived = (await manager.get("g"))["content"][0]["name"]
    await manager.save(text("changed"), f"g/{arrived}")
    error = await failure(manager.rename("f", "g"))
    assert error.status_code == 409
    assert "differ: one of them was changed after the renaming had been interrupted" in str(error.log_message)
    assert (await contents(manager, "f")) == ALL
    assert (await manager.get(f"g/{arrived}"))["content"] == "changed"
    await manager.rename(f"g/{arrived}", "mine")
    await manager.rename("f", "g")
    assert await contents(manager, "g") == ALL


async def test_a_folder_that_was_there_before_is_no_interrupted_renaming(manager: S3ContentsManager) -> None:
    for path in ("f/a.txt", "g/a.txt"):
        await manager.new(text("same"), path)
    assert (await failure(manager.rename("f", "g"))).status_code == 409


async def test_a_file_whose_renaming_was_interrupted_is_renamed_again(
    manager: S3ContentsManager, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    await manager.new(text("1"), "a.txt")
    proxy.fault = always(Fault.REFUSE, "DELETE")
    assert (await failure(manager.rename("a.txt", "b.txt"))).status_code == 503
    assert keys(s3_server, bucket) == ["users/ada/a.txt", "users/ada/b.txt"]
    proxy.fault = lambda _request: None
    await manager.rename("a.txt", "b.txt")
    assert keys(s3_server, bucket) == ["users/ada/b.txt"]
    await manager.new(text("1"), "a.txt")
    assert (await failure(manager.rename("a.txt", "b.txt"))).status_code == 409, "the same text, made at another time"


async def test_a_body_that_ends_too_early_is_no_content(manager: S3ContentsManager, proxy: S3Proxy) -> None:
    await manager.new(text("x" * 100_000), "a.txt")
    proxy.fault = always(Fault.TRUNCATE)
    error = await failure(manager.get("a.txt"))
    assert error.status_code == 503
    proxy.fault = lambda _request: None
    assert len((await manager.get("a.txt"))["content"]) == 100_000


async def test_while_s3_is_away_every_answer_says_so(manager: S3ContentsManager, proxy: S3Proxy, bucket: str) -> None:
    model = await manager.new(path="a.ipynb")
    proxy.fault = always(Fault.REFUSE)
    notebook = {"type": "notebook", "content": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}}
    for awaitable, action, path in (
        (manager.get("a.ipynb"), "read", "a.ipynb"),
        (manager.get("", type="directory"), "list", ""),
        (manager.save(notebook, "a.ipynb"), "save", "a.ipynb"),
        (manager.delete("a.ipynb"), "look at", "a.ipynb"),
        (manager.create_checkpoint("a.ipynb"), "look at", "a.ipynb"),
    ):
        error = await failure(awaitable)
        assert error.status_code == 503
        assert str(error.log_message).startswith(f"Cannot {action} s3://{bucket}/users/ada/{path}: S3 does not answer")
        assert "try again" in str(error.log_message)
    proxy.fault = lambda _request: None
    assert (await manager.save(notebook, "a.ipynb"))["path"] == model["path"]


async def test_nothing_listens(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    error = await failure(fresh().get(""))
    assert error.status_code == 503
    assert "EndpointConnectionError" in str(error.log_message)


async def test_a_slow_server_times_out_and_holds_nobody_up(fresh: Any, proxy: S3Proxy) -> None:
    proxy.delay = 10
    waiting = asyncio.create_task(failure(fresh(read_timeout=0.5, max_attempts=1).get("a.ipynb")))
    turns = 0
    while not waiting.done():
        await asyncio.sleep(0.01)
        turns += 1
    error = await waiting
    assert error.status_code == 503
    assert "ReadTimeoutError" in str(error.log_message)
    assert turns > 10


async def test_a_bucket_that_is_missing(fresh: Any) -> None:
    lost = fresh(url="s3://no-such-bucket/users/ada")
    for awaitable in (lost.get(""), lost.new(path="a.ipynb"), lost.new_untitled()):
        error = await failure(awaitable)
        assert error.status_code == 503
        assert "the S3 bucket 'no-such-bucket' does not exist. The administrator has to" in str(error.log_message)


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
async def test_wrong_keys(fresh: Any, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv(wrong, "WRONGWRONGWRONG")
    manager = fresh()
    for awaitable in (manager.get(""), manager.get("a.txt"), manager.new(path="a.ipynb")):
        error = await failure(awaitable)
        message = str(error.log_message)
        assert error.status_code == 403, message
        assert "S3 refused to" in message
        assert "ask the administrator" in message
        for secret in (s3_server.access_key, s3_server.secret_key, "WRONGWRONG"):
            assert secret not in message


async def test_no_keys(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    error = await failure(fresh().get(""))
    assert error.status_code == 403
    assert "this server has no S3 credentials" in str(error.log_message)


async def test_keys_in_a_shared_credentials_file(
    fresh: Any, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    keys = tmp_path / "credentials"
    keys.write_text(
        f"[default]\naws_access_key_id = {s3_server.access_key}\naws_secret_access_key = {s3_server.secret_key}\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    assert (await fresh().new(path="a.ipynb"))["path"] == "a.ipynb"


async def test_a_host_name_as_endpoint_gets_the_bucket_in_the_path(
    fresh: Any, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.endpoint.replace("127.0.0.1", "localhost"))
    assert (await fresh().new(path="a.ipynb"))["path"] == "a.ipynb"
