"""Kernels of notebooks in shared folders: beside them are the files of the share, and nothing of it is beside others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import pytest

from tests.unit.s3_contents.test_working_folders import Side, bucket, make_side, write

__all__ = ["bucket", "make_side"]

MakeSide = Callable[..., Awaitable[Side]]


@pytest.fixture
def team(make_side: MakeSide, bucket: str) -> MakeSide:
    """Makes a person with the share ``flights``."""

    async def make(writable: bool = True) -> Side:
        share = {"name": "flights", "url": f"s3://{bucket}/groups/flights", "writable": writable}
        return await make_side(shares=[share])

    return make


async def objects(side: Side) -> dict[str, str]:
    store = side.manager.store
    items = [item for item in await store.tree("") if not item.key.endswith("/") and "/.s3_contents/" not in item.key]
    return {item.key: (await store.get(item.key, 1000))[1].decode() for item in items}


async def test_a_kernel_in_a_share_has_the_files_of_the_share_beside_it(team: MakeSide) -> None:
    side = await team()
    await side.save("shared/flights/r/data.csv", "1")
    await side.save("shared/flights/other.csv", "2")
    place = await side.start_kernel("shared/flights/r/a.ipynb")
    assert place == side.root / "shared/flights/r"
    assert side.local() == {"shared/flights/r/data.csv": "1"}
    write(place / "result.txt", "3")
    write(place / "data.csv", "4")
    await side.turns()
    assert await side.text("shared/flights/r/result.txt") == "3"
    assert await side.text("shared/flights/r/data.csv") == "4"
    (place / "result.txt").unlink()
    await side.turns()
    (deleted,) = await side.manager.mounts.at("shared/flights").trash.entries()
    assert deleted.path == "r/result.txt"
    side.kernels.living.clear()
    await side.turns()
    assert side.local() == {}


async def test_a_kernel_at_home_has_nothing_of_the_shares(team: MakeSide) -> None:
    side = await team()
    await side.save("shared/flights/data.csv", "1")
    await side.save("mine.csv", "2")
    await side.start_kernel("shared/flights/a.ipynb", "one")
    side.kernels.living = {"one", "two"}
    home = await side.start_kernel("b.ipynb", "two")
    write(home / "new.csv", "3")
    await side.turns()
    expected = {"groups/flights/data.csv": "1", "users/ada/mine.csv": "2", "users/ada/new.csv": "3"}
    assert await objects(side) == expected
    assert side.local() == {"mine.csv": "2", "new.csv": "3", "shared/flights/data.csv": "1"}


async def test_what_a_kernel_writes_where_it_may_only_read_stays_with_it(
    team: MakeSide, caplog: pytest.LogCaptureFixture
) -> None:
    writer, side = await team(), await team(writable=False)
    for name in ("a", "b", "c"):
        await writer.save(f"shared/flights/{name}.csv", "1")
    before = await objects(side)
    place = await side.start_kernel("shared/flights/a.ipynb")
    assert sorted(side.local()) == [f"shared/flights/{name}.csv" for name in ("a", "b", "c")]
    write(place / "a.csv", "mine")
    write(place / "new.csv", "mine")
    (place / "b.csv").unlink()
    with caplog.at_level(logging.WARNING):
        await side.turns()
    assert await objects(side) == before
    local = {name.rpartition("/")[2]: text for name, text in side.local().items()}
    assert local == {"a.csv": "mine", "b.csv": "1", "c.csv": "1", "new.csv": "mine"}
    warnings = [record.getMessage() for record in caplog.records if "for reading only" in record.getMessage()]
    assert len(warnings) == 1
    assert warnings[0].startswith("2 files that kernels have written in 'shared/flights' stay beside them")
    # What another one changes is brought; what was written here is kept under another name.
    await writer.save("shared/flights/a.csv", "2")
    await writer.save("shared/flights/c.csv", "2")
    await side.turns()
    assert (place / "a.csv").read_text() == (place / "c.csv").read_text() == "2"
    assert [file.read_text() for file in place.glob("a (conflict *).csv")] == ["mine"]
    assert await objects(side) == before | {f"groups/flights/{name}.csv": "2" for name in ("a", "c")}
    side.kernels.living.clear()
    await side.turns()
    assert side.folders._open == {}, "it does not wait for what cannot be sent"


async def test_what_a_killed_server_left_goes_where_it_belongs(team: MakeSide) -> None:
    side = await team()
    write(side.root / "shared/flights/left.txt", "1")
    write(side.root / "mine.txt", "2")
    await side.folders.send_left_behind()
    assert await objects(side) == {"groups/flights/left.txt": "1", "users/ada/mine.txt": "2"}
    reader = await team(writable=False)
    write(reader.root / "shared/flights/unsent.txt", "3")
    await reader.folders.send_left_behind()
    assert "groups/flights/unsent.txt" not in await objects(reader)
    assert (reader.root / "shared/flights/unsent.txt").read_text() == "3"


async def test_where_no_files_can_be_a_kernel_starts_at_home(team: MakeSide) -> None:
    side = await team()
    for path in ("shared/console-1", "shared/other/a.ipynb"):
        assert await side.manager.get_kernel_path(path) == "work"
        assert side.manager.kernel_folder(path) == ""
