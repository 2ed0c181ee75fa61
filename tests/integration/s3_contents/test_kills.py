"""A server that is killed (SIGKILL) at any of its requests to S3: nothing is lost, torn or doubled, and trying again brings it to its end."""

from __future__ import annotations

import base64
import os
import random
import signal
from collections.abc import Awaitable, Callable
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from s3_contents import S3ContentsManager
from tornado.web import HTTPError

from dev.s3_server import S3Server
from tests.support.s3_proxy import Fault, Request, S3Proxy

from . import killed
from .home import TEXT, keys

FILES = {f"{number:02}": f"{number}" * (number + 1) for number in range(12)}
BIG = os.urandom(20 * 2**20)
Check = Callable[[S3ContentsManager], Awaitable[None]]


class Killer:
    """Kills a process at the request of this number, before S3 hears of it or after S3 has done it."""

    def __init__(self, proxy: S3Proxy, number: int, after: bool) -> None:
        self.process: BaseProcess | None = None
        self.has_killed = False
        self._left = number
        self._after = after
        proxy.fault = self.decide

    def decide(self, _request: Request) -> Fault | None:
        if self.has_killed:
            return Fault.REFUSE
        self._left -= 1
        if self._left > 0:
            return None
        if self._left == 0 and self._after:
            # The answer is lost; the next thing that the process does is its end.
            return Fault.LOSE_ANSWER
        assert self.process is not None
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.has_killed = True
        return Fault.REFUSE


class Trial:
    """What is done, and how the files may look after a kill, and must look after another try."""

    def __init__(self, manager: S3ContentsManager) -> None:
        self.manager = manager

    async def contents(self, folder: str) -> dict[str, str]:
        if not await self.manager.dir_exists(folder):
            return {}
        entries = (await self.manager.get(folder, type="directory"))["content"]
        return {entry["name"]: (await self.manager.get(entry["path"]))["content"] for entry in entries}

    async def text(self, path: str) -> str | None:
        try:
            content: str = (await self.manager.get(path, format="text"))["content"]
        except HTTPError as error:
            assert error.status_code == 404  # noqa: PT017 it is no failure
            return None
        return content

    async def again(self, request: Awaitable[Any], *may_be: int) -> None:
        """Try once more, where it may have been brought to its end already."""
        try:
            await request
        except HTTPError as error:
            assert error.status_code in may_be, error  # noqa: PT017

    async def save(self, kill: Callable[..., Awaitable[None]]) -> None:
        await self.manager.save(TEXT | {"content": "old" * 1000}, "a.txt")
        await kill("save", TEXT | {"content": "new" * 1000}, "a.txt")
        assert await self.text("a.txt") in ("old" * 1000, "new" * 1000)

    async def create(self, kill: Callable[..., Awaitable[None]]) -> None:
        await kill("new", TEXT | {"content": "new" * 1000}, "f/b.txt")
        assert await self.text("f/b.txt") in (None, "new" * 1000)

    async def upload(self, kill: Callable[..., Awaitable[None]]) -> None:
        await self.manager.save(TEXT | {"content": "old"}, "big.bin")
        size, chunks = len(BIG) // 3, [1, 2, -1]
        parts = [base64.b64encode(BIG[number * size : (number + 1) * size]).decode() for number in range(3)]
        model = {"type": "file", "format": "base64"}
        calls = [(model | {"chunk": c, "content": part}, "big.bin") for c, part in zip(chunks, parts, strict=True)]
        await kill("save", *calls)
        found = await self.manager.get("big.bin", format="base64")
        assert base64.b64decode(found["content"]) in (b"old", BIG[: 3 * size])

    async def rename_file(self, kill: Callable[..., Awaitable[None]]) -> None:
        await self.manager.save(TEXT | {"content": "mine"}, "c.txt")
        await kill("rename", "c.txt", "d.txt")
        assert "mine" in (await self.text("c.txt"), await self.text("d.txt"))
        await self.again(self.manager.rename("c.txt", "d.txt"), 404, 409)
        assert (await self.text("c.txt"), await self.text("d.txt")) == (None, "mine")

    async def rename_folder(self, kill: Callable[..., Awaitable[None]]) -> None:
        await self._fill("old")
        await kill("rename", "old", "new")
        here, there = await self.contents("old"), await self.contents("new")
        assert here | there == FILES
        assert there | here == FILES, "what is in both is the same"
        await self.again(self.manager.rename("old", "new"), 404, 409)
        assert (await self.contents("old"), await self.contents("new")) == ({}, FILES)

    async def rename_folder_back(self, kill: Callable[..., Awaitable[None]]) -> None:
        await self._fill("here")
        await kill("rename", "here", "there")
        await self.again(self.manager.rename("there", "here"), 404, 409)
        assert (await self.contents("here"), await self.contents("there")) == (FILES, {})

    async def delete_folder(self, kill: Callable[..., Awaitable[None]]) -> None:
        await self._fill("gone")
        await kill("delete", "gone")
        left = await self.contents("gone")
        assert left.items() <= FILES.items()
        for entry in await self.manager.mounts.home.trash.entries():
            # What had arrived is brought back, beside what is left.
            await self.manager.restore_from_trash(entry.id)
        found = await self.contents("gone") | await self.contents("gone-Restored1")
        assert found == FILES, "nothing is lost"

    async def copy_folder(self, kill: Callable[..., Awaitable[None]]) -> None:
        await self._fill("source")
        await kill("copy", "source", "")
        assert await self.contents("source") == FILES
        assert (await self.contents("source-Copy1")).items() <= FILES.items()

    async def _fill(self, folder: str) -> None:
        for name, content in FILES.items():
            await self.manager.save(TEXT | {"content": content}, f"{folder}/{name}")


