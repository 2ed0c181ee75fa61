"""Stops sessions that run in other processes of this person."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from spark_session.records import Record

from spark_session import records, stop_requests
from spark_ui.sessions import is_alive

_LOOK_SECONDS = 0.2


async def stop(record: Record, patience: float) -> bool:
    """Stop a session; True when its driver's work is over.

    Its own process is asked first, which keeps its Java process for a next session. Who does not listen, or takes longer than `patience` seconds,
    loses the Java process: Spark gives the executors back on its way out.
    """
    where = records.folder(os.environ)
    if stop_requests.ask(where, record.session_id) and await _gone(record, patience):
        return True
    with suppress(ProcessLookupError):
        if record.jvm is not None and is_alive(record):
            os.kill(record.jvm, signal.SIGTERM)
    return await _gone(record, patience)


async def _gone(record: Record, patience: float) -> bool:
    end = time.monotonic() + patience
    path = records.folder(os.environ) / f"{record.session_id}.json"
    while path.exists() and is_alive(record):
        if time.monotonic() > end:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True


def of_this_server(found: Iterable[Record], server: int) -> list[Record]:
    """The sessions whose processes this server has started, directly or not: they end with it."""
    return [record for record in found if server in _ancestors(record.process)]


def _ancestors(process: int) -> set[int]:
    found: set[int] = set()
    while process > 1 and process not in found:
        found.add(process)
        try:
            fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            break
        process = int(fields[1])
    return found
