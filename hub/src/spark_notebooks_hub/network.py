"""The NetworkPolicies of a workspace: what its pods may reach, and who may reach them.

Policies only ever add to each other, so all that is here is what is allowed; the first one selects every pod, and with that refuses the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

Manifest = dict[str, Any]
Rule = dict[str, Any]
Peer = dict[str, Any]

# KubeSpawner's label of notebooks.
NOTEBOOK_LABELS: Final = {"component": "singleuser-server"}
# The helper's label of the pods of jobs (spark_session.batch); the admission policies let no other pod have it.
JOB_LABELS: Final = {"app.kubernetes.io/component": "job"}
# Of the pods of one member of a shared workspace (workspace.py has it, too, which imports this).
MEMBER_LABEL: Final = "spark-notebooks.io/member"
POLICY_NAMES: Final = ("workspace", "notebook", "job")
HUB_PORT: Final = 8081
S3_PORT: Final = 7070
TOKENS_PORT: Final = 8082
# Drivers and executors listen on ports of the system's choice; none is below this one.
FIRST_FREE_PORT: Final = 1024
LAST_PORT: Final = 65535
# Where clouds give credentials to whoever asks: the node's own, which are everybody's.
METADATA: Final = ("169.254.169.254/32", "fd00:ec2::254/128")
PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
PRIVATE_V6: Final = "fc00::/7"
# Neither the internet nor a network of one's own: this host, and the link, with the metadata addresses of all clouds.
LOCAL: Final = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16")
LOCAL_V6: Final = ("::1/128", "fe80::/10")


@dataclass(frozen=True)
class Address:
    """A network (CIDR) and the port that is reached there."""

    cidr: str
    port: int


@dataclass(frozen=True)
class NetworkRules:
    """What the administrator allows workspaces.

    release is the name of the Helm release in the hub's namespace; s3 are peers, reached on s3_port; api_server is where the Kubernetes API is; tokens is a peer of the token
    service, where there is one; ingress and egress are
    further rules as in the Kubernetes API.
    """

    release: str
    s3: Sequence[Peer]
    s3_port: int
    api_server: Sequence[Address] = ()
    tokens: Peer | None = None
    dns_kube_system: bool = True
    dns_private: bool = True
    internet: bool = False
    private: bool = False
    ingress: Sequence[Rule] = ()
    egress: Sequence[Rule] = ()


def workspace_rules(
    rules: NetworkRules, hub_namespace: str, notebook_port: int, member: str = ""
) -> dict[str, dict[str, Any]]:
    """The `spec` of each policy of a workspace, by its name.

    In a shared workspace, with `member`, pods reach those of the same member only: the admission policies see to it that each has the label of its own.
    """
    first = _workspace(rules, notebook_port, together=not member)
    specs = (first, _notebook(rules, hub_namespace, notebook_port), _job(rules))
    found = dict(zip(POLICY_NAMES, specs, strict=True))
    return found | ({f"member-{member}": _member(member, notebook_port)} if member else {})


def _member(member: str, notebook_port: int) -> dict[str, Any]:
    """Of one member's pods in a shared workspace."""
    mine: Peer = {"podSelector": {"matchLabels": {MEMBER_LABEL: member}}}
    return {
        **mine,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [mine], **_each_other(notebook_port)}],
        "egress": [{"to": [mine], **_each_other(notebook_port)}],
    }


def _each_other(notebook_port: int) -> Rule:
    """Any port but the notebook's own, which is the proxy's and the hub's."""
    below = {"protocol": "TCP", "port": FIRST_FREE_PORT, "endPort": notebook_port - 1}
    above = {"protocol": "TCP", "port": notebook_port + 1, "endPort": LAST_PORT}
    return {"ports": [below, above]}


def _workspace(rules: NetworkRules, notebook_port: int, together: bool) -> dict[str, Any]:
    """Of every pod. together says whether drivers and executors reach all others of the workspace."""
    pods: list[Peer] = [{"podSelector": {}}]
    each_other = _each_other(notebook_port)
    egress: list[Rule] = [*([{"to": pods, **each_other}] if together else []), *_dns(rules)]
    if rules.s3:
        egress.append({"to": list(rules.s3), "ports": [tcp(rules.s3_port)]})
    if rules.tokens:
        egress.append({"to": [rules.tokens], "ports": [tcp(TOKENS_PORT)]})
    if rules.internet:
        egress.append({"to": [_block("0.0.0.0/0", *PRIVATE, *LOCAL), _block("::/0", PRIVATE_V6, *LOCAL_V6)]})
    if rules.private:
        egress.append({"to": [*(_block(network) for network in PRIVATE), _block(PRIVATE_V6, METADATA[1])]})
    return {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [*([{"from": pods, **each_other}] if together else []), *rules.ingress],
        "egress": [*egress, *(without_metadata(rule) for rule in rules.egress)],
    }


