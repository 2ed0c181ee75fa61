"""The check of the notebook storage, on a real S3 server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from spark_notebooks_hub import storage as module
from spark_notebooks_hub.errors import SpawnFailed
from spark_notebooks_hub.storage import ObjectStore

from dev.s3_server import S3Server

pytestmark = pytest.mark.usefixtures("s3_environment")
MakeStore = Callable[..., ObjectStore]


@pytest.fixture
def make_store(s3_server: S3Server) -> MakeStore:
    def make(**traits: Any) -> ObjectStore:
        return ObjectStore(**({"endpoint": s3_server.endpoint, "bucket": "notebooks-of-hub"} | traits))

    return make


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[ObjectStore]:
    """Each question that was really put to the server."""
    asked: list[ObjectStore] = []
    ask = ObjectStore._read_or_create

    async def counted(self: ObjectStore) -> None:
        asked.append(self)
        await ask(self)

    monkeypatch.setattr(ObjectStore, "_read_or_create", counted)
    return asked


async def refusal(store: ObjectStore) -> SpawnFailed:
    with pytest.raises(SpawnFailed) as raised:
        await store.check()
    assert "administrator" in raised.value.message
    return raised.value


async def test_a_missing_bucket_is_said_and_not_made_unasked(make_store: MakeStore, s3_server: S3Server) -> None:
    failed = await refusal(make_store(bucket="missing-bucket"))
    assert failed.reason == "storage-bucket"
    assert "missing-bucket" in failed.message
    assert "missing-bucket" not in [bucket["Name"] for bucket in s3_server.client.list_buckets()["Buckets"]]


async def test_a_missing_bucket_is_made_with_versioning_where_that_is_wanted(
    make_store: MakeStore, s3_server: S3Server
) -> None:
    await make_store(bucket="made-by-hub", create_bucket=True).check()
    assert s3_server.client.get_bucket_versioning(Bucket="made-by-hub")["Status"] == "Enabled"


async def test_two_hubs_may_make_the_bucket_at_once(make_store: MakeStore) -> None:
    stores = [make_store(bucket="made-twice", create_bucket=True) for _ in range(4)]
    await asyncio.gather(*(store.check() for store in stores))


async def test_versioning_that_somebody_has_suspended_stays_suspended(
    make_store: MakeStore, s3_server: S3Server
) -> None:
    s3_server.create_bucket("suspended")
    s3_server.client.put_bucket_versioning(Bucket="suspended", VersioningConfiguration={"Status": "Suspended"})
    await make_store(bucket="suspended", create_bucket=True).check()
    assert s3_server.client.get_bucket_versioning(Bucket="suspended")["Status"] == "Suspended"


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
async def test_wrong_keys_are_said_without_repeating_them(
    make_store: MakeStore, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    s3_server.create_bucket("notebooks-of-hub")
    monkeypatch.setenv(variable, "wrong-and-secret")
    failed = await refusal(make_store())
    assert failed.reason == "storage-keys"
    assert "s3.credentials" in failed.message
    assert "wrong-and-secret" not in failed.message + failed.jupyterhub_html_message


async def test_an_endpoint_that_refuses_is_said(make_store: MakeStore) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        failed = await refusal(make_store(endpoint=endpoint))
    assert failed.reason == "storage-connection"
    assert f"does not answer ({endpoint}: connection refused)" in failed.message


async def test_an_endpoint_whose_name_is_unknown_is_said(make_store: MakeStore) -> None:
    failed = await refusal(make_store(endpoint="http://no-such-host.invalid:7070"))
    assert failed.reason == "storage-connection"
    assert "no-such-host.invalid" in failed.message


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """Accepts connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_an_endpoint_that_is_silent_is_given_up_soon(
    make_store: MakeStore, silent_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.3)
    failed = await asyncio.wait_for(refusal(make_store(endpoint=silent_endpoint)), 10)
    assert failed.reason == "storage-connection"
    assert "no answer in time" in failed.message


async def test_a_hundred_starts_ask_once_and_a_good_answer_is_trusted(
    make_store: MakeStore, s3_server: S3Server, requests: list[ObjectStore]
) -> None:
    s3_server.create_bucket("notebooks-of-hub")
    store = make_store()
    await asyncio.gather(*(store.check() for _ in range(100)))
    await store.check()
    assert len(requests) == 1


async def test_a_bad_answer_is_not_trusted(make_store: MakeStore, s3_server: S3Server) -> None:
    store = make_store(bucket="made-later")
    await refusal(store)
    s3_server.create_bucket("made-later")
    await store.check()


async def test_the_answer_is_asked_for_again_after_a_while(
    make_store: MakeStore, s3_server: S3Server, requests: list[ObjectStore]
) -> None:
    s3_server.create_bucket("notebooks-of-hub")
    store = make_store(trust_seconds=0)
    await store.check()
    await store.check()
    assert len(requests) == 2


@pytest.fixture
async def logged(caplog: pytest.LogCaptureFixture) -> AsyncIterator[pytest.LogCaptureFixture]:
    with caplog.at_level("INFO"):
        yield caplog


async def test_the_hub_logs_at_its_start_what_is_wrong(make_store: MakeStore, logged: pytest.LogCaptureFixture) -> None:
    await make_store(bucket="missing-bucket").prepare()
    assert "No server will start" in logged.text
    assert "missing-bucket" in logged.text


async def test_the_hub_logs_at_its_start_that_all_is_well(
    make_store: MakeStore, s3_server: S3Server, logged: pytest.LogCaptureFixture
) -> None:
    s3_server.create_bucket("notebooks-of-hub")
    await make_store().prepare()
    assert "storage answers" in logged.text


async def test_a_server_that_comes_up_after_the_hub_is_waited_for(
    tmp_path: Path, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = S3Server(tmp_path)
    for name, value in late.environment().items():
        monkeypatch.setenv(name, value)
    preparing = asyncio.create_task(ObjectStore(endpoint=late.endpoint, bucket="late", create_bucket=True).prepare())
    await asyncio.sleep(1)
    assert not preparing.done()
    with late:
        await preparing
        assert late.client.head_bucket(Bucket="late")
    assert "storage answers" in logged.text
    assert "No server will start" not in logged.text
