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


def run_and_end(tmp_path: Path, at_the_end: str, patience: float | None = None) -> int:
    """Run a program that is asked to end as soon as it can do `at_the_end`."""
    ready = tmp_path / "ready"
    code = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: {at_the_end})\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(60)"
    )

    def send() -> None:
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=send).start()
    return run([sys.executable, "-c", code], patience=patience)


def test_a_signal_reaches_the_script(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert run_and_end(tmp_path, "sys.exit(5)", patience=60) == 5
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    assert run_and_end(tmp_path, "None", patience=0.1) == 137


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
