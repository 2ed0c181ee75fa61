"""The look at the S3 server at the start: on a simulated S3, and on simulated ones that lack something."""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from s3_contents.capabilities import Capabilities, Support
from s3_contents.errors import ConflictError, RefusedError, UnavailableError, UnsafeError
from s3_contents.multipart import Upload
from s3_contents.objects import now, stamp
from s3_contents.paths import Home
from s3_contents.probe import StoreCheck, look
from s3_contents.store import S3Store

_numbers = itertools.count(1)
ALL = {"create", "replace", "multipart", "delete", "copy", "versions", "list_versions"}


class Lacking(S3Store):
    """A store on a server that disregards, or refuses, some arguments of some operations."""

    def __init__(self, bucket: str) -> None:
        super().__init__(bucket, {"retries": {"total_max_attempts": 1}})
        self.disregarded: set[tuple[str, str]] = set()
        self.answer: Callable[[str], Exception | None] = lambda _operation: None
        self.calls: list[str] = []

    async def call(self, action: str, operation: str, key: str, **arguments: Any) -> dict[str, Any]:
        self.calls.append(operation)
        error = self.answer(operation)
        if error is not None:
            raise error
        for name in [name for name in arguments if (operation, name) in self.disregarded]:
            del arguments[name]
        return await super().call(action, operation, key, **arguments)

    async def left(self) -> list[str]:
        answer = await super().call("list", "list_object_versions", "")
        return [entry["Key"] for kind in ("Versions", "DeleteMarkers") for entry in answer.get(kind, [])]


@pytest.fixture
async def store(moto: str) -> AsyncIterator[Lacking]:
    store = Lacking(f"probed-{next(_numbers)}")
    await store.call("create", "create_bucket", "")
    yield store
    await store.close()


@pytest.fixture
def home(store: Lacking) -> Home:
    return Home(store.bucket, "users/ada/")


def names(capabilities: Capabilities, support: Support) -> set[str]:
    return {name for name in ALL if getattr(capabilities, name) is support}


async def test_moto_obeys_all_conditions_but_those_of_copies(store: Lacking, home: Home) -> None:
    found = await look(store, home)
    assert names(found, Support.YES) == {"create", "replace", "multipart", "delete", "list_versions"}
    assert names(found, Support.NO) == {"copy", "versions"}
    assert await store.left() == []


async def test_versions_are_seen_and_those_of_the_look_removed(store: Lacking, home: Home) -> None:
    await store.call("set", "put_bucket_versioning", "", VersioningConfiguration={"Status": "Enabled"})
    assert (await look(store, home)).versions is Support.YES
    assert await store.left() == []


@pytest.mark.parametrize(
    ("operation", "argument", "name"),
    [
        ("put_object", "IfNoneMatch", "create"),
        ("put_object", "IfMatch", "replace"),
        ("complete_multipart_upload", "IfNoneMatch", "multipart"),
        ("delete_object", "IfMatch", "delete"),
    ],
)
async def test_a_condition_that_is_disregarded_is_found(
    store: Lacking, home: Home, operation: str, argument: str, name: str
) -> None:
    store.disregarded = {(operation, argument)}
    found = await look(store, home)
    assert getattr(found, name) is Support.NO
    assert {"create", "replace", "multipart", "delete"} - names(found, Support.YES) == {name}
    assert await store.left() == []


async def test_an_answer_that_is_wrong_once_is_no_finding(store: Lacking, home: Home) -> None:
    # The answer of the first write was lost, so that the client's own repetition found the object.
    first = [ConflictError("exists")]
    store.answer = lambda operation: first.pop() if first and operation == "put_object" else None
    assert (await look(store, home)).create is Support.YES


async def test_refused_operations_are_told_apart_from_missing_ones(store: Lacking, home: Home) -> None:
    store.answer = lambda operation: RefusedError("no") if operation.startswith(("list_object", "delete_o")) else None
    found = await look(store, home)
    assert names(found, Support.REFUSED) == {"list_versions", "delete"}
    assert any("s3:ListBucketVersions" in note for note in found.notes())
    store.answer = lambda _operation: RefusedError("no")
    found = await look(store, home)
    assert found == Capabilities(create=Support.REFUSED)
    assert found.notes() == ["The keys may not write: nothing can be saved. Allow s3:PutObject on the prefix."]
    assert found.can_write, "S3 itself refuses, and says why"


async def test_nothing_is_saved_where_conditions_are_disregarded(store: Lacking) -> None:
    await store.create("a", b"1", "text/plain")
    store.supports = Capabilities(replace=Support.NO)
    store.calls.clear()
    with pytest.raises(UnsafeError, match="does not obey If-Match of PutObject"):
        await store.replace("a", b"2", "text/plain", "x")
    assert store.calls == []


async def test_what_the_server_does_not_compare_the_store_does(store: Lacking) -> None:
    store.disregarded = {("complete_multipart_upload", "IfNoneMatch"), ("complete_multipart_upload", "IfMatch")}
    store.disregarded |= {("delete_object", "IfMatch")}
    store.supports = Capabilities(multipart=Support.NO, delete=Support.NO)
    first = await store.create("a", b"1", "text/plain")
    upload = await Upload.start(store, "a", {}, stamp(now()))
    await upload.write(b"2")
    with pytest.raises(ConflictError):
        await upload.complete(IfNoneMatch="*")
    await upload.complete(IfMatch=f'"{first.etag}"')
    with pytest.raises(ConflictError):
        await store.delete("a", first.etag)
    assert (await store.get("a", 100))[1] == b"2"
    await store.delete("a", (await store.head("a")).etag)


async def test_the_look_goes_on_until_s3_answers(
    store: Lacking, home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("s3_contents.probe.FIRST_PAUSE", 0.0)
    failures = [UnavailableError("S3 does not answer")] * 2
    store.answer = lambda _operation: failures.pop() if failures else None
    check = StoreCheck(store, home, logging.getLogger("probe"))
    assert check.as_json()["supports"] == dict.fromkeys(ALL, "unknown")
    with caplog.at_level(logging.INFO, "probe"):
        await check.run()
    told = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "probe"]
    assert told[:2] == [("WARNING", "What the S3 server can do is not known yet. S3 does not answer")] * 2
    assert told[2][0] == "INFO"
    assert told[2][1].startswith(f"s3://{store.bucket}/users/ada/: PutObject with If-None-Match: yes, ")
    assert [message for level, message in told if "keeps no versions" in message and level == "WARNING"]
    told_json = check.as_json()
    assert (told_json["error"], told_json["supports"]["create"]) == (None, "yes")
    assert told_json["checked"]
    assert len(told_json["notes"]) == 2
