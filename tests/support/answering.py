"""Servers that tests start."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable

PATIENCE = 120.0  # seconds: a whole machine may be busy with something else


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until the URL of a server answers with 200; AssertionError if its process ends, or after ``PATIENCE``."""

    def ask() -> None:
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.status == 200

    _wait(ask, process, f"no answer from {url}")


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until a port of 127.0.0.1 takes connections; AssertionError if the server's process ends, or after ``PATIENCE``."""
    _wait(
        lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close(), process, f"nobody listens on {port}"
    )


def _wait(ask: Callable[[], None], process: subprocess.Popen[bytes], complaint: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, "the server ended"
        try:
            ask()
        except OSError:
            assert time.monotonic() < end, complaint
            time.sleep(0.05)
        else:
            return
