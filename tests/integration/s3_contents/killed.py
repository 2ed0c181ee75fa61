"""A process that does one thing with a contents manager, to be killed in the middle of it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from typing import Any

# Processes are forked from one that has loaded all of this, so that a hundred of them take seconds.
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([__name__, "s3_contents"])


def start(url: str, environment: Mapping[str, str], method: str, *arguments: Any) -> BaseProcess:
    """The process, running: it calls a method of the manager, and several times where there is a list of arguments' tuples."""
    process = _server.Process(target=_run, args=(url, dict(environment), method, arguments))
    process.start()
    return process


def _run(url: str, environment: dict[str, str], method: str, arguments: tuple[Any, ...]) -> None:
    os.environ.update(environment)
    asyncio.run(_call(url, method, arguments))


async def _call(url: str, method: str, arguments: tuple[Any, ...]) -> None:
    from s3_contents import S3ContentsManager

    manager = S3ContentsManager(url=url)
    calls = arguments if arguments and isinstance(arguments[0], tuple) else (arguments,)
    for call in calls:
        await getattr(manager, method)(*call)
