"""The NetworkPolicies of the platform's own pods, judged by the same rules that the node enforces."""

from typing import Any

import pytest

from cluster.policies.model import Namespace, Pod, Policy, read_namespace, read_pod, read_policy
from cluster.policies.rules import rule_set
from tests.unit.chart.matrix import EMBEDDED, MATRIX, TOKENS
from tests.unit.chart.rendering import Manifest, get, merged, of_kind, render

NAME = "notebooks-spark-notebooks"
WORKSPACE = {"app.kubernetes.io/managed-by": "spark-notebooks", "spark-notebooks.io/workspace": "ada"}
NAMESPACES: list[Namespace] = [
    read_namespace({"metadata": {"uid": name, "name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}}})
    for name, labels in {"platform": {}, "user-ada": WORKSPACE, "others": {}, "kube-system": {}}.items()
]
ADDRESSES = {
    "hub": "10.244.0.2",
    "proxy": "10.244.0.3",
    "s3": "10.244.0.4",
    "notebook": "10.244.0.5",
    "executor": "10.244.0.6",
    "stranger": "10.244.0.7",
    "imitator": "10.244.0.8",
    "dns": "10.244.0.9",
    "tokens": "10.244.0.10",
}
BROWSER, INTERNET, METADATA, DATABASE = "203.0.113.7", "198.51.100.9", "169.254.169.254", "192.168.7.7"


def pod(name: str, namespace: str, labels: dict[str, str]) -> Pod:
    metadata = {"uid": name, "name": name, "namespace": namespace, "labels": labels}
    spec: dict[str, Any] = {"nodeName": "node0", "containers": []}
    found = read_pod({"metadata": metadata, "spec": spec, "status": {"podIP": ADDRESSES[name]}})
    assert found
    return found


def pods(manifests: list[Manifest]) -> list[Pod]:
    components = {
        name: get(manifests, "Deployment", f"{NAME}-{name}")["spec"]["template"]["metadata"]["labels"]
        for name in ("hub", "proxy", "s3", "tokens")
        if name != "tokens" or any(each["metadata"]["name"] == f"{NAME}-tokens" for each in manifests)
    }
    return [
        *(pod(name, "platform", labels) for name, labels in components.items()),
        pod("notebook", "user-ada", {"component": "singleuser-server"}),
        pod("executor", "user-ada", {"spark-role": "executor"}),
        pod("stranger", "others", {"component": "singleuser-server"}),
        pod("imitator", "others", components["hub"]),
        pod("dns", "kube-system", {}),
    ]


def policies(manifests: list[Manifest]) -> list[Policy]:
    for number, manifest in enumerate(of_kind(manifests, "NetworkPolicy")):
        manifest["metadata"]["uid"] = str(number)
    return [read_policy(manifest) for manifest in of_kind(manifests, "NetworkPolicy")]


def may_pass(values: dict[str, Any], source: str, target: str, port: int, protocol: str = "tcp") -> bool:
    manifests = render(values)
    rules = rule_set("node0", pods(manifests), NAMESPACES, policies(manifests), {})
    here, there = ADDRESSES.get(source, source), ADDRESSES.get(target, target)
    return rules.allows(here, there, protocol, port)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        (BROWSER, "proxy", 8000),
        ("stranger", "proxy", 8000),
        ("proxy", "hub", 8081),
        ("hub", "hub", 8081),
        ("notebook", "hub", 8081),
        ("hub", "proxy", 8001),
        ("hub", "notebook", 8888),
        ("proxy", "notebook", 8888),
        ("hub", "s3", 7070),
        ("notebook", "s3", 7070),
        ("executor", "s3", 7070),
        ("hub", INTERNET, 443),
        ("hub", DATABASE, 5432),
    ],
)
def test_what_the_platform_needs_passes(source: str, target: str, port: int) -> None:
    assert may_pass(EMBEDDED, source, target, port)


def test_browsers_reach_the_port_of_https_where_there_is_one() -> None:
    assert not may_pass(EMBEDDED, BROWSER, "proxy", 8443)
    assert may_pass(MATRIX["https"], BROWSER, "proxy", 8443)
    assert may_pass(MATRIX["https"], BROWSER, "proxy", 8000)
    assert not may_pass(MATRIX["https"], BROWSER, "proxy", 8001)


@pytest.mark.parametrize("component", ["hub", "proxy"])
def test_names_are_looked_up(component: str) -> None:
    assert may_pass(EMBEDDED, component, "dns", 53, "udp")
    assert may_pass(EMBEDDED, component, "10.89.1.2", 53, "udp")


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        ("executor", "hub", 8081),
        ("stranger", "hub", 8081),
        (BROWSER, "hub", 8081),
        ("notebook", "hub", 8082),
        ("notebook", "proxy", 8001),
        ("stranger", "proxy", 8001),
        (BROWSER, "proxy", 8001),
        ("imitator", "proxy", 8001),
        ("stranger", "s3", 7070),
        ("proxy", "s3", 7070),
        ("notebook", "s3", 7071),
        ("proxy", INTERNET, 443),
        ("s3", INTERNET, 443),
        ("s3", "hub", 8081),
        ("hub", METADATA, 80),
        ("proxy", METADATA, 80),
    ],
)
def test_what_nobody_needs_does_not(source: str, target: str, port: int) -> None:
    assert not may_pass(EMBEDDED, source, target, port)


