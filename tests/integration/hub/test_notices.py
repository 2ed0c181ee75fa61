"""Notices on the real node: the chart's own service, rights and network policy, real Jobs, and receivers on this machine."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cluster import Cluster
from dev import images
from dev.platform import image_value
from tests.support.hub_account import Kubectl
from tests.support.jobs import job_manifest
from tests.support.receivers import KEY, Hook, Mailbox, hook, mailbox
from tests.unit.chart.matrix import EMBEDDED
from tests.unit.chart.rendering import merged, render

PATIENCE = 120.0
QUIET = 5.0
"""Seconds in which a message would come that comes twice."""


@dataclass(frozen=True)
class Platform:
    """The service in its namespace, a workspace of ada, and who hears of her jobs."""

    kubectl: Kubectl
    name: str
    workspace: str
    image: str
    receiver: Hook
    post: Mailbox

    def run(self, name: str, code: str, *, notify: str | None = None, timeout: int = 600) -> None:
        """Start a Job as the helper makes it, but for its pod, which is a small one."""
        made = job_manifest(self.workspace, self.image)
        made["metadata"]["name"] = name
        if notify:
            made["metadata"]["annotations"]["spark-notebooks.io/notify"] = notify
        made["spec"]["activeDeadlineSeconds"] = timeout
        container = {"name": "job", "image": self.image, "command": ["python", "-c", code]}
        made["spec"]["template"]["spec"] = {
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]
        }  # fmt: skip
        self.kubectl("create", "--namespace", self.workspace, "--filename", "-", stdin=json.dumps(made))

    def inside(self, *command: str) -> str:
        return str(self.kubectl("--namespace", self.name, "exec", f"deployment/{self.deployment}", "--", *command))

    @property
    def deployment(self) -> str:
        return f"{self.name}-spark-notebooks-notices"

    def told(self, name: str) -> tuple[int, int]:
        """How often a job was told, by the webhook and by mail."""
        mails = [mail for _, mail in self.post.mails if f"Job {name} " in mail["Subject"]]
        return len([each for each in self.receiver.taken if each["job"] == name]), len(mails)

    def wait_until_told(self, *names: str) -> None:
        until(lambda: all(min(self.told(name)) for name in names), lambda: self.kubectl(*self.log))

    def wait_until_ended(self, name: str) -> None:
        """Until Kubernetes has come to its verdict; it fails."""
        self.kubectl("wait", "--namespace", self.workspace, "--for=condition=Failed", f"job/{name}", "--timeout=120s")

    @property
    def pods(self) -> list[str]:
        """Names of the service's pods, those that are about to go included."""
        found = self.kubectl("--namespace", self.name, "get", "pods", "--output", "json")["items"]
        return [each["metadata"]["name"] for each in found]

    @property
    def log(self) -> tuple[str, ...]:
        return "--namespace", self.name, "logs", f"deployment/{self.deployment}", "--tail=100"

    def wait_until_ready(self) -> None:
        self.kubectl("--namespace", self.name, "rollout", "status", f"deployment/{self.deployment}", "--timeout=120s")


def until(condition: Callable[[], object], explain: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.2)


@pytest.fixture(scope="module")
def platform(node: Cluster, kubectl: Kubectl) -> Iterator[Platform]:
    image = images.build(["hub"], push_to=node.registry)["hub"]
    name = f"notices-{secrets.token_hex(3)}"
    workspace = f"{name}-ada"
    with hook(node.host_address) as receiver, mailbox(node.host_address) as post:
        made = Platform(kubectl, name, workspace, image, receiver, post)
        objects = service(made, node)
        namespaces = [namespace(name), namespace(workspace, user="ada", hub=f"{name}/{name}-spark-notebooks")]
        try:
            apply(kubectl, *namespaces)
            apply(kubectl, *objects)
            made.wait_until_ready()
            yield made
        finally:
            wide = [each for each in objects if each["kind"].startswith("ClusterRole")]
            kubectl("delete", "--ignore-not-found", "--filename", "-", stdin=listed(wide))
            kubectl("delete", "namespace", "--ignore-not-found", name, workspace, "--wait=false")


