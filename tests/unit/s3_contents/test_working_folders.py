"""Folders in which kernels run, kept the same as on a simulated S3; a kernel is what writes past the manager."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from s3_contents import S3ContentsManager
from s3_contents.errors import UnavailableError
from s3_contents.working_folders import WorkingFolders
from tornado.web import HTTPError
from traitlets import Any as AnyTrait
from traitlets import Unicode
from traitlets.config import Configurable

_numbers = itertools.count(1)
TEXT = {"type": "file", "format": "text"}


class Kernels:
    """Which kernels live."""

    def __init__(self) -> None:
        self.living: set[str] = {"kernel"}

    def list_kernel_ids(self) -> set[str]:
        return self.living

    def list_kernels(self) -> list[dict[str, str]]:
        return [{"execution_state": "busy", "last_activity": "2026-01-01T00:00:00.000000Z"} for _ in self.living]


class Server(Configurable):
    """As much of Jupyter Server as the manager asks for."""

    root_dir = Unicode()
    kernel_manager = AnyTrait()


class Side:
    """A manager with its working folders: rounds come when a test wants them."""

    def __init__(self, manager: S3ContentsManager, root: Path, kernels: Kernels) -> None:
        self.manager = manager
        self.root = root / "work"
        self.kernels = kernels
        assert manager.working_folders is not None
        self.folders: WorkingFolders = manager.working_folders

    async def start_kernel(self, notebook: str, name: str = "kernel") -> Path:
        place = await self.manager.get_kernel_path(notebook)
        self.folders.started(notebook.rpartition("/")[0], name)
        assert self.folders._task is not None
        self.folders._task.cancel()
        return self.root.parent / place

    async def turns(self, number: int = 3) -> None:
        for _ in range(number):
            await self.folders.turn(look_there=True)

    async def save(self, path: str, content: str) -> None:
        await self.manager.save(TEXT | {"content": content}, path)

    async def text(self, path: str) -> str | None:
        try:
            content: str = (await self.manager.get(path, format="text"))["content"]
        except HTTPError:
            return None
        return content

    async def remote(self, folder: str = "") -> dict[str, str | None]:
        items = await self.manager.store.tree(self.manager.home.folder(folder))
        found = [self.manager.home.path(item.key) for item in items if not item.key.endswith("/")]
        return {path: await self.text(path) for path in found if not path.startswith(".")}

    def local(self) -> dict[str, str]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {
            path: file.read_text() for file in files if not (path := str(file.relative_to(self.root))).startswith(".")
        }


@pytest.fixture
def bucket() -> str:
    """The name of a bucket of this test alone."""
    return f"work-{next(_numbers)}"


@pytest.fixture
async def make_side(moto: str, bucket: str, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Side]]]:
    sides: list[Side] = []

    async def make(**settings: Any) -> Side:
        kernels = Kernels()
        server = Server(root_dir=str(tmp_path), kernel_manager=kernels)
        home = {"url": f"s3://{bucket}/users/ada", "working_folder": "work"}
        manager = S3ContentsManager(parent=server, max_attempts=1, **home, **settings)
        if not sides:
            await manager.store.call("create", "create_bucket", "")
        sides.append(Side(manager, tmp_path, kernels))
        return sides[-1]

    yield make
    for side in sides:
        await side.manager.store.close()


@pytest.fixture
async def side(make_side: Callable[..., Awaitable[Side]]) -> Side:
    return await make_side()


def write(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    # A test is quicker than the clock of some file systems.
    os.utime(file, ns=(next(_numbers) * 10**9, next(_numbers) * 10**9))


async def test_a_kernel_starts_beside_the_files_of_its_notebook(side: Side) -> None:
    for path in ("reports/data.csv", "reports/sub/x.txt", "reports/.hidden", "other.txt"):
        await side.save(path, path) if ".hidden" not in path else None
    place = await side.start_kernel("reports/a.ipynb")
    assert place == side.root / "reports"
    assert side.local() == {path: path for path in ("reports/data.csv", "reports/sub/x.txt")}


async def test_what_a_kernel_writes_is_on_s3_and_the_other_way_round(side: Side) -> None:
    await side.save("r/data.csv", "1")
    place = await side.start_kernel("r/a.ipynb")
    write(place / "out" / "plot.txt", "plot")
    write(place / "data.csv", "2")
    write(place / "__pycache__" / "x.pyc", "no")
    write(place / ".cache", "no")
    await side.turns()
    assert await side.remote() == {"r/data.csv": "2", "r/out/plot.txt": "plot"}
    await side.save("r/data.csv", "3")
    await side.save("r/new.txt", "new")
    await side.manager.delete("r/out/plot.txt")
    await side.turns()
    assert side.local() == {
        "r/data.csv": "3",
        "r/new.txt": "new",
        "r/__pycache__/x.pyc": "no",
        "r/.cache": "no",
    } | {path: text for path, text in side.local().items() if "/." in path}
    assert not (place / "out").exists()


async def test_what_changes_all_the_time_is_sent_when_it_rests_or_the_kernel_ends(side: Side) -> None:
    place = await side.start_kernel("r/a.ipynb")
    for number in range(3):
        write(place / "log.txt", "x" * number)
        await side.turns(1)
        assert await side.remote() == {}
    write(place / "log.txt", "end")
    side.kernels.living.clear()
    await side.turns(1)
    assert await side.remote() == {"r/log.txt": "end"}
    assert side.local() == {}, "what was sent is removed"


async def test_changes_on_both_sides_are_both_kept(side: Side) -> None:
    await side.save("r/data.tar.gz", "old")
    place = await side.start_kernel("r/a.ipynb")
    write(place / "data.tar.gz", "the kernel's")
    write(place / "new.txt", "the kernel's, too")
    await side.save("r/data.tar.gz", "theirs")
    await side.save("r/new.txt", "theirs, too")
    await side.turns()
    remote = await side.remote()
    assert (remote.pop("r/data.tar.gz"), remote.pop("r/new.txt")) == ("theirs", "theirs, too")
    assert sorted(remote.values(), key=str) == ["the kernel's", "the kernel's, too"]
    assert {path.partition(" (conflict 20")[0] for path in remote} == {"r/data", "r/new"}
    assert {Path(path).suffix for path in remote} == {".gz", ".txt"}
    assert side.local() == await side.remote()


async def test_a_deletion_goes_to_the_trash_and_a_change_wins_over_it(side: Side) -> None:
    for name in ("a", "b", "c"):
        await side.save(f"r/{name}.txt", name)
    place = await side.start_kernel("r/a.ipynb")
    await side.turns(1)
    for name in ("a", "b"):
        (place / f"{name}.txt").unlink()
    await side.save("r/b.txt", "changed")
    await side.turns(1)
    assert await side.text("r/a.txt") == "a", "programs replace a file by deleting it first"
    await side.turns()
    assert await side.remote() == {"r/b.txt": "changed", "r/c.txt": "c"} == side.local()
    assert [entry.path for entry in await side.manager.mounts.home.trash.entries()] == ["r/a.txt"]


async def test_a_folder_that_was_emptied_while_no_server_ran_is_no_deletion(
    make_side: Callable[..., Awaitable[Side]],
) -> None:
    first = await make_side()
    await first.save("r/a.txt", "a")
    await first.start_kernel("r/a.ipynb")
    shutil.rmtree(first.root / "r")
    second = await make_side()
    await second.start_kernel("r/a.ipynb")
    await second.turns()
    assert await second.remote() == {"r/a.txt": "a"} == second.local()


async def test_what_a_killed_server_has_not_sent_is_sent_by_the_next(
    make_side: Callable[..., Awaitable[Side]],
) -> None:
    first = await make_side()
    await first.save("r/a.txt", "old")
    place = await first.start_kernel("r/a.ipynb")
    write(place / "a.txt", "new")
    second = await make_side()
    await second.save("r/b.txt", "b")
    await second.start_kernel("r/a.ipynb")
    await second.turns()
    assert await second.remote() == {"r/a.txt": "new", "r/b.txt": "b"} == second.local()


async def test_what_is_too_large_or_too_much_stays_on_s3(make_side: Callable[..., Awaitable[Side]]) -> None:
    side = await make_side(working_files=3, working_file_mb=1)
    await side.save("r/big", "x" * (2**20 + 1))
    for name in "abcd":
        await side.save(f"r/{name}", name)
    place = await side.start_kernel("r/a.ipynb")
    assert side.local() == {"r/a": "a", "r/b": "b", "r/c": "c"}
    write(place / "d", "the kernel's")
    await side.turns()
    remote = await side.remote()
    assert (len(remote), remote["r/d"]) == (6, "d"), "the kernel's is a copy beside it"


async def test_large_files_are_sent_in_parts(side: Side) -> None:
    place = await side.start_kernel("a.ipynb")
    content = random.Random(1).randbytes(9 * 2**20)
    (place / "model.bin").write_bytes(content)
    await side.turns()
    assert (await side.manager.store.get("users/ada/model.bin", 2**30))[1] == content
    assert await side.folders._open[""].round() == 0


async def test_folders_in_folders_do_not_get_in_each_others_way(side: Side) -> None:
    await side.save("a.txt", "a")
    await side.save("r/b.txt", "b")
    top = await side.start_kernel("x.ipynb", "first")
    await side.start_kernel("r/y.ipynb", "second")
    side.kernels.living = {"first", "second"}
    write(top / "r" / "b.txt", "b2")
    write(top / "a.txt", "a2")
    await side.turns()
    side.kernels.living = {"first"}
    await side.turns()
    write(top / "r" / "b.txt", "b3")
    await side.turns(5)
    assert await side.remote() == {"a.txt": "a2", "r/b.txt": "b3"} == side.local()


async def test_while_s3_is_away_files_wait_on_the_disk(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    place = await side.start_kernel("r/a.ipynb")

    async def away(*_: Any, **__: Any) -> Any:
        raise UnavailableError("S3 does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(side.manager.store, "call", away)
        write(place / "a.txt", "a")
        await side.turns()
        side.kernels.living.clear()
        await side.turns()
        await side.start_kernel("other/b.ipynb")
    assert side.local() == {"r/a.txt": "a"}
    side.kernels.living = {"kernel"}
    await side.turns()
    assert await side.remote() == {"r/a.txt": "a"}


async def test_without_the_setting_kernels_start_where_they_did(moto: str) -> None:
    manager = S3ContentsManager(url="s3://bucket")
    assert await manager.get_kernel_path("r/a.ipynb") == ""


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_both_sides_end_the_same(side: Side, seed: int) -> None:
    chance = random.Random(seed)
    place = await side.start_kernel("r/a.ipynb")
    for number in range(60):
        name = chance.choice(["a.txt", "b.txt", "s/c.txt"])
        match chance.randrange(6):
            case 0 | 1:
                write(place / name, f"kernel {number}")
            case 2:
                await side.text(f"r/{name}")  # as it is now, so that this is no conflict
                await side.save(f"r/{name}", f"browser {number}")
            case 3:
                (place / name).unlink(missing_ok=True)
            case _:
                await side.turns(1)
    await side.turns(5)
    assert side.local() == await side.remote()
    assert await side.folders._open["r"].round() == 0
