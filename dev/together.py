"""Commands that run side by side, and end together: where one fails, or this process is told to end, so are the others."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CommandError(Exception):
    """One of the commands failed, and has said why on standard error."""


def run_together(*commands: Sequence[str]) -> None:
    """Run commands at the same time, their output on ours, and return when all are done.

    Raises:
        CommandError: a command ended with another exit code than 0; the others have been told to end, and have ended.
        KeyboardInterrupt: this process was interrupted; so were they, and they have ended.
    """
    handlers = {number: signal.getsignal(number) for number in INTERRUPTIONS}
    try:
        asyncio.run(_until_told_to_end(commands))
    except* CommandError as failures:
        raise failures.exceptions[0] from None
    finally:
        # The loop leaves the system's own behind.
        for number, handler in handlers.items():
            signal.signal(number, handler)


async def _until_told_to_end(commands: Sequence[Sequence[str]]) -> None:
    """`together`, cancelled by signals: an exception out of their handlers would hit in the middle of anything, the start of a command for one."""
    work = asyncio.create_task(together(commands))
    for number in INTERRUPTIONS:
        if signal.getsignal(number) not in {signal.SIG_IGN, signal.SIG_DFL}:
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def together(commands: Sequence[Sequence[str]]) -> None:
    """The same for a program that has an event loop already; its interruption is a cancellation."""
    async with asyncio.TaskGroup() as group:
        for command in commands:
            group.create_task(_one(command))


async def _one(command: Sequence[str]) -> None:
    # In a group of its own a command gets the terminal's Ctrl-C once, from here, not a second time while it cleans up.
    # Where this process is killed, the command is told to end.
    words = ("setpriv", "--pdeathsig=TERM", *command)
    starting = asyncio.ensure_future(asyncio.create_subprocess_exec(*words, process_group=0))
    try:
        # asyncio would kill a command of whose start it is not yet sure.
        process = await asyncio.shield(starting)
        code = await process.wait()
    except asyncio.CancelledError:
        process = await _to_the_end(starting)
        if process.returncode is None:
            # Not SIGINT, which is ignored by all that a shell starts in the background.
            process.terminate()
        await _to_the_end(asyncio.ensure_future(process.wait()))
        raise
    if code:
        raise CommandError(f"{command[0]} ended with exit code {code}")


async def _to_the_end(work: asyncio.Future[T]) -> T:
    """What comes of it, however often this is cancelled meanwhile: the group cancels what is cancelled already."""
    while not work.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(work)
    return work.result()
