"""The store on a simulated S3, which keeps keys as they are and has no folders."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from s3_contents import S3ContentsManager, transfers
from s3_contents.errors import ConflictError, NotFoundError, UnavailableError
from s3_contents.multipart import Upload
from s3_contents.objects import now, stamp
from s3_contents.progress import Ongoing
from s3_contents.store import S3Store
from s3_contents.transfers import move_tree

_numbers = itertools.count(1)


@pytest.fixture
async def store(moto: str) -> AsyncIterator[S3Store]:
    store = S3Store(f"bucket-{next(_numbers)}", {"retries": {"total_max_attempts": 1}})
    await store.call("create", "create_bucket", "")
    yield store
    await store.close()


async def test_writing_reading_and_deleting(store: S3Store) -> None:
    written = await store.create("a/b", b"text", "text/plain")
    read, body = await store.get("a/b", limit=100)
    assert body == b"text"
    assert (read.etag, read.modified, read.headers) == (written.etag, written.modified, {"ContentType": "text/plain"})
    assert await store.head("a/b") == read
    await store.delete("a/b")
    with pytest.raises(NotFoundError):
        await store.head("a/b")


async def test_creating_never_overwrites(store: S3Store) -> None:
    await store.create("a", b"1", "text/plain")
    with pytest.raises(ConflictError):
        await store.create("a", b"2", "text/plain")
    assert (await store.get("a", 100))[1] == b"1"


async def test_replacing_takes_the_version_that_is_there(store: S3Store) -> None:
    first = await store.create("a", b"1", "text/plain")
    second = await store.replace("a", b"2", "text/plain", first.etag)
    with pytest.raises(ConflictError):
        await store.replace("a", b"3", "text/plain", first.etag)
    await store.replace("a", b"3", "text/plain", second.etag)
    with pytest.raises(NotFoundError):
        await store.replace("b", b"1", "text/plain", first.etag)


async def test_listings(store: S3Store) -> None:
    for key in ("f/", "f/a", "f/b/c", "f/b/d", "fg"):
        await store.create(key, b"", "text/plain")
    (page,) = [page async for page in store.folder("f/")]
    assert ([item.key for item in page.files], page.folders) == (["f/", "f/a"], ["f/b/"])
    assert [item.key for item in await store.tree("f/")] == ["f/", "f/a", "f/b/c", "f/b/d"]
    first = await store.any_below("f/")
    assert first is not None
    assert first.key == "f/"
    assert await store.any_below("g/") is None
    await store.delete_many(["f/", "f/a", "f/b/c", "missing"])
    assert [item.key for item in await store.tree("")] == ["f/b/d", "fg"]


async def test_markers(store: S3Store) -> None:
    await store.make_marker("f/")
    marker = await store.head("f/")
    await store.make_marker("f/")
    assert await store.head("f/") == marker


async def test_uploads(store: S3Store) -> None:
    upload = await Upload.start(store, "a", {"ContentType": "text/plain"}, stamp(now()))
    await upload.write(bytes(5 * 2**20))
    await upload.write(b"end")
    done = await upload.complete(IfNoneMatch="*")
    assert done.size == 5 * 2**20 + 3
    head = await store.head("a")
    assert (head.etag, head.modified, head.size) == (done.etag, done.modified, done.size)
    aborted = await Upload.start(store, "b", {}, stamp(now()))
    await aborted.abort()
    await aborted.abort()
    assert await store.any_below("b") is None


async def test_a_moved_folder_is_whole(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "PART", 5 * 2**20)
    big = bytes(range(256)) * (6 * 2**12)
    for key, body in {"f/": b"", "f/a": b"a", "f/g/b": b"b", "f/big": big}.items():
        await store.create(key, body, "text/plain")
    await move_tree(store, "f/", "n/m/")
    assert [item.key for item in await store.tree("")] == ["n/m/", "n/m/a", "n/m/big", "n/m/g/b"]
    assert (await store.get("n/m/big", 2**30))[1] == big


async def test_a_bucket_that_is_missing(moto: str) -> None:
    store = S3Store("missing", {})
    with pytest.raises(UnavailableError, match="the S3 bucket 'missing' does not exist"):
        await store.tree("")
    await store.close()


async def test_the_manager_on_a_store_where_a_file_can_have_the_name_of_a_folder(store: S3Store) -> None:
    for key in ("a", "a/b"):
        await store.create(key, key.encode(), "text/plain")
    manager = S3ContentsManager(url=f"s3://{store.bucket}", store=store, delete_to_trash=False)
    listing = (await manager.get(""))["content"]
    assert sorted((entry["type"], entry["path"]) for entry in listing) == [("directory", "a"), ("file", "a")]
    assert (await manager.get("a"))["content"] == "a"
    assert [entry["path"] for entry in (await manager.get("a", type="directory"))["content"]] == ["a/b"]
    await manager.delete("a")
    assert (await manager.get("a"))["type"] == "directory"


async def test_the_manager_from_new_to_deleted(store: S3Store) -> None:
    manager = S3ContentsManager(url=f"s3://{store.bucket}/home", store=store)
    path = (await manager.new_untitled(type="notebook"))["path"]
    model = await manager.get(path)
    await manager.save(model, path)
    await manager.create_checkpoint(path)
    await manager.rename(path, "f/a.ipynb")
    await manager.copy("f/a.ipynb")
    await manager.rename("f", "g")
    assert sorted(entry["path"] for entry in (await manager.get("g"))["content"]) == ["g/a-Copy1.ipynb", "g/a.ipynb"]
    assert len(await manager.list_checkpoints("g/a.ipynb")) == 1
    await manager.delete("g")
    (deleted,) = await manager.mounts.home.trash.entries()
    assert (deleted.path, deleted.files) == ("g", 2)
    await manager.mounts.home.trash.remove(deleted.id)
    assert await store.tree("") == []


async def test_a_move_tells_how_far_it_is(store: S3Store) -> None:
    for number in range(3):
        await store.create(f"f/{number}", b"x", "text/plain")
    told: list[tuple[int, int]] = []
    await move_tree(store, "f/", "n/", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_move_is_known_while_it_goes_on() -> None:
    ongoing = Ongoing()
    with suppress(KeyError), ongoing.moving("f") as progress:
        assert ongoing.get("f") is None
        progress(1, 3)
        assert (ongoing.get("f"), ongoing.get("g")) == ((1, 3), None)
        raise KeyError
    assert ongoing.get("f") is None
