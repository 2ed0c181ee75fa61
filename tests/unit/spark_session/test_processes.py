"""Which process a number stands for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from spark_session.processes import lives, start_time


def stat(folder: Path, process: int, name: str, state: str, started: int) -> None:
    (folder / str(process)).mkdir()
    fields = [state, *("0" for _ in range(18)), str(started), "0"]
    (folder / str(process) / "stat").write_text(f"{process} ({name}) {' '.join(fields)}\n")


def test_a_process_is_told_from_a_later_one_with_its_number(tmp_path: Path) -> None:
    stat(tmp_path, 7, "java", "S", 1234)
    assert start_time(7, tmp_path) == 1234
    assert lives(7, 1234, tmp_path)
    assert lives(7, None, tmp_path)
    assert not lives(7, 1233, tmp_path)
    assert not lives(8, None, tmp_path)


def test_a_name_may_look_like_fields(tmp_path: Path) -> None:
    stat(tmp_path, 7, "a) Z 1 (b", "S", 5)
    assert start_time(7, tmp_path) == 5


def test_a_zombie_does_not_live(tmp_path: Path) -> None:
    stat(tmp_path, 7, "java", "Z", 5)
    assert not lives(7, 5, tmp_path)


def test_real_processes() -> None:
    started = start_time(os.getpid())
    assert started is not None
    assert lives(os.getpid(), started)
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and nobody has asked how: a zombie
    assert not lives(child.pid, None)
    child.wait()
    assert not lives(child.pid, None)
