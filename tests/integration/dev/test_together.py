"""Commands side by side: real processes that fail, and signals from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dev.paths import REPOSITORY
from dev.together import CommandError, run_together, together

# Writes its process id, then one line for each signal, and takes a while to end.
WORKER = """
import os, signal, sys, time
path = sys.argv[1]
def note(text):
    with open(path, "a") as file:
        file.write(text + "\\n")
def on_signal(number, _frame):
    note(signal.Signals(number).name)
    time.sleep(0.5)  # cleaning up, in which a second Ctrl-C would do harm
    sys.exit(130 if number == signal.SIGINT else 143)
signal.signal(signal.SIGINT, on_signal)
signal.signal(signal.SIGTERM, on_signal)
note(str(os.getpid()))
while True:
    time.sleep(0.05)
"""
PARENT = """
import signal, sys
from dev.together import run_together
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.default_int_handler)
try:
    run_together(*([sys.executable, "-c", sys.argv[1], path] for path in sys.argv[2:]))
except KeyboardInterrupt:
    sys.exit(130)
"""


def until(look: Callable[[], object], timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def notes(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def lives(path: Path) -> bool:
    """Whether the worker that wrote `path` has not ended."""
    try:
        stat = Path(f"/proc/{notes(path)[0]}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def worker(path: Path) -> list[str]:
    return [sys.executable, "-c", WORKER, str(path)]


def test_all_have_ended_when_it_returns(tmp_path: Path) -> None:
    command = "import sys, time; time.sleep(float(sys.argv[2])); open(sys.argv[1], 'w').close()"
    paths = [tmp_path / "slow", tmp_path / "fast"]
    run_together(*([sys.executable, "-c", command, str(path), str(0.4 / n)] for n, path in enumerate(paths, 1)))
    assert all(path.exists() for path in paths)


def test_they_run_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the other: one after the other they would never end."""
    meet = (
        "import pathlib, sys, time\n"
        "mine, other = map(pathlib.Path, sys.argv[1:])\nmine.touch()\n"
        "deadline = time.monotonic() + 20\n"
        "while not other.exists():\n    assert time.monotonic() < deadline\n    time.sleep(0.02)"
    )
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    run_together([sys.executable, "-c", meet, a, b], [sys.executable, "-c", meet, b, a])


def test_a_failure_ends_the_other_and_waits_until_it_has_cleaned_up(tmp_path: Path) -> None:
    path = tmp_path / "other"
    fails = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)\nsys.exit(3)"
    with pytest.raises(CommandError, match="ended with exit code 3"):
        run_together(worker(path), [sys.executable, "-c", fails, str(path)])
    assert notes(path)[1:] == ["SIGTERM"]
    assert not lives(path)


def test_a_failure_after_the_other_is_done_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        run_together(["true"], ["sh", "-c", "sleep 0.3; exit 1"])


@contextmanager
def parent(*paths: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs workers together; it leads a process group of its own, as a shell's job does."""
    command = [sys.executable, "-c", PARENT, WORKER, *map(str, paths)]
    with subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True) as process:
        try:
            until(lambda: all(notes(path) for path in paths))
            yield process
        finally:
            process.kill()


def test_a_command_that_a_shell_runs_in_the_background_is_ended_too(tmp_path: Path) -> None:
    """It inherits that SIGINT is ignored."""
    path = tmp_path / "a"
    ignoring = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with parent(path) as process:
            process.terminate()
            assert process.wait(timeout=20) == 130
            assert not lives(path)
    finally:
        signal.signal(signal.SIGINT, ignoring)


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_parent_ends_all(tmp_path: Path, number: signal.Signals, names: str) -> None:
    paths = [tmp_path / name for name in names]
    with parent(*paths) as process:
        process.send_signal(number)
        assert process.wait(timeout=20) == 130
        assert [notes(path)[1:] for path in paths] == [["SIGTERM"]] * len(paths)
        assert not any(lives(path) for path in paths)


def test_ctrl_c_in_a_terminal_reaches_each_command_once(tmp_path: Path) -> None:
    """A terminal signals the whole foreground group: the commands are not in it, and get the parent's signal alone."""
    paths = [tmp_path / "a", tmp_path / "b"]
    with parent(*paths) as process:
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert [notes(path)[1:] for path in paths] == [["SIGTERM"]] * 2


def test_the_commands_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    with parent(*paths) as process:
        process.kill()
        process.wait()
        until(lambda: not any(lives(path) for path in paths))
        # The kernel tells them for each thread of the parent, so perhaps twice.
        assert [set(notes(path)[1:]) for path in paths] == [{"SIGTERM"}] * 2


def test_a_command_that_is_just_being_started_is_told_to_end(tmp_path: Path) -> None:
    """Not killed, as asyncio does with what it has started and not yet heard of."""
    path = tmp_path / "a"
    before = children()

    async def interrupted() -> None:
        running = asyncio.create_task(together([worker(path)]))
        for _ in range(100):
            await asyncio.sleep(0)
            if children() != before:
                break
        until(lambda: notes(path))  # and the event loop stands still
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(interrupted())
    assert notes(path)[1:] == ["SIGTERM"]
    assert not lives(path)
