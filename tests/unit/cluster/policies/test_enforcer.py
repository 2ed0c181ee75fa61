"""When rules are put in force, and what a pod waits for."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.policies import cni, enforcer
from cluster.policies.enforcer import Enforcer, RefusedError
from cluster.policies.rules import RuleSet
from tests.unit.cluster.policies.api import Collection

ADDRESS = "10.244.0.2"


def pod(uid: str = "u1", **status: Any) -> dict[str, Any]:
    metadata = {"uid": uid, "name": uid, "namespace": "one", "labels": {}}
    return {"metadata": metadata, "spec": {"nodeName": "node0", "containers": []}, "status": status}


def policy(uid: str = "p1", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": uid, "name": uid, "namespace": "one"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], **spec},
    }


def soon(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Node:
    """An enforcer that runs, the API server that it follows, and what it put in force."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.pods, self.policies, self.namespaces = Collection(), Collection(), Collection()
        self.namespaces.put({"metadata": {"uid": "one", "name": "one"}})
        self.applied: list[RuleSet] = []
        self.events: list[dict[str, Any]] = []
        self.broken = self.ended = False
        self.status = folder / "status.json"
        self.socket = str(folder / "socket")
        core = SimpleNamespace(
            list_pod_for_all_namespaces=self.pods,
            list_namespace=self.namespaces,
            create_namespaced_event=lambda _, event: self.events.append(event),
        )
        networking = SimpleNamespace(
            list_network_policy_for_all_namespaces=self.policies, list_namespaced_network_policy=self.policies
        )
        monkeypatch.setattr(enforcer.config, "load_kube_config", lambda _: None)
        monkeypatch.setattr(enforcer.client, "CoreV1Api", lambda: core)
        monkeypatch.setattr(enforcer.client, "NetworkingV1Api", lambda: networking)
        monkeypatch.setattr(enforcer, "apply", self._apply)
        monkeypatch.setattr(enforcer, "STATUS_FILE", self.status)
        for module in (enforcer, cni):
            monkeypatch.setattr(module, "SOCKET", self.socket)
            monkeypatch.setattr(module, "PATIENCE", 5.6)
        self.enforcer = Enforcer("node0", "")

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()
        soon(lambda: Path(self.socket).exists())

    def _run(self) -> None:
        try:
            self.enforcer.run()
        except RefusedError:
            self.ended = True

    @property
    def last(self) -> RuleSet:
        return self.applied[-1]

    def _apply(self, rules: RuleSet) -> None:
        if self.broken:
            raise RefusedError
        self.applied.append(rules)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Node:
    return Node(monkeypatch, tmp_path)


def test_nothing_is_put_in_force_before_all_is_known(node: Node) -> None:
    node.pods.put(pod(podIP=ADDRESS))
    node.policies.put(policy())
    node.start()
    assert node.applied == [RuleSet(frozenset({ADDRESS}), {ADDRESS: ()}, {})]


def test_a_policy_is_in_force_when_it_is_there_and_gone_when_it_is_gone(node: Node) -> None:
    node.pods.put(pod(podIP=ADDRESS))
    node.start()
    node.policies.put(policy())
    soon(lambda: node.last.ingress == {ADDRESS: ()})
    node.policies.remove("p1")
    soon(lambda: node.last.ingress == {})


def test_a_pod_that_starts_is_known_by_what_its_plugin_says(node: Node) -> None:
    node.policies.put(policy())
    node.start()
    node.pods.put(pod())
    assert node.enforcer.add("u1", ADDRESS) == ""
    assert node.last == RuleSet(frozenset({ADDRESS}), {ADDRESS: ()}, {})


def test_a_pod_waits_until_the_api_server_tells_of_it(node: Node) -> None:
    node.start()
    threading.Timer(0.1, lambda: node.pods.put(pod())).start()
    assert node.enforcer.add("u1", ADDRESS) == ""
    assert "knows no pod u2" in node.enforcer.add("u2", "10.244.0.3")


