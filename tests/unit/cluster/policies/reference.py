"""What the NetworkPolicy API says of one packet, written down as slowly and plainly as it can be: on the API's JSON, packet by packet.

Shares nothing with the code that it is there to judge.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

JSON = dict[str, Any]


@dataclass
class World:
    namespaces: list[JSON]
    pods: list[JSON]
    policies: list[JSON]


def may_pass(world: World, source: str, target: str, protocol: str, port: int) -> bool:
    """Whether a new connection from one address to another is allowed by both its ends, where they are pods."""
    sender, receiver = owner(world, source), owner(world, target)
    leaves = sender is None or _direction(world, sender, "Egress", target, receiver, receiver, protocol, port)
    arrives = receiver is None or _direction(world, receiver, "Ingress", source, sender, receiver, protocol, port)
    return leaves and arrives


def owner(world: World, address: str) -> JSON | None:
    return next((pod for pod in world.pods if pod["status"].get("podIP") == address), None)


def _direction(  # noqa: PLR0917 (a packet has that many sides)
    world: World,
    subject: JSON,
    direction: str,
    other_address: str,
    other: JSON | None,
    receiver: JSON | None,
    protocol: str,
    port: int,
) -> bool:
    selecting = [
        policy
        for policy in world.policies
        if policy["metadata"]["namespace"] == subject["metadata"]["namespace"]
        and matches(policy["spec"]["podSelector"], subject["metadata"]["labels"])
        and direction in policy["spec"]["policyTypes"]
    ]
    if not selecting:
        return True
    rules, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    return any(
        _peers_match(world, policy, rule.get(peers), other_address, other)
        and _ports_match(rule.get("ports"), protocol, port, receiver)
        for policy in selecting
        for rule in policy["spec"].get(rules, [])
    )


def _peers_match(world: World, policy: JSON, peers: list[JSON] | None, address: str, pod: JSON | None) -> bool:
    return not peers or any(_peer_matches(world, policy, peer, address, pod) for peer in peers)


def _peer_matches(world: World, policy: JSON, peer: JSON, address: str, pod: JSON | None) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        inside = ip_address(address) in ip_network(block["cidr"])
        return inside and not any(ip_address(address) in ip_network(hole) for hole in block.get("except", []))
    if pod is None:
        return False
    home = pod["metadata"]["namespace"]
    if "namespaceSelector" in peer:
        labels = next(one["metadata"]["labels"] for one in world.namespaces if one["metadata"]["name"] == home)
        if not matches(peer["namespaceSelector"], labels):
            return False
    elif home != policy["metadata"]["namespace"]:
        return False
    return matches(peer.get("podSelector", {}), pod["metadata"]["labels"])


def _ports_match(ports: list[JSON] | None, protocol: str, number: int, receiver: JSON | None) -> bool:
    if not ports:
        return True
    for port in ports:
        if port.get("protocol", "TCP") != protocol:
            continue
        wanted = port.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, str):
            declared = receiver["spec"]["containers"][0]["ports"] if receiver else []
            if any(
                one["name"] == wanted and one["protocol"] == protocol and one["containerPort"] == number
                for one in declared
            ):
                return True
        elif wanted <= number <= port.get("endPort", wanted):
            return True
    return False


def matches(selector: JSON, labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions", []):
        key, values = expression["key"], expression.get("values", [])
        held = {
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not held[expression["operator"]]:
            return False
    return True
