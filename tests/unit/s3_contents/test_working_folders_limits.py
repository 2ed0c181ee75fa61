"""What working folders do where things are large, fail, or are killed, on a simulated S3."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from s3_contents import sync, sync_list, working_folders
from s3_contents.errors import UnavailableError
from s3_contents.objects import Object
from s3_contents.store import S3Store

from tests.unit.s3_contents.test_working_folders import Side, bucket, make_side, side, write

__all__ = ["bucket", "make_side", "side"]
MakeSide = Callable[..., Awaitable[Side]]


@pytest.fixture
def two_a_page(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """S3 lists two objects per request; gives after which key each request asked."""
    asked: list[str] = []
    listed = S3Store.after

    async def after(store: S3Store, prefix: str, key: str) -> tuple[list[Object], bool]:
        asked.append(key)
        items, more = await listed(store, prefix, key)
        return items[:2], more or len(items) > 2

    monkeypatch.setattr(S3Store, "after", after)
    return asked


async def test_the_trash_is_passed_over_in_one_step(side: Side, two_a_page: list[str]) -> None:
    for number in range(8):
        await side.manager.store.put(f"users/ada/.s3_contents/trash/{number}", b"", {}, {})
    await side.save("a.txt", "a")
    await side.start_kernel("x.ipynb")
    assert side.local() == {"a.txt": "a"}
    assert len(two_a_page) == 2


async def test_of_a_folder_with_too_many_files_those_beside_the_notebook_come(
    side: Side, two_a_page: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_list, "MOST_PAGES", 2)
    for name in ("data/1", "data/2", "data/3", "data/4", "data/5", "helper.py", "s/sub.txt"):
        await side.save(f"r/{name}", name)
    place = await side.start_kernel("r/a.ipynb")
    assert side.local() == {"r/helper.py": "helper.py"}
    looks = len(two_a_page)
    write(place / "helper.py", "the kernel's")
    write(place / "s" / "new.txt", "1")
    await side.turns()
    write(place / "s" / "new.txt", "2")
    await side.turns()
    assert (await side.text("r/helper.py"), await side.text("r/s/new.txt")) == ("the kernel's", "2")
    (place / "s" / "new.txt").unlink()
    await side.turns()
    assert await side.text("r/s/new.txt") is None, "what a kernel deletes is deleted though it was not listed"
    await side.manager.delete("r/helper.py")
    await side.turns()
    assert side.local() == {}
    assert len(two_a_page) == looks, "one request a look, not as many as there are files"


async def test_what_a_folder_never_mirrors_is_not_brought_again_and_again(side: Side) -> None:
    await side.save("r/__pycache__/x.pyc", "x")
    await side.save("r/a.txt", "a")
    await side.start_kernel("r/a.ipynb")
    assert side.local() == {"r/a.txt": "a"}
    assert await side.folders._open["r"].round() == 0


async def test_a_file_that_has_become_too_large_is_no_old_one(make_side: MakeSide) -> None:
    side = await make_side(working_file_mb=1)
    await side.save("r/a.txt", "small")
    await side.start_kernel("r/a.ipynb")
    await side.save("r/a.txt", "x" * (2**20 + 1))
    await side.turns()
    assert side.local() == {}
    assert side.folders._open["r"].left_out == ["r/a.txt"]
    assert len(str(await side.text("r/a.txt"))) == 2**20 + 1


async def test_the_limit_of_bytes_is_for_all_folders_together(make_side: MakeSide) -> None:
    side = await make_side(working_total_mb=1)
    await side.save("r/a.txt", "x" * 700_000)
    await side.save("s/b.txt", "x" * 700_000)
    await side.start_kernel("r/a.ipynb", "first")
    await side.start_kernel("s/b.ipynb", "second")
    assert list(side.local()) == ["r/a.txt"]


async def test_what_a_stopped_server_has_left_takes_no_room(make_side: MakeSide) -> None:
    first = await make_side(working_total_mb=1)
    await first.save("r/a.txt", "x" * 700_000)
    await first.save("s/b.txt", "x" * 700_000)
    await first.start_kernel("r/a.ipynb")
    second = await make_side(working_total_mb=1)
    await second.start_kernel("s/b.ipynb")
    assert list(second.local()) == ["s/b.txt"]


async def test_the_folder_that_a_kernel_is_in_stays(side: Side) -> None:
    await side.save("r/s/a.txt", "a")
    place = await side.start_kernel("r/s/a.ipynb")
    await side.manager.delete("r/s/a.txt")
    await side.turns()
    assert list(place.iterdir()) == []
    side.kernels.living.clear()
    await side.turns()
    assert not (side.root / "r").exists()


async def test_a_folder_that_is_gone_as_a_whole_comes_back(side: Side) -> None:
    await side.save("r/a.txt", "a")
    place = await side.start_kernel("r/a.ipynb")
    await side.turns()
    shutil.rmtree(place)
    await side.turns()
    assert await side.remote() == {"r/a.txt": "a"} == side.local()


async def test_what_cannot_be_looked_at_is_not_deleted(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("r/a.txt", "r/s/b.txt", "r/t/c.txt"):
        await side.save(name, name)
    place = await side.start_kernel("r/a.ipynb")
    await side.turns()
    scandir: Any = os.scandir

    def refuse(path: Path) -> Any:
        if Path(path).name in refused:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    for name in ("s", "r"):
        refused = [name]
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", refuse)
            await side.turns()
            assert set(await side.remote()) == {"r/a.txt", "r/s/b.txt", "r/t/c.txt"}
    (place / "t" / "c.txt").unlink()
    await side.turns()
    assert set(await side.remote()) == {"r/a.txt", "r/s/b.txt"}


async def test_what_fails_is_tried_again_later_and_the_folder_stays_open(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await side.start_kernel("r/a.ipynb")
    tries = []

    async def refuse(_store: S3Store, key: str, *_: Any, **__: Any) -> Object:
        tries.append(key)
        raise UnavailableError("S3 does not want it")

    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "put", refuse)
        write(place / "a.txt", "a")
        await side.turns(6)
        assert tries == ["users/ada/r/a.txt"], "not at every turn"
        side.kernels.living.clear()
        await side.turns()
        assert "r" in side.folders._open
    side.folders._open["r"].try_at_once()
    await side.turns(1)
    assert await side.remote() == {"r/a.txt": "a"}
    assert side.folders._open == {}


async def test_a_folder_whose_files_can_never_be_sent_is_closed_and_they_stay(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await side.start_kernel("r/a.ipynb")
    monkeypatch.setattr(working_folders, "CLOSING_PATIENCE", -1.0)
    for number in range(5):
        place /= f"{number}" * 250
    write(place / "too-long-for-s3.txt", "a")
    side.kernels.living.clear()
    await side.turns()
    assert side.folders._open == {}
    assert (place / "too-long-for-s3.txt").read_text() == "a"


async def test_what_is_changed_through_the_server_is_there_without_waiting_for_the_next_look(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIST_SECONDS", "IDLE_LIST_SECONDS"):
        monkeypatch.setattr(working_folders, name, 10_000.0)
    place = side.root.parent / await side.manager.get_kernel_path("r/a.ipynb")
    side.folders.started("r", "kernel")
    await side.save("r/uploaded.csv", "1,2")
    await until((place / "uploaded.csv").exists)
    await side.manager.delete("r/uploaded.csv")
    await until(lambda: not (place / "uploaded.csv").exists())
    await side.folders.close()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        await asyncio.sleep(0.1)
    pytest.fail("it did not happen within a minute")


@pytest.mark.parametrize("size", [1, 9 * 2**20])
async def test_what_was_sent_before_a_kill_is_no_conflict(make_side: MakeSide, size: int) -> None:
    first = await make_side()
    place = await first.start_kernel("r/a.ipynb")
    write(place / "a.bin", "x" * size)
    await first.turns()
    (first.root / ".s3_contents" / "synced.json").unlink()
    for look_there in (True, False):
        second = await make_side()
        if not look_there:
            second.folders._open["r"] = sync.FolderSync(second.folders._mirror, "r")
            assert await second.folders._open["r"].round(look_there=False, settled=True) == 1
        else:
            await second.start_kernel("r/a.ipynb")
            await second.turns()
        assert list(await second.remote()) == ["r/a.bin"]
        (first.root / ".s3_contents" / "synced.json").unlink()


async def test_what_a_killed_server_has_left_is_sent_where_no_kernel_starts(make_side: MakeSide) -> None:
    first = await make_side()
    await first.save("r/same.txt", "same")
    await first.save("other.txt", "other")
    place = await first.start_kernel("r/a.ipynb")
    write(place / "a.txt", "the kernel's")
    parts = first.root / ".s3_contents" / "parts"
    parts.mkdir(exist_ok=True)
    (parts / "half").write_text("half")
    second = await make_side()
    await second.folders.send_left_behind()
    assert await second.remote() == {"r/a.txt": "the kernel's", "r/same.txt": "same", "other.txt": "other"}
    assert second.local() == {}, "and nothing is brought where no kernel is"
    assert not parts.exists()
