"""The host's side, as far as it needs no node."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster, ClusterError
from cluster.machine import GIB, Machine
from cluster.readiness import node_ready, stale_pods
from dev.paths import REPOSITORY


@pytest.fixture(autouse=True)
def _data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def _node(status: str, heartbeat: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "Ready", "status": status, "lastHeartbeatTime": heartbeat}]}}


STARTED = datetime(2026, 1, 1, 12, 0, 5, 500_000, tzinfo=UTC).timestamp()


def test_a_node_is_ready_when_it_has_said_so_since_its_start() -> None:
    assert node_ready(_node("True", "2026-01-01T12:00:05Z"), since=STARTED)
    assert not node_ready(_node("False", "2026-01-01T12:00:09Z"), since=STARTED)


def test_what_a_node_said_before_its_last_stop_does_not_count() -> None:
    assert not node_ready(_node("True", "2026-01-01T12:00:04Z"), since=STARTED)


def test_a_new_node_has_said_nothing_yet() -> None:
    assert not node_ready({"status": {}}, since=STARTED)


def _pod(name: str, state: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"containerStatuses": [{"state": state}]}}


def test_pods_that_are_said_to_run_since_before_the_start_are_stale() -> None:
    pods = [
        _pod("old", {"running": {"startedAt": "2026-01-01T11:00:00Z"}}),
        _pod("new", {"running": {"startedAt": "2026-01-01T12:00:05Z"}}),
        _pod("ended", {"terminated": {"startedAt": "2026-01-01T11:00:00Z"}}),
        _pod("waiting", {"waiting": {"reason": "ContainerCreating"}}),
        {"metadata": {"name": "unscheduled"}, "status": {}},
    ]
    assert stale_pods(pods, since=STARTED) == ["old"]


def test_a_cluster_that_was_never_started_says_how_to() -> None:
    with pytest.raises(ClusterError, match="never been started: `python -m cluster up --name nobody`"):
        _ = Cluster("nobody").node_address


def test_a_cluster_that_was_never_started_is_stopped() -> None:
    assert not Cluster("nobody").running
    assert Cluster("nobody").status()["state"] == "stopped"


def test_a_name_that_would_leave_the_data_folder_is_refused() -> None:
    with pytest.raises(ClusterError, match="cannot name a cluster"):
        Cluster("../elsewhere")


def test_without_root_nothing_is_touched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for command in (Cluster("nobody").up, Cluster("nobody").down, Cluster("nobody").delete):
        with pytest.raises(ClusterError, match="needs root"):
            command()
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_is_too_small_is_told_so_and_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    small = Machine(root=True, memory=GIB, disks={Path("/data"): GIB}, missing_packages=())
    monkeypatch.setattr("cluster.machine.survey", lambda *_: small)
    cluster = Cluster("nobody")
    with pytest.raises(ClusterError, match=r"(?s)1\.0 GiB of memory is free.*/data has 1\.0 GiB free"):
        cluster.up()
    assert not cluster.folder.exists()


def test_a_cluster_that_another_version_started_says_what_to_do() -> None:
    cluster = Cluster("old")
    cluster.folder.mkdir(parents=True)
    (cluster.folder / "node.json").write_text('{"name": "old"}')
    with pytest.raises(ClusterError, match="Another version of this started the cluster old"):
        _ = cluster.registry


def _run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cluster", *words]
    return subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_command_line_takes_the_name_from_the_environment() -> None:
    assert "/clusters/mine/" in _run("kubeconfig", CLUSTER="mine").stdout
    assert "/clusters/run/" in _run("kubeconfig", CLUSTER="").stdout
    assert "/clusters/other/" in _run("kubeconfig", "--name", "other", CLUSTER="mine").stdout


def test_the_command_line_says_what_is_wrong_without_a_traceback() -> None:
    done = _run("status", "--name", "../x")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("'../x' cannot name a cluster")
    assert len(done.stderr.splitlines()) == 1