@pytest.mark.parametrize(
    ("source", "target", "port", "passes"),
    [
        ("notebook", "tokens", 8082, True),
        ("executor", "tokens", 8082, True),
        ("tokens", "s3", 7071, True),
        ("tokens", "10.89.0.1", 443, True),
        ("notebook", "tokens", 8083, False),
        ("stranger", "tokens", 8082, False),
        ("hub", "tokens", 8082, False),
        ("imitator", "tokens", 8082, False),
        ("notebook", "s3", 7071, False),
        ("executor", "s3", 7071, False),
        ("hub", "s3", 7071, False),
        ("tokens", "hub", 8081, False),
        ("tokens", METADATA, 80, False),
    ],
)
def test_the_token_service_is_the_workspaces_and_the_iam_is_its_own(
    source: str, target: str, port: int, passes: bool
) -> None:
    assert may_pass(TOKENS, source, target, port) == passes


OFF: list[tuple[dict[str, Any], str]] = [
    ({"hub": {"networkPolicy": {"enabled": False}}}, "hub"),
    ({"proxy": {"chp": {"networkPolicy": {"enabled": False}}}}, "proxy"),
    ({"s3": {"embedded": {"networkPolicy": {"enabled": False}}}}, "s3"),
]


@pytest.mark.parametrize(("values", "component"), OFF)
def test_each_is_there_unless_switched_off(values: dict[str, Any], component: str) -> None:
    names = {f"{NAME}-{name}" for name in ("hub", "proxy", "s3")}
    found = {policy["metadata"]["name"] for policy in of_kind(render(merged(EMBEDDED, values)), "NetworkPolicy")}
    assert found == names - {f"{NAME}-{component}"}
    assert {policy["metadata"]["name"] for policy in of_kind(render(EMBEDDED), "NetworkPolicy")} == names


def test_rules_of_the_admin_are_added() -> None:
    rule = {"from": [{"ipBlock": {"cidr": f"{BROWSER}/32"}}], "ports": [{"port": 8081}]}
    values = merged(EMBEDDED, {"hub": {"networkPolicy": {"ingress": [rule]}}})
    assert may_pass(values, BROWSER, "hub", 8081)
    assert not may_pass(values, BROWSER, "proxy", 8001)


def test_the_hub_reaches_neither_internet_nor_private_addresses_where_the_admin_says_so() -> None:
    closed = {"hub": {"networkPolicy": {"egressAllowRules": {"nonPrivateIPs": False, "privateIPs": False}}}}
    values = merged(EMBEDDED, closed)
    assert not may_pass(values, "hub", INTERNET, 443)
    assert not may_pass(values, "hub", DATABASE, 5432)
    assert may_pass(values, "hub", "notebook", 8888)


def test_the_port_of_notebooks_is_kubespawners() -> None:
    values = merged(EMBEDDED, {"hub": {"config": {"KubeSpawner": {"port": 9999}}}})
    assert may_pass(values, "proxy", "notebook", 9999)
    assert not may_pass(values, "proxy", "notebook", 8888)
