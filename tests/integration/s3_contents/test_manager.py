"""The contents manager on a real S3 server: checkpoints, events, settings."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from s3_contents import S3ContentsManager
from traitlets import TraitError

from dev.s3_server import S3Server

from .home import PLAIN_AND_VERSIONED, TEXT, keys, listed, status

pytestmark = PLAIN_AND_VERSIONED


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
    checkpoint = await whole.create_checkpoint("a.txt")
    assert await listed(whole) == [("file", "a.txt")]
    assert keys(s3_server, bucket) == [f".s3_contents/checkpoints/a.txt/{checkpoint['id']}", "a.txt"]
    await whole.close()


async def test_garbage_collections_pass_over_what_a_started_server_has_loaded(manager: S3ContentsManager) -> None:
    manager.probe_at_start = False
    try:
        manager.start()
        async with asyncio.timeout(30):
            while not gc.get_freeze_count():  # noqa: ASYNC110 (the collector tells nobody)
                await asyncio.sleep(0.01)
    finally:
        gc.unfreeze()
