"""Ending processes and knowing that they have ended, all of them, to the last resource."""

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self


class Processes:
    """The processes that `look` finds, now and later.

    A process vanishes from its control group when it begins to end, and may hold locks and namespaces for a while after that. So each
    is held by a descriptor (pidfd) from when it was first seen: that tells its real end, and is never another's, as a number may be.
    """

    def __init__(self, look: Callable[[], set[int]]) -> None:
        self._look = look
        self._descriptors: dict[int, int] = {}

    def __enter__(self) -> Self:
        self._alive()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def wait(self, timeout: float) -> bool:
        """Whether all have ended within `timeout` seconds."""
        return self._until_gone(timeout, lambda _: None)

    def kill(self, timeout: float) -> bool:
        """Kill all, those that appear meanwhile among them; whether they have ended within `timeout` seconds."""
        return self._until_gone(timeout, lambda descriptor: signal.pidfd_send_signal(descriptor, signal.SIGKILL))

    def _until_gone(self, timeout: float, act: Callable[[int], None]) -> bool:
        deadline = time.monotonic() + timeout
        while alive := self._alive():
            for descriptor in alive:
                with suppress(ProcessLookupError):
                    act(descriptor)
            if time.monotonic() > deadline:
                return False
            select.select(alive, [], [], 0.05)
        return True

    def _alive(self) -> list[int]:
        """Descriptors of those that have not ended."""
        for number in self._look() - self._descriptors.keys():
            with suppress(ProcessLookupError):
                self._descriptors[number] = os.pidfd_open(number)
        ended = select.select(list(self._descriptors.values()), [], [], 0)[0]
        for number, descriptor in list(self._descriptors.items()):
            if descriptor in ended:
                os.close(self._descriptors.pop(number))
        return list(self._descriptors.values())


def until(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether the condition comes to hold within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
