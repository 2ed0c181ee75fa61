"""Commands that run side by side, and end together: where one fails, or this process is told to end, so are the others."""

import asyncio
import contextlib
from collections.abc import Sequence


class CommandError(Exception):
    """One of the commands failed, and has said why on standard error."""


def run_together(*commands: Sequence[str]) -> None:
    """Run commands at the same time, their output on ours, and return when all are done.

    Raises:
        CommandError: a command ended with another exit code than 0; the others have been told to end, and have ended.
        KeyboardInterrupt: this process was interrupted; so were they, and they have ended.
    """
    try:
        asyncio.run(_all(commands))
    except* CommandError as failures:
        raise failures.exceptions[0] from None


async def _all(commands: Sequence[Sequence[str]]) -> None:
    async with asyncio.TaskGroup() as group:
        for command in commands:
            group.create_task(_one(command))


async def _one(command: Sequence[str]) -> None:
    # In a group of its own a command gets the terminal's Ctrl-C once, from here, not a second time while it cleans up.
    # Where this process is killed, the command is told to end.
    process = await asyncio.create_subprocess_exec("setpriv", "--pdeathsig=TERM", *command, process_group=0)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        if process.returncode is None:
            # Not SIGINT, which is ignored by all that a shell starts in the background.
            process.terminate()
        await _end(process)
        raise
    if code:
        raise CommandError(f"{command[0]} ended with exit code {code}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Waits for a process that has been told to end, however often this is cancelled: the group cancels what is cancelled already."""
    ended = asyncio.ensure_future(process.wait())
    while not ended.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(ended)
