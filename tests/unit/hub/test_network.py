"""What a workspace may reach, judged by the same rules that the node enforces."""

from typing import Any

import pytest
from spark_notebooks_hub.api_server import addresses, service
from spark_notebooks_hub.config import network_rules
from spark_notebooks_hub.network import (
    METADATA,
    Address,
    NetworkRules,
    component_peer,
    guarded,
    s3_peers,
    s3_port,
    without_metadata,
    workspace_rules,
)
from spark_notebooks_hub.values import Credentials, ValuesError, parse_values
from spark_notebooks_hub.workspace import HubIdentity, Workspace, network_policies, unwanted_manifests

from cluster.policies.model import Pod, read_namespace, read_pod, read_policy
from cluster.policies.rules import RuleSet, rule_set

NODE = "node0"
API, NODE_ADDRESS, INTERNET, DATABASE = "10.89.1.2", "10.89.1.2", "198.51.100.9", "10.20.30.5"
PLACES = {
    "notebook": ("user-ada", {"component": "singleuser-server"}),
    "executor": ("user-ada", {"spark-role": "executor"}),
    "unlabelled": ("user-ada", {}),
    "job": ("user-ada", {"app.kubernetes.io/managed-by": "spark-notebooks", "app.kubernetes.io/component": "job"}),
    "other notebook": ("user-bob", {"component": "singleuser-server"}),
    "other executor": ("user-bob", {"spark-role": "executor"}),
    "hub": ("platform", {"app.kubernetes.io/instance": "sn", "app.kubernetes.io/component": "hub"}),
    "proxy": ("platform", {"app.kubernetes.io/instance": "sn", "app.kubernetes.io/component": "proxy"}),
    "s3": ("platform", {"app.kubernetes.io/instance": "sn", "app.kubernetes.io/component": "s3"}),
    "imitated hub": ("user-bob", {"app.kubernetes.io/instance": "sn", "app.kubernetes.io/component": "hub"}),
    "dns": ("kube-system", {}),
}
ADDRESSES = {name: f"10.244.0.{number}" for number, name in enumerate(PLACES, start=2)}


def values(**network: Any) -> Any:
    return parse_values(
        {
            "release": {"name": "sn", "namespace": "platform", "fullname": "sn"},
            "singleuser": {"image": {"name": "n"}, "networkPolicy": network},
            "s3": {"embedded": {"enabled": True}, "endpoint": "http://sn-s3.platform.svc:7070"},
        }
    )


def rules(**network: Any) -> NetworkRules:
    found = network_rules(values(apiServer=[{"cidr": f"{API}/32", "port": 6443}], **network))
    assert found
    return found


def enforced(network: NetworkRules) -> RuleSet:
    pods: list[Pod] = []
    for name, (namespace, labels) in PLACES.items():
        metadata = {"uid": name, "name": name, "namespace": namespace, "labels": labels}
        spec: dict[str, Any] = {"nodeName": NODE, "containers": []}
        pod = read_pod({"metadata": metadata, "spec": spec, "status": {"podIP": ADDRESSES[name]}})
        assert pod
        pods.append(pod)
    namespaces = [
        read_namespace({"metadata": {"uid": name, "name": name, "labels": {"kubernetes.io/metadata.name": name}}})
        for name in ("user-ada", "user-bob", "platform", "kube-system")
    ]
    policies = []
    for user in ("ada", "bob"):
        workspace = Workspace(user, f"user-{user}", HubIdentity("platform", "sn"), network=network)
        for manifest in network_policies(workspace):
            manifest["metadata"]["uid"] = f"{user}/{manifest['metadata']['name']}"
            policies.append(read_policy(manifest))
    return rule_set(NODE, pods, namespaces, policies, {})


def may_pass(network: NetworkRules, source: str, target: str, port: int, protocol: str = "tcp") -> bool:
    return enforced(network).allows(ADDRESSES.get(source, source), ADDRESSES.get(target, target), protocol, port)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        ("proxy", "notebook", 8888),
        ("hub", "notebook", 8888),
        ("notebook", "executor", 40000),
        ("executor", "notebook", 7078),
        ("executor", "unlabelled", 40000),
        ("notebook", "s3", 7070),
        ("executor", "s3", 7070),
        ("notebook", "hub", 8081),
        ("notebook", API, 6443),
        ("job", API, 6443),
        ("job", "executor", 40000),
        ("executor", "job", 7078),
        ("job", "s3", 7070),
        ("executor", "dns", 53),
        ("executor", NODE_ADDRESS, 53),
    ],
)
def test_what_a_session_needs_passes(source: str, target: str, port: int) -> None:
    assert may_pass(rules(), source, target, port)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        ("notebook", "other notebook", 8888),
        ("notebook", "other executor", 40000),
        ("executor", "other notebook", 7078),
        ("imitated hub", "notebook", 8888),
        ("executor", "notebook", 8888),
        ("executor", "notebook", 22),
        ("executor", "hub", 8081),
        ("executor", API, 6443),
        ("unlabelled", API, 6443),
        ("notebook", "hub", 8082),
        ("job", "hub", 8081),
        ("job", "notebook", 8888),
        ("job", NODE_ADDRESS, 10250),
        ("job", "other executor", 40000),
        ("hub", "job", 7078),
        ("other notebook", "job", 7078),
        ("notebook", "proxy", 8001),
        ("notebook", "s3", 7071),
        ("notebook", NODE_ADDRESS, 10250),
        ("notebook", NODE_ADDRESS, 2379),
        ("notebook", "169.254.169.254", 80),
        ("executor", "169.254.169.254", 80),
        ("notebook", INTERNET, 443),
        ("notebook", DATABASE, 5432),
        ("10.89.1.1", "notebook", 8888),
        ("hub", "executor", 8888),
        ("hub", "notebook", 7078),
    ],
)
def test_everything_else_does_not(source: str, target: str, port: int) -> None:
    assert not may_pass(rules(), source, target, port)


