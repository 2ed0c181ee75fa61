"""What is done about sessions whose processes are gone."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from session_keeper.extension import executor_pods
from session_keeper.judge import judge, orphans
from session_keeper.keeper import SETTLING_SECONDS, Keeper
from spark_session.processes import start_time
from spark_session.records import Record

from spark_session import records

GONE = 2**22 + 1  # beyond any process id


def record(session_id: str = "0a1b2c3d", process: int = 10, jvm: int | None = 11, **more: Any) -> Record:
    return Record(session_id, "flights", "spark-1", process, jvm, None, 1.0, "user-ada", **more)


def pod(session_id: str, owner: str = "uid") -> dict[str, Any]:
    metadata = {"labels": {"spark-notebooks.io/session": session_id}, "ownerReferences": [{"uid": owner}]}
    return {"metadata": metadata}


@pytest.mark.parametrize(
    ("jvm", "living", "expected"),
    [
        (11, {10, 11}, "live"),
        (None, {10}, "live"),  # it is starting
        (11, {10}, "over"),
        (11, {11}, "abandoned"),
        (11, set(), "over"),
        (None, set(), "over"),
    ],
)
def test_a_session_is_judged_by_its_two_processes(jvm: int | None, living: set[int], expected: str) -> None:
    verdict = judge([record(jvm=jvm)], lambda process, started: process in living)
    assert (verdict.live == {"0a1b2c3d"}) == (expected == "live")
    assert (verdict.over == {"0a1b2c3d"}) == (expected == "over")
    assert bool(verdict.abandoned) == (expected == "abandoned")


def test_start_times_are_what_processes_are_judged_by() -> None:
    asked = []
    judge([record(process_started=5, jvm_started=6)], lambda *question: bool(asked.append(question)) or True)
    assert asked == [(10, 5), (11, 6)]


def test_executors_of_other_pods_are_none_of_its_business() -> None:
    pods = [pod("known"), pod("lost"), pod("lost"), pod("theirs", owner="another")]
    assert orphans(pods, {"known"}, "uid") == {"lost"}


class Cluster:
    """Executor pods in memory, in place of the Kubernetes API."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods = list(pods)
        self.lists = 0

    def list(self) -> list[dict[str, Any]]:
        self.lists += 1
        return list(self.pods)

    def delete_session(self, session_id: str) -> None:
        self.pods = [one for one in self.pods if one["metadata"]["labels"]["spark-notebooks.io/session"] != session_id]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def keeper(folder: Path, cluster: Any, grace: float = 8.0, **more: Any) -> Keeper:
    return Keeper(folder, cluster, "uid", grace=grace, look_every=1000.0, log=logging.getLogger("test"), **more)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives, and ignores being asked to end."""
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_a_session_without_processes_is_cleared_away_and_others_stay(tmp_path: Path) -> None:
    records.write(tmp_path, record("dead", process=GONE, jvm=GONE))
    records.write(tmp_path, record("live", process=os.getpid(), jvm=os.getpid()))
    cluster = Cluster(pod("dead"), pod("live"))
    keeper(tmp_path, cluster).look()
    assert cluster.pods == [pod("live")]
    assert [one.session_id for one in records.read(tmp_path)] == ["live"]


def test_a_number_that_another_process_got_does_not_keep_a_session(tmp_path: Path) -> None:
    later = (start_time(os.getpid()) or 0) - 1
    records.write(tmp_path, record("dead", process=os.getpid(), process_started=later, jvm=GONE))
    cluster = Cluster(pod("dead"))
    keeper(tmp_path, cluster).look()
    assert cluster.pods == []


def test_a_jvm_without_a_kernel_is_asked_and_then_killed(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    started = start_time(sleeper.pid)
    records.write(tmp_path, record("left", process=GONE, jvm=sleeper.pid, jvm_started=started))
    cluster = Cluster(pod("left"))
    patient = keeper(tmp_path, cluster, grace=600.0)
    patient.look()
    patient.look()
    assert sleeper.poll() is None
    assert cluster.pods == [pod("left")]  # it may delete them itself
    hasty = keeper(tmp_path, cluster, grace=0.0)
    hasty.look()
    hasty.look()
    assert sleeper.wait(10) == -signal.SIGKILL
    hasty.look()
    assert cluster.pods == []
    assert records.read(tmp_path) == []


def test_executors_that_a_session_left_behind_are_deleted_when_it_ends(tmp_path: Path) -> None:
    records.write(tmp_path, record("live", process=os.getpid(), jvm=os.getpid()))
    cluster = Cluster(pod("live"))
    looking = keeper(tmp_path, cluster)
    looking.look()
    assert cluster.pods
    records.remove(tmp_path, "live")
    looking.look()
    assert cluster.pods == []


def test_an_executor_that_is_made_when_its_session_has_gone_is_deleted(tmp_path: Path) -> None:
    """The API server is busy: it makes what the JVM asked for with its last breath after all others are deleted."""
    records.write(tmp_path, record("dead", process=GONE, jvm=GONE))
    cluster, clock = Cluster(), Clock()
    looking = keeper(tmp_path, cluster, clock=clock)
    looking.look()
    clock.now += SETTLING_SECONDS / 2
    looking.look()
    cluster.pods = [pod("dead")]
    looking.look()
    assert cluster.pods == []
    looked = cluster.lists
    clock.now += SETTLING_SECONDS
    for _ in range(50):
        looking.look()
    assert cluster.lists == looked + 1


def test_while_nothing_ends_nobody_is_asked(tmp_path: Path) -> None:
    records.write(tmp_path, record("live", process=os.getpid(), jvm=os.getpid()))
    cluster = Cluster(pod("live"))
    looking = keeper(tmp_path, cluster)
    for _ in range(50):
        looking.look()
    assert cluster.lists == 1


def test_an_api_that_is_away_is_asked_again(tmp_path: Path) -> None:
    class Away(Cluster):
        away = True

        def delete_session(self, session_id: str) -> None:
            if self.away:
                raise OSError("away")
            super().delete_session(session_id)

    records.write(tmp_path, record("dead", process=GONE, jvm=GONE))
    cluster = Away(pod("dead"))
    looking = keeper(tmp_path, cluster)
    for _ in range(3):
        with pytest.raises(OSError, match="away"):
            looking.look()
    cluster.away = False
    looking.look()
    assert cluster.pods == []
    assert records.read(tmp_path) == []


def test_outside_of_a_workspace_there_are_no_executors_to_look_after() -> None:
    assert executor_pods({}) is None
