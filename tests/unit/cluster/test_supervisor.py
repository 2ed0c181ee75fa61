"""The supervisor, with real processes: in a process of its own, because it reaps every child that there is."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from dev.paths import REPOSITORY

PROGRAM = """
import ctypes, json, signal, sys
from pathlib import Path
from cluster.components import Component
from cluster.supervisor import Supervisor

PR_SET_CHILD_SUBREAPER = 36  # orphans below become its children, as they do with the first process of a namespace
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0
folder = Path(sys.argv[1])
signal.signal(signal.SIGTERM, signal.default_int_handler)
supervisor = Supervisor(tuple(Component(**fields) for fields in json.loads(sys.argv[2])), folder, folder / "state.json")
try:
    supervisor.run()
except KeyboardInterrupt:
    supervisor.end({fields["name"] for fields in json.loads(sys.argv[2])}, timeout=2)
"""


def component(name: str, script: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": ["sh", "-c", script], **fields}


@contextmanager
def supervised(folder: Path, *components: dict[str, Any]) -> Iterator[Callable[[], dict[str, Any]]]:
    command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(components)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, start_new_session=True) as process:

        def state() -> dict[str, Any]:
            file = folder / "state.json"
            return json.loads(file.read_text())["components"] if file.exists() else {}

        try:
            yield state
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            assert code == 0


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_a_component_starts_after_those_that_it_needs(tmp_path: Path) -> None:
    first = component("first", f"sleep 0.3; echo first >> {tmp_path}/order", once=True)
    second = component("second", f"echo second >> {tmp_path}/order; exec sleep 60", after=["first"])
    with supervised(tmp_path, second, first) as state:
        until(lambda: state().get("second", {}).get("ready"))
        assert state()["first"]["done"]
    assert (tmp_path / "order").read_text().split() == ["first", "second"]


def test_a_component_that_dies_is_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path, component("frail", f"echo started >> {tmp_path}/starts; sleep 0.1; exit 3")) as state:
        until(lambda: state().get("frail", {}).get("failures", 0) >= 2)
    assert len((tmp_path / "starts").read_text().split()) >= 2


def test_a_component_that_is_to_stay_away_is_not_started_again(tmp_path: Path) -> None:
    mark = tmp_path / "starts"
    with supervised(tmp_path, component("worker", f"echo start >> {mark}; exit 7", again=False)) as state:
        until(lambda: state().get("worker", {}).get("done"))
        assert state()["worker"] == {"pid": None, "ready": False, "failures": 0, "done": True}
        time.sleep(0.5)
    assert mark.read_text().split() == ["start"]


def test_a_program_that_is_missing_is_a_failure_like_any_other(tmp_path: Path) -> None:
    missing = {"name": "missing", "command": ["/nonexistent"]}
    with supervised(tmp_path, missing, component("other", "exec sleep 60")) as state:
        until(lambda: state().get("missing", {}).get("failures", 0) >= 2)
        assert state()["other"]["pid"]


def test_output_is_kept_in_the_components_log(tmp_path: Path) -> None:
    with supervised(tmp_path, component("talker", "echo out; echo err >&2; exec sleep 60")) as state:
        until(lambda: state().get("talker", {}).get("pid") and len((tmp_path / "talker.log").read_text().split()) == 2)
    assert (tmp_path / "talker.log").read_text() == "out\nerr\n"


def test_orphans_are_reaped(tmp_path: Path) -> None:
    # The subshell outlives the one that started it, and ends after it.
    script = f"(sh -c 'echo $$ > {tmp_path}/orphan; sleep 0.2' &); exec sleep 60"
    with supervised(tmp_path, component("leaver", script)):
        until(lambda: (tmp_path / "orphan").exists() and (tmp_path / "orphan").read_text())
        orphan = Path("/proc", (tmp_path / "orphan").read_text().strip())
        until(lambda: not orphan.exists())


@pytest.mark.parametrize("script", ["exec sleep 60", "trap '' TERM; sleep 60 & wait; sleep 60"])
def test_it_ends_in_time_even_if_a_component_does_not(tmp_path: Path, script: str) -> None:
    with supervised(tmp_path, component("c", script)) as state:
        until(lambda: state().get("c", {}).get("pid"))