def service(platform: Platform, node: Cluster) -> list[dict[str, Any]]:
    """All objects of the chart that are about notices, and the administrator's Secret."""
    port = int(platform.receiver.url.rpartition(":")[2].partition("/")[0])
    notices = {
        "webhook": {"existingSecret": "webhook", "addresses": [f"{node.host_address}/32"], "port": port},
        "email": {
            "host": node.host_address,
            "port": platform.post.port,
            "encryption": "none",
            "sender": "notebooks@example.org",
            "recipients": ["{user}@example.org"],
        },
    }
    values = merged(EMBEDDED, {"hub": {"image": image_value(platform.image)}, "notices": notices})
    found = [
        each
        for each in render(values, platform.name, platform.name)
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == "notices"
    ]
    assert {"Deployment", "NetworkPolicy", "ConfigMap", "Role", "ClusterRole"} <= {each["kind"] for each in found}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "webhook", "namespace": platform.name},
        "stringData": {"url": platform.receiver.url, "key": KEY},
    }
    return [secret, *found]


def namespace(name: str, **notes: str) -> dict[str, Any]:
    annotations = {f"spark-notebooks.io/{key}": text for key, text in notes.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": annotations}}


def apply(kubectl: Kubectl, *objects: dict[str, Any]) -> None:
    kubectl("apply", "--filename", "-", stdin=listed(objects))


def listed(objects: Any) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def test_each_end_that_is_wanted_is_told_once_by_each_way(platform: Platform) -> None:
    platform.run("bad", "import sys; sys.exit(3)")
    platform.run("good", "", notify="always")
    platform.run("usual", "")
    platform.run("silent", "1 / 0", notify="never")
    platform.run("slow", "import time; time.sleep(600)", timeout=5)
    platform.run("asked", "import os, sys; sys.exit(75)")
    platform.wait_until_told("bad", "good", "slow", "asked")
    platform.wait_until_ended("silent")
    time.sleep(QUIET)
    told = {each["job"]: (each["state"], each["exitCode"]) for each in platform.receiver.taken}
    assert told == {"bad": ("failed", 3), "good": ("succeeded", 0), "slow": ("failed", 124), "asked": ("failed", 75)}
    assert len(platform.receiver.taken) == len(platform.post.mails) == 4
    found = next(each for each in platform.receiver.taken if each["job"] == "bad")
    assert (found["user"], found["workspace"], found["script"]) == ("ada", platform.workspace, "flights.py")
    assert found["started"] <= found["ended"]
    assert {tuple(to) for to, _ in platform.post.mails} == {("ada@example.org",)}


@pytest.mark.long
def test_a_receiver_that_answers_500_twice_gets_it_at_the_third_time(platform: Platform) -> None:
    before = len(platform.receiver.posts)
    platform.receiver.statuses = [500, 503]
    platform.run("patient", "import sys; sys.exit(1)")
    platform.wait_until_told("patient")
    assert platform.receiver.answers[before:] == [500, 503, 200]
    assert platform.told("patient") == (1, 1)


@pytest.mark.long
def test_a_restart_and_a_kill_tell_nothing_twice_and_what_ended_meanwhile_is_told(platform: Platform) -> None:
    kubectl, before = platform.kubectl, len(platform.receiver.posts)
    here = ("--namespace", platform.name)
    platform.run("last", "import sys; sys.exit(1)")
    platform.wait_until_told("last")
    time.sleep(1)  # it is written down at once after it was taken
    (killed,) = platform.pods
    kubectl(*here, "delete", "pod", killed, "--force", "--grace-period=0")
    until(lambda: set(platform.pods) - {killed})
    kubectl(*here, "wait", "--for=condition=Ready", "pod", *(set(platform.pods) - {killed}), "--timeout=120s")
    kubectl(*here, "scale", "deployment", platform.deployment, "--replicas=0")
    until(lambda: not platform.pods)
    platform.run("meanwhile", "import sys; sys.exit(1)")
    platform.wait_until_ended("meanwhile")
    kubectl(*here, "scale", "deployment", platform.deployment, "--replicas=1")
    platform.wait_until_told("meanwhile")
    time.sleep(QUIET)
    assert len(platform.receiver.posts) == before + 2
    assert platform.told("last") == platform.told("meanwhile") == (1, 1)


def test_it_reaches_what_is_set_and_nothing_beside(platform: Platform, node: Cluster) -> None:
    look = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3); print('open')"
    assert platform.inside("python", "-c", look, node.host_address, str(platform.post.port)) == "open\n"
    with hook(node.host_address) as other:
        port = other.url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(AssertionError, match="TimeoutError"):
            platform.inside("python", "-c", look, node.host_address, port)
