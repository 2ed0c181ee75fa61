"""How far the moving of a folder is, for the person who waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

# Takes how many of how many files have arrived.
Progress = Callable[[int, int], None]


def untold(_done: int, _total: int) -> None:
    """Nobody waits."""


class Ongoing:
    """What is being moved now, by the path that it had."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}

    @contextmanager
    def moving(self, path: str) -> Iterator[Progress]:
        """While a file or folder is being moved; gives what takes its progress."""
        try:
            yield partial(self._tell, path)
        finally:
            self._known.pop(path, None)

    def get(self, path: str) -> tuple[int, int] | None:
        """How many of how many files have arrived; None where nothing is being moved, or it is not known yet how much."""
        return self._known.get(path)

    def _tell(self, path: str, done: int, total: int) -> None:
        self._known[path] = (done, total)