def test_the_internet_is_neither_private_addresses_nor_metadata() -> None:
    network = rules(egressAllowRules={"nonPrivateIPs": True})
    assert may_pass(network, "notebook", INTERNET, 443)
    assert may_pass(network, "executor", INTERNET, 443)
    for closed in (DATABASE, "169.254.169.254", "100.64.0.1", NODE_ADDRESS, ADDRESSES["other notebook"]):
        assert not may_pass(network, "notebook", closed, 8888)


def test_private_addresses_are_not_the_internet() -> None:
    network = rules(egressAllowRules={"privateIPs": True})
    assert may_pass(network, "notebook", DATABASE, 5432)
    assert not may_pass(network, "notebook", INTERNET, 443)
    assert not may_pass(network, "notebook", "169.254.169.254", 80)
    # Who may send does not decide who receives.
    assert not may_pass(network, "notebook", "other notebook", 8888)


def test_names_can_be_kept_to_the_clusters_own_pods() -> None:
    network = rules(egressAllowRules={"dnsPortsPrivateIPs": False})
    assert may_pass(network, "notebook", "dns", 53, "udp")
    assert not may_pass(network, "notebook", NODE_ADDRESS, 53, "udp")


def test_rules_of_the_admin_are_added_without_the_metadata_address() -> None:
    network = rules(
        egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}],
        ingress=[{"from": [{"ipBlock": {"cidr": "10.89.1.1/32"}}], "ports": [{"port": 9090}]}],
    )
    assert may_pass(network, "executor", DATABASE, 5432)
    assert not may_pass(network, "executor", "169.254.169.254", 80)
    assert may_pass(network, "10.89.1.1", "executor", 9090)


@pytest.mark.parametrize(
    "rule",
    [{}, {"to": []}, {"ports": [{"port": 80}]}, *({"to": [{"ipBlock": {"cidr": one}}]} for one in METADATA)],
)
def test_rules_that_open_the_metadata_address_are_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValuesError, match=r"singleuser\.networkPolicy\.egress: .*metadata|nodes' credentials"):
        values(egress=[rule])


def test_exceptions_are_kept_and_not_doubled() -> None:
    peer = {"ipBlock": {"cidr": "169.254.0.0/16", "except": ["169.254.1.0/24"]}}
    expected = {"ipBlock": {"cidr": "169.254.0.0/16", "except": ["169.254.1.0/24", METADATA[0]]}}
    assert guarded(peer) == expected
    assert guarded(expected) == expected
    selected = {"podSelector": {}}
    assert without_metadata({"to": [selected]}) == {"to": [selected]}


@pytest.mark.parametrize(
    ("endpoint", "networks", "peers", "port"),
    [
        (None, ["52.92.0.0/16"], ["52.92.0.0/16"], 443),
        ("http://10.1.2.3:9000", [], ["10.1.2.3/32"], 9000),
        ("https://s3.example.org", ["10.20.0.0/16"], ["10.20.0.0/16"], 443),
        ("http://s3.example.org", [], [], 80),
    ],
)
def test_an_external_s3_is_named_by_networks(
    endpoint: str | None, networks: list[str], peers: list[str], port: int
) -> None:
    assert [peer["ipBlock"]["cidr"] for peer in s3_peers(endpoint, networks)] == peers
    assert s3_port(endpoint) == port


def test_any_address_for_s3_is_any_but_the_metadata_address() -> None:
    (peer,) = s3_peers(None, ["0.0.0.0/0"])
    assert peer["ipBlock"]["except"] == [METADATA[0]]


def test_without_policies_those_of_an_earlier_start_go() -> None:
    assert network_rules(values(enabled=False)) is None
    workspace = Workspace("ada", "user-ada", HubIdentity("platform", "sn"), credentials="x")
    assert network_policies(workspace) == []
    assert [one["metadata"]["name"] for one in unwanted_manifests(workspace)] == ["workspace", "notebook", "job"]
    kept = Workspace("ada", "user-ada", HubIdentity("platform", "sn"), credentials="x", network=rules())
    assert [one["metadata"]["name"] for one in network_policies(kept)] == ["workspace", "notebook", "job"]
    assert unwanted_manifests(kept) == []


def test_the_api_server_is_where_its_endpoints_and_its_service_are() -> None:
    endpoints = {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.7"]}, {"addresses": ["10.0.0.6"]}],
        "ports": [{"name": "https", "port": 6443}],
    }
    assert addresses(endpoints) == [Address("10.0.0.6/32", 6443), Address("10.0.0.7/32", 6443)]
    variables = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert service(variables) == [Address("10.96.0.1/32", 443)]
    assert service({}) == []
    assert addresses({"addressType": "IPv6"}) == []


def test_every_pod_of_a_workspace_reaches_the_token_service_and_nothing_else_on_its_port() -> None:
    found = values()
    tokens = {"url": "http://tokens:8082", "audience": "tokens"}
    s3 = found.s3.model_copy(
        update={"credentials": Credentials.model_validate({"mode": "tokenService", "tokenService": tokens})}
    )
    rules = network_rules(found.model_copy(update={"s3": s3}))
    assert rules is not None
    peer = component_peer("platform", "sn", "tokens")
    assert {"to": [peer], "ports": [{"protocol": "TCP", "port": 8082}]} in workspace_rules(rules, "platform", 8888)[
        "workspace"
    ]["egress"]
    without = network_rules(found)
    assert without is not None
    assert "8082" not in str(workspace_rules(without, "platform", 8888))
