"""Collects the event logs of sessions on this machine, a notebook's or a job's, into the person's hidden folder on S3.

Spark writes a folder `eventlog_v2_<application id>` for each session: `events_<n>_...` (the last one grows) and an empty
`appstatus_<application id>`, whose name ends in `.inprogress` until the session has stopped.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

HISTORY = ".spark-history"
"""Folder below the person's home on S3."""
_LOG = "eventlog_v2_"
_IN_PROGRESS = ".inprogress"
# A log that grows is sent again and again as a whole, because S3 knows no appending: not sooner than this, and the bigger the rarer.
_SECONDS_BETWEEN = 60
_BYTES_PER_SECOND = 200_000
# The log of a session is there some time before its record.
_QUIET_SECONDS = 300


def folder() -> Path:
    """Where the sessions of this user write their logs on this machine."""
    return Path(tempfile.gettempdir()) / f"spark-session-event-logs-{os.getuid()}"


def address(home: str) -> str:
    """Where logs are kept."""
    return f"{home.rstrip('/')}/{HISTORY}"


def application_id(log: Path) -> str:
    """The session that wrote a log."""
    return log.name.removeprefix(_LOG)


def logs(source: Path) -> list[Path]:
    """The logs in a folder of this machine."""
    return sorted(source.glob(f"{_LOG}*")) if source.is_dir() else []


def is_due(size: int, seconds: float) -> bool:
    """Whether a file of so many bytes that still grows is worth sending, so many seconds after the last time."""
    return seconds >= max(_SECONDS_BETWEEN, size / _BYTES_PER_SECOND)


def is_quiet(log: Path) -> bool:
    """Whether nobody has written to a log for a while."""
    return time.time() - max(path.stat().st_mtime for path in (log, *log.iterdir())) > _QUIET_SECONDS


def _parts(log: Path) -> tuple[list[Path], list[Path]]:
    """The pieces of events, the oldest first, and the status files."""
    pieces = [path for path in log.iterdir() if path.name.startswith("events_")]
    status = [path for path in log.iterdir() if path.name.startswith("appstatus_")]
    return sorted(pieces, key=lambda path: int(path.name.split("_")[1])), status


class Store(Protocol):
    """Where logs are kept: what is used of fsspec's file systems."""

    def exists(self, path: str, /) -> bool:
        """Whether something is there."""

    def rm_file(self, path: str, /) -> Any:
        """Delete what is there."""

    def pipe_file(self, path: str, content: bytes, /) -> Any:
        """Put content there."""

    def put_file(self, source: str, path: str, /) -> Any:
        """Put what is in a file of this machine there; it may grow meanwhile."""


@dataclass
class _Sent:
    size: int
    at: float


@dataclass
class Collector:
    """Sends logs to S3; not for two threads at once.

    Args:
        source: the folder on this machine.
        home: the person's place on S3, "s3://bucket/prefix".
        open_store: gives the file system and the path of an address; raises OSError.
    """

    source: Path
    home: str
    log: logging.Logger
    open_store: Callable[[str], tuple[Store, str]]
    _sent: dict[Path, _Sent] = field(default_factory=dict)

    def collect(self, alive: Collection[str], *, everything: bool = False) -> None:
        """Send what is new; what is on S3 and needed here no more is removed from this machine.

        Args:
            alive: ids of applications whose driver runs.
            everything: also what was sent just now, as there may be no next time.
        """
        found = logs(self.source)
        if not found:
            return
        store, path = self.open_store(address(self.home))
        for log in found:
            try:
                ended = application_id(log) not in alive and is_quiet(log)
                self._collect_one(store, path, log, ended=ended, everything=everything)
            except Exception as error:  # noqa: BLE001 (S3 clients raise many kinds; the next round tries again)
                self.log.warning(
                    *("The record of the Spark session %s did not reach %s: %s: %s. ", application_id(log)),
                    *(address(self.home), type(error).__name__, error),
                )

    def _collect_one(self, store: Store, path: str, log: Path, *, ended: bool, everything: bool) -> None:
        pieces, status = _parts(log)
        stopped = bool(status) and not any(one.name.endswith(_IN_PROGRESS) for one in status)
        final = stopped or ended or everything
        for piece in pieces:
            self._send(store, f"{path}/{log.name}", piece, growing=piece == pieces[-1] and not final)
        if not status:
            return
        for one in status:
            self._send(store, f"{path}/{log.name}", one, growing=False)
        if stopped:
            unfinished = f"{path}/{log.name}/{status[0].name}{_IN_PROGRESS}"
            if store.exists(unfinished):
                store.rm_file(unfinished)
        for piece in pieces[:-1]:
            piece.unlink()
        if stopped or ended:
            shutil.rmtree(log)
            self._sent = {sent: when for sent, when in self._sent.items() if sent.parent != log}

    def _send(self, store: Store, path: str, file: Path, *, growing: bool) -> None:
        size, last = file.stat().st_size, self._sent.get(file)
        if last is not None and (last.size == size or (growing and not is_due(size, time.monotonic() - last.at))):
            return
        store.pipe_file(f"{path}/{file.name}", b"") if size == 0 else store.put_file(str(file), f"{path}/{file.name}")
        self._sent[file] = _Sent(size, time.monotonic())
