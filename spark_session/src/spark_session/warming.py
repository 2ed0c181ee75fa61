"""A driver JVM that starts while a person still writes the first cell, so that the first session finds it running."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from spark_session.launch import Launch, launch

IDLE_SECONDS = 600.0
"""Who has not called by then may never do so: the memory is worth more than the seconds."""

PATIENCE_SECONDS = 10.0
"""Longer than a busy machine takes for what a session waits for here; another JVM takes as long to start."""

LOCK_NAME = "warming.lock"


class Warming:
    """The one JVM that this process starts ahead.

    Args:
        start: starts a JVM with these settings and environment variables; None where that cannot be done.
        idle_seconds: after so long without a session the JVM is ended.
        patience_seconds: how long a session waits for the end of what the JVM does ahead.
    """

    def __init__(
        self,
        start: Callable[[Mapping[str, str], Mapping[str, str]], Launch | None] = launch,
        idle_seconds: float = IDLE_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._start = start
        self._idle_seconds = idle_seconds
        self._patience_seconds = patience_seconds
        self._lock = threading.RLock()
        self._ready: Launch | None = None
        self._place: IO[str] | None = None
        self._over = False
        self._at_rest = threading.Event()
        self._at_rest.set()

    def begin(self, settings: Mapping[str, str], variables: Mapping[str, str], folder: Path) -> None:
        """Start a JVM for a session to come, unless the session was there first or a JVM waits in another kernel of this machine.

        Args:
            settings: Spark settings that the session will most likely have.
            variables: environment variables that it will most likely have.
            folder: what the kernels of one person on this machine have in common.
        """
        with self._lock:
            if self._over or self._ready is not None:
                return
            self._place = _take_place(folder)
            if self._place is None:
                return
            self._ready = self._start(settings, variables)
            if self._ready is None:
                self._give_place_back()
                return
            timer = threading.Timer(self._idle_seconds, self.end)
            timer.daemon = True
            timer.start()

    def work(self, do: Callable[[Launch, Callable[[], bool]], None]) -> None:
        """Let the JVM that waits do something ahead, in this thread. Where it fails the JVM is ended: nobody knows what state it is in.

        Args:
            do: gets the JVM, and what says whether the session has come, which waits then.
        """
        with self._lock:
            if self._ready is None or self._over:
                return
            ready = self._ready
            self._at_rest.clear()
        try:
            do(ready, lambda: self._over)
        except Exception:  # noqa: BLE001 (the session's own start says what is wrong, if it is still)
            self.end()
        finally:
            self._at_rest.set()

    def take(self, fits: Callable[[Launch], bool]) -> Launch | None:
        """The JVM that waits; none is started ahead any more after this. One that does not fit, or has ended, is done away with.

        Args:
            fits: whether the session can use it.
        """
        with self._lock:
            self._over = True
            if self._ready is None or not fits(self._ready):
                self.end()
                return None
        rests = self._at_rest.wait(self._patience_seconds)
        with self._lock:
            ready = self._ready
            if ready is None or ready.has_ended or not rests:
                self.end()
                return None
            self._ready = None
            self._give_place_back()
            return ready

    def end(self) -> None:
        """End a JVM that waits, and start none any more."""
        with self._lock:
            self._over = True
            if self._ready is not None:
                self._ready.end()
                self._ready = None
            self._give_place_back()

    def _give_place_back(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None


def _take_place(folder: Path) -> IO[str] | None:
    """The place for a JVM that waits; None while another process has it. It is free again when that ends, however it does."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = (folder / LOCK_NAME).open("w")
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        place.close()
        return None
    return place
