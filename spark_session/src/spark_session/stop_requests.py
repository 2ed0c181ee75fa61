"""How another process of the same user asks for the end of a session: through a named pipe beside the session's record.

A signal would meet whatever the process does with signals, and the end of the JVM alone would leave its Python without a way to start another
session. A thread that waits for a pipe costs nothing.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_STOP = b"stop"


def _pipe(where: Path, session_id: str) -> Path:
    return where / f"{session_id}.stop"


def listen(where: Path, session_id: str, stop: Callable[[], None]) -> None:
    """Call `stop`, in a thread of its own, when a process asks for the end of the session. `where` is the folder of the records."""
    pipe = _pipe(where, session_id)
    os.mkfifo(pipe, 0o600)
    threading.Thread(target=_wait, args=(pipe, stop), name=f"spark-session-stop-{session_id}", daemon=True).start()


def _wait(pipe: Path, stop: Callable[[], None]) -> None:
    with suppress(FileNotFoundError):
        asked = pipe.read_bytes()
        if asked == _STOP:
            stop()


def close(where: Path, session_id: str) -> None:
    """Stop listening; nobody may be listening any more."""
    _write(where, session_id, b"")
    _pipe(where, session_id).unlink(missing_ok=True)


def ask(where: Path, session_id: str) -> bool:
    """Ask for the end of a session; False if its process does not listen."""
    return _write(where, session_id, _STOP)


def _write(where: Path, session_id: str, message: bytes) -> bool:
    try:
        descriptor = os.open(_pipe(where, session_id), os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody reads
            return False
        raise
    try:
        os.write(descriptor, message)
    finally:
        os.close(descriptor)
    return True
