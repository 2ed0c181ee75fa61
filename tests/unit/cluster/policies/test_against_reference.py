"""The rules of all nodes together let through what the API says may pass, whatever pods and policies there are."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.policies.model import read_namespace, read_pod, read_policy
from cluster.policies.rules import RuleSet, rule_set
from tests.unit.cluster.policies.reference import World, may_pass

NODES = ("node0", "node1")
OUTSIDE = ("10.89.1.1", "169.254.169.254", "203.0.113.9")
PORTS = (53, 80, 8080, 8081)
KEYS, VALUES = ("app", "tier"), ("a", "b")

labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=2)
expressions = st.one_of(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(KEYS),
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(st.sampled_from(VALUES), min_size=1, max_size=2),
        }
    ),
    st.fixed_dictionaries({"key": st.sampled_from(KEYS), "operator": st.sampled_from(["Exists", "DoesNotExist"])}),
)
selectors = st.fixed_dictionaries(
    {}, optional={"matchLabels": labels, "matchExpressions": st.lists(expressions, max_size=2)}
)
blocks = st.fixed_dictionaries(
    {"cidr": st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "10.244.0.0/16", "203.0.113.9/32", "169.254.0.0/16"])},
    optional={
        "except": st.lists(st.sampled_from(["169.254.169.254/32", "10.244.0.0/24", "10.244.1.2/31"]), max_size=2)
    },
)
peers = st.one_of(
    st.fixed_dictionaries({"ipBlock": blocks}),
    st.fixed_dictionaries({"podSelector": selectors}, optional={"namespaceSelector": selectors}),
    st.fixed_dictionaries({"namespaceSelector": selectors}),
)
protocols = st.sampled_from(["TCP", "UDP"])
ports = st.one_of(
    st.fixed_dictionaries({}, optional={"protocol": protocols}),
    st.fixed_dictionaries({"port": st.sampled_from(PORTS)}, optional={"protocol": protocols}),
    st.fixed_dictionaries({"port": st.sampled_from(["web", "dns"])}, optional={"protocol": protocols}),
    st.fixed_dictionaries(
        {"port": st.just(80), "endPort": st.sampled_from([80, 8080])}, optional={"protocol": protocols}
    ),
)


def _rules(key: str) -> st.SearchStrategy[Any]:
    rule = st.fixed_dictionaries({}, optional={key: st.lists(peers, max_size=2), "ports": st.lists(ports, max_size=3)})
    return st.lists(rule, max_size=2)


specs = st.fixed_dictionaries(
    {"podSelector": selectors, "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]])},
    optional={"ingress": _rules("from"), "egress": _rules("to")},
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    namespaces = [{"metadata": {"uid": name, "name": name, "labels": draw(labels)}} for name in ("one", "two")]
    pods = []
    for i in range(draw(st.integers(1, 4))):
        node = draw(st.integers(0, 1))
        declared = draw(
            st.lists(
                st.sampled_from([("web", "TCP", 8080), ("web", "TCP", 80), ("dns", "UDP", 53)]),
                unique_by=lambda p: p[0],
            )
        )
        home = draw(st.sampled_from(["one", "two"]))
        pods.append(
            {
                "metadata": {"uid": f"pod{i}", "name": f"pod{i}", "namespace": home, "labels": draw(labels)},
                "spec": {
                    "nodeName": NODES[node],
                    "containers": [
                        {"name": "c", "ports": [{"name": n, "protocol": p, "containerPort": c} for n, p, c in declared]}
                    ],
                },
                "status": {"phase": "Running", "podIP": f"10.244.{node}.{2 + i}"},
            }
        )
    policies = [
        {
            "metadata": {"uid": f"policy{i}", "name": f"policy{i}", "namespace": draw(st.sampled_from(["one", "two"]))},
            "spec": draw(specs),
        }
        for i in range(draw(st.integers(0, 3)))
    ]
    return World(namespaces, pods, policies)


@settings(max_examples=150)
@given(worlds(), st.data())
def test_what_passes_is_what_the_api_allows(world: World, data: st.DataObject) -> None:
    sets = [_rule_set(world, node) for node in NODES]
    addresses = [pod["status"]["podIP"] for pod in world.pods] + list(OUTSIDE)
    for source in addresses:
        for target in addresses:
            if source in OUTSIDE and target in OUTSIDE:
                continue
            for protocol in ("TCP", "UDP"):
                for port in PORTS:
                    passes = all(rules.allows(source, target, protocol.lower(), port) for rules in sets)
                    assert passes == may_pass(world, source, target, protocol, port), (source, target, protocol, port)


def _rule_set(world: World, node: str) -> RuleSet:
    pods = [found for pod in world.pods if (found := read_pod(pod))]
    namespaces = [read_namespace(item) for item in world.namespaces]
    return rule_set(node, pods, namespaces, [read_policy(item) for item in world.policies], {})
