"""Ending real processes."""

import subprocess
from collections.abc import Iterator

import pytest

from cluster.processes import Processes

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(["sh", "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_what_is_killed_has_ended(stubborn: subprocess.Popen[str]) -> None:
    with Processes(lambda: {stubborn.pid} if stubborn.poll() is None else set()) as processes:
        assert not processes.wait(timeout=0.1)
        assert processes.kill(timeout=10)
    assert stubborn.wait(timeout=0) == -9


def test_processes_that_appear_meanwhile_are_killed_too() -> None:
    started = [subprocess.Popen(["sleep", "60"])]

    def look() -> set[int]:
        # Each look finds one more, up to four: as with a process that forks while it is being killed.
        if len(started) < 4:
            started.append(subprocess.Popen(["sleep", "60"]))
        return {process.pid for process in started if process.poll() is None}

    with Processes(look) as processes:
        assert processes.kill(timeout=10)
    assert [process.wait(timeout=0) for process in started] == [-9] * 4


def test_a_process_that_is_no_longer_found_is_still_waited_for(stubborn: subprocess.Popen[str]) -> None:
    found = {stubborn.pid}
    with Processes(lambda: found) as processes:
        found = set()
        assert not processes.wait(timeout=0.1)
        assert processes.kill(timeout=10)


def test_nothing_to_end_takes_no_time() -> None:
    with Processes(set) as processes:
        assert processes.kill(timeout=0)
