"""Progress of long work, on standard error: one line per step, rewritten in place on a terminal, sparse in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

SECONDS_BETWEEN_LOG_LINES = 30.0


class Step:
    """One piece of work under way."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self.title = title
        self._stream = stream
        self._terminal = stream.isatty()
        self._started = self._shown = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._started

    def update(self, detail: str) -> None:
        """Say how far the work is. Call it as often as you like."""
        if self._terminal:
            self._stream.write(f"\r\x1b[K{self.title}: {detail} ({self.elapsed:.0f} s)")
            self._stream.flush()
        elif time.monotonic() - self._shown >= SECONDS_BETWEEN_LOG_LINES:
            self._shown = time.monotonic()
            say(f"{self.title}: {detail} ({self.elapsed:.0f} s)", self._stream)

    def end(self, outcome: str) -> None:
        """The last line of the step."""
        start_of_line = "\r\x1b[K" if self._terminal else ""
        say(f"{start_of_line}{self.title}: {outcome} ({self.elapsed:.1f} s)", self._stream)


@contextmanager
def step(title: str, stream: TextIO | None = None) -> Iterator[Step]:
    """Report the body as one step: its progress by `update`, then whether it was done, and the time it took."""
    current = Step(title, stream or sys.stderr)
    try:
        yield current
    except BaseException:
        current.end("stopped")
        raise
    current.end("done")


def say(text: str, stream: TextIO | None = None) -> None:
    """One line of progress."""
    print(text, file=stream or sys.stderr, flush=True)
