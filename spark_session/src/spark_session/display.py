"""Where reports are shown: under the cell of a notebook, in a terminal, or in a log file."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Protocol, TextIO

from spark_session.environment import is_unattended
from spark_session.report import Report, Trouble, line, notes, page, sentence, text

SECONDS_BETWEEN_LINES = 30.0


class Display(Protocol):
    """Shows the newest report."""

    def show(self, report: Report) -> None:
        """Show a report in place of the one before."""


class Nowhere:
    """Shows nothing."""

    def show(self, report: Report) -> None:
        """Show nothing."""


class Notebook:
    """Under the cell that made it, also when that cell has long ended."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = ""

    def show(self, report: Report) -> None:
        """Update the output of the cell, HTML with the text as its fallback."""
        from IPython import display

        content = {"text/plain": text(report), "text/html": page(report)}
        if content["text/html"] == self._shown:
            return
        self._shown = content["text/html"]
        if self._handle is None:
            publish: Any = display.display
            self._handle = publish(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


class _Stream:
    """What a terminal and a file have in common: a trouble is said once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said: set[tuple[object, str]] = set()
        self._noted = False

    def _news(self, report: Report) -> list[str]:
        news = [] if self._noted else notes(report)
        self._noted = self._noted or bool(news)
        return news + [sentence(trouble) for trouble in report.troubles + report.past if self._is_new(trouble)]

    def _is_new(self, trouble: Trouble) -> bool:
        key = (trouble.reason.kind, trouble.reason.what)
        new = key not in self._said
        self._said.add(key)
        return new


class Terminal(_Stream):
    """One line that is written anew; what is worth keeping goes above it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._line = ""

    def show(self, report: Report) -> None:
        """Write the line."""
        news, newest = self._news(report), line(report)
        if not news and newest == self._line:
            return
        clear = "\r\x1b[K"
        over = report.is_ready or report.ended
        above = "".join(f"{piece}\n" for piece in news)
        if over and newest != self._line:
            above += f"{newest}\n"
        self._stream.write(clear + above + ("" if over else newest))
        self._stream.flush()
        self._line = newest


class Log(_Stream):
    """Few lines: a trouble when it is new, the numbers now and then, and the end."""

    def __init__(self, stream: TextIO, pause: float = SECONDS_BETWEEN_LINES) -> None:
        super().__init__(stream)
        self._pause = pause
        self._written = -pause
        self._over = False

    def show(self, report: Report) -> None:
        """Write what is new."""
        lines, now = self._news(report), time.monotonic()
        over = report.is_ready or report.ended
        if (over and not self._over) or (not over and (lines or now - self._written >= self._pause)):
            lines.append(line(report))
            self._written = now
        self._over = over
        if lines:
            self._stream.write("".join(f"{piece}\n" for piece in lines))
            self._stream.flush()


def is_interactive() -> bool:
    """Whether a person sits at it: a notebook that is no job, IPython, or Python's own prompt."""
    if is_unattended(os.environ):
        return False
    return _shell() is not None or hasattr(sys, "ps1") or bool(sys.flags.interactive)


def choose(enabled: bool) -> Display:
    """The display that fits this process."""
    if not enabled:
        return Nowhere()
    if hasattr(_shell(), "kernel") and not is_unattended(os.environ):
        return Notebook()
    return Terminal(sys.stderr) if sys.stderr.isatty() else Log(sys.stderr)


def _shell() -> Any:
    # A process that has not imported IPython does not run in it.
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()
