"""What enforcement needs of pods, namespaces and policies, out of the API's JSON. Pure.

Objects are small and comparable: most of what changes in a pod changes nothing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROTOCOLS = ("TCP", "UDP")
FINISHED = ("Succeeded", "Failed")

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Requirement:
    """One condition on labels: operator In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Labels) -> bool:
        """As the API has it: NotIn holds where the label is missing."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        raise ValueError(f"A label selector has the unknown operator {self.operator!r}.")


@dataclass(frozen=True)
class Selector:
    """A label selector; an empty one matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Whether all requirements hold."""
        return all(requirement.matches(labels) for requirement in self.requirements)


@dataclass(frozen=True)
class Block:
    """Addresses: a network without some of its parts, all in CIDR notation."""

    network: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pods:
    """Pods by labels: in the namespaces that `namespaces` matches, or in the policy's own where that is None."""

    pods: Selector
    namespaces: Selector | None = None


@dataclass(frozen=True)
class Port:
    """A port by number (up to `last`, included), by name, or all of them (None)."""

    protocol: str = "TCP"
    port: int | str | None = None
    last: int | None = None


@dataclass(frozen=True)
class Rule:
    """Allowed: `ports` of `peers`. None is all of either; an empty tuple none, where all that was named is not supported."""

    peers: tuple[Block | Pods, ...] | None = None
    ports: tuple[Port, ...] | None = None


@dataclass(frozen=True)
class Policy:
    """`ingress` and `egress` are None where the policy says nothing of that direction. `refused` is what is not supported, in words."""

    uid: str
    version: str
    namespace: str
    name: str
    pods: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Namespace:
    """A namespace and its labels."""

    uid: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Pod:
    """A pod that has, or will have, an address of its own; `address` is None before the API server knows it.

    `ports` are the named ones: (name, protocol, number).
    """

    uid: str
    namespace: str
    name: str
    node: str
    labels: tuple[tuple[str, str], ...] = ()
    address: str | None = None
    ports: tuple[tuple[str, str, int], ...] = ()

    def port(self, port: Port) -> int | None:
        """The number of a port that is named, None where the pod has none of that name."""
        return next(
            (number for name, protocol, number in self.ports if (name, protocol) == (port.port, port.protocol)), None
        )


def read_namespace(item: Mapping[str, Any]) -> Namespace:
    """A namespace, from the API's JSON."""
    metadata = item["metadata"]
    return Namespace(metadata["uid"], metadata["name"], _labels(metadata))


def read_pod(item: Mapping[str, Any]) -> Pod | None:
    """A pod, from the API's JSON; None for one that has ended, or has its node's addresses: policies do not apply to those."""
    metadata, spec, status = item["metadata"], item["spec"], item.get("status", {})
    if spec.get("hostNetwork") or status.get("phase") in FINISHED or not spec.get("nodeName"):
        return None
    # Side-cars are init containers that go on.
    containers = [*spec["containers"], *spec.get("initContainers", [])]
    ports = [port for container in containers for port in container.get("ports", []) if "name" in port]
    return Pod(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        node=spec["nodeName"],
        labels=_labels(metadata),
        address=status.get("podIP") or None,
        ports=tuple((port["name"], port.get("protocol", "TCP"), port["containerPort"]) for port in ports),
    )


def read_policy(item: Mapping[str, Any]) -> Policy:
    """A policy, from the API's JSON. What is not supported allows nothing, and is told in `refused`."""
    metadata, spec = item["metadata"], item["spec"]
    # The API server fills policyTypes in; its default is repeated here for objects that did not pass it.
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    refused: list[str] = []
    ingress = [_rule(rule, "from", f"ingress[{i}]", refused) for i, rule in enumerate(spec.get("ingress") or [])]
    egress = [_rule(rule, "to", f"egress[{i}]", refused) for i, rule in enumerate(spec.get("egress") or [])]
    return Policy(
        uid=metadata["uid"],
        version=metadata.get("resourceVersion", ""),
        namespace=metadata["namespace"],
        name=metadata["name"],
        pods=_selector(spec.get("podSelector")),
        ingress=tuple(ingress) if "Ingress" in types else None,
        egress=tuple(egress) if "Egress" in types else None,
        refused=tuple(refused),
    )


def _rule(rule: Mapping[str, Any], key: str, place: str, refused: list[str]) -> Rule:
    peers: tuple[Block | Pods, ...] | None = None
    ports: tuple[Port, ...] | None = None
    if rule.get(key):
        peers = tuple(_peer(peer) for peer in rule[key])
    if rule.get("ports"):
        ports = ()
        for port in rule["ports"]:
            protocol = port.get("protocol", "TCP")
            if protocol in PROTOCOLS:
                ports = (*ports, Port(protocol, port.get("port"), port.get("endPort")))
            else:
                refused.append(f"{place}: the protocol {protocol} is not supported here, so this port allows nothing")
    return Rule(peers, ports)


def _peer(peer: Mapping[str, Any]) -> Block | Pods:
    if block := peer.get("ipBlock"):
        return Block(block["cidr"], tuple(block.get("except") or ()))
    namespaces = peer.get("namespaceSelector")
    return Pods(_selector(peer.get("podSelector")), None if namespaces is None else _selector(namespaces))


def _selector(selector: Mapping[str, Any] | None) -> Selector:
    selector = selector or {}
    labels = [Requirement(key, "In", frozenset([value])) for key, value in (selector.get("matchLabels") or {}).items()]
    expressions = [
        Requirement(one["key"], one["operator"], frozenset(one.get("values") or ()))
        for one in selector.get("matchExpressions") or ()
    ]
    return Selector((*labels, *expressions))


def _labels(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((metadata.get("labels") or {}).items()))