def _notebook(rules: NetworkRules, hub_namespace: str, notebook_port: int) -> dict[str, Any]:
    """Of notebooks: reached by the proxy and the hub; they alone reach the hub."""
    hub, proxy = (component_peer(hub_namespace, rules.release, name) for name in ("hub", "proxy"))
    return {
        "podSelector": {"matchLabels": dict(NOTEBOOK_LABELS)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [proxy, hub], "ports": [tcp(notebook_port)]}],
        "egress": [{"to": [hub], "ports": [tcp(HUB_PORT)]}, *_api_server(rules)],
    }


def _job(rules: NetworkRules) -> dict[str, Any]:
    """Of jobs, which are drivers without a server: they make executors as notebooks do."""
    return {
        "podSelector": {"matchLabels": dict(JOB_LABELS)},
        "policyTypes": ["Egress"],
        "egress": _api_server(rules),
    }


def _api_server(rules: NetworkRules) -> list[Rule]:
    return [{"to": [_block(address.cidr)], "ports": [tcp(address.port)]} for address in rules.api_server]


def _dns(rules: NetworkRules) -> list[Rule]:
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    peers: list[Peer] = []
    if rules.dns_kube_system:
        peers.append({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}})
    if rules.dns_private:
        peers.extend(_block(network) for network in PRIVATE)
    return [{"to": peers, "ports": ports}] if peers else []


def component_peer(namespace: str, release: str, component: str) -> Peer:
    """The pods of one of the release's components."""
    labels = {"app.kubernetes.io/instance": release, "app.kubernetes.io/component": component}
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "podSelector": {"matchLabels": labels},
    }


def s3_peers(endpoint: str | None, addresses: Sequence[str]) -> list[Peer]:
    """Where an external S3 service is: in the networks given, or at the address in its URL; nowhere where neither is known."""
    if addresses:
        return [guarded(_block(address)) for address in addresses]
    try:
        return [_block(f"{IPv4Address(urlsplit(endpoint or '').hostname or '')}/32")]
    except ValueError:
        return []


def s3_port(endpoint: str | None) -> int:
    """The port of an S3 service, by its URL; AWS has https."""
    parts = urlsplit(endpoint or "https://s3.amazonaws.com")
    return parts.port or (80 if parts.scheme == "http" else 443)


def without_metadata(rule: Mapping[str, Any]) -> Rule:
    """The same rule without the clouds' metadata addresses, whichever network it names.

    Raises ValueError where it names no peers, which would be all, or only a metadata address.
    """
    peers = rule.get("to")
    if not peers:
        raise ValueError("a rule without `to` would open everything, the cloud's metadata address too: name the peers")
    return {**rule, "to": [guarded(peer) for peer in peers]}


def guarded(peer: Mapping[str, Any]) -> Peer:
    """A peer without the metadata addresses. Raises ValueError where nothing else is in it."""
    block = peer.get("ipBlock")
    if not block:
        return dict(peer)
    network = ip_network(block["cidr"], strict=False)
    holes = list(block.get("except") or ())
    for text in METADATA:
        metadata = ip_network(text)
        if isinstance(network, IPv4Network) != isinstance(metadata, IPv4Network) or not network.overlaps(metadata):
            continue
        if network == metadata:
            raise ValueError(f"{text} is where clouds give out the nodes' credentials: workspaces never reach it")
        if text not in holes:
            holes.append(text)
    return _block(block["cidr"], *holes)


def tcp(port: int) -> dict[str, Any]:
    """A TCP port, as in the Kubernetes API."""
    return {"protocol": "TCP", "port": port}


def _block(cidr: str, *holes: str) -> Peer:
    return {"ipBlock": {"cidr": cidr, **({"except": list(holes)} if holes else {})}}
