"""What is read out of the API's objects."""

from typing import Any

import pytest

from cluster.policies.enforcer import event
from cluster.policies.model import Requirement, read_pod
from tests.unit.cluster.policies.objects import policy


def item(**changes: Any) -> dict[str, Any]:
    spec = {"nodeName": "node0", "containers": [{"name": "main"}], **changes.pop("spec", {})}
    return {"metadata": {"uid": "u", "namespace": "one", "name": "p"}, "spec": spec, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": {"hostNetwork": True}},
        {"status": {"phase": "Succeeded"}},
        {"status": {"phase": "Failed"}},
        {"spec": {"nodeName": None}},
    ],
)
def test_pods_without_an_address_of_their_own_are_not_looked_at(changes: dict[str, Any]) -> None:
    assert read_pod(item(**changes)) is None


def test_side_cars_have_named_ports_too() -> None:
    side = {"name": "side", "restartPolicy": "Always", "ports": [{"name": "metrics", "containerPort": 9090}]}
    found = read_pod(item(spec={"initContainers": [side]}))
    assert found
    assert found.ports == (("metrics", "TCP", 9090),)


def test_what_changes_in_a_status_but_the_address_changes_nothing() -> None:
    assert read_pod(item()) == read_pod(item(status={"phase": "Running", "conditions": [{"type": "Ready"}]}))
    assert read_pod(item()) != read_pod(item(status={"podIP": "10.244.0.2"}))


def test_an_unknown_operator_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown operator 'Gt'"):
        Requirement("a", "Gt").matches({})


def test_the_event_names_the_policy_and_what_is_not_supported() -> None:
    found = event(policy("one", {"podSelector": {}}, "web"), "no SCTP", now=0)
    assert found["involvedObject"] == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "name": "web",
        "namespace": "one",
        "uid": "one/web",
    }
    assert (found["type"], found["reason"], found["message"]) == ("Warning", "NotSupported", "no SCTP")
    assert found["firstTimestamp"] == "1970-01-01T00:00:00Z"
