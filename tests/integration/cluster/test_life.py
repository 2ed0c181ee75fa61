"""Starts and ends of a real node: orderly, killed half-way, twice, side by side. Nothing is ever left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster, ClusterError, cgroups
from dev.paths import REPOSITORY

# The browser tests of `make run`, `make stop` and `make cluster-status` see the same from farther away, every time.
pytestmark = pytest.mark.long
COMMAND = [sys.executable, "-m", "cluster"]


def _command(*words: str) -> subprocess.Popen[str]:
    """`python -m cluster`, as a user starts it."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *words], cwd=REPOSITORY, start_new_session=True, **pipes)


def _up(cluster: Cluster) -> subprocess.Popen[str]:
    return _command("up", "--unsafe-no-fsync", "--name", cluster.name)


def _until(look: Callable[[], object], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def _process(cluster: Cluster, program: str) -> int | None:
    """The host's number of the node's process that runs a program; `unshare` holds the node's namespaces."""
    for pid in cgroups.processes(cluster.instance.settings.cgroup, cgroups.NODE):
        if Path(f"/proc/{pid}/comm").read_text().strip() == program:
            return pid
    return None


def test_up_of_a_running_node_changes_nothing(cluster: Cluster) -> None:
    before = cluster.status()
    assert _up(cluster).wait(timeout=30) == 0
    assert cluster.status()["components"] == before["components"]


def test_status_is_for_programs_and_for_people(cluster: Cluster) -> None:
    with _command("status", "--json", "--name", cluster.name) as asked:
        answer = json.loads(asked.communicate()[0])
    assert (asked.returncode, answer["state"], answer["registry"]) == (0, "running", cluster.registry)
    with _command("status", "--name", "nobody-here") as asked:
        assert "stopped" in asked.communicate()[0]
    assert asked.returncode == 3


def test_nothing_is_left_after_down_and_all_is_there_after_up(
    cluster: Cluster, watch: Any, push: Callable[[Cluster], str]
) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(_deployment(push(cluster))))
    cluster.kubectl("rollout", "status", "deployment/keeper", "--timeout=60s")
    watch.look()
    assert len(watch.namespaces) > 5
    cluster.down()
    assert watch.leftovers() == []
    assert not cluster.running
    cluster.down()
    cluster.up(durable=False)
    # Pods tell the truth from here on. A Deployment's own status follows a moment later, so it is not what to wait for.
    cluster.kubectl("wait", "pod", "--selector=app=keeper", "--for=condition=Ready", "--timeout=60s")
    pod = ("deployment/keeper", "--", "cat", "/data/starts")
    assert cluster.kubectl("exec", *pod).splitlines() == ["started", "started"]
    cluster.kubectl("delete", "deployment/keeper", "pvc/keeper")


def _deployment(image: str) -> dict[str, Any]:
    mounts = [{"name": "data", "mountPath": "/data"}]
    command = ["sh", "-c", "echo started >> /data/starts; trap 'exit 0' TERM; sleep 600 & wait"]
    labels = {"app": "keeper"}
    spec = {
        "securityContext": {"fsGroup": 1000},
        "containers": [{"name": "main", "image": image, "command": command, "volumeMounts": mounts}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "keeper"}}],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "keeper"}, "spec": claim},
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "keeper"},
                "spec": {"selector": {"matchLabels": labels}, "template": template},
            },
        ],
    }


def test_a_node_that_is_killed_while_it_starts_is_reported_and_leaves_nothing(cluster: Cluster, watch: Any) -> None:
    cluster.down()
    with _up(cluster) as starting:
        _until(lambda: cluster.instance.state().get("components", {}).get("etcd", {}).get("pid"))
        watch.look()
        process = _process(cluster, "unshare")
        assert process
        os.kill(process, signal.SIGKILL)
        _, said = starting.communicate(timeout=60)
    assert starting.returncode == 1
    assert "The node ended while it started." in said
    assert watch.leftovers() == []


def test_an_up_that_is_killed_is_finished_by_the_next(cluster: Cluster) -> None:
    cluster.down()
    with _up(cluster) as starting:
        _until(lambda: _process(cluster, "unshare"))
        starting.send_signal(signal.SIGKILL)
    cluster.up(durable=False)
    assert cluster.running


def test_an_interrupted_up_leaves_nothing(cluster: Cluster, watch: Any) -> None:
    cluster.down()
    with _up(cluster) as starting:
        _until(lambda: cluster.instance.state().get("components", {}).get("kube-apiserver", {}).get("pid"))
        watch.look()
        os.killpg(starting.pid, signal.SIGINT)  # as a terminal does
        _, said = starting.communicate(timeout=60)
    assert starting.returncode == 130
    assert "what was started has been stopped" in said
    assert watch.leftovers() == []


def test_a_node_that_was_killed_leaves_nothing_and_starts_again(cluster: Cluster, watch: Any) -> None:
    watch.look()
    process = _process(cluster, "unshare")
    assert process
    os.kill(process, signal.SIGKILL)
    # What it says of itself stays behind, as a stale pid file would.
    assert (cluster.folder / "state.json").exists()
    _until(lambda: not cluster.running)
    cluster.up(durable=False)
    assert cluster.running
    cluster.down()
    assert watch.leftovers() == []


def test_a_component_that_cannot_start_is_named_with_its_log(cluster: Cluster, watch: Any) -> None:
    cluster.down()
    members = cluster.folder / "etcd" / "member"
    aside = members.rename(members.with_name("aside"))
    members.write_text("not a folder")
    try:
        with pytest.raises(ClusterError, match=r"(?s)etcd ends again and again\..*etcd\.log:.*member"):
            cluster.up(durable=False)
        assert watch.leftovers() == []
    finally:
        members.unlink(missing_ok=True)
        aside.rename(members)


def test_two_instances_live_side_by_side(cluster: Cluster) -> None:
    second = Cluster(f"{cluster.name}-2")
    try:
        ups = [threading.Thread(target=second.up, kwargs={"durable": False}) for _ in range(2)]
        for up in ups:
            up.start()
        for up in ups:
            up.join()
        assert second.running
        assert cluster.running
        assert second.node_address != cluster.node_address
        second.kubectl("create", "namespace", "only-here")
        assert "only-here" not in cluster.kubectl("get", "namespaces")
    finally:
        second.delete()
    assert cluster.running
    assert not second.folder.exists()


def test_a_component_that_dies_comes_back(cluster: Cluster) -> None:
    first = cluster.status()["components"]["kube-apiserver"]["pid"]
    process = _process(cluster, "kube-apiserver")
    assert process
    os.kill(process, signal.SIGKILL)
    _until(lambda: cluster.running and cluster.status()["components"]["kube-apiserver"]["pid"] != first)
