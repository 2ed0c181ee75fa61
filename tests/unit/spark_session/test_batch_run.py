"""The main process of a job: the script's end is its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from spark_session.batch.run import end_drivers, run
from spark_session.processes import start_time
from spark_session.records import Record

from spark_session import records


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", 0),
        *((f"raise SystemExit({code})", code) for code in (0, 1, 2, 11, 52, 137, 143, 255)),
        ("import sys; sys.exit('no such day')", 1),
        ("1 / 0", 1),
        ("import os; os._exit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.kill(os.getpid(), 11)", 139),
        ("import os; os.kill(os.getpid(), 15)", 143),
    ],
)
def test_the_scripts_exit_code_is_the_jobs(code: str, expected: int) -> None:
    assert run([sys.executable, "-c", code]) == expected


def test_a_signal_reaches_the_script(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = (
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(60)"
    )
    before = signal.getsignal(signal.SIGTERM)

    def send() -> None:
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=send).start()
    assert run([sys.executable, "-c", code]) == 5
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_driver_that_outlives_its_script_is_ended_and_no_other_process(tmp_path: Path) -> None:
    left, other = (subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2))
    try:
        for session, jvm, started in (("00000001", left, start_time(left.pid)), ("00000002", other, 1)):
            records.write(tmp_path, Record(session, "a", "", 1, jvm.pid, None, 0.0, None, None, started))
        end_drivers(tmp_path)
        assert left.wait(10) == -signal.SIGKILL
        # The record is of another process that had the same number.
        assert other.poll() is None
        assert records.read(tmp_path) == []
    finally:
        other.kill()
        other.wait()
