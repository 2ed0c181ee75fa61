"""Servers that tests start."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request

PATIENCE = 120.0  # seconds: a whole machine may be busy with something else


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until the URL of a server answers with 200; AssertionError if its process ends, or after ``PATIENCE``."""
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.status == 200
                return
        except OSError:
            assert time.monotonic() < end, f"no answer from {url}"
            time.sleep(0.05)


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until a port of 127.0.0.1 takes connections; AssertionError if the server's process ends, or after ``PATIENCE``."""
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < end, f"nobody listens on {port}"
            time.sleep(0.05)