KINDS = [
    name
    for name, value in vars(Trial).items()
    if not name.startswith("_") and name not in ("contents", "text", "again")
]


async def kill_once(kind: str, *, number: int, after: bool, url: str, proxy: S3Proxy, server: S3Server) -> bool:
    """One trial in a home of its own; whether the process came to the request at which it was to be killed."""
    manager = S3ContentsManager(url=url, max_attempts=3)
    environment = server.environment() | {"AWS_ENDPOINT_URL_S3": proxy.endpoint}
    was_killed = False

    async def kill(method: str, *arguments: Any) -> None:
        nonlocal was_killed
        killer = Killer(proxy, number, after)
        killer.process = process = killed.start(url, environment, method, *arguments)
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
        was_killed = killer.has_killed
        proxy.fault = lambda _request: None

    try:
        await getattr(Trial(manager), kind)(kill)
    finally:
        proxy.fault = lambda _request: None
        await manager.close()
    return was_killed


@pytest.mark.parametrize("versioning", [False, True], ids=["plain", "versions"], indirect=True)
@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
async def test_a_server_that_is_killed_loses_nothing(
    kills: int, bucket: str, proxy: S3Proxy, s3_server: S3Server, versioning: bool
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    done = trials = 0
    highest = dict.fromkeys(KINDS, 20)
    while done < kills:
        # In turns; a number that the process did not come to makes the next ones of its kind smaller.
        kind = KINDS[trials % len(KINDS)] if kills > len(KINDS) else chance.choice(KINDS)
        number, after = chance.randint(1, highest[kind]), chance.random() < 0.5
        trials += 1
        url = f"s3://{bucket}/trial-{trials}"
        try:
            has_killed = await kill_once(kind, number=number, after=after, url=url, proxy=proxy, server=s3_server)
        except AssertionError as error:
            left = "\n".join(key for key in keys(s3_server, bucket) if key.startswith(f"trial-{trials}/"))
            raise AssertionError(
                f"seed {seed}: {kind}, killed at request {number} ({after=}); left:\n{left}"
            ) from error
        done += has_killed
        if not has_killed:
            highest[kind] = max(2, number)
