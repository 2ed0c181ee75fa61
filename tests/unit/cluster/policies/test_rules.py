"""What the pods of a node may send and receive."""

from typing import Any

import pytest

from cluster.policies.model import Block, Pod
from cluster.policies.rules import Allowed, RuleSet, block_networks, rule_set
from tests.unit.cluster.policies.objects import NODE, namespace, pod, policy

NAMESPACES = [namespace("one", team="a"), namespace("two", team="b")]
WEB = pod("one", "web", "10.244.0.2", {"app": "web"}, ports=[("http", "TCP", 8080)])
OLD_WEB = pod("one", "old", "10.244.0.3", {"app": "web"}, ports=[("http", "TCP", 80)])
CLIENT = pod("one", "client", "10.244.0.4", {"app": "client"})
OTHER = pod("two", "client", "10.244.0.5", {"app": "client"})
PODS = [WEB, OLD_WEB, CLIENT, OTHER]


def rules(*specs: dict[str, Any], pods: list[Pod] = PODS, addresses: dict[str, str] | None = None) -> RuleSet:
    policies = [policy("one", spec, f"p{i}") for i, spec in enumerate(specs)]
    return rule_set(NODE, pods, NAMESPACES, policies, addresses or {})


def test_a_pod_that_no_policy_selects_may_all() -> None:
    found = rules()
    assert found.known == {"10.244.0.2", "10.244.0.3", "10.244.0.4", "10.244.0.5"}
    assert (found.ingress, found.egress) == ({}, {})


def test_a_policy_without_rules_closes_its_directions_for_the_pods_of_its_namespace() -> None:
    found = rules({"podSelector": {}, "policyTypes": ["Ingress"]})
    assert found.ingress == {"10.244.0.2": (), "10.244.0.3": (), "10.244.0.4": ()}
    assert found.egress == {}


def test_directions_are_those_that_the_api_would_fill_in() -> None:
    assert rules({"podSelector": {}}).egress == {}
    found = rules({"podSelector": {}, "egress": [{}]})
    assert found.ingress == {"10.244.0.2": (), "10.244.0.3": (), "10.244.0.4": ()}
    assert found.egress["10.244.0.2"] == (Allowed(None),)


def test_pods_and_namespaces_are_selected_alone_and_together() -> None:
    def senders(peer: dict[str, Any]) -> tuple[str, ...] | None:
        found = rules({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [peer]}]})
        chain = found.ingress["10.244.0.2"]
        return chain[0].networks if chain else ()

    clients = {"podSelector": {"matchLabels": {"app": "client"}}}
    everywhere: dict[str, Any] = {"namespaceSelector": {}}
    assert senders(clients) == ("10.244.0.4/32",)
    assert senders({"namespaceSelector": {"matchLabels": {"team": "b"}}}) == ("10.244.0.5/32",)
    assert senders({**everywhere, **clients}) == ("10.244.0.4/31",)
    assert senders({"namespaceSelector": {"matchLabels": {"team": "c"}}}) == ()


def test_policies_add_up() -> None:
    closed = {"podSelector": {}, "policyTypes": ["Ingress"]}
    opened = {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}
    more = {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.89.0.0/16"}}]}]}
    found = rules(closed, opened, more)
    assert set(found.ingress["10.244.0.2"]) == {Allowed(None, "tcp", ((80, 80),)), Allowed(("10.89.0.0/16",))}
    assert rules(more, closed, opened) == found


def test_a_named_port_is_the_receivers_own_on_the_way_in() -> None:
    found = rules({"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]})
    assert found.ingress == {
        "10.244.0.2": (Allowed(None, "tcp", ((8080, 8080),)),),
        "10.244.0.3": (Allowed(None, "tcp", ((80, 80),)),),
        "10.244.0.4": (),
    }


def test_a_named_port_is_each_receivers_own_on_the_way_out() -> None:
    found = rules({"podSelector": {}, "egress": [{"to": [{"podSelector": {}}], "ports": [{"port": "http"}]}]})
    assert set(found.egress["10.244.0.4"]) == {
        Allowed(("10.244.0.2/32",), "tcp", ((8080, 8080),)),
        Allowed(("10.244.0.3/32",), "tcp", ((80, 80),)),
    }


def test_ports_are_ranges_that_do_not_overlap() -> None:
    ports = [
        {"port": 4000, "endPort": 4010},
        {"port": 4005, "endPort": 4020},
        {"port": 80},
        {"port": 53, "protocol": "UDP"},
    ]
    found = rules({"podSelector": {}, "egress": [{"ports": ports}]})
    assert found.egress["10.244.0.2"] == (
        Allowed(None, "tcp", ((80, 80), (4000, 4020))),
        Allowed(None, "udp", ((53, 53),)),
    )


def test_what_is_not_supported_is_told_and_allows_nothing() -> None:
    spec = {"podSelector": {}, "ingress": [{"ports": [{"port": 80, "protocol": "SCTP"}]}]}
    assert policy("one", spec).refused == (
        "ingress[0]: the protocol SCTP is not supported here, so this port allows nothing",
    )
    assert rules(spec).ingress == {"10.244.0.2": (), "10.244.0.3": (), "10.244.0.4": ()}


@pytest.mark.parametrize(
    ("block", "networks"),
    [
        (Block("10.0.0.0/8"), ["10.0.0.0/8"]),
        (Block("10.0.0.0/30", ("10.0.0.1/32",)), ["10.0.0.0/32", "10.0.0.2/31"]),
        (Block("10.0.0.0/30", ("10.0.0.0/8",)), []),
        (Block("10.0.0.0/30", ("11.0.0.0/8",)), ["10.0.0.0/30"]),
        (Block("10.0.0.0/30", ("10.0.0.0/32", "10.0.0.2/31")), ["10.0.0.1/32"]),
        (Block("::/0", ("fd00:ec2::254/128",)), []),
    ],
)
def test_a_block_is_its_network_without_its_exceptions(block: Block, networks: list[str]) -> None:
    assert sorted(map(str, block_networks(block))) == networks


def test_a_pod_is_known_by_the_nodes_word_before_the_api_server_has_its_address() -> None:
    new = pod("one", "new", None, {"app": "web"})
    assert rules(pods=[new]).known == set()
    assert rules(pods=[new], addresses={new.uid: "10.244.0.9"}).known == {"10.244.0.9"}


def test_an_address_is_the_pods_that_the_node_gave_it_to_not_its_last_owners() -> None:
    new = pod("two", "new", None)
    found = rules({"podSelector": {}}, pods=[WEB, new], addresses={new.uid: "10.244.0.2"})
    assert found.known == {"10.244.0.2"}
    assert found.ingress == {}


def test_pods_of_other_nodes_are_peers_and_no_more() -> None:
    far = pod("one", "far", "10.244.1.2", {"app": "client"}, node="node1")
    found = rules({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}, pods=[WEB, far])
    assert found.known == {"10.244.0.2"}
    assert found.ingress == {"10.244.0.2": (Allowed(("10.244.0.2/32", "10.244.1.2/32")),)}
