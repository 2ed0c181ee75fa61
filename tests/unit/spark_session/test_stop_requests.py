"""Asking for the end of a session through its named pipe."""

import threading
from pathlib import Path

from spark_session import stop_requests

SESSION = "0a1b2c3d"


def test_who_asks_is_heard(tmp_path: Path) -> None:
    stopped = threading.Event()
    stop_requests.listen(tmp_path, SESSION, stopped.set)
    while not stop_requests.ask(tmp_path, SESSION):  # the thread has not opened the pipe yet
        pass
    assert stopped.wait(60)
    stop_requests.close(tmp_path, SESSION)
    assert list(tmp_path.iterdir()) == []


def test_closing_is_no_request(tmp_path: Path) -> None:
    stopped = threading.Event()
    stop_requests.listen(tmp_path, SESSION, stopped.set)
    stop_requests.close(tmp_path, SESSION)
    assert not stopped.is_set()
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(tmp_path: Path) -> None:
    assert not stop_requests.ask(tmp_path, SESSION)
    stop_requests.listen(tmp_path, SESSION, lambda: None)
    stop_requests.close(tmp_path, SESSION)
    assert not stop_requests.ask(tmp_path, SESSION)
    stop_requests.close(tmp_path, SESSION)