def test_a_pod_waits_for_policies_that_we_have_not_heard_of(node: Node) -> None:
    node.start()
    node.pods.put(pod())
    node.policies.mute = True
    node.policies.put(policy())
    assert "nothing was heard of it" in node.enforcer.add("u1", ADDRESS)
    node.policies.mute = False
    threading.Timer(0.1, node.policies.forget_history).start()
    assert node.enforcer.add("u1", ADDRESS) == ""
    assert node.last.ingress == {ADDRESS: ()}


def test_an_enforcer_whose_rules_are_refused_ends_and_lets_no_pod_start(node: Node) -> None:
    node.start()
    node.broken = True
    node.pods.put(pod())
    assert "could not be put in force" in node.enforcer.add("u1", ADDRESS)
    assert node.ended


def test_an_address_belongs_to_the_last_that_got_it(node: Node) -> None:
    node.start()
    node.pods.put(pod("u1"))
    node.pods.put(pod("u2"))
    assert node.enforcer.add("u1", ADDRESS) == ""
    assert node.enforcer.add("u2", ADDRESS) == ""
    node.enforcer.remove("u1", ADDRESS)
    assert node.last.known == {ADDRESS}
    node.enforcer.remove("u2", ADDRESS)
    soon(lambda: node.last.known == frozenset())


def test_what_is_not_supported_is_told_once_and_for_as_long_as_it_is_there(node: Node) -> None:
    node.start()
    node.policies.put(policy(ingress=[{"ports": [{"protocol": "SCTP", "port": 80}]}]))
    soon(lambda: bool(node.events))
    assert list(json.loads(node.status.read_text())["refused"]) == ["one/p1"]
    node.pods.put(pod(podIP=ADDRESS))
    soon(lambda: node.last.known == {ADDRESS})
    node.policies.remove("p1")
    soon(lambda: json.loads(node.status.read_text())["refused"] == {})
    assert len(node.events) == 1


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, Any]]:
    """Runs the CNI plugin for the pod u1; its exit code and what it printed."""

    def run(command: str) -> tuple[int, Any]:
        monkeypatch.setenv("CNI_COMMAND", command)
        monkeypatch.setenv("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=one;K8S_POD_UID=u1")
        given = {"cniVersion": "1.0.0", "prevResult": {"ips": [{"address": f"{ADDRESS}/24"}]}}
        monkeypatch.setattr("json.load", lambda _: given)
        code = 0
        try:
            cni.main()
        except SystemExit as end:
            code = int(end.code or 0)
        text = capsys.readouterr().out
        return code, json.loads(text) if text else None

    return run


def test_the_plugin_passes_on_what_it_was_given_when_the_rules_are_in_force(
    node: Node, plugin: Callable[[str], tuple[int, Any]]
) -> None:
    node.start()
    node.pods.put(pod())
    assert plugin("ADD") == (0, {"ips": [{"address": f"{ADDRESS}/24"}]})
    assert node.last.known == {ADDRESS}
    assert plugin("CHECK") == (0, None)
    assert plugin("DEL") == (0, None)
    soon(lambda: node.last.known == frozenset())


def test_the_plugin_says_what_is_in_the_way(node: Node, plugin: Callable[[str], tuple[int, Any]]) -> None:
    node.start()
    code, answer = plugin("ADD")
    assert (code, answer["code"], answer["cniVersion"]) == (1, 11, "1.0.0")
    assert answer["msg"] == "The API server knows no pod u1. The pod is not started yet."


def test_without_the_enforcer_pods_end_and_none_starts(
    node: Node, plugin: Callable[[str], tuple[int, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cni, "PATIENCE", 0.2)
    code, answer = plugin("ADD")
    assert code == 1
    assert "enforcer of network policies does not answer" in answer["msg"]
    assert plugin("DEL") == (0, None)
